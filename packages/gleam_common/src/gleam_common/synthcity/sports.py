"""Sports fields: their sizes and the lines on them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from shapely.geometry import LineString, Polygon

from gleam_common.synthcity.lots import Box

__all__ = ["FIELDS", "Field", "field_lines", "field_outline", "stripe_count", "track_lanes"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Field:
    """Size of a field with its run-off, in metres, and the surfaces that it comes in (Area.colour)."""

    length_m: float
    width_m: float
    least: float
    colours: tuple[str, ...]


FIELDS: dict[str, Field] = {
    "football": Field(length_m=98.0, width_m=62.0, least=0.55, colours=("green",)),
    "running_track": Field(length_m=132.0, width_m=78.0, least=0.62, colours=("red", "red", "blue")),
    "tennis": Field(length_m=35.0, width_m=17.5, least=0.9, colours=("green", "red", "blue", "orange")),
    "basketball": Field(length_m=30.0, width_m=17.0, least=0.85, colours=("green", "red", "blue", "orange")),
}
"""Fields by ``Area.variant``."""

_TRACK_SHARE = 0.13
_LANES = 6


def field_outline(variant: str, box: Box) -> Polygon:
    """Return the outline of a field: a rectangle, or for a running track two straights and two half circles."""
    if variant != "running_track":
        return box.polygon
    return _stadium(box, 0.0)


def track_lanes(box: Box) -> list[Polygon]:
    """Return the nested outlines of a running track's lanes, from the outside to the infield."""
    step = _TRACK_SHARE * box.width_m / _LANES
    return [_stadium(box, index * step) for index in range(_LANES + 1)]


def _stadium(box: Box, inset_m: float) -> Polygon:
    radius = box.width_m / 2 - inset_m
    half = (box.length_m - box.width_m) / 2
    axis = LineString(box.place(np.array([[-half, 0.0], [half, 0.0]])))
    return axis.buffer(radius, quad_segs=16)


def field_lines(variant: str, box: Box) -> list[Floats]:
    """Return the white lines of a field, each (N, 2) in city metres."""
    if variant == "running_track":
        rings = [np.asarray(lane.exterior.coords) for lane in track_lanes(box)]
        inner = box.width_m * (1 - 2 * _TRACK_SHARE)
        pitch = Box(
            x_m=box.x_m,
            y_m=box.y_m,
            angle=box.angle,
            length_m=box.length_m - box.width_m + 0.5 * inner,
            width_m=0.82 * inner,
        )
        return [*rings, *field_lines("football", pitch)]
    draw = {"football": _football, "tennis": _tennis, "basketball": _basketball}[variant]
    return [box.place(line) for line in draw(box.length_m / 2, box.width_m / 2)]


def _rectangle(u0: float, v0: float, u1: float, v1: float) -> Floats:
    return np.array([[u0, v0], [u1, v0], [u1, v1], [u0, v1], [u0, v0]], dtype=np.float64)


def _arc(u: float, v: float, r: float, start_deg: float = 0.0, end_deg: float = 360.0) -> Floats:
    turn = np.radians(np.linspace(start_deg, end_deg, 25))
    return np.stack([u + r * np.cos(turn), v + r * np.sin(turn)], axis=1)


def _football(half_length: float, half_width: float) -> list[Floats]:
    a, b = half_length - 3.0, half_width - 3.0
    scale = b / 28.0
    box_u, box_v, goal_u, goal_v, ring = (size * scale for size in (16.5, 20.16, 5.5, 9.16, 9.15))
    lines = [_rectangle(-a, -b, a, b), np.array([[0.0, -b], [0.0, b]]), _arc(0.0, 0.0, ring)]
    for side in (-1.0, 1.0):
        lines += [
            _rectangle(side * a, -box_v, side * (a - box_u), box_v),
            _rectangle(side * a, -goal_v, side * (a - goal_u), goal_v),
        ]
    return lines


def _tennis(half_length: float, half_width: float) -> list[Floats]:
    scale = half_length / 17.5
    a, b, single, service = (size * scale for size in (11.885, 5.485, 4.115, 6.4))
    lines = [_rectangle(-a, -b, a, b), np.array([[0.0, -b - 0.9], [0.0, b + 0.9]])]
    lines += [np.array([[-a, side * single], [a, side * single]]) for side in (-1.0, 1.0)]
    lines += [np.array([[side * service, -single], [side * service, single]]) for side in (-1.0, 1.0)]
    return [*lines, np.array([[-service, 0.0], [service, 0.0]])]


def _basketball(half_length: float, half_width: float) -> list[Floats]:
    scale = half_length / 15.0
    a, b, key_u, key_v, three = (size * scale for size in (14.0, 7.5, 5.8, 2.45, 6.75))
    lines = [_rectangle(-a, -b, a, b), np.array([[0.0, -b], [0.0, b]]), _arc(0.0, 0.0, 1.8 * scale)]
    for side in (-1.0, 1.0):
        start = 90.0 if side > 0 else -90.0
        lines += [_rectangle(side * a, -key_v, side * (a - key_u), key_v)]
        lines += [_arc(side * (a - 1.575 * scale), 0.0, three, start, start + 180.0)]
        lines += [_arc(side * (a - key_u), 0.0, 1.8 * scale, start, start + 180.0)]
    return lines


def stripe_count(box: Box) -> int:
    """Return how many mown stripes a football field has: an even number, about six metres each."""
    return 2 * max(2, math.floor(box.length_m / 12.0))
