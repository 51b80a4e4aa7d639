"""What the tower learns from: pictures, and what is to be recognised under each token of a part of them.

Axes: T tokens of a picture (row by row), L looks, N things, H rows and W columns of pixels.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
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
from gleam_x.preparation import even_channels, weave_coordinates

__all__ = ["LOOKS", "Glimpse", "Sight", "looks_of", "make_sight", "read_sights"]

_COLOURS = ("blue", "green", "orange", "red", "teal", "yellow")
LOOKS = (
    *(kind for kind in KINDS if kind != "building"),
    *(f"{part} {colour}" for part in ("roof", "surface") for colour in _COLOURS),
)
"""What the tower is asked for under each token: kinds of things, and colours of roofs and sports fields."""

Picture = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
_THREADS = 4
_SPARE = 1.4
"""How many times as large as the model sees them pictures are kept, so that parts of them are sharp."""
_MIRRORED = 0.5
_COVERED = 0.3
"""Share of a token's square that a thing covers where it is to be looked for, or the most that it covers of any."""


@dataclass(frozen=True, kw_only=True)
class Glimpse:
    """What the model sees of a picture.

    Attributes:
        picture_HWC: uint8, at the model's size, prepared.
        looks_TL: float32, share of each token's square that lies in the box of a thing of each look.
    """

    picture_HWC: Picture
    looks_TL: Floats


@dataclass(frozen=True, kw_only=True)
class Sight:
    """One picture of a world.

    Attributes:
        picture_id: gallery_id or query_id.
        view: of it.
        picture_HWC: uint8, larger than the model sees it.
        grid: tokens down and across.
        side_px: of a token's square.
        items: item_id of each thing.
        boxes_N4: float32, left, top, right, bottom of each thing as shares of the picture; right may exceed 1 where a
            thing lies across a panorama's seam.
        looks_NL: bool, which looks each thing counts for.
    """

    picture_id: str
    view: View
    picture_HWC: Picture
    grid: tuple[int, int]
    side_px: int
    items: tuple[int, ...]
    boxes_N4: Floats
    looks_NL: npt.NDArray[np.bool_]

    @cached_property
    def whole(self) -> Glimpse:
        """The whole picture, as it stands in a pair."""
        return Glimpse(picture_HWC=_prepared(self._sized(self.picture_HWC)), looks_TL=self._looks(self.boxes_N4))

    @cached_property
    def things(self) -> dict[int, npt.NDArray[np.bool_]]:
        """Which tokens of the whole picture each thing covers a good part of (T,), by item_id."""
        share_NT = self._shares(self.boxes_N4)
        covers_NT = share_NT >= np.minimum(_COVERED, share_NT.max(axis=1, initial=0.0, keepdims=True))
        return {
            item: covers_T & (share_T > 0)
            for item, covers_T, share_T in zip(self.items, covers_NT, share_NT, strict=True)
            if share_T.any()
        }

    def part(self, rng: np.random.Generator, least: float) -> Glimpse:
        """Return a part of the picture, mirrored or not; views from straight above are turned by quarters, panoramas
        to any heading.

        Args:
            rng: draws which.
            least: the part's least share of width and height, (0, 1].
        """
        picture, boxes = self.picture_HWC, self.boxes_N4.copy()
        if self.view is View.PANORAMA:
            shift = int(rng.integers(picture.shape[1]))
            picture = np.roll(picture, shift, axis=1)
            boxes[:, [0, 2]] += shift / picture.shape[1]
            boxes[:, [0, 2]] -= np.floor(boxes[:, [0]])
        (height, width), share = picture.shape[:2], rng.uniform(least, 1.0)
        high, wide = int(height * share), int(width * share)
        top, left = int(rng.integers(height - high + 1)), int(rng.integers(width - wide + 1))
        whole_px, cut_px = np.array([width, height] * 2), np.array([wide, high] * 2)
        boxes = ((boxes * whole_px - [left, top] * 2) / cut_px).astype(np.float32)
        cut = self._sized(picture[top : top + high, left : left + wide])
        looks_YXL = self._looks(boxes, width / wide).reshape(*self.grid, -1)
        if rng.random() < _MIRRORED:
            cut, looks_YXL = cut[:, ::-1], looks_YXL[:, ::-1]
        if self.view in (View.SATELLITE, View.MAP):
            quarters = int(rng.integers(4))
            cut, looks_YXL = np.rot90(cut, quarters), np.rot90(looks_YXL, quarters)
        looks_TL = np.ascontiguousarray(looks_YXL).reshape(-1, len(LOOKS))
        return Glimpse(picture_HWC=_prepared(cut), looks_TL=looks_TL)

    def _sized(self, picture: Picture) -> Picture:
        height, width = (count * self.side_px for count in self.grid)
        return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA))

    def _looks(self, boxes_N4: npt.NDArray[Any], turn: float = 1.0) -> Floats:
        """Return (T, L) for boxes in shares of what is seen; ``turn`` is how wide the whole picture is beside it."""
        share_NT = self._shares(boxes_N4, turn)
        looks = [share_NT[of_look].max(axis=0, initial=0.0) for of_look in self.looks_NL.T]
        return np.stack(looks, axis=1).astype(np.float32)

    def _shares(self, boxes_N4: npt.NDArray[Any], turn: float = 1.0) -> Floats:
        """Return which share of each token's square each box covers (N, T)."""
        left, top, right, bottom = boxes_N4.T.astype(np.float32)
        rows, columns = self.grid
        down_NY = _overlap(rows, top, bottom)
        turns = (-turn, 0.0, turn) if self.view is View.PANORAMA else (0.0,)
        across_NX = np.sum([_overlap(columns, left + by, right + by) for by in turns], axis=0)
        return np.asarray((down_NY[:, :, None] * across_NX[:, None, :]).reshape(len(boxes_N4), rows * columns))


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
        sizes: (height, width) of each view as the model sees it, multiples of ``side_px``.
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
        size = sizes[view]
        return make_sight(picture_id, view, load_array(path), facts[picture_id], size, side_px)

    with ThreadPoolExecutor(_THREADS) as pool:
        return list(progress(pool.map(read, jobs), total=len(jobs), desc="pictures", unit="picture", leave=False))


