"""Catalogs -> batches, for Lightning: the dataset is pure, the sampler decides, this only wires them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import lightning
from torch import Tensor

from gleam_common.augment import AugmentConfig
from gleam_common.catalog import Catalog
from gleam_common.neighbour_table import Neighbours
from gleam_common.neighbours import near_table, related_places
from gleam_common.pair_dataset import PairBatch, PairCollate, PairDataset
from gleam_common.pairs import VIEW_CODES, Pairs, make_pairs
from gleam_common.picture_loader import PictureBatch, picture_loader
from gleam_common.plain_loader import PlainLoader
from gleam_common.sampling import BatchSampler
from gleam_common.transforms import IMAGENET_MEAN, IMAGENET_STD, Size, parse_sizes, view_sizes
from gleam_common.views import View, parse_view

__all__ = ["DataConfig", "PairBatch", "PairDataModule", "PairDataset", "PairLoader", "PictureBatch", "picture_loader"]


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """What to train on and how it is loaded.

    Args:
        catalog: folder of ``gallery.parquet`` and ``queries.parquet``.
        root: folder that picture paths are relative to; the catalog's own where none is given.
        views: views of the queries to train with; empty takes all there are.
        split: split of the queries to train with.
        protocol: the split stands in ``split_<protocol>``; in ``split`` when this is empty.
        batch_size: pairs on one process; the global batch is this times the number of processes.
        workers: loader processes; 0 loads in the training process.
        side: side of the tiles in pixels; other views follow (:func:`~gleam_common.transforms.view_sizes`).
        sizes: [height, width] of a view where it should differ, such as ``{"panorama": [96, 256]}``.
        weights: steps of a view relative to the others; 1 where absent.
        augment: random changes of the training pictures.
        mean: per channel in [0, 1]; the encoder's.
        std: per channel in [0, 1]; the encoder's.
        seed: of order and changes.
        cache: folder for decoded pictures; without one they are decoded each time.
        heading_up: views whose tile is turned until the query's heading points up.
        laid_out: views whose pictures are laid out like tiles (:mod:`gleam_common.layout`).
        chained: hard negatives that are drawn for a pair of a batch, and so on until it is full; 0 draws at random.
        neighbours: nearest places on the map that they are drawn from, until another table is given.
    """

    catalog: str
    root: str | None = None
    views: tuple[str, ...] = ()
    split: str | None = "train"
    protocol: str = ""
    batch_size: int = 32
    workers: int = 0
    side: int = 96
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    seed: int = 0
    cache: str | None = None
    heading_up: tuple[str, ...] = ()
    laid_out: tuple[str, ...] = ()
    chained: int = 0
    neighbours: int = 0

    def view_sizes(self) -> dict[View, Size]:
        """Return the size of every view.

        Raises:
            DataError: a size for an unknown view.
            ConfigError: a side is not from 8 to 4096 pixels.
        """
        return {**view_sizes(self.side), **parse_sizes(self.sizes)}


class PairLoader(PlainLoader[PairBatch]):
    """Batches of pairs that can stop and go on at any step: ``state_dict`` counts the batches that were used.

    Lightning stores and restores the state of such a loader by itself. Batches that loader processes had fetched ahead
    do not count, and need not: all are a pure function of (seed, epoch, step).
    """

    def __init__(self, dataset: PairDataset, sampler: BatchSampler, collate: PairCollate, workers: int = 0) -> None:
        super().__init__(dataset, workers=workers, batch_sampler=sampler, collate_fn=collate)
        self.order = sampler
        self._position = 0

    def __iter__(self) -> Iterator[PairBatch]:  # type: ignore[override]  # as in PlainLoader
        self._position = self.order.start
        return self._counted()

    def _counted(self) -> Iterator[PairBatch]:
        # Begun at the first batch: Lightning asks for an iterator before it says which epoch a run goes on with, and
        # loader processes would fetch the wrong one ahead.
        self._position = self.order.start
        for batch in super().__iter__():
            self._position += 1
            yield batch

    def state_dict(self) -> dict[str, Any]:
        """Return the seed, the epoch and how many of its steps were used."""
        return self.order.state_dict(self._position)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on after the steps that were used.

        Raises:
            ConfigError: the state is of other data, another seed or another global batch.
        """
        self.order.load_state_dict(state)


class PairDataModule(lightning.LightningDataModule):
    """Training pairs of a catalog. Needs ``Trainer(use_distributed_sampler=False)``: ranks are cut by the sampler.

    Args:
        config: what to train on and how it is loaded.
    """

    def __init__(self, config: DataConfig) -> None:
        super().__init__()
        self.config = config
        self._loader: PairLoader | None = None
        self._resumed_table: Tensor | None = None

    @cached_property
    def catalog(self) -> Catalog:
        """The queries of the split and views, and their tiles.

        Raises:
            DataError: the catalog is missing or broken, or has no such query.
        """
        config = self.config
        everything = Catalog.read(config.catalog, config.root)
        protocol = config.protocol or None
        return everything.select(config.split, config.views or None, gallery="positives", protocol=protocol)

    @cached_property
    def pairs(self) -> Pairs:
        """One pair for each query."""
        return make_pairs(self.catalog)

    @cached_property
    def dataset(self) -> PairDataset:
        """The pictures of the pairs; decodes them into the cache where there is one."""
        config = self.config
        return PairDataset(
            self.catalog,
            self.pairs,
            sizes=config.view_sizes(),
            augment=config.augment,
            seed=config.seed,
            cache=None if config.cache is None else Path(config.cache),
            heading_up=[parse_view(name) for name in config.heading_up],
            laid_out=[parse_view(name) for name in config.laid_out],
        )

    def steps_per_epoch(self, world_size: int = 1) -> int:
        """Return how many steps an epoch has (all have as many), without opening a picture."""
        return len(self._order(0, world_size, None))

    def prepare_data(self) -> None:
        """Decode the pictures into the cache, on one process of each machine."""
        _ = self.dataset

    def train_dataloader(self) -> PairLoader:
        """Return this rank's batches.

        Raises:
            ConfigError: a view has fewer places than the global batch has pairs; a weight of an absent view.
        """
        rank, world_size = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        order = self._order(rank, world_size, self._neighbours() if self.config.chained else None)
        collate = PairCollate(self.catalog, self.pairs.related, self.config.mean, self.config.std)
        self._loader = PairLoader(self.dataset, order, collate, workers=self.config.workers)
        return self._loader

    def state_dict(self) -> dict[str, Any]:
        """Return the table of neighbours to go on with.

        Lightning gives a loader its state back within an epoch only; at an epoch's end this is what is left.
        """
        return {} if self._loader is None else {"table": self._loader.state_dict()["table"]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Begin with the table of :meth:`state_dict`, not with what is near on the map."""
        self._resumed_table = state_dict.get("table")

    def _neighbours(self) -> Neighbours:
        neighbours = Neighbours(chained=self.config.chained, related=related_places(self.pairs))
        if self._resumed_table is not None:
            return neighbours.with_table(self._resumed_table, len(self.pairs.view))
        return replace(neighbours, table=near_table(self.catalog, self.pairs, self.config.neighbours))

    def _order(self, rank: int, world_size: int, neighbours: Neighbours | None) -> BatchSampler:
        weights = {parse_view(name): weight for name, weight in self.config.weights.items()}
        return BatchSampler(
            self.pairs.view,
            self.pairs.place,
            batch_size=self.config.batch_size,
            seed=self.config.seed,
            rank=rank,
            world_size=world_size,
            weights={VIEW_CODES[view]: weight for view, weight in weights.items()},
            neighbours=neighbours,
        )
