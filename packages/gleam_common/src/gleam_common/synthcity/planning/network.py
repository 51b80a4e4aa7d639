"""The street network of a city: main roads, river, railway, local streets, bridges and roundabouts, bent together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry import LineString, Point, Polygon, box
from shapely.geometry.base import BaseGeometry

from gleam_common.synthcity.model import Area, Kind, Rail, Road
from gleam_common.synthcity.planning.arterials import STYLES, ArterialLine, lay_arterials
from gleam_common.synthcity.planning.corridors import Corridor, draw_corridors, give_way, stop_at
from gleam_common.synthcity.planning.drafts import Draft
from gleam_common.synthcity.planning.lattice import Lattice
from gleam_common.synthcity.planning.streets import District, choose_zone, fill_district
from gleam_common.synthcity.planning.warp import Warp, make_warp
from gleam_common.synthcity.planning.zones import draw_character

__all__ = ["Network", "build_network"]

_LONGEST_BRIDGE = 3.25
"""Longest crossing of a main road, in widths of the river's or railway's reserve; a longer one runs along it."""

_JOINED_M = 2.0


@dataclass(frozen=True, kw_only=True)
class Network:
    """All that blocks are cut out by. Geometry is final (bent, clipped); items are not numbered or named yet."""

    extent: Polygon
    roads: tuple[Draft[Road], ...]
    rails: tuple[Rail, ...]
    roundabouts: tuple[Area, ...]
    rivers: tuple[Area, ...]
    verges: tuple[Area, ...]
    banks: tuple[BaseGeometry, ...]
    rail_reserve: BaseGeometry
    districts: tuple[District, ...]
    centre: tuple[float, float]


def build_network(seed: int, style: str, lattice: Lattice) -> Network:
    """Plan the network of one city. The result depends on the arguments alone."""
    rng = np.random.default_rng([seed, 1])
    extent = box(-lattice.half_width_m, -lattice.half_height_m, lattice.half_width_m, lattice.half_height_m)
    spec = STYLES[style]
    warp = make_warp(rng, float(rng.uniform(*spec.bend_m)), 560.0)
    half_m = max(lattice.half_width_m, lattice.half_height_m)
    reach_m = half_m * 1.45 + warp.reach_m + 40
    skeleton = lay_arterials(style, rng, reach_m)
    corridors = draw_corridors(rng, reach_m, half_m, skeleton.centre)
    flat = box(*(np.array(extent.bounds) + (warp.reach_m + 20) * np.array([-1, -1, 1, 1])))
    mains = _main_lines(skeleton.lines, corridors)
    districts, streets = _fill(rng, flat, mains, corridors, skeleton.centre, half_m - 200, spec.split_share)
    bent = [_bend(entry, warp, extent) for entry in (*mains, *streets)]
    lines = [entry for group in bent for entry in group]
    rails = [(c, part) for c in corridors if c.kind == "rail" for part in _inside(warp.geometry(c.line), extent)]
    beds = [warp.geometry(c.bed).intersection(extent) for c in corridors if c.kind == "river"]
    water = [part for bed in beds for part in shapely.get_parts(bed)]
    roads = [_dimension(rng, entry) for entry in lines]
    reserves = [warp.geometry(c.reserve).intersection(extent) for c in corridors]
    return Network(
        extent=extent,
        roads=(*roads, *_bridges(roads, water)),
        rails=tuple(Rail(item_id=0, kind=Kind.RAILWAY, line=part, tracks=c.tracks) for c, part in rails),
        roundabouts=tuple(_roundabouts(rng, roads, reserves, warp.points(np.array([skeleton.centre]))[0])),
        rivers=tuple(Area(item_id=0, kind=Kind.RIVER, polygon=part) for part in water),
        verges=tuple(_verges(corridors, reserves)),
        banks=tuple(reserves),
        rail_reserve=shapely.union_all([r for r, c in zip(reserves, corridors, strict=True) if c.kind == "rail"]),
        districts=tuple(
            District(polygon=warp.polygon(d.polygon), zone=d.zone, character=d.character) for d in districts
        ),
        centre=(float(skeleton.centre[0]), float(skeleton.centre[1])),
    )


def _main_lines(lines: tuple[ArterialLine, ...], corridors: list[Corridor]) -> list[ArterialLine]:
    """Main roads after giving way to the corridors, and the embankments of the river."""
    mains: list[ArterialLine] = []
    for entry in lines:
        parts = [entry.line]
        for corridor in corridors:
            longest_m = _LONGEST_BRIDGE * corridor.reserve.area / corridor.line.length
            whole = [stop_at(part, corridor.reserve) for part in parts]
            parts = [rest for part in whole for rest in give_way(part, corridor.reserve, longest_m)]
        mains += [ArterialLine(line=part, rank=entry.rank, naming=entry.naming) for part in parts]
    return [*mains, *_embankments(mains, corridors)]


def _embankments(mains: list[ArterialLine], corridors: list[Corridor]) -> list[ArterialLine]:
    """A street on one bank of the river and a path on the other, or a street there too where a main road ends at it."""
    ends = shapely.union_all([Point(xy) for entry in mains for xy in (entry.line.coords[0], entry.line.coords[-1])])
    banks = []
    for corridor in (c for c in corridors if c.kind == "river"):
        half_m = corridor.reserve.area / corridor.line.length / 2
        for sign in (1.0, -1.0):
            for part in _clear_of_rail(corridor.line.offset_curve(sign * half_m), corridors):
                is_street = sign > 0 or part.distance(ends) < _JOINED_M
                rank = "residential" if is_street else "path"
                banks.append(ArterialLine(line=part, rank=rank, naming="embankment"))
    return banks


def _clear_of_rail(line: BaseGeometry, corridors: list[Corridor]) -> list[LineString]:
    reserves = [c.reserve for c in corridors if c.kind == "rail"]
    rest = line.difference(shapely.union_all(reserves)) if reserves else line
    return [part for part in shapely.get_parts(rest) if part.length > 30]


def _fill(
    rng: np.random.Generator,
    flat: Polygon,
    mains: list[ArterialLine],
    corridors: list[Corridor],
    centre: tuple[float, float],
    radius_m: float,
    split_share: float,
) -> tuple[list[District], list[ArterialLine]]:
    """Cut the flat plane into districts and fill each with local streets."""
    main_lines = shapely.union_all([entry.line for entry in mains])
    solid = shapely.union_all([c.reserve for c in corridors])
    land = shapely.get_parts(flat.difference(shapely.union_all([solid, main_lines.buffer(0.05)])))
    beside = main_lines.buffer(22.0)
    districts, streets = [], []
    for polygon in land:
        if polygon.area < 200:
            continue
        zone = choose_zone(rng, polygon, centre, radius_m)
        districts.append(District(polygon=polygon, zone=zone, character=draw_character(rng, zone)))
        for line in fill_district(rng, polygon, zone, beside, split_share):
            naming = "Close" if line.length < 60 else str(rng.choice(["Street", "Lane"], p=[0.75, 0.25]))
            streets.append(ArterialLine(line=line, rank="residential", naming=naming))
    return districts, streets


def _inside(line: BaseGeometry, extent: Polygon) -> list[LineString]:
    parts = shapely.get_parts(shapely.line_merge(line.intersection(extent)))
    return [part for part in parts if part.geom_type == "LineString" and part.length > 8]


def _bend(entry: ArterialLine, warp: Warp, extent: Polygon) -> list[ArterialLine]:
    bent = shapely.simplify(warp.geometry(entry.line), 0.05)
    return [ArterialLine(line=part, rank=entry.rank, naming=entry.naming) for part in _inside(bent, extent)]


def _dimension(rng: np.random.Generator, entry: ArterialLine) -> Draft[Road]:
    """Give a line its width, lanes, pavements and markings."""
    lanes, walk, markings = 2, 2.5, True
    if entry.rank == "primary":
        lanes, walk = (4, 3.5) if rng.random() < 0.6 else (3, 3.0)
        width = float(rng.uniform(16, 18) if lanes == 4 else rng.uniform(14, 15.5))
    elif entry.rank == "secondary":
        width = float(rng.uniform(9, 11))
    elif entry.rank == "path":
        width, lanes, walk, markings = 3.0, 1, 0.0, False
    else:
        width, walk, markings = float(rng.uniform(6, 8)), float(rng.uniform(1.6, 2.2)), bool(rng.random() < 0.35)
    road = Road(
        item_id=0,
        kind=Kind.ROAD,
        line=entry.line,
        width_m=round(width, 2),
        lanes=lanes,
        rank=entry.rank,
        sidewalk_m=round(walk, 2),
        markings=markings,
    )
    return Draft(item=road, naming=entry.naming)


def _verges(corridors: list[Corridor], reserves: list[BaseGeometry]) -> list[Area]:
    """The rough grass beside water and track; water, ballast and roads are painted over it."""
    variants = {"river": "bank", "rail": "verge"}
    return [
        Area(item_id=0, kind=Kind.GRASS, polygon=part, variant=variants[corridor.kind])
        for corridor, reserve in zip(corridors, reserves, strict=True)
        for part in shapely.get_parts(reserve)
        if part.geom_type == "Polygon"
    ]


def _bridges(roads: list[Draft[Road]], water: list[Polygon]) -> list[Draft[Road]]:
    """A bridge item over each stretch of road above water; the road itself goes on below it."""
    bridges = []
    wet = shapely.union_all(water).buffer(3.0)
    for planned in roads:
        road = planned.item
        for part in shapely.get_parts(road.line.intersection(wet)) if water else ():
            if part.length < 8:
                continue
            deck = Road(
                item_id=0,
                kind=Kind.BRIDGE,
                line=part,
                width_m=road.width_m,
                lanes=road.lanes,
                rank=road.rank,
                sidewalk_m=road.sidewalk_m,
                markings=road.markings,
                is_bridge=True,
            )
            bridges.append(Draft(item=deck, naming="bridge"))
    return bridges


def _roundabouts(
    rng: np.random.Generator, roads: list[Draft[Road]], reserves: list[BaseGeometry], centre: npt.NDArray[np.float64]
) -> list[Area]:
    """Roundabouts at some crossings of main roads, far from each other and from river and railway."""
    mains = [p.item for p in roads if p.item.rank in ("primary", "secondary")]
    lines = np.array([road.line for road in mains], dtype=object)
    tree = shapely.STRtree(lines)
    first, second = tree.query(lines, predicate="intersects")
    pairs = [(i, j) for i, j in zip(first, second, strict=True) if i < j]
    spots = [p for i, j in pairs for p in shapely.get_parts(lines[i].intersection(lines[j])) if p.geom_type == "Point"]
    spots.sort(key=lambda p: (np.hypot(p.x - centre[0], p.y - centre[1]) > 12, p.x, p.y))
    solid = shapely.union_all(reserves)
    taken: list[Point] = []
    areas = []
    for spot in spots:
        is_centre = np.hypot(spot.x - centre[0], spot.y - centre[1]) <= 12
        if not is_centre and rng.random() > 0.4:
            continue
        if spot.distance(solid) < 40 or any(spot.distance(other) < 140 for other in taken):
            continue
        taken.append(spot)
        radius_m = 30.0 if is_centre else float(rng.uniform(17, 24))
        areas.append(Area(item_id=0, kind=Kind.ROUNDABOUT, polygon=spot.buffer(radius_m, quad_segs=12)))
    return areas
