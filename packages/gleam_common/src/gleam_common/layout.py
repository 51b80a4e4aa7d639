"""Pictures laid out like a tile: directions and distances as on a map, so that places are compared with places.

A panorama becomes the ground around it with north up, as in EP-BEV (arXiv 2408.05475); what stands on the ground is
smeared outwards. A ground photo becomes the sector that it looks into, near at the bottom. Each shows its window of the
tile (:mod:`gleam_common.window`). A UAV picture is spread over the ground as a camera that looks 45 degrees down sees
it. No camera is known: eye heights, angles and ranges are typical ones, and the encoder learns to live with the
difference.
"""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from gleam_common.errors import ConfigError
from gleam_common.views import View
from gleam_common.window import unit_grid, window_of

__all__ = ["LAYOUT_VERSION", "LAYOUT_VIEWS", "lay_out"]

Picture = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


LAYOUT_VIEWS = (View.UAV, View.PANORAMA, View.GROUND)
"""Views that :func:`lay_out` knows."""

LAYOUT_VERSION = "layout3"
"""Stands in the names of stored pictures; a change of :func:`lay_out` changes it."""

_HALF_SIDE_M = 60.0
_DISC = 0.62
_EYE_M = {View.PANORAMA: 2.1, View.GROUND: 1.75}
_TOP_DEG = 30.0
_PHOTO_FOV_DEG = 75.0
_UAV_PITCH_DEG = 45.0
_UAV_RANGE_M = 160.0
_UAV_WIDTH_M = 144.0


def lay_out(picture: Picture, view: View, size: tuple[int, int]) -> Picture:
    """Return a picture (H, W, 3) laid out like its window of a tile 120 m wide, at ``size`` (height, width).

    Panorama and ground photo (75 degrees wide, level): up to 37 m away, a pixel shows the ground at its distance for a
    camera at eye height over flat ground; beyond, what stands there, up to 12 degrees above the horizon. UAV: the
    ground around the point that the camera looks at, 144 m wide there, from 160 m away. What a picture does not see is
    black.

    Raises:
        ConfigError: for a tile or a map.
    """
    if view not in LAYOUT_VIEWS:
        raise ConfigError("a view that cannot be laid out like a tile", value=str(view), allowed=map(str, LAYOUT_VIEWS))
    height, width = picture.shape[:2]
    column, row = _sources(view, height, width, *size)
    # Panoramas run round; photos end.
    border = cv2.BORDER_WRAP if view is View.PANORAMA else cv2.BORDER_CONSTANT
    return np.asarray(cv2.remap(picture, column, row, cv2.INTER_LINEAR, borderMode=border), dtype=np.uint8)


@lru_cache(maxsize=64)
def _sources(view: View, height: int, width: int, rows: int, columns: int) -> tuple[Floats, Floats]:
    """Return the source column and row of every pixel of the layout, float32 (rows, columns)."""
    right, ahead = window_of(view).locate(*unit_grid((rows, columns)))
    azimuth = np.arctan2(right, ahead)  # clockwise from up
    elevation = _elevation(np.hypot(right, ahead), _EYE_M.get(view, 1.0))
    if view is View.UAV:
        column, row = _from_above(right, ahead, height, width)
    elif view is View.PANORAMA:
        column = (azimuth / (2 * math.pi) + 0.5) * width - 0.5
        row = np.clip((0.5 - elevation / math.pi) * height - 0.5, 0, height - 1)
    else:
        focal_px = width / 2 / math.tan(math.radians(_PHOTO_FOV_DEG) / 2)
        in_front = np.abs(azimuth) < math.pi / 2 - 0.01
        column = np.where(in_front, width / 2 - 0.5 + focal_px * np.tan(np.where(in_front, azimuth, 0.0)), -9.0)
        row = height / 2 - 0.5 - focal_px * np.tan(elevation) / np.cos(np.where(in_front, azimuth, 0.0))
    return column.astype(np.float32), row.astype(np.float32)


def _from_above(
    right: npt.NDArray[np.float64], ahead: npt.NDArray[np.float64], height: int, width: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return where a UAV camera sees the ground ``right`` and ``ahead`` of its target, in half sides."""
    pitch = math.radians(_UAV_PITCH_DEG)
    depth_m = _UAV_RANGE_M + ahead * _HALF_SIDE_M * math.cos(pitch)
    focal_px = width * _UAV_RANGE_M / _UAV_WIDTH_M
    column = width / 2 - 0.5 + focal_px * right * _HALF_SIDE_M / depth_m
    row = height / 2 - 0.5 - focal_px * ahead * _HALF_SIDE_M * math.sin(pitch) / depth_m
    return column, row


def _elevation(radius: npt.NDArray[np.float64], eye_m: float) -> npt.NDArray[np.float64]:
    """Return the elevation in radians shown at ``radius`` half sides from the middle."""
    edge = -math.atan2(eye_m, _DISC * _HALF_SIDE_M)
    ground = -np.arctan2(eye_m, np.maximum(radius, 1e-6) * _HALF_SIDE_M)
    standing = edge + (radius - _DISC) / (1 - _DISC) * (math.radians(_TOP_DEG) - edge)
    return np.where(radius < _DISC, ground, standing)
