"""Pairs by their key, and batches of them. Pure: which process loads a pair, and beside which, changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from gleam_common.augment import AugmentConfig
from gleam_common.catalog import Catalog
from gleam_common.errors import DataError
from gleam_common.pairs import VIEW_CODES, Pairs
from gleam_common.picture_store import Pictures, open_pictures
from gleam_common.sampling import SampleKey
from gleam_common.transforms import TrainFrame, ViewSizes, normalise, store_size, train_arrays
from gleam_common.views import View
from gleam_common.window import Window, shown_window

__all__ = ["PairBatch", "PairCollate", "PairDataset", "PairSample"]

_MOST_BAD = 100


class PairBatch(TypedDict):
    """Pairs of one view; B pairs, no place twice over all ranks.

    ``query`` float32 (B, 3, h, w), ``gallery`` float32 (B, 3, H, W); ``gallery_row`` int64 (B,) row of the tile in the
    gallery table; ``related`` int64 (B, R) rows that are (semi-)positives of the query, filled with -1; ``bad`` the ids
    of pairs that others stand for, and what is wrong with them.
    """

    query: Tensor
    gallery: Tensor
    view: str
    query_id: list[str]
    gallery_id: list[str]
    place_id: list[str]
    bad: list[str]
    gallery_row: Tensor
    related: Tensor


@dataclass(frozen=True, kw_only=True)
class PairSample:
    """A changed pair: its row in the query table, uint8 HWC pictures, the tile's row in the gallery table; ``bad`` says
    which pairs it stands for, whose pictures could not be read.
    """

    row: int
    query: npt.NDArray[np.uint8]
    tile: npt.NDArray[np.uint8]
    tile_row: int
    bad: tuple[str, ...] = ()


class PairDataset(Dataset[PairSample]):
    """Changed pairs by their key; a pure function of (seed, key), whichever process asks.

    A pair whose picture cannot be read gives way to the next one of its view, on every rank to the same.

    Args:
        catalog: the queries to train with.
        pairs: of that catalog.
        sizes: of the pictures.
        augment: random changes.
        seed: of the changes and of the tile, where a query has several.
        cache: folder for decoded pictures, or None.
        heading_up: views whose tile is turned until the query's heading points up.
        laid_out: views whose pictures are laid out like tiles (:mod:`gleam_common.layout`).

    Raises:
        DataError: no heading where one is needed; a hundred pairs in a row cannot be read (when they are asked for).
    """

    def __init__(
        self,
        catalog: Catalog,
        pairs: Pairs,
        *,
        sizes: ViewSizes,
        augment: AugmentConfig,
        seed: int = 0,
        cache: Path | None = None,
        heading_up: Collection[View] = (),
        laid_out: Collection[View] = (),
    ) -> None:
        self._laid_out = frozenset(laid_out)
        self._heading_up = frozenset(heading_up)
        self._heading_deg = _headings(catalog, self._heading_up)
        self.pairs, self.sizes, self.augment, self.seed = pairs, sizes, augment, seed
        self._views, self._ids = [View(name) for name in catalog.column("view")], catalog.query_ids
        tile_paths = [catalog.root / path for path in catalog.column("path", "gallery")]
        self._windows = {view: shown_window(view, self._laid_out) for view in catalog.views}
        self._tiles: dict[Window, Pictures] = {
            window: open_pictures(tile_paths, store_size(sizes[View.SATELLITE], window), cache, "tiles", keep_bad=True)
            for window in set(self._windows.values())
        }
        self._queries: dict[View, Pictures] = {}
        self._place_in_store, self._next_of_view = np.zeros((2, len(self._views)), dtype=np.int64)
        for view in catalog.views:
            rows = np.flatnonzero(self.pairs.view == VIEW_CODES[view])
            paths = [catalog.root / path for path in catalog.column("path")[rows]]
            as_tile = view if view in self._laid_out else None
            self._queries[view] = open_pictures(
                paths, store_size(sizes[view]), cache, str(view), as_tile, keep_bad=True
            )
            self._next_of_view[rows] = np.roll(rows, -1)
            self._place_in_store[rows] = np.arange(len(rows))

    def __len__(self) -> int:
        return len(self._views)

    def __getitem__(self, key: SampleKey) -> PairSample:
        bad: list[str] = []
        while True:
            try:
                return replace(self._sample(key), bad=tuple(bad))
            except DataError as error:
                bad.append(f"{self._ids[key.pair]}: {error}")
                if len(bad) == _MOST_BAD:
                    raise
            key = key._replace(pair=int(self._next_of_view[key.pair]))

    def _sample(self, key: SampleKey) -> PairSample:
        view = self._views[key.pair]
        seed_key = (self.seed, key.epoch, key.pair, key.occurrence)
        tiles = self.pairs.tiles[key.pair]
        tile_row = int(tiles[0] if len(tiles) == 1 else np.random.default_rng((*seed_key, 1)).choice(tiles))
        query = self._queries[view][int(self._place_in_store[key.pair])]
        up_deg = float(self._heading_deg[key.pair]) if view in self._heading_up else None
        window = self._windows[view]
        tile = self._tiles[window][tile_row]
        frame = TrainFrame(up_deg=up_deg, is_laid_out=view in self._laid_out, window=window)
        query, tile = train_arrays(query, tile, view, self.sizes, seed_key, self.augment, frame)
        return PairSample(row=key.pair, query=query, tile=tile, tile_row=tile_row)


def _headings(catalog: Catalog, needed: Collection[View]) -> npt.NDArray[np.float64]:
    heading_deg = np.asarray(catalog.column("heading_deg"), dtype=np.float64)
    unknown = np.isnan(heading_deg) & np.isin(catalog.column("view"), [str(view) for view in needed])
    if unknown.any():
        raise DataError(
            f"queries without heading_deg whose tile should be turned to it: {int(unknown.sum())}; first",
            value=catalog.query_ids[int(np.flatnonzero(unknown)[0])],
            fix="fill the column, or take the view out of the encoder's `headings`",
        )
    return heading_deg


class PairCollate:
    """Samples of one view -> a batch; an object, because loader processes get it pickled."""

    def __init__(
        self, catalog: Catalog, related: npt.NDArray[np.int64], mean: Sequence[float], std: Sequence[float]
    ) -> None:
        self.query_ids, self.gallery_ids = catalog.query_ids, catalog.gallery_ids
        self.place_ids, self.views = catalog.column("place_id"), catalog.column("view")
        self.related, self.mean, self.std = related, mean, std

    def __call__(self, samples: list[PairSample]) -> PairBatch:
        """Stack and normalise ``samples``."""
        rows = np.array([sample.row for sample in samples])
        return PairBatch(
            query=normalise(np.stack([sample.query for sample in samples]), self.mean, self.std),
            gallery=normalise(np.stack([sample.tile for sample in samples]), self.mean, self.std),
            view=str(self.views[rows[0]]),
            query_id=[self.query_ids[row] for row in rows],
            gallery_id=[self.gallery_ids[sample.tile_row] for sample in samples],
            place_id=[str(self.place_ids[row]) for row in rows],
            bad=[why for sample in samples for why in sample.bad],
            gallery_row=torch.tensor([sample.tile_row for sample in samples]),
            related=torch.from_numpy(self.related[rows]),
        )
