"""How far colour alone gets: nearest neighbours by histograms and thumbnails. A world that this solves is no test."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from gleam_common.catalog import Catalog, Which
from gleam_common.images import load_array
from gleam_common.metrics.ranking import top_k
from gleam_common.progress import progress
from gleam_common.views import QUERY_VIEWS

__all__ = ["colour_features", "colour_recall"]

_BINS = 8
_THUMBNAIL_PX = 8


def colour_features(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return (L,) float32: RGB and HSV histograms and an 8 x 8 thumbnail of uint8 (H, W, 3), each of unit length."""
    parts = []
    for space in (image, cv2.cvtColor(image, cv2.COLOR_RGB2HSV_FULL)):
        # The square root makes the dot product of two histograms the Bhattacharyya coefficient.
        parts.append(np.sqrt([np.histogram(space[..., c], _BINS, (0, 256))[0] for c in range(3)]).ravel())
    thumbnail = cv2.resize(image, (_THUMBNAIL_PX, _THUMBNAIL_PX), interpolation=cv2.INTER_AREA).astype(np.float64)
    parts.append((thumbnail - thumbnail.mean(axis=(0, 1))).ravel())
    return np.concatenate([part / (np.linalg.norm(part) + 1e-9) for part in parts]).astype(np.float32)


def colour_recall(catalog: Catalog, split: str = "test") -> dict[str, float]:
    """Return recall@1 of the colour baseline for each view of a split, in [0, 1], and "chance", one over the tiles.

    A query counts as found when its nearest tile by :func:`colour_features` is one of its positives.
    """
    chosen = catalog.select(split=split)
    tiles, pictures = _features(chosen, "gallery"), _features(chosen, "queries")
    nearest = top_k(pictures, tiles, 1)[0][:, 0]
    found = np.array([int(tile) in rows for tile, rows in zip(nearest, chosen.query_positives(), strict=True)])
    views = chosen.column("view")
    recall = {str(view): float(found[views == view].mean()) for view in QUERY_VIEWS if (views == view).any()}
    return {**recall, "chance": 1.0 / len(tiles)}


def _features(catalog: Catalog, which: Which) -> npt.NDArray[np.float32]:
    paths = progress(catalog.column("path", which), desc=f"colours of {which}", unit="picture", leave=False)
    return np.stack([colour_features(load_array(catalog.root / path)) for path in paths])
