"""The pictures of a catalog in order, as the encoder sees them: for embedding."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from gleam_common.catalog import Catalog, Which
from gleam_common.errors import ConfigError, DataError
from gleam_common.pair_motion import heading_up
from gleam_common.picture_store import Pictures, open_pictures
from gleam_common.plain_loader import PlainLoader
from gleam_common.transforms import IMAGENET_MEAN, IMAGENET_STD, Size, normalise, store_size
from gleam_common.views import View, parse_view
from gleam_common.window import WHOLE, Window

__all__ = ["PictureBatch", "picture_loader"]


class PictureBatch(TypedDict):
    """Pictures to embed: ``pictures`` float32 (B, 3, h, w), their ids, and int64 (B,) rows in the catalog's table."""

    pictures: Tensor
    ids: list[str]
    rows: Tensor


def picture_loader(
    catalog: Catalog,
    which: Which = "gallery",
    *,
    size: Size,
    view: str | None = None,
    batch_size: int = 64,
    workers: int = 0,
    mean: Sequence[float] = IMAGENET_MEAN,
    std: Sequence[float] = IMAGENET_STD,
    cache: Path | None = None,
    up_deg: float | None = None,
    window: Window = WHOLE,
    laid_out: View | None = None,
    rank: int = 0,
    world_size: int = 1,
    keep_bad: bool = False,
) -> PlainLoader[PictureBatch]:
    """Return a loader of :class:`PictureBatch` over the gallery's or the queries' pictures, each once, in order.

    Args:
        catalog: where the pictures stand.
        which: ``gallery`` or ``queries``.
        size: (height, width) in pixels.
        view: keep pictures of this view; all where None.
        batch_size: pictures in a batch; the last has what is left.
        workers: loader processes.
        mean: per channel in [0, 1].
        std: per channel in [0, 1].
        cache: folder for decoded pictures; without one they are decoded each time.
        up_deg: heading in degrees that the pictures, north-up on disk, are turned to; None leaves them.
        window: part of the turned pictures that is shown.
        laid_out: the view of the pictures if they are to be laid out like tiles (:mod:`gleam_common.layout`).
        rank: of this process, which takes every ``world_size``-th picture beginning with its own number; ``rows`` tell
            where they belong. The slices differ in length by one at most; nothing is repeated.
        world_size: how many processes share the pictures.
        keep_bad: noise stands for a picture that is missing or broken, the same each time.

    Raises:
        DataError: unknown view; a picture is missing or broken, unless ``keep_bad``.
        ConfigError: a rank outside the world, or a batch size below one.
    """
    if batch_size < 1 or not 0 <= rank < world_size:
        shown = (batch_size, rank, world_size)
        raise ConfigError("pictures of a rank", value=shown, allowed="batch_size >= 1, 0 <= rank < world_size")
    rows = np.arange(len(catalog.gallery if which == "gallery" else catalog.queries))
    if view is not None:
        rows = np.flatnonzero(catalog.column("view", which) == str(parse_view(view)))
    paths = [catalog.root / path for path in catalog.column("path", which)[rows]]
    is_moved = up_deg is not None or window != WHOLE
    kept_at = store_size(size, window) if is_moved else size
    pictures = open_pictures(paths, kept_at, cache, f"{which}_{view or 'all'}", laid_out, keep_bad=keep_bad)
    ids = catalog.gallery_ids if which == "gallery" else catalog.query_ids
    own = np.arange(rank, len(rows), world_size)
    dataset = _Pictures(pictures, own, size, up_deg or 0.0, window, is_moved, keep_bad)
    collate = _PictureCollate([ids[row] for row in rows], rows, mean, std)
    return PlainLoader(dataset, workers=workers, batch_size=batch_size, collate_fn=collate)


class _Pictures(Dataset[tuple[int, npt.NDArray[np.uint8]]]):
    """A slice of ``pictures`` with their numbers in it."""

    def __init__(
        self,
        pictures: Pictures,
        own: npt.NDArray[np.int64],
        size: Size,
        up_deg: float,
        window: Window,
        is_moved: bool,
        keep_bad: bool,
    ) -> None:
        self.pictures, self.own, self.size, self.up_deg, self.window = pictures, own, size, up_deg, window
        self.is_moved, self.keep_bad = is_moved, keep_bad

    def __len__(self) -> int:
        return len(self.own)

    def __getitem__(self, index: int) -> tuple[int, npt.NDArray[np.uint8]]:
        number = int(self.own[index])
        try:
            picture = self.pictures[number]
        except DataError:
            if not self.keep_bad:
                raise
            return number, np.random.default_rng(number).integers(0, 256, (*self.size, 3), dtype=np.uint8)
        if self.is_moved:
            picture = heading_up(picture, self.up_deg, self.size, self.window)
        return number, picture


class _PictureCollate:
    def __init__(
        self, ids: list[str], rows: npt.NDArray[np.int64], mean: Sequence[float], std: Sequence[float]
    ) -> None:
        self.ids, self.rows, self.mean, self.std = ids, rows, mean, std

    def __call__(self, samples: list[tuple[int, npt.NDArray[np.uint8]]]) -> PictureBatch:
        numbers = [number for number, _ in samples]
        return PictureBatch(
            pictures=normalise(np.stack([picture for _, picture in samples]), self.mean, self.std),
            ids=[self.ids[number] for number in numbers],
            rows=torch.from_numpy(self.rows[numbers]),
        )
