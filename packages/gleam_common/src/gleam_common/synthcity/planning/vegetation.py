"""Trees: along streets, in gardens and in parks; never in a road, on a building or in water."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from gleam_common.synthcity.lots import boxes_around
from gleam_common.synthcity.millimetres import snap
from gleam_common.synthcity.model import Kind, Road, Tree
from gleam_common.synthcity.planning.drafts import CityDraft
from gleam_common.synthcity.planning.network import Network
from gleam_common.synthcity.planning.sites import Site
from gleam_common.synthcity.roads import rail_bed, road_surfaces, roundabout_island

__all__ = ["plant_trees"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_BARE = (Kind.RIVER, Kind.POND, Kind.SPORTS_FIELD, Kind.PARKING)
_CROWN_GAP_M = 0.6
_APART_M = 4.2
_TRUNK_M = 0.4


def plant_trees(rng: np.random.Generator, network: Network, sites: list[Site], draft: CityDraft) -> list[Tree]:
    """Return the trees of a city, at least four metres apart, with crowns clear of walls."""
    roads = [entry.item for entry in draft.roads]
    street, street_district = _street_spots(rng, network, roads)
    green, green_district = _green_spots(rng, network, sites)
    xy = np.concatenate([street, green])
    district = np.concatenate([street_district, green_district])
    on_street = np.arange(len(xy)) < len(street)
    conifers = np.array([d.character.conifers for d in network.districts])[district]
    is_conifer = (rng.random(len(xy)) < conifers) & ~on_street
    radius_m = np.where(on_street, rng.uniform(1.8, 2.9, len(xy)), rng.uniform(1.7, 4.4, len(xy)))
    radius_m = np.where(is_conifer, 0.7 * radius_m, radius_m)
    keep = _free(xy, radius_m, network, draft)
    xy, radius_m, is_conifer = xy[keep], radius_m[keep], is_conifer[keep]
    keep = _apart(xy)
    tall = np.where(is_conifer, rng.uniform(3.6, 5.0, len(xy)), rng.uniform(2.0, 2.9, len(xy)))
    height_m = np.clip(radius_m * tall, 3.5, 17.0)
    return [
        _tree(xy[i], float(height_m[i]), float(radius_m[i]), conifer=bool(is_conifer[i])) for i in np.flatnonzero(keep)
    ]


def _tree(xy: Floats, height: float, radius: float, *, conifer: bool) -> Tree:
    return Tree(
        item_id=0,
        kind=Kind.TREE,
        x_m=round(float(xy[0]), 2),
        y_m=round(float(xy[1]), 2),
        height_m=round(float(height), 2),
        radius_m=round(float(radius), 2),
        species="conifer" if conifer else "broadleaf",
    )


def _street_spots(
    rng: np.random.Generator, network: Network, roads: list[Road]
) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Rows of spots on the pavements of some streets, at a spacing of their own."""
    walks = [road for road in roads if road.sidewalk_m > 0 and not road.is_bridge]
    middle = shapely.line_interpolate_point([road.line for road in walks], 0.5, normalized=True)
    owner = shapely.STRtree([d.polygon for d in network.districts]).nearest(middle)
    rows = []
    for road, index in zip(walks, owner, strict=True):
        share = network.districts[int(index)].zone.street_trees
        spacing = float(rng.uniform(7.5, 15.0))
        for side in (1.0, -1.0):
            if rng.random() > share:
                continue
            along = np.arange(spacing / 2, road.line.length, spacing) + rng.uniform(-0.5, 0.5)
            row = _beside(road, along, side * (road.width_m / 2 + min(1.0, road.sidewalk_m / 2)))
            rows.append((row[rng.random(len(row)) < 0.9], int(index)))
    if not rows:
        return np.zeros((0, 2)), np.zeros(0, dtype=np.int64)
    return np.concatenate([row for row, _ in rows]), np.repeat([i for _, i in rows], [len(row) for row, _ in rows])


def _beside(road: Road, along_m: Floats, aside_m: float) -> Floats:
    """Points (N, 2) at distances along a road, moved to its left by ``aside_m``."""
    here = shapely.get_coordinates(shapely.line_interpolate_point(road.line, along_m))
    ahead = shapely.get_coordinates(shapely.line_interpolate_point(road.line, along_m + 0.5))
    back = shapely.get_coordinates(shapely.line_interpolate_point(road.line, np.maximum(along_m - 0.5, 0.0)))
    step = ahead - back
    step /= np.maximum(np.linalg.norm(step, axis=1, keepdims=True), 1e-9)
    return snap(here + aside_m * np.stack([-step[:, 1], step[:, 0]], axis=1))


