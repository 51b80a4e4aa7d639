"""Districts between the main roads, what they are for, and the local streets that fill them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry import LineString, Polygon
from shapely.geometry.base import BaseGeometry
from shapely.ops import substring

from gleam_common.synthcity.millimetres import snap
from gleam_common.synthcity.planning.corridors import give_way
from gleam_common.synthcity.planning.zones import Character, Zone, zone_named

__all__ = ["District", "choose_zone", "fill_district"]

_FEW_M2 = 6500.0


@dataclass(frozen=True, kw_only=True)
class District:
    """A part of the city between main roads with one land use and one character."""

    polygon: Polygon
    zone: Zone
    character: Character


def choose_zone(rng: np.random.Generator, polygon: Polygon, centre: tuple[float, float], radius_m: float) -> Zone:
    """Return a land use: downtown in the middle, houses outside, with exceptions everywhere."""
    x, y = polygon.representative_point().coords[0]
    far = math.hypot(x - centre[0], y - centre[1]) / radius_m + float(rng.normal(0, 0.12))
    weights = {
        "core": max(0.0, 1.5 - 4.0 * far),
        "midtown": max(0.0, 1.2 - abs(far - 0.4) * 3.0),
        "estate": max(0.05, 0.8 - abs(far - 0.6) * 1.6),
        "houses": max(0.0, 1.7 * far - 0.35),
        "industry": max(0.0, 0.8 * far - 0.3),
        "green": 0.1,
    }
    names = list(weights)
    share = np.array([weights[name] for name in names])
    return zone_named(names[int(rng.choice(len(names), p=share / share.sum()))])


def fill_district(
    rng: np.random.Generator, polygon: Polygon, zone: Zone, main: BaseGeometry, split_share: float
) -> list[LineString]:
    """Return local streets of one district: two families of parallels, or T-junctions from repeated splitting.

    ``main`` is the zone along the main roads (a buffer) in which no local street may run along.
    """
    if polygon.area < _FEW_M2 or not zone.spacing_m:
        return []
    size = rng.uniform(0.85, 1.2)
    short_m, long_m = (size * float(rng.uniform(*pair)) for pair in (zone.spacing_m, zone.length_m))
    if rng.random() < split_share:
        streets = _split(rng, polygon, short_m * long_m)
    else:
        streets = _parallels(rng, polygon, short_m, long_m)
    return [part for street in streets for part in give_way(street, main, 34.0)]


def _frame(polygon: Polygon) -> tuple[npt.NDArray[np.float64], float, float, float]:
    """(centre, angle in radians of the longer side, longer side, shorter side) of the tightest box."""
    corners = shapely.get_coordinates(shapely.oriented_envelope(polygon))[:4]
    a, b = corners[1] - corners[0], corners[2] - corners[1]
    long, short = (a, b) if a @ a >= b @ b else (b, a)
    length_m, width_m = snap([np.hypot(*long), np.hypot(*short)]).tolist()
    return snap(corners.mean(axis=0)), round(math.atan2(long[1], long[0]), 6), length_m, width_m


def _chord(polygon: Polygon, point: npt.NDArray[np.float64], angle: float) -> list[LineString]:
    """The stretches of the line through ``point`` that lie in ``polygon``."""
    reach = 2.0 * math.hypot(*(np.subtract(polygon.bounds[2:], polygon.bounds[:2])))
    step = reach * np.array([math.cos(angle), math.sin(angle)])
    inside = LineString(snap([point - step, point + step])).intersection(polygon)
    return [part for part in shapely.get_parts(inside) if part.geom_type == "LineString" and part.length > 25.0]


def _parallels(rng: np.random.Generator, polygon: Polygon, short_m: float, long_m: float) -> list[LineString]:
    centre, angle, length, width = _frame(polygon)
    if rng.random() < 0.12:
        angle += float(rng.uniform(0.35, 1.2))
        length = width = max(length, width)
    if rng.random() < 0.5:
        short_m, long_m = long_m, short_m
    streets: list[LineString] = []
    for turn, extent, spacing in ((angle, length, long_m), (angle + math.pi / 2, width, short_m)):
        count = max(1, round(extent / spacing))
        along = np.array([math.cos(turn), math.sin(turn)])
        for index in range(1, count):
            if count > 2 and rng.random() < 0.12:
                continue
            offset = (index + rng.uniform(-0.1, 0.1)) / count - 0.5
            streets += _chord(polygon, centre + offset * extent * along, turn + math.pi / 2)
    return streets


def _split(rng: np.random.Generator, polygon: Polygon, target_m2: float) -> list[LineString]:
    """Cut across the longer side until pieces are near ``target_m2``; some last cuts stay dead ends."""
    if polygon.area < target_m2 * float(rng.uniform(1.2, 1.8)):
        return []
    centre, angle, length, _ = _frame(polygon)
    point = centre + float(rng.uniform(-0.14, 0.14)) * length * np.array([math.cos(angle), math.sin(angle)])
    cuts = _chord(polygon, point, angle + math.pi / 2 + float(rng.normal(0, 0.12)))
    if not cuts:
        return []
    cut = max(cuts, key=lambda part: part.length)
    pieces = shapely.get_parts(polygon.difference(cut.buffer(0.02, cap_style="square")))
    deeper = [street for piece in pieces for street in _split(rng, piece, target_m2)]
    if not deeper and cut.length > 90 and rng.random() < 0.35:
        cut = _dead_end(rng, cut)
    return [cut, *deeper]


def _dead_end(rng: np.random.Generator, cut: LineString) -> LineString:
    share = float(rng.uniform(0.5, 0.7))
    start, end = (0.0, share) if rng.random() < 0.5 else (1.0 - share, 1.0)
    return LineString(substring(cut, start, end, normalized=True).coords)
