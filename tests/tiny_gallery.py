"""A tiny random model, and a map of a few tiles as a GeoTIFF: what a gallery is made from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
import torch
from gleam_c.encoder import create_encoder, preset
from gleam_c.model_folder import save_encoder
from rasterio.transform import from_origin

__all__ = ["WIDTH_PX", "write_map", "write_model"]

WIDTH_PX = 360


def write_model(folder: Path, seed: int = 0) -> Path:
    torch.manual_seed(seed)
    config = preset("pico", {"headings": {"uav": 3}, "laid_out": ["panorama"]})
    encoder = create_encoder(config)
    save_encoder(folder, config, encoder.state_dict(), "card")
    return folder


def write_map(path: Path, crs: str | None = "EPSG:32633", seed: int = 0) -> Path:
    rng = np.random.default_rng(seed)
    bands = rng.integers(0, 256, (3, WIDTH_PX // 20, WIDTH_PX // 20)).repeat(20, axis=1).repeat(20, axis=2)
    options = {"driver": "GTiff", "width": WIDTH_PX, "height": WIDTH_PX, "count": 3, "dtype": "uint8"}
    with rasterio.open(path, "w", crs=crs, transform=from_origin(4e5, 5.8e6, 1.0, 1.0), **options) as file:
        file.write(bands.astype(np.uint8))
    return path
