"""Pictures that can be learnt: what shows the same place shares its colours."""

from __future__ import annotations

import zlib
from pathlib import Path

import cv2
import numpy as np

__all__ = ["paint"]


def paint(path: Path, place: str, height_px: int = 64, width_px: int = 64) -> Path:
    """Write a picture of ``place``: 4 x 4 fields of its colours, in a light and noise of the path's own."""
    fields = np.random.default_rng(zlib.crc32(place.encode())).integers(30, 226, (4, 4, 3), dtype=np.uint8)
    own = np.random.default_rng(zlib.crc32(str(path).encode()))
    picture = cv2.resize(fields, (width_px, height_px), interpolation=cv2.INTER_NEAREST)
    picture = picture * own.uniform(0.9, 1.1, 3) + own.normal(0, 4, picture.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    suffix = path.suffix.lower()
    path.write_bytes(cv2.imencode(suffix, np.clip(picture, 0, 255).astype(np.uint8))[1].tobytes())
    return path
