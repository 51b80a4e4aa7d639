"""Turning, mirroring and cropping a query and its tile so that they still show the same place.

A picture tied to north turns with its tile: a map by the same quarter, a panorama by rolling. UAV and ground pictures
have any heading, so their tile turns alone: anyhow, or until their heading points up. Mirroring swaps east and west in
both (Sample4Geo's "flip" and "rotate").
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from gleam_common.augment import AugmentConfig
from gleam_common.views import View
from gleam_common.window import WHOLE, Rectangle, Window, unit_grid

__all__ = ["PairMotion", "crop_matrix", "draw_motion", "heading_up", "move_query", "move_tile"]

Picture = npt.NDArray[np.uint8]
Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class PairMotion:
    """One draw for a pair: the mirrored (or not) tile is turned clockwise by ``turn_deg``."""

    turn_deg: float
    flip: bool


def draw_motion(view: View, config: AugmentConfig, rng: np.random.Generator, up_deg: float | None = None) -> PairMotion:
    """Draw what happens to a tile whose query is a picture of ``view``. Always takes five numbers from ``rng``.

    Args:
        view: of the query.
        config: what may happen.
        rng: decides.
        up_deg: the heading (clockwise from north) that points up in the turned tile; None turns by quarters.
    """
    turns, quarter, tilts, mirrors, _ = rng.random(5)
    flip = view is not View.MAP and bool(mirrors < config.flip)
    if up_deg is not None:
        turn_deg = up_deg if flip else -up_deg  # in the mirrored tile, headings run the other way round
    else:
        turn_deg = 90.0 * int(quarter * 4) if turns < config.turn else 0.0
    # Turning a map by less than a quarter would cut its corners as well as the tile's.
    if view not in (View.MAP, View.SATELLITE):
        turn_deg += config.tilt_deg * (2 * tilts - 1)
    return PairMotion(turn_deg=turn_deg, flip=flip)


def heading_up(tile: Picture, up_deg: float, size: tuple[int, int], window: Window = WHOLE) -> Picture:
    """Return a north-up tile (H, W, 3) turned until the heading ``up_deg`` points up, at ``size`` (height, width)."""
    return move_tile(tile, PairMotion(turn_deg=-up_deg, flip=False), np.eye(2, 3), size, window)


def crop_matrix(crop: float, rng: np.random.Generator) -> Matrix:
    """Draw a part of the picture: (2, 3), from [-1, 1] coordinates of the cut-out to those of the whole."""
    size, x, y = rng.random(3)
    scale = 1 - crop * size
    return np.array([[scale, 0, (1 - scale) * (2 * x - 1)], [0, scale, (1 - scale) * (2 * y - 1)]])


def move_tile(
    tile: Picture, motion: PairMotion, crop: Matrix, size: tuple[int, int], window: Window = WHOLE
) -> Picture:
    """Mirror, turn and crop a north-up picture (H, W, 3) to ``size`` (height, width); corners are reflected.

    ``window`` is the part of the turned tile that is cropped from.
    """
    angle = math.radians(motion.turn_deg)
    cos, sin = math.cos(angle), math.sin(angle)
    back = np.array([[cos, sin], [-sin, cos]])  # y points down, so this undoes a clockwise turn
    if motion.flip:
        back[0] *= -1
    if isinstance(window, Rectangle):
        return _warp(tile, back @ window.matrix @ np.vstack([crop, (0, 0, 1)]), size)
    u, v = unit_grid(size)
    right, up = window.locate(crop[0, 0] * u + crop[0, 2], crop[1, 1] * v + crop[1, 2])
    x, y = np.tensordot(back, np.stack([right, -up]), axes=1)
    height, width = tile.shape[:2]
    column, row = (((at + 1) * side / 2 - 0.5).astype(np.float32) for at, side in ((x, width), (y, height)))
    return np.asarray(cv2.remap(tile, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101), np.uint8)


def move_query(picture: Picture, view: View, motion: PairMotion, crop: Matrix, size: tuple[int, int]) -> Picture:
    """Do to a query (H, W, 3) of ``view`` what its tile's motion asks for, crop, and bring it to ``size``."""
    if view in (View.MAP, View.SATELLITE):
        return move_tile(picture, motion, crop, size)
    if view is not View.PANORAMA:
        sign = np.diag([-1.0 if motion.flip else 1.0, 1.0])
        return _warp(picture, sign @ crop, size)
    if motion.flip:
        picture = picture[:, ::-1]
    # Columns run S-W-N-E-S: a tile turned clockwise moves every heading to the right by the same share of a turn.
    picture = np.roll(picture, round(motion.turn_deg / 360 * picture.shape[1]), axis=1)
    return _warp(picture, np.array([[1.0, 0, 0], crop[1]]), size)  # all of the horizon stays


def _warp(picture: Picture, matrix: Matrix, size: tuple[int, int]) -> Picture:
    """Resample with ``matrix`` (2, 3), from [-1, 1] coordinates of the result to those of ``picture``."""
    height, width = size
    old_height, old_width = picture.shape[:2]
    to_unit = np.array([[2 / width, 0, 1 / width - 1], [0, 2 / height, 1 / height - 1], [0, 0, 1]])
    pixels = np.array([[old_width / 2, 0], [0, old_height / 2]]) @ matrix @ to_unit
    pixels[:, 2] += (old_width - 1) / 2, (old_height - 1) / 2
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(picture, pixels, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(moved, dtype=np.uint8)
