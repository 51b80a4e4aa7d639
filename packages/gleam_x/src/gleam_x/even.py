"""Evening out a picture's channels, so that white balance, haze and exposure tell less."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["even_channels"]

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
