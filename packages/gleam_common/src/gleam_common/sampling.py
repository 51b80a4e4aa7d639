"""Which pairs form which batch: a pure function of (seed, epoch), for any number of ranks and workers.

Every batch has pairs of one view and no place twice, so that all negatives are hard ones of the same kind and none is
false. Every view gets its share of steps, whatever its size. With a table of neighbours, hard ones stand together
(:mod:`gleam_common.chain_sampling`); the table is part of the sampler's state.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from torch.utils.data import Sampler

from gleam_common.chain_sampling import chained_batches
from gleam_common.errors import ConfigError
from gleam_common.neighbour_table import Neighbours
from gleam_common.unique_places import unique_place_batches

__all__ = ["BatchSampler", "SampleKey", "epoch_batches", "occurrences", "unique_place_batches"]

Ints = npt.NDArray[np.int64]


class SampleKey(NamedTuple):
    """One draw of a pair: its number, the epoch, and how often the pair was drawn before in that epoch."""

    epoch: int
    pair: int
    occurrence: int


def epoch_batches(
    view_of_pair: npt.NDArray[np.integer],
    place_of_pair: npt.NDArray[np.integer],
    seed: int,
    epoch: int,
    batch_size_global: int,
    weights: Mapping[int, float] | None = None,
    neighbours: Neighbours | None = None,
) -> Ints:
    """Return the pairs of every batch of an epoch: int64 (steps, batch_size_global).

    The view with the most batches is gone through once; smaller ones are gone through again in a new order until they
    have as many steps. ``weights`` scales a view's steps. Views alternate as evenly as their steps allow.

    Args:
        view_of_pair: (N,) view code of each pair.
        place_of_pair: (N,) place of each pair; pairs that share a tile share a place.
        seed: of the run.
        epoch: from 0.
        batch_size_global: pairs in a batch over all ranks.
        weights: steps of a view, relative to the largest view's; 1 where absent, 0 leaves the view out.
        neighbours: of the pairs of every view; batches are random without.

    Raises:
        ConfigError: a view has fewer places than a batch; a weight is negative, for no such view, or all are zero.
    """
    views = [int(view) for view in np.unique(view_of_pair)]
    shares = _shares(views, weights or {})
    pairs_of = {view: np.flatnonzero(view_of_pair == view) for view in views}

    def one_pass(view: int, number: int) -> Ints:
        rng = np.random.default_rng((seed, epoch, view, number))
        return _one_pass(pairs_of[view], place_of_pair, batch_size_global, rng, neighbours)

    parts = {view: [one_pass(view, 0)] for view in views}
    longest = max(len(parts[view][0]) for view in views if shares[view] > 0)
    batches, when = [], []
    for view in (view for view in views if shares[view] > 0):
        steps = max(1, round(shares[view] * longest))
        while sum(map(len, parts[view])) < steps:
            parts[view].append(one_pass(view, len(parts[view])))
        batches.append(np.concatenate(parts[view])[:steps])
        jitter = np.random.default_rng((seed, epoch, view, 1_000_000)).random(steps)
        when.append((np.arange(steps) + jitter) / steps)
    return np.concatenate(batches)[np.argsort(np.concatenate(when), kind="stable")]


def _one_pass(
    pairs: Ints, places: npt.NDArray[np.integer], batch: int, rng: np.random.Generator, neighbours: Neighbours | None
) -> Ints:
    if neighbours is None:
        return pairs[unique_place_batches(places[pairs], batch, rng)]
    return pairs[chained_batches(places[pairs], batch, rng, neighbours.among(pairs))]


def _shares(views: list[int], weights: Mapping[int, float]) -> dict[int, float]:
    unknown = set(weights) - set(views)
    if unknown:
        raise ConfigError(
            "a weight for a view without pairs", value=sorted(unknown), allowed=[str(view) for view in views]
        )
    shares = {view: float(weights.get(view, 1.0)) for view in views}
    if not all(0 <= share < float("inf") for share in shares.values()) or not any(shares.values()):
        raise ConfigError("weights of views", value=shares, allowed="numbers >= 0, not all 0")
    return shares


def occurrences(batches: Ints) -> Ints:
    """Return how often each entry's pair stood earlier in ``batches``, in reading order; same shape."""
    flat = batches.ravel()
    order = np.argsort(flat, kind="stable")
    _, first, count = np.unique(flat[order], return_index=True, return_counts=True)
    seen = np.empty_like(flat)
    seen[order] = np.arange(len(flat)) - np.repeat(first, count)
    return seen.reshape(batches.shape)


