"""Cutting polygons into smaller ones, and finding room for a rectangle in one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry import Polygon

from gleam_common.synthcity.millimetres import snap

__all__ = ["Box", "box_polygons", "boxes_around", "fit_box", "subdivide"]

Polygons = npt.NDArray[np.object_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_LEAST_M2 = 25.0
_ANGLE_DIGITS = 6


@dataclass(frozen=True, kw_only=True)
class Box:
    """An oriented rectangle: centre, angle of its longer side in radians counter-clockwise from east, sides."""

    x_m: float
    y_m: float
    angle: float
    length_m: float
    width_m: float

    def place(self, local: Floats) -> Floats:
        """Return points (N, 2) given along (length, width) from the centre, in city metres on the millimetre grid."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        return snap(local @ np.array([[cos, sin], [-sin, cos]]) + np.array([self.x_m, self.y_m]))

    @property
    def polygon(self) -> Polygon:
        """The rectangle."""
        a, b = self.length_m / 2, self.width_m / 2
        return Polygon(self.place(np.array([[-a, -b], [a, -b], [a, b], [-a, b]])))


def box_polygons(boxes: list[Box]) -> Polygons:
    """Return the rectangles of many boxes."""
    x, y, angle, length, width = np.array(
        [(b.x_m, b.y_m, b.angle, b.length_m, b.width_m) for b in boxes], dtype=np.float64
    ).T
    u = np.stack([np.cos(angle), np.sin(angle)], axis=1) * (length / 2)[:, None]
    v = np.stack([-np.sin(angle), np.cos(angle)], axis=1) * (width / 2)[:, None]
    centre = np.stack([x, y], axis=1)
    corners = np.stack([centre - u - v, centre + u - v, centre + u + v, centre - u + v], axis=1)
    return np.asarray(shapely.polygons(snap(corners)))


def boxes_around(polygons: Polygons) -> list[Box]:
    """Return the tightest oriented box of each polygon."""
    corners = shapely.get_coordinates(shapely.oriented_envelope(polygons)).reshape(-1, 5, 2)
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 1]
    swap = np.einsum("ij,ij->i", first, first) < np.einsum("ij,ij->i", second, second)
    long = np.where(swap[:, None], second, first)
    short = np.where(swap[:, None], first, second)
    centre = snap(corners[:, :4].mean(axis=1))
    angle = np.round(np.arctan2(long[:, 1], long[:, 0]), _ANGLE_DIGITS)
    sizes = snap(np.hypot(*long.T)), snap(np.hypot(*short.T))
    return [
        Box(x_m=float(x), y_m=float(y), angle=float(a), length_m=float(u), width_m=float(v))
        for (x, y), a, u, v in zip(centre, angle, *sizes, strict=True)
    ]


def subdivide(
    rng: np.random.Generator, polygons: Polygons, target_m2: Floats
) -> tuple[Polygons, npt.NDArray[np.int64]]:
    """Cut each polygon across its longer side, again and again, down to about its target area.

    Returns (pieces, index of the polygon that each comes from). All polygons are cut together, level by level.
    """
    parents = np.arange(len(polygons))
    done: list[Polygons] = []
    origin: list[Ints] = []
    while len(polygons):
        large = shapely.area(polygons) > target_m2[parents] * rng.uniform(1.15, 1.75, len(polygons))
        done.append(polygons[~large])
        origin.append(parents[~large])
        polygons, parents = polygons[large], parents[large]
        if not len(polygons):
            break
        sides = _halves(rng, polygons)
        # On a millimetre grid: without one GEOS now and then returns the whole polygon for two that only touch.
        cut = [shapely.intersection(polygons, side, grid_size=0.001) for side in sides]
        pieces, index = shapely.get_parts(np.concatenate(cut), return_index=True)
        keep = (shapely.get_type_id(pieces) == 3) & (shapely.area(pieces) > _LEAST_M2)
        polygons, parents = pieces[keep], np.concatenate([parents, parents])[index[keep]]
    order = np.argsort(np.concatenate(origin), kind="stable")
    return np.concatenate(done)[order], np.concatenate(origin)[order]


def _halves(rng: np.random.Generator, polygons: Polygons) -> tuple[Polygons, Polygons]:
    """Two half-planes, as large boxes, on either side of a cut across each polygon."""
    boxes = boxes_around(polygons)
    at = rng.uniform(-0.1, 0.1, len(boxes))
    left, right = [], []
    for box, share in zip(boxes, at, strict=True):
        u, far, wide = share * box.length_m, box.length_m, box.width_m
        left.append(box.place(np.array([[-far, -wide], [u, -wide], [u, wide], [-far, wide]])))
        right.append(box.place(np.array([[u, -wide], [far, -wide], [far, wide], [u, wide]])))
    return np.asarray(shapely.polygons(np.array(left))), np.asarray(shapely.polygons(np.array(right)))


def fit_box(polygon: Polygon, length_m: float, width_m: float, least: float = 0.6) -> Box | None:
    """Return a rectangle of the given size, or of a share of it down to ``least``, that lies within ``polygon``.

    It is looked for along and across the polygon's tightest box, the largest and most central first.
    """
    around = boxes_around(np.array([polygon], dtype=object))[0]
    shifts = np.array(sorted(((a, b) for a in _SHIFTS for b in _SHIFTS), key=lambda s: abs(s[0]) + abs(s[1])))
    shapely.prepare(polygon)
    for share in np.linspace(1.0, least, 5):
        for turn in (0.0, math.pi / 2):
            u, v = (length_m, width_m) if turn == 0.0 else (width_m, length_m)
            room = np.array([around.length_m - share * u, around.width_m - share * v])
            if (room < 0).any():
                continue
            centres = around.place(shifts * room)
            found = [
                Box(x_m=x, y_m=y, angle=around.angle + turn, length_m=length_m * share, width_m=width_m * share)
                for x, y in centres.tolist()
            ]
            inside = shapely.contains(polygon, box_polygons(found))
            if inside.any():
                return found[int(np.argmax(inside))]
    return None


_SHIFTS = (0.0, -0.2, 0.2, -0.38, 0.38)
