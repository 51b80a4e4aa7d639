"""What the tower learns from: pictures as the model sees them, and what is to be recognised under each of its tokens.

Axes: T tokens of a picture (row by row), L looks, H rows and W columns of pixels.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from gleam_common.catalog import Catalog, Which
from gleam_common.images import load_array
from gleam_common.progress import progress
from gleam_common.synthcity.build import FACTS_FILE
from gleam_common.views import View

from gleam_x.benchmark.landmarks import Landmark, landmarks_of
from gleam_x.benchmark.vocabulary import KINDS
from gleam_x.even import even_channels

__all__ = ["LOOKS", "Sight", "looks_of", "read_sights", "token_looks"]

_COLOURS = ("blue", "green", "orange", "red", "teal", "yellow")
LOOKS = (
    *(kind for kind in KINDS if kind != "building"),
    *(f"{part} {colour}" for part in ("roof", "surface") for colour in _COLOURS),
)
"""What the tower is asked for under each token: kinds of things, and colours of roofs and sports fields."""

Picture = npt.NDArray[np.uint8]
_THREADS = 4


@dataclass(frozen=True, kw_only=True)
class Sight:
    """One picture of a world.

    Attributes:
        picture_id: gallery_id or query_id.
        view: of it.
        picture_HWC: uint8, at the model's size, channels evened out.
        looks_TL: float32, share of each token's square that lies in the box of a thing of each look.
    """

    picture_id: str
    view: View
    picture_HWC: Picture
    looks_TL: npt.NDArray[np.float32]


def looks_of(mark: Landmark) -> list[int]:
    """Return the positions in ``LOOKS`` that a thing counts for."""
    names = [mark.what, f"{mark.part} {mark.colour}"]
    return [LOOKS.index(name) for name in names if name in LOOKS]


def read_sights(
    world: Catalog, splits: Sequence[str], sizes: Mapping[View, tuple[int, int]], side_px: int
) -> list[Sight]:
    """Read all pictures of some splits of a SynthCity world.

    Args:
        world: its catalog.
        splits: of the catalog: "train", "val", "test".
        sizes: (height, width) of each view as the model sees it.
        side_px: side of a token's square.
    """
    facts: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for fact in pq.read_table(world.root / FACTS_FILE).to_pylist():
        facts[fact["picture_id"]].append(fact)
    tables: tuple[tuple[Which, list[str]], ...] = (("gallery", world.gallery_ids), ("queries", world.query_ids))
    jobs = [
        (world.picture_path(which, row), picture_id, View(view))
        for which, ids in tables
        for row, (picture_id, view, split) in enumerate(
            zip(ids, world.column("view", which), world.column("split", which), strict=True)
        )
        if split in splits
    ]

    def read(job: tuple[Any, str, View]) -> Sight:
        path, picture_id, view = job
        whole = load_array(path)
        height, width = sizes[view]
        small = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
        grid = (height // side_px, width // side_px)
        looks_TL = token_looks(facts[picture_id], view, whole.shape[:2], grid)
        return Sight(picture_id=picture_id, view=view, picture_HWC=even_channels(small), looks_TL=looks_TL)

    with ThreadPoolExecutor(_THREADS) as pool:
        return list(progress(pool.map(read, jobs), total=len(jobs), desc="pictures", unit="picture", leave=False))


def token_looks(
    facts: Sequence[Mapping[str, Any]], view: View, shape: tuple[int, ...], grid: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """Return what is under each token of a picture, float32 (T, L) in [0, 1].

    Args:
        facts: rows of ``facts.parquet`` of the picture.
        view: of it.
        shape: (height, width) in pixels that the facts' boxes count in.
        grid: tokens down and across.
    """
    (height, width), (rows, columns) = shape[:2], grid
    looks = np.zeros((rows, columns, len(LOOKS)), dtype=np.float32)
    for fact in facts:
        if fact["count"] is not None or fact["box"] is None:
            continue
        left, top, right, bottom = fact["box"]
        spans = [(left, right)] if left < right else [(left, width), (0, right)]  # across a panorama's seam
        down = _overlap(rows, height, top, bottom)
        across = np.sum([_overlap(columns, width, *span) for span in spans], axis=0)
        share = np.outer(down, across).astype(np.float32)
        for mark in landmarks_of([fact], view):
            for look in looks_of(mark):
                np.maximum(looks[..., look], share, out=looks[..., look])
    return looks.reshape(rows * columns, len(LOOKS))


def _overlap(cells: int, length: int, start: float, stop: float) -> npt.NDArray[np.float64]:
    """Share of each of ``cells`` equal pieces of ``length`` that lies between ``start`` and ``stop``."""
    edges = np.arange(cells + 1) * (length / cells)
    inside = np.minimum(edges[1:], stop) - np.maximum(edges[:-1], start)
    return np.asarray(np.clip(inside, 0.0, None) * (cells / length))
