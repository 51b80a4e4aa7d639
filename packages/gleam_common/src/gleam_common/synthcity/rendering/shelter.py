"""How much of the sky buildings hide from the ground near them: soft darkness along walls and in courtyards."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from gleam_common.synthcity.model import City

__all__ = ["Shelter"]

Floats = npt.NDArray[np.float32]
_CELL_M = 1.0
_SPREAD_M = 3.5
_FINER = 2
_SHIFT = 4


class Shelter:
    """A blurred plan of a city's buildings and crowns."""

    def __init__(self, city: City) -> None:
        self._x0_m, self._y1_m = -city.half_width_m, city.half_height_m
        shape = (int(2 * city.half_height_m / _CELL_M) + 2, int(2 * city.half_width_m / _CELL_M) + 2)
        plan = np.zeros(shape, dtype=np.float32)
        for building in city.buildings:
            rings = [self._cells(np.asarray(building.footprint.exterior.coords))]
            rings += [self._cells(np.asarray(ring.coords)) for ring in building.footprint.interiors]
            cv2.fillPoly(plan, rings, min(1.0, building.height_m / 8.0), shift=_SHIFT)
        crowns = np.zeros(shape, dtype=np.float32)
        centres = self._cells(np.array([(tree.x_m, tree.y_m) for tree in city.trees]).reshape(-1, 2)).tolist()
        for tree, centre in zip(city.trees, centres, strict=True):
            cv2.circle(crowns, centre, int(tree.radius_m / _CELL_M * (1 << _SHIFT)), 0.5, -1, cv2.LINE_8, _SHIFT)
        hidden = cv2.GaussianBlur(plan, (0, 0), _SPREAD_M / _CELL_M) + cv2.GaussianBlur(crowns, (0, 0), 1.2)
        fine = cv2.resize(np.minimum(hidden, 1.0), None, fx=_FINER, fy=_FINER, interpolation=cv2.INTER_LINEAR)
        self._hidden_YX = (255.0 * fine).astype(np.uint8)

    def _cells(self, xy: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
        col, row = (xy[:, 0] - self._x0_m) / _CELL_M - 0.5, (self._y1_m - xy[:, 1]) / _CELL_M - 0.5
        return np.round(np.stack([col, row], axis=1) * (1 << _SHIFT)).astype(np.int32)

    def openness(self, position_3M: Floats) -> Floats:
        """Return the share (M,) of the sky's light that arrives, near 1 in the open and above the roofs."""
        rows, cols = self._hidden_YX.shape
        scale = np.float32(_FINER / _CELL_M)
        col = np.minimum(np.maximum((position_3M[0] - np.float32(self._x0_m)) * scale, 0), cols - 1).astype(np.int64)
        row = np.minimum(np.maximum((np.float32(self._y1_m) - position_3M[1]) * scale, 0), rows - 1).astype(np.int64)
        hidden = np.take(self._hidden_YX, row * cols + col)
        low = np.float32(0.75 / 255.0) / (np.float32(1.0) + np.float32(0.04) * position_3M[2] * position_3M[2])
        result: Floats = np.float32(1.0) - hidden * low
        return result
