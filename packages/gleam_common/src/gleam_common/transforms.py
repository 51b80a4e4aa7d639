"""From a decoded picture to what an encoder sees. Pure functions: the same key gives the same bytes anywhere.

Axes: B batch, H height, W width, C channels (RGB). Pictures are uint8 HWC until :func:`normalise`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gleam_common.augment import NO_AUGMENT, AugmentConfig
from gleam_common.colour import change_colours
from gleam_common.errors import ConfigError
from gleam_common.pair_motion import crop_matrix, draw_motion, heading_up, move_query, move_tile
from gleam_common.views import View, parse_view
from gleam_common.window import WHOLE, Window

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "AugmentConfig",
    "SeedKey",
    "ViewSizes",
    "eval_picture",
    "normalise",
    "parse_sizes",
    "resize_picture",
    "store_size",
    "train_arrays",
    "train_pair",
    "view_sizes",
]

Picture: TypeAlias = npt.NDArray[np.uint8]
Size: TypeAlias = tuple[int, int]
ViewSizes: TypeAlias = Mapping[View, Size]
"""(height, width) in pixels of each view's picture as the encoder sees it."""

SeedKey: TypeAlias = tuple[int, ...]
"""(seed, epoch, sample, ...): whole numbers >= 0 that stand for one draw."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

_STORE_MARGIN = 1.15


def view_sizes(side: int) -> dict[View, Size]:
    """Return the sizes of all views for tiles of ``side`` pixels: maps alike, photos 4:3, panoramas 2:1.

    The width of photos is rounded up to a multiple of 32, which strided encoders need.

    Raises:
        ConfigError: ``side`` is not from 8 to 2048.
    """
    if not 8 <= side <= 2048:
        raise ConfigError("side of the tiles", value=side, allowed="8 to 2048 pixels")
    wide = math.ceil(side * 4 / 3 / 32) * 32
    square = (side, side)
    return {
        View.SATELLITE: square,
        View.UAV: (side, wide),
        View.MAP: square,
        View.PANORAMA: (side, 2 * side),
        View.GROUND: (side, wide),
    }


def parse_sizes(sizes: Mapping[str, Sequence[int]]) -> dict[View, Size]:
    """Return sizes written as ``{"uav": [96, 128], ...}``, checked.

    Raises:
        DataError: unknown view.
        ConfigError: not two whole numbers from 8 to 4096.
    """
    parsed: dict[View, Size] = {}
    for name, size in sizes.items():
        if len(size) != 2 or not all(isinstance(side, int) and 8 <= side <= 4096 for side in size):
            raise ConfigError(
                f"size of view {name}", value=list(size), allowed="[height, width], 8 to 4096 pixels each"
            )
        parsed[parse_view(str(name))] = (size[0], size[1])
    return parsed


def store_size(size: Size, window: Window = WHOLE) -> Size:
    """Return the size to keep pictures at of which ``window`` is shown at ``size``: with a margin, for sharp crops."""
    margin = _STORE_MARGIN / window.scale
    return math.ceil(size[0] * margin), math.ceil(size[1] * margin)


def resize_picture(picture: Picture, size: Size) -> Picture:
    """Resize HWC to ``size`` (height, width), averaging areas when shrinking; the aspect is not kept."""
    if picture.shape[:2] == size:
        return picture
    shrinks = size[0] <= picture.shape[0] and size[1] <= picture.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, size[::-1], interpolation=method), dtype=np.uint8)


def normalise(pictures_BHWC: Picture, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Return float32 BCHW of uint8 BHWC: scaled to [0, 1], minus ``mean``, divided by ``std`` (one per channel).

    The memory stays channels-last, which convolutions on CPUs prefer.
    """
    batch, height, width, channels = pictures_BHWC.shape
    # A table of 256 answers a channel: the same numbers as three passes of arithmetic, in a quarter of the time.
    looked_up = cv2.LUT(pictures_BHWC.reshape(batch * height, width, channels), _normalised(tuple(mean), tuple(std)))
    return torch.from_numpy(looked_up.reshape(batch, height, width, channels)).permute(0, 3, 1, 2)


