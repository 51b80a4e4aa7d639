"""The ground of a city as two rasters: what each cell is made of, and which item it shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry import LineString, Polygon

from gleam_common.errors import ConfigError
from gleam_common.synthcity.canvas import Canvas, Material
from gleam_common.synthcity.lots import boxes_around
from gleam_common.synthcity.markings import paint_roads
from gleam_common.synthcity.model import Area, City, Kind, Road
from gleam_common.synthcity.parking import bay_corners, parking_bays
from gleam_common.synthcity.roads import TRACK_M, rail_bed, road_surfaces, roundabout_island
from gleam_common.synthcity.sports import field_lines, stripe_count, track_lanes

__all__ = ["GroundRaster", "Material", "paint_ground"]

_LINE_M = 0.2
_CORNER_M = 5.0
_GAUGE_M = 1.5
_TIE_STEP_M = 0.8
_TIE_HALF_M = 1.3
_RANKS = ("path", "residential", "secondary", "primary")
_SURFACE = {
    "red": Material.SPORT_RED,
    "green": Material.SPORT_GREEN,
    "blue": Material.SPORT_BLUE,
    "orange": Material.SPORT_ORANGE,
}
_GREEN = {"meadow": Material.MEADOW, "soil": Material.SOIL, "bank": Material.MEADOW, "verge": Material.MEADOW}


@dataclass(frozen=True, kw_only=True)
class GroundRaster:
    """The ground plane (z = 0; water lies in it too), north up.

    ``material_YX`` uint8 holds ``Material``, ``item_YX`` uint16 item numbers (0 for nothing). Cell (row, col) spans
    ``gsd_m`` metres; the outer corner of cell (0, 0) is at (``x0_m``, ``y1_m``), west and north.
    """

    material_YX: npt.NDArray[np.uint8]
    item_YX: npt.NDArray[np.uint16]
    gsd_m: float
    x0_m: float
    y1_m: float


def paint_ground(city: City, gsd_m: float = 0.2) -> GroundRaster:
    """Paint the ground of a city at ``gsd_m`` metres a cell (46 million cells for 1.36 km at 0.2).

    Raises:
        ConfigError: for a cell size outside [0.05, 5] metres, or a ground item whose number does not fit 16 bits.
    """
    if not 0.05 <= gsd_m <= 5.0:
        raise ConfigError("ground cell size in metres", value=gsd_m, allowed="0.05 to 5")
    largest = max((item.item_id for group in (city.roads, city.rails, city.areas) for item in group), default=0)
    if largest > np.iinfo(np.uint16).max:
        raise ConfigError("item number of the ground", value=largest, allowed="below 65536", fix="plan a smaller city")
    canvas = Canvas(city.half_width_m, city.half_height_m, gsd_m)
    _paint_land(canvas, city)
    _paint_carriageways(canvas, city)
    _paint_tracks(canvas, city)
    for area in city.areas:
        if area.kind == Kind.SPORTS_FIELD:
            _paint_field(canvas, area)
    return GroundRaster(
        material_YX=canvas.material_YX, item_YX=canvas.item_YX, gsd_m=gsd_m, x0_m=canvas.x0_m, y1_m=canvas.y1_m
    )


def _paint_land(canvas: Canvas, city: City) -> None:
    """Greens, squares, car parks, water, ballast: what roads lie on."""
    order = (Kind.GRASS, Kind.PARK, Kind.PLAZA, Kind.PARKING, Kind.POND, Kind.RIVER)
    for area in sorted((a for a in city.areas if a.kind in order), key=lambda a: order.index(a.kind)):
        if area.kind in (Kind.GRASS, Kind.PARK):
            canvas.fill(area.polygon, _GREEN.get(area.variant, Material.GRASS), area.item_id)
        elif area.kind == Kind.PLAZA:
            _paint_plaza(canvas, area)
        elif area.kind == Kind.PARKING:
            _paint_parking(canvas, area)
        else:
            if area.kind == Kind.POND:
                canvas.fill(area.polygon.buffer(1.2), Material.SAND)
            canvas.fill(area.polygon, Material.WATER, area.item_id)
    for rail in city.rails:
        canvas.fill(rail_bed(rail), Material.BALLAST, rail.item_id)


def _paint_plaza(canvas: Canvas, area: Area) -> None:
    """Paving slabs in courses along the plaza's longer side."""
    canvas.fill(area.polygon, Material.PLAZA, area.item_id)
    box = boxes_around(np.array([area.polygon], dtype=object))[0]
    rng = np.random.default_rng([area.item_id, 7])
    step_m = float(rng.choice([3.0, 4.5, 6.0]))
    a, b = box.length_m / 2, box.width_m / 2
    lines = [np.array([[u, -b], [u, b]]) for u in np.arange(-a, a, step_m)]
    lines += [np.array([[-a, v], [a, v]]) for v in np.arange(-b, b, step_m)]
    if rng.random() < 0.4:
        turn = np.linspace(0, 2 * np.pi, 49)
        lines = [r * np.stack([np.cos(turn), np.sin(turn)], axis=1) for r in np.arange(step_m, a, step_m)]
    inside = [shapely.LineString(box.place(line)).intersection(area.polygon) for line in lines]
    parts = [part for part in shapely.get_parts(inside) if part.geom_type == "LineString"]
    canvas.stroke([np.asarray(part.coords) for part in parts], 0.4, Material.PLAZA_JOINT)


