"""The ground near a camera in finer cells: edges of the city's raster are rounded off before they are seen from near.

Axes: Y rows from north to south, X columns.
"""

from __future__ import annotations

import cv2
import numpy as np

from gleam_common.synthcity.canvas import Material
from gleam_common.synthcity.ground import GroundRaster
from gleam_common.synthcity.rendering.terrain import GroundSampler, item_of, material_of

__all__ = ["CLOSEUP_REACH_M", "closeup"]

CLOSEUP_REACH_M = 9.0
_FACTOR = 4
_LINE_GAIN = 1.7
_LINES = (Material.MARKING_WHITE, Material.MARKING_YELLOW, Material.RAIL, Material.PLAZA_JOINT)


def closeup(ground: GroundSampler, x_m: float, y_m: float) -> GroundSampler | None:
    """Return the ground within about ``CLOSEUP_REACH_M`` of a point in cells of a quarter of the size.

    Each material's mask is blurred and enlarged, and the strongest wins; lines, one cell wide, get a start, because a
    blur would let their sides win. None where the point is within reach of the raster's edge.
    """
    cells = round(CLOSEUP_REACH_M / ground.gsd_m)
    col, row = int((x_m - ground.x0_m) / ground.gsd_m), int((ground.y1_m - y_m) / ground.gsd_m)
    rows, cols = ground.packed_YX.shape
    if not (cells <= col < cols - cells and cells <= row < rows - cells):
        return None
    window = (slice(row - cells, row + cells), slice(col - cells, col + cells))
    packed = ground.packed_YX[window]
    crop = material_of(packed)
    present = np.flatnonzero(np.bincount(crop.ravel()))
    fine = np.full((2 * cells * _FACTOR, 2 * cells * _FACTOR), present[0], dtype=np.uint8)
    best = _strength(crop, int(present[0]))
    for material in present[1:].tolist():
        strength = _strength(crop, material)
        fine[strength > best] = material
        np.maximum(best, strength, out=best)
    raster = GroundRaster(
        material_YX=fine,
        item_YX=item_of(packed).astype(np.uint16).repeat(_FACTOR, axis=0).repeat(_FACTOR, axis=1),
        gsd_m=ground.gsd_m / _FACTOR,
        x0_m=ground.x0_m + (col - cells) * ground.gsd_m,
        y1_m=ground.y1_m - (row - cells) * ground.gsd_m,
    )
    return GroundSampler(raster)


def _strength(crop_YX: np.ndarray, material: int) -> np.ndarray:
    mask = (crop_YX == material).astype(np.float32) * (_LINE_GAIN if material in _LINES else 1.0)
    blurred = cv2.GaussianBlur(mask, (0, 0), 0.9)
    return np.asarray(cv2.resize(blurred, None, fx=_FACTOR, fy=_FACTOR, interpolation=cv2.INTER_LINEAR))