@lru_cache(maxsize=16)
def _normalised(mean: tuple[float, ...], std: tuple[float, ...]) -> npt.NDArray[np.float32]:
    """Return (1, 256, 3): what each value of each channel becomes."""
    value_VC = torch.arange(256, dtype=torch.float32)[:, None].repeat(1, len(mean))
    mean_C, std_C = (torch.tensor(numbers, dtype=torch.float32) * 255 for numbers in (mean, std))
    return np.asarray(value_VC.sub_(mean_C).div_(std_C).numpy()[None], dtype=np.float32)


def eval_picture(
    picture_HWC: Picture,
    view: View,
    size: Size | ViewSizes,
    mean: Sequence[float] = IMAGENET_MEAN,
    std: Sequence[float] = IMAGENET_STD,
) -> Tensor:
    """Return float32 CHW of a decoded picture as the encoder sees it outside training: resized and normalised.

    Args:
        picture_HWC: uint8 RGB of any size.
        view: what the picture is; chooses its size when ``size`` is a mapping.
        size: (height, width), or a mapping by view.
        mean: per channel, in [0, 1].
        std: per channel, in [0, 1].
    """
    target = size if isinstance(size, tuple) else size[view]
    return normalise(resize_picture(picture_HWC, target)[None], mean, std)[0]


@dataclass(frozen=True, kw_only=True)
class TrainFrame:
    """How a pair is laid out: the heading in degrees that points up in the tile (None: north, turned by quarters),
    whether the query is laid out like a tile (:mod:`gleam_common.layout`), and the part of the tile that it shows.
    """

    up_deg: float | None = None
    is_laid_out: bool = False
    window: Window = WHOLE


NORTH_UP = TrainFrame()
"""Tiles as they are, queries as they were taken."""


def train_arrays(
    query_HWC: Picture,
    gallery_HWC: Picture,
    view: View,
    sizes: ViewSizes,
    seed_key: SeedKey,
    augment: AugmentConfig,
    frame: TrainFrame = NORTH_UP,
) -> tuple[Picture, Picture]:
    """Return the changed query and tile as uint8 HWC; a function of its arguments alone.

    Tile and query are turned and mirrored together (:mod:`gleam_common.pair_motion`), then cropped and recoloured each
    for itself. Pictures that already have :func:`store_size` are not resized twice.
    """
    query = resize_picture(query_HWC, store_size(sizes[view]))
    tile = resize_picture(gallery_HWC, store_size(sizes[View.SATELLITE], frame.window))
    if augment == NO_AUGMENT:
        size = sizes[View.SATELLITE]
        is_whole = frame.up_deg is None and frame.window == WHOLE
        seen = resize_picture(tile, size) if is_whole else heading_up(tile, frame.up_deg or 0.0, size, frame.window)
        return resize_picture(query, sizes[view]), seen
    rng = np.random.default_rng(seed_key)
    motion = draw_motion(view, augment, rng, frame.up_deg)
    # A panorama that is laid out like a tile turns like one.
    moves_as = View.SATELLITE if frame.is_laid_out and view is View.PANORAMA else view
    query = move_query(query, moves_as, motion, crop_matrix(augment.crop, rng), sizes[view])
    tile = move_tile(tile, motion, crop_matrix(augment.crop, rng), sizes[View.SATELLITE], frame.window)
    return change_colours(query, augment, rng), change_colours(tile, augment, rng)


def train_pair(
    query_HWC: Picture,
    gallery_HWC: Picture,
    view: View,
    sizes: ViewSizes,
    seed_key: SeedKey,
    augment: AugmentConfig,
    mean: Sequence[float] = IMAGENET_MEAN,
    std: Sequence[float] = IMAGENET_STD,
) -> tuple[Tensor, Tensor]:
    """Return the changed query and tile as normalised float32 CHW; see :func:`train_arrays`."""
    query, tile = train_arrays(query_HWC, gallery_HWC, view, sizes, seed_key, augment)
    return normalise(query[None], mean, std)[0], normalise(tile[None], mean, std)[0]
