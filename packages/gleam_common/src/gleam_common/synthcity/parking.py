"""Bays of a car park: painted on the ground, and where cars stand."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import shapely

from gleam_common.synthcity.lots import boxes_around
from gleam_common.synthcity.model import Area

__all__ = ["BAY_LENGTH_M", "BAY_WIDTH_M", "bay_corners", "parking_bays"]

BAY_LENGTH_M = 5.0
BAY_WIDTH_M = 2.6
_AISLE_M = 6.0
_EDGE_M = 0.6


def parking_bays(area: Area) -> npt.NDArray[np.float64]:
    """Return the bays of a car park: (N, 3), centre x and y in metres and the heading of a parked car in degrees.

    Double rows with an aisle between them run along the longer side; only bays wholly inside the polygon count.
    """
    box = boxes_around(np.array([area.polygon], dtype=object))[0]
    module_m = 2 * BAY_LENGTH_M + _AISLE_M
    modules = max(1, int((box.width_m - 2 * _EDGE_M) / module_m))
    spare_m = box.width_m - modules * module_m
    across = np.arange(modules)[:, None] * module_m + np.array([0.5, 1.5]) * BAY_LENGTH_M + [0.0, _AISLE_M]
    v = across.ravel() + spare_m / 2 - box.width_m / 2
    count = int((box.length_m - 2 * _EDGE_M) / BAY_WIDTH_M)
    u = (np.arange(count) - (count - 1) / 2) * BAY_WIDTH_M
    grid = np.stack(np.meshgrid(u, v), axis=-1).reshape(-1, 2)
    heading_deg = (-math.degrees(box.angle)) % 360.0
    bays = np.column_stack([box.place(grid), np.full(len(grid), heading_deg)])
    room = area.polygon.buffer(-_EDGE_M / 2)
    inside = shapely.contains(room, shapely.polygons(bay_corners(bays)))
    return np.asarray(bays[inside])


def bay_corners(bays: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return (N, 4, 2): front right, back right, back left and front left corner of each bay, as the car stands."""
    heading = np.radians(bays[:, 2])
    ahead = np.stack([np.sin(heading), np.cos(heading)], axis=1) * BAY_LENGTH_M / 2
    aside = np.stack([np.cos(heading), -np.sin(heading)], axis=1) * BAY_WIDTH_M / 2
    turns = [(1, 1), (-1, 1), (-1, -1), (1, -1)]
    return np.stack([bays[:, :2] + a * ahead + b * aside for a, b in turns], axis=1)
