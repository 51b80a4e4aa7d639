"""Paint on the roads: lane lines, edge lines, crossings; none of it runs through a junction."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry import LineString
from shapely.geometry.base import BaseGeometry
from shapely.ops import substring

from gleam_common.synthcity.model import Area, Road
from gleam_common.synthcity.roads import road_surfaces

__all__ = ["RoadPaint", "paint_roads"]

Floats = npt.NDArray[np.float64]
_DASH_M = 3.0
_GAP_M = 5.0
_STRIPE_M = 0.5
_CROSSING_M = 3.2
_SETBACK_M = 1.0
_KERB_LINE_M = 0.45
_SHORT_M = 22.0


@dataclass
class RoadPaint:
    """Lines (N, 2) and bars (Q, 4, 2) in city metres."""

    white: list[Floats] = field(default_factory=list)
    yellow: list[Floats] = field(default_factory=list)
    bars: list[Floats] = field(default_factory=list)


def paint_roads(seed: int, roads: list[Road], roundabouts: list[Area], keep_clear: BaseGeometry) -> RoadPaint:
    """Return the markings of all roads; ``keep_clear`` (level crossings) is left unpainted like junctions."""
    rng = np.random.default_rng([seed, 6])
    yellow_centre = bool(rng.random() < 0.5)
    cars = [road for road in roads if road.rank != "path" and not road.is_bridge]
    stretches = _stretches(cars, roundabouts, keep_clear)
    paint = RoadPaint()
    for road, parts in zip(cars, stretches, strict=True):
        zebra = rng.random() < {"primary": 0.85, "secondary": 0.65}.get(road.rank, 0.15)
        for part in parts:
            if part.length < _SHORT_M:
                continue
            if zebra:
                part = _crossings(road, part, paint)
            if road.markings:
                _lane_lines(road, part, paint, yellow_centre=yellow_centre)
    return paint


def _stretches(cars: list[Road], roundabouts: list[Area], keep_clear: BaseGeometry) -> list[list[LineString]]:
    """The parts of each road's axis between junctions."""
    surfaces = road_surfaces(cars, 0.8)
    lines = np.array([road.line for road in cars], dtype=object)
    others = np.array([*surfaces, *(area.polygon for area in roundabouts), keep_clear], dtype=object)
    first, second = shapely.STRtree(others).query(lines, predicate="intersects")
    blocks: list[list[BaseGeometry]] = [[] for _ in cars]
    for i, j in zip(first.tolist(), second.tolist(), strict=True):
        if i != j:
            blocks[i].append(others[j])
    tips = shapely.STRtree(shapely.get_point(lines, 0)), shapely.STRtree(shapely.get_point(lines, -1))
    for ends in tips:
        i, j = ends.query(surfaces, predicate="intersects")
        for road, other in zip(i.tolist(), j.tolist(), strict=True):
            if road != other and cars[other].width_m > 0.55 * cars[road].width_m:
                blocks[road].append(surfaces[other])
    joined = [shapely.union_all(block) for block in blocks]
    rest = shapely.difference(lines, np.array(joined, dtype=object))
    return [[p for p in shapely.get_parts(r) if p.geom_type == "LineString"] for r in rest]


def _crossings(road: Road, part: LineString, paint: RoadPaint) -> LineString:
    """Add a zebra crossing and a stop line at each end of a stretch that meets a junction; return what is left."""
    reach = _SETBACK_M + _CROSSING_M
    ends = np.array([_SETBACK_M, part.length - reach])
    near = shapely.get_coordinates(shapely.line_interpolate_point(part, ends))
    far = shapely.get_coordinates(shapely.line_interpolate_point(part, ends + _CROSSING_M))
    axis_ends = shapely.points([road.line.coords[0], road.line.coords[-1]])
    tips = shapely.points([part.coords[0], part.coords[-1]])
    is_open = shapely.distance(tips[:, None], axis_ends[None, :]).min(axis=1) > 0.5
    offsets = np.arange(-road.width_m / 2 + 0.6, road.width_m / 2 - 0.3, 2 * _STRIPE_M)
    for a, b, junction in zip(near, far, is_open, strict=True):
        if junction:
            paint.bars.append(_bars(a, b, offsets))
    return LineString(substring(part, reach + 1.2, part.length - reach - 1.2).coords)


def _bars(a: Floats, b: Floats, offsets: Floats) -> Floats:
    """Bars (N, 4, 2) from ``a`` to ``b``, side by side at ``offsets``."""
    step = (b - a) / np.linalg.norm(b - a)
    side = np.array([-step[1], step[0]])
    left = offsets[:, None] * side
    right = (offsets + _STRIPE_M)[:, None] * side
    return np.stack([a + left, a + right, b + right, b + left], axis=1)


def _lane_lines(road: Road, part: LineString, paint: RoadPaint, *, yellow_centre: bool) -> None:
    """Add the centre line, lane dividers and edge lines of one stretch."""
    half = road.width_m / 2
    centre = paint.yellow if yellow_centre else paint.white
    if road.rank == "primary":
        lane = road.width_m / road.lanes
        dividers = (np.arange(1, road.lanes) * lane - half).tolist()
        for offset in dividers:
            if road.lanes == 4 and abs(offset) < 0.1:
                for pair in (-0.3, 0.3):
                    centre.extend(_solid(part, pair))
            else:
                paint.white.extend(_dashes(part, offset))
        for side in (-1.0, 1.0):
            paint.white.extend(_solid(part, side * (half - _KERB_LINE_M)))
        return
    centre.extend(_dashes(part, 0.0))
    if road.rank == "secondary":
        for side in (-1.0, 1.0):
            paint.white.extend(_solid(part, side * (half - _KERB_LINE_M)))


def _offset(part: LineString, aside_m: float) -> LineString | None:
    line = part if aside_m == 0.0 else part.offset_curve(aside_m, quad_segs=2)
    return line if line.geom_type == "LineString" and line.length > _DASH_M else None


def _solid(part: LineString, aside_m: float) -> list[Floats]:
    line = _offset(part, aside_m)
    return [] if line is None else [shapely.get_coordinates(line)]


def _dashes(part: LineString, aside_m: float) -> list[Floats]:
    line = _offset(part, aside_m)
    if line is None:
        return []
    starts = np.arange(_GAP_M / 2, line.length - _DASH_M, _DASH_M + _GAP_M)
    a = shapely.get_coordinates(shapely.line_interpolate_point(line, starts))
    b = shapely.get_coordinates(shapely.line_interpolate_point(line, starts + _DASH_M))
    return list(np.stack([a, b], axis=1))
