"""One north-up tile out of a raster of any orientation: read its window, at about the wanted size, and turn it."""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["Readable", "cut", "heading_of_up", "side_px_of", "window_of_quad"]

Picture = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]


class Readable(Protocol):
    """Pixels to be read by windows."""

    width: int
    height: int

    def read(self, box: tuple[int, int, int, int], size: tuple[int, int]) -> tuple[Picture, Picture]:
        """Return RGB (h, w, 3) and mask (h, w; 0 without data) of columns and rows [left, top, right, bottom)
        of the raster, averaged to ``size`` (height, width).
        """


def side_px_of(quads_42: Floats) -> Floats:
    """Return the mean length in pixels of the sides of quadrilaterals (..., 4, 2) in the source."""
    return np.asarray(np.linalg.norm(quads_42 - np.roll(quads_42, -1, axis=-2), axis=-1).mean(axis=-1))


def heading_of_up(quads_42: Floats) -> Floats:
    """Return the headings, clockwise from north, that point up in the source where tiles (..., 4, 2) are cut."""
    north = quads_42[..., 0, :] - quads_42[..., 3, :]
    return np.asarray(-np.degrees(np.arctan2(north[..., 0], -north[..., 1])) % 360.0)


def window_of_quad(quads_42: Floats) -> Floats:
    """Return column, row, width and height in pixels (..., 4) of the boxes around quadrilaterals (..., 4, 2)."""
    low, high = quads_42.min(axis=-2), quads_42.max(axis=-2)
    return np.concatenate([low, high - low], axis=-1)


def cut(source: Readable, quad_42: Floats, side_px: int) -> tuple[Picture, float]:
    """Return a tile (side, side, 3) and the share of it that has data; black where there is none.

    Args:
        source: the raster.
        quad_42: columns and rows of the NW, NE, SE and SW corners, pixel (0, 0) being the first pixel's corner.
        side_px: of the tile.
    """
    low, high = np.floor(quad_42.min(axis=0)) - 1, np.ceil(quad_42.max(axis=0)) + 1
    left, top = (int(v) for v in np.maximum(low, 0))
    right, bottom = int(min(high[0], source.width)), int(min(high[1], source.height))
    if right <= left or bottom <= top:
        return np.zeros((side_px, side_px, 3), dtype=np.uint8), 0.0
    shrink = min(1.0, side_px / float(side_px_of(quad_42)))
    size = (max(1, round((bottom - top) * shrink)), max(1, round((right - left) * shrink)))
    rgb, mask = source.read((left, top, right, bottom), size)
    scale = np.array([size[1] / (right - left), size[0] / (bottom - top)])
    # OpenCV's pixel (0, 0) is the middle of the first pixel, hence the halves.
    corners = ((quad_42 - (left, top)) * scale - 0.5).astype(np.float32)
    edge = side_px - 0.5
    ends = np.array([(-0.5, -0.5), (edge, -0.5), (edge, edge), (-0.5, edge)], dtype=np.float32)
    matrix = cv2.getPerspectiveTransform(ends, corners)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    tile = cv2.warpPerspective(rgb, matrix, (side_px, side_px), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    has_data = cv2.warpPerspective(
        mask, matrix, (side_px, side_px), flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_CONSTANT
    )
    tile[has_data == 0] = 0
    return np.asarray(tile, dtype=np.uint8), float((has_data != 0).mean())
