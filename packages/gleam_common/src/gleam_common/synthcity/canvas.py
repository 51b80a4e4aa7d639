"""Painting polygons and lines into the cells of the ground: what it is made of, and which item it belongs to."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

import cv2
import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

__all__ = ["Canvas", "Material"]

_SHIFT = 4
Floats = npt.NDArray[np.float64]


class Material(IntEnum):
    """What a cell of the ground is made of."""

    PAVED = 0
    ASPHALT = 1
    SIDEWALK = 2
    MARKING_WHITE = 3
    MARKING_YELLOW = 4
    GRASS = 5
    LAWN = 6
    LAWN_STRIPE = 7
    MEADOW = 8
    SOIL = 9
    SAND = 10
    WATER = 11
    BALLAST = 12
    SLEEPER = 13
    RAIL = 14
    GRAVEL = 15
    PLAZA = 16
    PLAZA_JOINT = 17
    DECK = 18
    SPORT_RED = 19
    SPORT_GREEN = 20
    SPORT_BLUE = 21
    SPORT_ORANGE = 22


class Canvas:
    """Two rasters of one grid. Row 0 is the northern edge; cell (row, col) spans ``gsd_m`` metres."""

    def __init__(self, half_width_m: float, half_height_m: float, gsd_m: float) -> None:
        shape = (round(2 * half_height_m / gsd_m), round(2 * half_width_m / gsd_m))
        self.gsd_m = gsd_m
        self.x0_m, self.y1_m = -half_width_m, half_height_m
        self.material_YX: npt.NDArray[np.uint8] = np.zeros(shape, dtype=np.uint8)
        self.item_YX: npt.NDArray[np.uint16] = np.zeros(shape, dtype=np.uint16)

    def fill(self, shape: BaseGeometry, material: Material, item_id: int | None = None) -> None:
        """Paint a polygon, or several; ``item_id`` None leaves item numbers as they are."""
        for part in shapely.get_parts(shape):
            if part.geom_type != "Polygon" or part.is_empty:
                continue
            rings = [self._pixels(np.asarray(ring.coords)) for ring in (part.exterior, *part.interiors)]
            cv2.fillPoly(self.material_YX, rings, int(material), shift=_SHIFT)
            if item_id is not None:
                cv2.fillPoly(self.item_YX, rings, item_id, shift=_SHIFT)

    def fill_quads(self, corners_Q42: Floats, material: Material) -> None:
        """Paint many small convex quadrilaterals, given as (Q, 4, 2) corners in metres, without item numbers."""
        for quad in self._pixels(corners_Q42.reshape(-1, 2)).reshape(-1, 4, 2):
            cv2.fillConvexPoly(self.material_YX, quad, int(material), shift=_SHIFT)

    def stroke(self, lines: Iterable[Floats], width_m: float, material: Material) -> None:
        """Draw open lines, each (N, 2) in metres, without item numbers; at least one cell wide."""
        listed = list(lines)
        if not listed:
            return
        ends = np.cumsum([len(line) for line in listed])[:-1]
        pixels = np.split(self._pixels(np.concatenate(listed)), ends)
        thickness = max(1, round(width_m / self.gsd_m))
        cv2.polylines(self.material_YX, pixels, False, int(material), thickness=thickness, shift=_SHIFT)

    def _pixels(self, xy: Floats) -> npt.NDArray[np.int32]:
        """City metres to fixed-point pixel coordinates, in which a pixel's centre is at a whole number."""
        col = (xy[:, 0] - self.x0_m) / self.gsd_m - 0.5
        row = (self.y1_m - xy[:, 1]) / self.gsd_m - 0.5
        return np.round(np.stack([col, row], axis=1) * (1 << _SHIFT)).astype(np.int32)