def make_sight(
    picture_id: str,
    view: View,
    picture_HWC: Picture,
    facts: Sequence[Mapping[str, Any]],
    size: tuple[int, int],
    side_px: int,
) -> Sight:
    """Return the sight of a picture from its rows of ``facts.parquet``, whose boxes count in its pixels."""
    height, width = picture_HWC.shape[:2]
    kept = cv2.resize(picture_HWC, (round(size[1] * _SPARE), round(size[0] * _SPARE)), interpolation=cv2.INTER_AREA)
    items, boxes, looks = [], [], []
    for fact in facts:
        of_thing = sorted({look for mark in landmarks_of([fact], view) for look in looks_of(mark)})
        if fact["count"] is not None or fact["box"] is None or not of_thing:
            continue
        left, top, right, bottom = fact["box"]
        right += width if right <= left else 0  # across a panorama's seam
        items.append(int(fact["item_id"]))
        boxes.append((left / width, top / height, right / width, bottom / height))
        looks.append(np.isin(np.arange(len(LOOKS)), of_thing))
    return Sight(
        picture_id=picture_id,
        view=view,
        picture_HWC=np.asarray(kept),
        grid=(size[0] // side_px, size[1] // side_px),
        side_px=side_px,
        items=tuple(items),
        boxes_N4=np.array(boxes, dtype=np.float32).reshape(-1, 4),
        looks_NL=np.array(looks, dtype=np.bool_).reshape(-1, len(LOOKS)),
    )


def _prepared(picture: Picture) -> Picture:
    """Return a picture at the model's size as ``preparation.prepare`` would have made it."""
    return weave_coordinates(even_channels(np.ascontiguousarray(picture)))


def _overlap(cells: int, start_N: npt.NDArray[Any], stop_N: npt.NDArray[Any]) -> Floats:
    """Share of each of ``cells`` equal pieces of [0, 1] that lies between ``start`` and ``stop``, (N, cells)."""
    edges = np.arange(cells + 1, dtype=np.float32) / cells
    inside = np.minimum(edges[1:], stop_N[:, None]) - np.maximum(edges[:-1], start_N[:, None])
    return np.asarray(np.clip(inside, 0.0, None) * cells, dtype=np.float32)
