"""Photos of a map's tiles, for tests of locate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from PIL import Image
from rasterio.windows import Window

__all__ = ["cut_photo"]


def cut_photo(city_map: Path, tile: dict[str, object], path: Path, **options: object) -> Path:
    """Write the pixels of a tile, lightly noisy, as a photo of its own."""
    column, row, width, height = tile["window"]
    with rasterio.open(city_map) as file:
        pixels = file.read(window=Window(column, row, width, height)).transpose(1, 2, 0)
    noise = np.random.default_rng(len(path.name)).normal(0, 2, pixels.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8)).save(path, **options)
    return path