def _paint_parking(canvas: Canvas, area: Area) -> None:
    canvas.fill(area.polygon, Material.ASPHALT, area.item_id)
    corners = bay_corners(parking_bays(area))
    canvas.stroke([*corners[:, :2], *corners[:, 2:]], _LINE_M, Material.MARKING_WHITE)


def _paint_carriageways(canvas: Canvas, city: City) -> None:
    """Pavements, asphalt with rounded corners, bridges, roundabouts, markings."""
    walks = [road for road in city.roads if road.sidewalk_m > 0]
    for road, surface in zip(walks, road_surfaces(walks, np.array([r.sidewalk_m for r in walks])), strict=True):
        canvas.fill(surface, Material.DECK if road.is_bridge else Material.SIDEWALK, road.item_id)
    circles = [area for area in city.areas if area.kind == Kind.ROUNDABOUT]
    for area in circles:
        canvas.fill(area.polygon.buffer(2.5), Material.SIDEWALK, area.item_id)
    roads = sorted(city.roads, key=lambda road: (road.is_bridge, _RANKS.index(road.rank)))
    surfaces = road_surfaces(roads)
    cars = [road for road in roads if road.rank != "path"]
    _paint_corners(canvas, cars, [*road_surfaces(cars), *(area.polygon for area in circles)])
    for road, surface in zip(roads, surfaces, strict=True):
        canvas.fill(surface, Material.GRAVEL if road.rank == "path" else Material.ASPHALT, road.item_id)
    for area in circles:
        canvas.fill(area.polygon, Material.ASPHALT, area.item_id)
        canvas.fill(roundabout_island(area).buffer(0.4), Material.SIDEWALK, area.item_id)
        canvas.fill(roundabout_island(area), Material.GRASS, area.item_id)
    beds = shapely.union_all([rail_bed(rail) for rail in city.rails])
    paint = paint_roads(city.seed, list(city.roads), circles, beds)
    canvas.stroke(paint.white, _LINE_M, Material.MARKING_WHITE)
    canvas.stroke(paint.yellow, _LINE_M, Material.MARKING_YELLOW)
    if paint.bars:
        canvas.fill_quads(np.concatenate(paint.bars), Material.MARKING_WHITE)


def _paint_corners(canvas: Canvas, roads: list[Road], surfaces: list[Polygon]) -> None:
    """Round the inner corners of junctions, as kerbs do."""
    if not roads:
        return
    union = shapely.union_all(surfaces, grid_size=0.001)
    closed = union.buffer(_CORNER_M, quad_segs=4).buffer(-_CORNER_M, quad_segs=4)
    corners = shapely.get_parts(closed.difference(union))
    corners = corners[(shapely.area(corners) > 0.5) & (shapely.area(corners) < 60.0)]
    nearest = shapely.STRtree(surfaces[: len(roads)]).nearest(corners)
    for corner, index in zip(corners, nearest, strict=True):
        canvas.fill(corner.buffer(0.2), Material.ASPHALT, roads[int(index)].item_id)


def _paint_tracks(canvas: Canvas, city: City) -> None:
    """Sleepers where there is ballast, and rails, which also run through level crossings."""
    roads = [road for road in city.roads if road.kind == Kind.ROAD]
    crossed = shapely.union_all(road_surfaces(roads, np.array([road.sidewalk_m for road in roads])))
    for rail in city.rails:
        for track in range(rail.tracks):
            offset_m = (track - (rail.tracks - 1) / 2) * TRACK_M
            for part in shapely.get_parts(rail.line.offset_curve(offset_m).difference(crossed)):
                canvas.stroke(list(_ties(part)), 0.25, Material.SLEEPER)
            for side_m in (-_GAUGE_M / 2, _GAUGE_M / 2):
                line = shapely.get_coordinates(rail.line.offset_curve(offset_m + side_m))
                canvas.stroke([line], _LINE_M, Material.RAIL)


def _ties(axis: LineString) -> npt.NDArray[np.float64]:
    """Sleepers (N, 2, 2) across a stretch of track."""
    at = np.arange(0.0, max(axis.length - 0.2, 0.0), _TIE_STEP_M)
    here = shapely.get_coordinates(shapely.line_interpolate_point(axis, at))
    step = shapely.get_coordinates(shapely.line_interpolate_point(axis, at + 0.1)) - here
    across = np.stack([-step[:, 1], step[:, 0]], axis=1) / np.linalg.norm(step, axis=1, keepdims=True)
    return np.stack([here - _TIE_HALF_M * across, here + _TIE_HALF_M * across], axis=1)


def _paint_field(canvas: Canvas, area: Area) -> None:
    box = boxes_around(np.array([area.polygon], dtype=object))[0]
    surface = _SURFACE[area.colour]
    if area.variant == "football":
        stripes = stripe_count(box)
        edges = np.linspace(-box.length_m / 2, box.length_m / 2, stripes + 1)
        canvas.fill(area.polygon, Material.LAWN, area.item_id)
        b = box.width_m / 2
        quads = [
            box.place(np.array([[u, -b], [v, -b], [v, b], [u, b]]))
            for u, v in zip(edges[:-1:2], edges[1::2], strict=True)
        ]
        canvas.fill_quads(np.stack(quads), Material.LAWN_STRIPE)
    elif area.variant == "running_track":
        canvas.fill(area.polygon, surface, area.item_id)
        canvas.fill(track_lanes(box)[-1], Material.LAWN)
    else:
        canvas.fill(area.polygon, surface, area.item_id)
    canvas.stroke(field_lines(area.variant, box), _LINE_M, Material.MARKING_WHITE)
