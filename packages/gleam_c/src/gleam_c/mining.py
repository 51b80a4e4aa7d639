"""Hard negatives by similarity: the training pairs are embedded now and then, and the batches follow what is found.

Every rank embeds its slice of the pictures, searches for its slice of the queries, and ends with the same table. Axes:
Q queries, G tiles, H headings of a tile, D embedding, K neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import lightning as L  # noqa: N812
import numpy as np
import numpy.typing as npt
import torch
from gleam_common.catalog import Which
from gleam_common.datamodule import PairDataModule, PairLoader
from gleam_common.distributed import rank, world_size
from gleam_common.nearest_embeddings import gather_slices, most_similar_by_ranks
from gleam_common.pairs import VIEW_CODES
from gleam_common.picture_loader import PictureBatch, picture_loader
from gleam_common.similar_places import view_tiles
from gleam_common.views import View
from gleam_common.window import WHOLE, Window, shown_window
from lightning.pytorch.callbacks import Callback
from torch import Tensor
from torch.utils.data import DataLoader
from typing_extensions import override

from gleam_c.embed import PictureEncoder, device_of, embed_pictures
from gleam_c.recipe import HardNegativesConfig

__all__ = ["HardNegativeMining", "mining_callbacks", "similar_table"]

_PICTURES_AT_ONCE = 64


class HardNegativeMining(Callback):
    """Gives the batches a new table of neighbours every few epochs, at an epoch's end.

    Lightning runs callbacks that save checkpoints after all others, so that the epoch's checkpoint has the new table.

    Args:
        data: whose pairs are mined, and whose batches follow.
        config: how often, and how many neighbours.
    """

    def __init__(self, data: PairDataModule, config: HardNegativesConfig) -> None:
        self._data, self._config = data, config

    @override
    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        epoch = trainer.current_epoch + 1
        if epoch % self._config.refresh_every or epoch == trainer.max_epochs:
            return
        encoder = cast(PictureEncoder, pl_module.encoder)
        loader = cast(PairLoader, trainer.train_dataloader)
        loader.order.use_table(similar_table(encoder, self._data, self._config.neighbours))


def mining_callbacks(data: PairDataModule, config: HardNegativesConfig | None) -> list[Callback]:
    """Return what refreshes the table, if there is one and it is to be refreshed."""
    return [HardNegativeMining(data, config)] if config is not None and config.refresh_every else []


def similar_table(encoder: PictureEncoder, data: PairDataModule, k: int) -> npt.NDArray[np.int64]:
    """Return for each training pair those of the ``k`` places whose tiles are most similar to its query, (N, k).

    Tiles are turned and cut as in evaluation (the heading that fits best counts). Where places have several tiles, so
    many more tiles are looked at; a row may then name fewer than ``k`` places, and ends with -1.

    Noise stands for pictures that cannot be read.

    Raises:
        ModelError: an embedding is NaN, infinite or zero.
    """
    table = np.full((len(data.pairs.view), k), -1, dtype=np.int64)
    embedded: dict[tuple[int, Window], Tensor] = {}
    for view in data.catalog.views:
        shown = (encoder.headings.get(view, 1), shown_window(view, encoder.laid_out))
        if shown not in embedded:
            embedded[shown] = _tiles(encoder, data, *shown)
        tiles = view_tiles(data.pairs, VIEW_CODES[view])
        query_QD = _own_slice(encoder, data, "queries", view)
        found = most_similar_by_ranks(query_QD, embedded[shown][tiles.tile_g], tiles.excluded, k * tiles.per_place)
        table[tiles.pair_V] = tiles.table_rows(found, k)
    return table


def _tiles(encoder: PictureEncoder, data: PairDataModule, headings: int, window: Window) -> Tensor:
    """Return the embeddings of all tiles at all headings, (G, H, D)."""
    turns = [None if headings == 1 else 360.0 * number / headings for number in range(headings)]
    part = partial(_own_slice, encoder, data, "gallery", View.SATELLITE, window=window)
    count = len(data.catalog.gallery)
    return torch.stack([gather_slices(part(up_deg=up_deg), count) for up_deg in turns], dim=1)


def _own_slice(
    encoder: PictureEncoder, data: PairDataModule, which: Which, view: View, window: Window = WHOLE, **turn: Any
) -> Tensor:
    """Return the embeddings of this rank's slice of the pictures of a view, on the encoder's device."""
    config = data.config
    loader = picture_loader(
        data.catalog,
        which,
        size=encoder.sizes[view],
        view=view,
        batch_size=_PICTURES_AT_ONCE,
        workers=config.workers,
        mean=encoder.mean,
        std=encoder.std,
        cache=None if config.cache is None else Path(config.cache),
        window=window,
        laid_out=view if view in encoder.laid_out else None,
        rank=rank(),
        world_size=world_size(),
        keep_bad=True,  # such pairs give way to others when they are drawn
        **turn,
    )
    count = int((data.catalog.column("view", which) == str(view)).sum())
    batches = cast(DataLoader[PictureBatch], _in_step(loader, count))
    matrix = embed_pictures(encoder, batches, title=f"mining {view}")[: len(range(rank(), count, world_size()))]
    return torch.from_numpy(matrix).to(device_of(encoder))


def _in_step(loader: DataLoader[PictureBatch], count: int) -> Iterator[PictureBatch]:
    """Yield a rank's batches, the last one again where others have one more.

    Under ZeRO-3 a layer's weights are whole only while all ranks run it together.
    """
    yielded = 0
    for batch in loader:
        yielded += 1
        yield batch
    most = -(-count // world_size())  # pictures of the first rank
    for _ in range(yielded, -(-most // _PICTURES_AT_ONCE)):
        yield batch
