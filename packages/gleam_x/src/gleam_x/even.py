"""Evening out a picture's channels, so that white balance, haze and exposure tell less."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from gleam_common.artifacts import read_json, write_json

__all__ = ["PREPARATION_FILE", "even_channels", "is_even", "read_preparation", "write_preparation"]

PREPARATION_FILE = "gleam_preparation.json"
"""Stands in a base's folder and says what is done to a picture before the processor sees it; the hub's have none."""

_MEAN, _SPREAD = 122.0, 64.0
_LEAST_SPREAD = 12.0


def even_channels(picture_HWC: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return a picture each of whose channels has mean 122 and standard deviation 64, as far as [0, 255] holds them.

    Two cameras' pictures of one thing come closer; a picture of one colour becomes grey. The offline base sees pictures
    this way, models from the hub see them as they are.
    """
    values = picture_HWC.astype(np.float32)
    mean, spread = values.mean(axis=(0, 1)), np.maximum(values.std(axis=(0, 1)), _LEAST_SPREAD)
    evened = np.clip((values - mean) * (_SPREAD / spread) + _MEAN + 0.5, 0, 255)
    return np.asarray(evened, dtype=np.uint8)


def write_preparation(folder: Path) -> None:
    """Say in a base's folder that it sees pictures with evened channels."""
    write_json(folder / PREPARATION_FILE, {"even_channels": True})


def read_preparation(folder: Path, processor: Any) -> None:
    """Let ``processor`` know what its base's folder says; without the file pictures stay as they are."""
    if (folder / PREPARATION_FILE).is_file():
        processor.even_channels = bool(read_json(folder / PREPARATION_FILE)["even_channels"])


def is_even(processor: Any) -> bool:
    """Return whether the model of ``processor`` sees pictures with evened channels."""
    return bool(getattr(processor, "even_channels", False))
