"""Text on a map: turned, haloed, and never over other text."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from gleam_common.synthcity.fonts import TextMask, text_mask
from gleam_common.synthcity.map_style import Colour

__all__ = ["FreeSpace", "Label", "make_label", "stamp"]

Corners = npt.NDArray[np.float64]
_ZOOM = 2  # masks are drawn twice as large, so that turned text stays sharp
_EDGE_PX = 3


@dataclass(frozen=True, kw_only=True)
class Label:
    """Text to be put somewhere; sizes in pixels of the map."""

    mask: TextMask
    colour: Colour
    width_px: float
    height_px: float

    def corners(self, x_px: float, y_px: float, angle_deg: float = 0.0) -> Corners:
        """Return (4, 2): its corners when its middle is at (x, y) and it is turned clockwise."""
        half = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * (self.width_px / 2, self.height_px / 2)
        cos, sin = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
        turned: Corners = half @ np.array([(cos, sin), (-sin, cos)]) + (x_px, y_px)
        return turned

    def aligned(self, x_px: float, y_px: float) -> tuple[float, float]:
        """Return the middle nearest to (x, y) where the pixels of upright text fall on the map's: sharper."""
        left, top = math.floor(x_px - self.width_px / 2), math.floor(y_px - self.height_px / 2)
        return left + self.width_px / 2, top + self.height_px / 2


def make_label(text: str, size_px: int, halo_px: int, colour: Colour) -> Label:
    """Return ``text`` as a label; lines are centred under each other."""
    mask = text_mask(text, size_px * _ZOOM, halo_px * _ZOOM)
    height, width = mask.halo.shape
    return Label(mask=mask, colour=colour, width_px=width / _ZOOM, height_px=height / _ZOOM)


class FreeSpace:
    """The part of a map that no label covers yet.

    Args:
        height_px: rows of the map.
        width_px: its columns.
    """

    def __init__(self, height_px: int, width_px: int) -> None:
        self._taken = np.zeros((height_px, width_px), dtype=np.uint8)

    def take(self, corners_42: Corners) -> bool:
        """Take a box for a label; False (and nothing taken) where it leaves the map or meets another."""
        height, width = self._taken.shape
        low, high = corners_42.min(axis=0), corners_42.max(axis=0)
        if (low < _EDGE_PX).any() or high[0] > width - _EDGE_PX or high[1] > height - _EDGE_PX:
            return False
        wanted = np.zeros_like(self._taken)
        cv2.fillConvexPoly(wanted, np.rint(corners_42).astype(np.int32), 1)
        if np.any(wanted & self._taken):
            return False
        self._taken |= wanted
        return True


def stamp(
    rgb: npt.NDArray[np.uint8], label: Label, halo: Colour, x_px: float, y_px: float, angle_deg: float = 0.0
) -> None:
    """Blend a label into ``rgb``, uint8 (H, W, 3), in place: its middle at (x, y), turned clockwise."""
    corners = label.corners(x_px, y_px, angle_deg)
    x0, y0 = np.maximum(np.floor(corners.min(axis=0)).astype(int) - 1, 0)
    x1, y1 = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + 1, (rgb.shape[1], rgb.shape[0]))
    height, width = label.mask.halo.shape
    cos, sin = math.cos(math.radians(angle_deg)) / _ZOOM, math.sin(math.radians(angle_deg)) / _ZOOM
    turn = np.array([(cos, -sin), (sin, cos)])
    # OpenCV counts from pixel centres on both sides.
    shift = np.array([x_px - 0.5 - x0, y_px - 0.5 - y0]) - turn @ ((width - 1) / 2, (height - 1) / 2)
    matrix = np.column_stack([turn, shift])
    region = rgb[y0:y1, x0:x1].astype(np.float32)
    for coverage, colour in ((label.mask.halo, halo), (label.mask.fill, label.colour)):
        alpha = cv2.warpAffine(coverage, matrix, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR)[..., None]
        region += (np.asarray(colour, dtype=np.float32) - region) * (alpha / np.float32(255))
    rgb[y0:y1, x0:x1] = np.rint(region).astype(np.uint8)