class BatchSampler(Sampler[list[SampleKey]]):
    """The batches of one rank, epoch after epoch. Of a global batch of B * W pairs, rank r has r * B to (r + 1) * B.

    Lightning finds :meth:`set_epoch` through ``sampler``; its own sharding must be off (``use_distributed_sampler``).

    Args:
        view_of_pair: (N,) view code of each pair.
        place_of_pair: (N,) place of each pair.
        batch_size: pairs of a batch on one rank.
        seed: of the run.
        rank: of this process, 0 <= rank < world_size.
        world_size: how many processes share a batch.
        weights: as for :func:`epoch_batches`.
        neighbours: to begin with; batches are random, and stay so, without.
    """

    def __init__(
        self,
        view_of_pair: npt.NDArray[np.integer],
        place_of_pair: npt.NDArray[np.integer],
        *,
        batch_size: int,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        weights: Mapping[int, float] | None = None,
        neighbours: Neighbours | None = None,
    ) -> None:
        if batch_size < 1 or not 0 <= rank < world_size:
            raise ConfigError(
                "batches of a rank",
                value=(batch_size, rank, world_size),
                allowed="batch_size >= 1, 0 <= rank < world_size",
            )
        self._views, self._places = view_of_pair, place_of_pair
        self._weights = dict(weights or {})
        self._neighbours, self._next = neighbours, neighbours
        self.seed, self.rank, self.world_size, self.rank_batch = seed, rank, world_size, batch_size
        self.epoch, self._start = 0, 0
        self._batches = self._draw()

    @property
    def sampler(self) -> BatchSampler:
        """Itself, where Lightning looks for ``set_epoch``."""
        return self

    @property
    def start(self) -> int:
        """The step that the next iteration begins with."""
        return self._start

    def use_table(self, table: Ints) -> None:
        """Draw hard negatives from ``table`` (:class:`Neighbours`) from the next epoch on.

        Raises:
            ConfigError: the sampler was made without neighbours, or the table is of other pairs.
        """
        if self._neighbours is None:
            raise ConfigError("a table of neighbours for batches that are random", fix="set hard_negatives")
        self._next = self._neighbours.with_table(table, len(self._views))

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration goes through; another epoch begins at its first step."""
        if epoch != self.epoch:
            self.epoch, self._start, self._neighbours = epoch, 0, self._next
            self._batches = self._draw()

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[list[SampleKey]]:
        start, self._start = self._start, 0
        columns = slice(self.rank * self.rank_batch, (self.rank + 1) * self.rank_batch)
        epoch, batches, seen = self.epoch, self._batches, occurrences(self._batches)
        for step in range(start, len(batches)):
            rows = zip(batches[step, columns].tolist(), seen[step, columns].tolist(), strict=True)
            yield [SampleKey(epoch, pair, occurrence) for pair, occurrence in rows]

    def state_dict(self, position: int) -> dict[str, Any]:
        """Return what resuming needs after ``position`` steps of this epoch were used (not only fetched).

        ``table`` and ``next_table`` are int32 tensors (N, K), or None: of the epoch to go on with, and of the one after
        it where that differs.
        """
        own, following = self._neighbours, self._next
        if position >= len(self):
            own = following
        tables = {
            "table": None if own is None else own.packed,
            "next_table": None if following is None or following is own else following.packed,
        }
        return {**self._identity(), "epoch": self.epoch, "position": position, **tables}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where :meth:`state_dict` was taken; a finished epoch goes on with the next.

        Raises:
            ConfigError: the state is of other batches (names what differs).
        """
        for name, value in self._identity().items():
            if state.get(name) != value:
                raise ConfigError(
                    f"cannot resume: {name} differs from the checkpoint's",
                    value=value,
                    allowed=str(state.get(name)),
                    fix="resume with the recipe, data and number of processes that it was saved with",
                )
        finished = state["position"] >= len(self)
        if self._neighbours is not None:
            pairs, following = len(self._views), state["next_table"]
            self._neighbours = self._neighbours.with_table(state["table"], pairs)
            self._next = self._neighbours if following is None else self._neighbours.with_table(following, pairs)
        self.epoch, self._start = int(state["epoch"] + finished), 0 if finished else int(state["position"])
        self._batches = self._draw()

    def _identity(self) -> dict[str, Any]:
        chained = 0 if self._neighbours is None else self._neighbours.chained
        sizes = {"global_batch": self.rank_batch * self.world_size, "pairs": len(self._views)}
        return {"seed": self.seed, **sizes, "chained": chained}

    def _draw(self) -> Ints:
        size = self.rank_batch * self.world_size
        return epoch_batches(self._views, self._places, self.seed, self.epoch, size, self._weights, self._neighbours)
