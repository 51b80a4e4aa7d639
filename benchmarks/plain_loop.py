"""What ours is measured against: a loop as public code for this task has it, with the same data, model and batches.

Pictures are decoded by OpenCV each time and resized; changes follow one another, each a function of a picture, in the
manner of albumentations; every picture becomes float32 by itself and the default ``collate`` stacks them; the step is
float32 with AdamW, and asks for the loss each time. So do Sample4Geo (``dataset/vigor.py``, ``transforms.py``,
``trainer.py``) and its forks. How a pair is turned, cropped and laid out is what the model learns from, not a measure
of speed: it is the package's, as are the ranges of all changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from gleam_c.encoder import Encoder
from gleam_common.augment import AugmentConfig
from gleam_common.catalog import Catalog
from gleam_common.layout import lay_out
from gleam_common.pair_motion import crop_matrix, draw_motion, move_query, move_tile
from gleam_common.pairs import Pairs
from gleam_common.sampling import SampleKey
from gleam_common.transforms import store_size
from gleam_common.views import View
from gleam_common.window import shown_window
from torch import Tensor
from torch.utils.data import Dataset

__all__ = ["PlainPairs"]

Picture = npt.NDArray[np.uint8]
Change = Callable[[Picture, np.random.Generator], Picture]


def clipped(picture: npt.NDArray[Any]) -> Picture:
    return np.clip(picture, 0, 255).astype(np.uint8)


def brightness(limit: float) -> Change:
    return lambda picture, rng: clipped(picture.astype(np.float32) * (1 + rng.uniform(-limit, limit)))


def contrast(limit: float) -> Change:
    def change(picture: Picture, rng: np.random.Generator) -> Picture:
        middle = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).mean()
        return clipped((picture.astype(np.float32) - middle) * (1 + rng.uniform(-limit, limit)) + middle)

    return change


def saturation(limit: float, grey: float) -> Change:
    def change(picture: Picture, rng: np.random.Generator) -> Picture:
        alpha = 0.0 if rng.random() < grey else 1 + rng.uniform(-limit, limit)
        flat = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        return np.asarray(cv2.addWeighted(picture, alpha, flat, 1 - alpha, 0), np.uint8)

    return change


def hue(limit_deg: float) -> Change:
    def change(picture: Picture, rng: np.random.Generator) -> Picture:
        hsv = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0].astype(np.int16) + round(rng.uniform(-limit_deg, limit_deg) / 2)) % 180
        return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.uint8)

    return change


def channel_gain(limit: float) -> Change:
    return lambda picture, rng: clipped(picture.astype(np.float32) * (1 + rng.uniform(-limit, limit, 3)))


def dropout(share: float, holes: int, side: float) -> Change:
    def change(picture: Picture, rng: np.random.Generator) -> Picture:
        if rng.random() >= share:
            return picture
        height, width = picture.shape[:2]
        colour, picture = picture.mean(axis=(0, 1)).astype(np.uint8), picture.copy()
        for _ in range(rng.integers(1, holes + 1)):
            tall, wide = (rng.random(2) * side * (height, width)).astype(int)
            top, left = int(rng.integers(0, height)), int(rng.integers(0, width))
            picture[max(top - tall // 2, 0) : top + tall // 2 + 1, max(left - wide // 2, 0) : left + wide // 2 + 1] = (
                colour
            )
        return picture

    return change


def compose(config: AugmentConfig) -> list[Change]:
    """Return the changes of a picture's colours, in the order in which they are made."""
    return [
        channel_gain(config.white_balance),
        hue(config.hue_deg),
        saturation(config.saturation, config.grey),
        contrast(config.contrast),
        brightness(config.brightness),
        dropout(config.dropout, config.dropout_holes, config.dropout_side),
    ]


class PlainPairs(Dataset[dict[str, Any]]):
    """Pairs of a catalog by their key, decoded and changed one at a time: float32 (3, H, W) each."""

    def __init__(self, catalog: Catalog, pairs: Pairs, encoder: Encoder, augment: AugmentConfig, seed: int) -> None:
        self.augment, self.seed, self.changes = augment, seed, compose(augment)
        self.sizes, self.laid_out, self.headings = encoder.sizes, encoder.laid_out, frozenset(encoder.headings)
        self.mean = np.array(encoder.mean, np.float32) * 255
        self.std = np.array(encoder.std, np.float32) * 255
        self.paths = [str(catalog.root / path) for path in catalog.column("path")]
        self.tiles = [str(catalog.root / path) for path in catalog.column("path", "gallery")]
        self.views = [View(name) for name in catalog.column("view")]
        self.heading_deg = np.asarray(catalog.column("heading_deg"), np.float64)
        self.tile_of = [int(rows[0]) for rows in pairs.tiles]
        self.related = torch.from_numpy(pairs.related)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, key: SampleKey) -> dict[str, Any]:
        rng = np.random.default_rng((self.seed, key.epoch, key.pair, key.occurrence))
        view, row = self.views[key.pair], self.tile_of[key.pair]
        window = shown_window(view, self.laid_out)
        query = self.resized(read(self.paths[key.pair]), view)
        tile = resized(read(self.tiles[row]), store_size(self.sizes[View.SATELLITE], window))
        up_deg = float(self.heading_deg[key.pair]) if view in self.headings else None
        motion = draw_motion(view, self.augment, rng, up_deg)
        moves_as = View.SATELLITE if view in self.laid_out and view is View.PANORAMA else view
        query = move_query(query, moves_as, motion, crop_matrix(self.augment.crop, rng), self.sizes[view])
        crop = crop_matrix(self.augment.crop, rng)
        tile = move_tile(tile, motion, crop, self.sizes[View.SATELLITE], window)
        return {
            "query": self.finished(query, rng),
            "gallery": self.finished(tile, rng),
            "gallery_row": row,
            "related": self.related[key.pair],
        }

    def resized(self, picture: Picture, view: View) -> Picture:
        """Bring a query to the size that is cropped from, laid out like a tile where the encoder wants it so."""
        size = store_size(self.sizes[view])
        return lay_out(picture, view, size) if view in self.laid_out else resized(picture, size)

    def finished(self, picture: Picture, rng: np.random.Generator) -> Tensor:
        """Change the colours, one after another, and normalise."""
        for change in self.changes:
            picture = change(picture, rng)
        normal = (picture.astype(np.float32) - self.mean) / self.std
        return torch.from_numpy(normal.transpose(2, 0, 1))


def read(path: str) -> Picture:
    return np.asarray(cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB), np.uint8)


def resized(picture: Picture, size: tuple[int, int]) -> Picture:
    return np.asarray(cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA), np.uint8)