def _green_spots(rng: np.random.Generator, network: Network, sites: list[Site]) -> tuple[Floats, Ints]:
    """Random spots in sites, as dense as the district likes, and on roundabouts."""
    number = {id(district): index for index, district in enumerate(network.districts)}
    spots, owners = [np.zeros((0, 2))], [np.zeros(0, dtype=np.int64)]
    for site in sites:
        per_ha = _per_ha(rng, site)
        room = site.polygon.buffer(-1.0)
        inside = _rows(rng, room) if site.programme == "orchard" else _scatter(rng, room, per_ha)
        spots.append(inside)
        owners.append(np.full(len(inside), number[id(site.district)], dtype=np.int64))
    for area in network.roundabouts:
        inside = _scatter(rng, roundabout_island(area).buffer(-2.5), 120.0)
        spots.append(inside)
        owners.append(np.zeros(len(inside), dtype=np.int64))
    return np.concatenate(spots), np.concatenate(owners)


def _per_ha(rng: np.random.Generator, site: Site) -> float:
    """Trees per hectare: parks have a density of their own, other sites follow their district."""
    if site.programme in ("park", "pond"):
        return float(rng.choice([40.0, 90.0, 160.0, 260.0])) * float(rng.uniform(0.8, 1.2))
    share = {"plaza": 0.6, "meadow": 0.5, "parking": 0.3}.get(site.programme, 1.0)
    return share * site.district.character.trees_ha


def _scatter(rng: np.random.Generator, polygon: BaseGeometry, per_ha: float) -> Floats:
    if polygon.is_empty:
        return np.zeros((0, 2))
    x0, y0, x1, y1 = polygon.bounds
    count = int(rng.poisson((x1 - x0) * (y1 - y0) * per_ha / 1e4))
    xy = snap(np.stack([rng.uniform(x0, x1, count), rng.uniform(y0, y1, count)], axis=1))
    shapely.prepare(polygon)
    return np.asarray(xy[shapely.contains_xy(polygon, xy)])


def _rows(rng: np.random.Generator, polygon: BaseGeometry) -> Floats:
    """An orchard: trees on a lattice along the polygon's longer side."""
    if polygon.is_empty:
        return np.zeros((0, 2))
    box = boxes_around(np.array([polygon], dtype=object))[0]
    u = np.arange(-box.length_m / 2, box.length_m / 2, float(rng.uniform(5.0, 7.5)))
    v = np.arange(-box.width_m / 2, box.width_m / 2, float(rng.uniform(6.0, 9.0)))
    xy = box.place(np.stack(np.meshgrid(u, v), axis=-1).reshape(-1, 2))
    shapely.prepare(polygon)
    return np.asarray(xy[shapely.contains_xy(polygon, xy)])


def _free(xy: Floats, radius_m: Floats, network: Network, draft: CityDraft) -> npt.NDArray[np.bool_]:
    """Which spots have no road, rail, water, pitch or wall where the tree would be."""
    points = np.asarray(shapely.points(xy), dtype=object)
    blocked = np.zeros(len(xy), dtype=bool)
    walls = shapely.STRtree([entry.item.footprint for entry in draft.buildings])
    blocked[walls.query(shapely.buffer(points, radius_m + _CROWN_GAP_M, quad_segs=2), predicate="intersects")[0]] = True
    tree = shapely.STRtree(points)
    islands = np.array([roundabout_island(area) for area in network.roundabouts], dtype=object)
    on_island = np.zeros(len(xy), dtype=bool)
    on_island[tree.query(islands, predicate="contains")[1]] = True
    circles = [area.polygon for area in network.roundabouts]
    carriageways: list[BaseGeometry] = [*road_surfaces([entry.item for entry in draft.roads]), *circles]
    on_road = np.zeros(len(xy), dtype=bool)
    on_road[tree.query(shapely.buffer(carriageways, _TRUNK_M), predicate="intersects")[1]] = True
    bare = [entry.item.polygon for entry in draft.areas if entry.item.kind in _BARE]
    bare += [rail_bed(rail) for rail in network.rails]
    blocked[tree.query(shapely.buffer(np.array(bare, dtype=object), 2 * _TRUNK_M), predicate="intersects")[1]] = True
    return ~blocked & (~on_road | on_island)


def _apart(xy: Floats) -> npt.NDArray[np.bool_]:
    """Keep the first of any two spots closer than the least distance."""
    keep = np.ones(len(xy), dtype=bool)
    points = np.asarray(shapely.points(xy), dtype=object)
    first, second = shapely.STRtree(points).query(points, predicate="dwithin", distance=_APART_M)
    for i, j in sorted(zip(first.tolist(), second.tolist(), strict=True)):
        if i < j and keep[i]:
            keep[j] = False
    return keep
