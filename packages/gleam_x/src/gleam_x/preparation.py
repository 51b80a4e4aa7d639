"""What the small offline base needs done to a picture before its processor sees it; models from the hub need nothing.

Axes: H rows, W columns, C channels of a picture.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from gleam_common.artifacts import read_json, write_json
from gleam_common.errors import ModelError

from gleam_x.pixel_budget import picture_grid

__all__ = [
    "PREPARATION_FILE",
    "even_channels",
    "is_prepared",
    "prepare",
    "read_preparation",
    "weave_coordinates",
    "write_preparation",
]

PREPARATION_FILE = "gleam_preparation.json"
"""Stands in a base's folder and says what is done to a picture before the processor sees it; the hub's have none."""
_PREPARATION = {"even_channels": True, "coordinates": True}

Picture = npt.NDArray[np.uint8]
_MEAN, _SPREAD = 122.0, 64.0
_LEAST_SPREAD = 12.0
_AMPLITUDE = 14.0
"""Of the coordinates, in grey levels: a fifth of a picture's own spread, and far more than it has at that frequency."""


def even_channels(picture_HWC: Picture) -> Picture:
    """Return a picture each of whose channels has mean 122 and standard deviation 64, as far as [0, 255] holds them.

    Two cameras' pictures of one thing come closer; a picture of one colour becomes grey. White balance, haze and
    exposure tell less.
    """
    mean_C, spread_C = (value.ravel() for value in cv2.meanStdDev(picture_HWC))
    gain_C = _SPREAD / np.maximum(spread_C, _LEAST_SPREAD)
    becomes_VC = np.clip((np.arange(256)[:, None] - mean_C) * gain_C + _MEAN + 0.5, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(picture_HWC, becomes_VC[:, None]), dtype=np.uint8)


def weave_coordinates(picture_HWC: Picture) -> Picture:
    """Return a picture at the model's size that says at each pixel where it is: a chequer of single pixels, as strong
    as the place is right of the middle in the red channel, as it is below in the green one.

    Qwen2.5-VL's tower turns queries and keys by their distance and adds nothing to a patch: which corner a patch is
    from it cannot know, and a small language model does not find out in minutes. Large ones learn it from billions of
    words. The idea is CoordConv's (Liu et al. 2018, arXiv 1807.03247), through the picture since the architecture is
    given.
    """
    return np.asarray(cv2.add(picture_HWC, _coordinates(*picture_HWC.shape[:2]), dtype=cv2.CV_8U), dtype=np.uint8)


@cache
def _coordinates(height: int, width: int) -> npt.NDArray[np.int16]:
    chequer = 1.0 - 2.0 * (np.indices((height, width)).sum(axis=0) % 2)
    right, below = np.broadcast_arrays(np.linspace(-1, 1, width), np.linspace(-1, 1, height)[:, None])
    woven = _AMPLITUDE * np.stack([chequer * right, chequer * below, np.zeros_like(chequer)], axis=-1)
    return np.asarray(np.rint(woven), dtype=np.int16)


def prepare(picture_HWC: Picture, image_processor: Any) -> Picture:
    """Return a picture as the offline base is taught and asked: at the size the processor would give it, evened out,
    coordinates woven in.

    Raises:
        DataError: a picture without pixels, or far too long and narrow.
    """
    side = int(image_processor.patch_size)
    down, across = picture_grid(image_processor, *picture_HWC.shape[:2])
    sized = cv2.resize(picture_HWC, (across * side, down * side), interpolation=cv2.INTER_AREA)
    return weave_coordinates(even_channels(np.asarray(sized)))


def write_preparation(folder: Path) -> None:
    """Say in a base's folder that it sees prepared pictures."""
    write_json(folder / PREPARATION_FILE, _PREPARATION)


def read_preparation(folder: Path, processor: Any) -> None:
    """Let ``processor`` know what its base's folder says; without the file pictures stay as they are.

    Raises:
        ModelError: a base that was taught on pictures prepared in another way.
    """
    if not (folder / PREPARATION_FILE).is_file():
        return
    if (said := read_json(folder / PREPARATION_FILE)) != _PREPARATION:
        raise ModelError(
            "the base was taught on pictures prepared in another way",
            value=said,
            allowed=str(_PREPARATION),
            fix="make it anew with `gleam-x base --overwrite`",
        )
    processor.is_prepared = True


def is_prepared(processor: Any) -> bool:
    """Return whether the model of ``processor`` sees prepared pictures."""
    return bool(getattr(processor, "is_prepared", False))
