"""Which pairs form which batch: a pure function of (seed, epoch), for any number of ranks and workers.

Every batch has pairs of one view and no place twice, so that all negatives are hard ones of the same kind and none is
false. Every view gets its share of steps, whatever its size.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from torch.utils.data import Sampler

from gleam_common.errors import ConfigError

__all__ = ["BatchSampler", "SampleKey", "epoch_batches", "occurrences", "unique_place_batches"]

Ints = npt.NDArray[np.int64]


class SampleKey(NamedTuple):
    """One draw of a pair: its number, the epoch, and how often the pair was drawn before in that epoch."""

    epoch: int
    pair: int
    occurrence: int


def unique_place_batches(place_of_pair: npt.NDArray[np.integer], batch_size: int, rng: np.random.Generator) -> Ints:
    """Deal all pairs into full batches without two pairs of one place: int64 (steps, batch_size).

    Pairs are laid out place by place and dealt round: neighbours go to different batches, and no place has more pairs
    than there are batches. Gaps are filled with pairs drawn a second time; none is dropped.

    Args:
        place_of_pair: (N,) place of each pair.
        batch_size: pairs in a batch.
        rng: decides everything that is left to chance.

    Raises:
        ConfigError: fewer places than ``batch_size``.
    """
    place, count = np.unique(place_of_pair, return_inverse=True, return_counts=True)[1:]
    if len(count) < batch_size:
        raise ConfigError(
            f"too few places for a batch without repetitions ({len(count)})",
            value=batch_size,
            allowed=f"a global batch of at most {len(count)}",
            fix="lower batch_size (or the number of processes), or add data",
        )
    steps = max(-(-len(place) // batch_size), int(count.max()))
    shuffled = rng.permutation(len(place))
    grouped = shuffled[np.argsort(place[shuffled], kind="stable")]
    extra = _refill(count, steps, steps * batch_size - len(place), rng)
    start = np.repeat(np.cumsum(count) - count, count + extra)
    within = np.arange(len(start)) - np.repeat(np.cumsum(count + extra) - count - extra, count + extra)
    place_of_slot = np.repeat(np.arange(len(count)), count + extra)
    pair_of_slot = grouped[start + within % count[place_of_slot]]
    order = np.argsort(rng.permutation(len(count))[place_of_slot], kind="stable")
    dealt = pair_of_slot[order].reshape(batch_size, steps).T
    return rng.permutation(dealt, axis=0)


def _refill(count: Ints, steps: int, missing: int, rng: np.random.Generator) -> Ints:
    """Return how many extra pairs each place gives, evenly, so that none exceeds ``steps``."""
    extra = np.zeros_like(count)
    while missing > 0:
        open_places = np.flatnonzero(count + extra < steps)
        chosen = rng.permutation(open_places)[:missing]
        extra[chosen] += 1
        missing -= len(chosen)
    return extra


def epoch_batches(
    view_of_pair: npt.NDArray[np.integer],
    place_of_pair: npt.NDArray[np.integer],
    seed: int,
    epoch: int,
    batch_size_global: int,
    weights: Mapping[int, float] | None = None,
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

    Raises:
        ConfigError: a view has fewer places than a batch; a weight is negative, for no such view, or all are zero.
    """
    views = [int(view) for view in np.unique(view_of_pair)]
    shares = _shares(views, weights or {})
    parts: dict[int, list[Ints]] = {}
    for view in views:
        parts[view] = [_one_pass(view_of_pair, place_of_pair, view, (seed, epoch, view, 0), batch_size_global)]
    longest = max(len(parts[view][0]) for view in views if shares[view] > 0)
    batches, when = [], []
    for view in (view for view in views if shares[view] > 0):
        steps = max(1, round(shares[view] * longest))
        while sum(map(len, parts[view])) < steps:
            key = (seed, epoch, view, len(parts[view]))
            parts[view].append(_one_pass(view_of_pair, place_of_pair, view, key, batch_size_global))
        batches.append(np.concatenate(parts[view])[:steps])
        jitter = np.random.default_rng((seed, epoch, view, 1_000_000)).random(steps)
        when.append((np.arange(steps) + jitter) / steps)
    return np.concatenate(batches)[np.argsort(np.concatenate(when), kind="stable")]


def _one_pass(
    views: npt.NDArray[np.integer], places: npt.NDArray[np.integer], view: int, key: tuple[int, ...], batch: int
) -> Ints:
    pairs = np.flatnonzero(views == view)
    return pairs[unique_place_batches(places[pairs], batch, np.random.default_rng(key))]


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
    ) -> None:
        if batch_size < 1 or not 0 <= rank < world_size:
            raise ConfigError(
                "batches of a rank",
                value=(batch_size, rank, world_size),
                allowed="batch_size >= 1, 0 <= rank < world_size",
            )
        self._views, self._places = view_of_pair, place_of_pair
        self._weights = dict(weights or {})
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

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration goes through; another epoch begins at its first step."""
        if epoch != self.epoch:
            self.epoch, self._start = epoch, 0
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
        """Return what resuming needs after ``position`` steps of this epoch were used (not only fetched)."""
        return {**self._identity(), "epoch": self.epoch, "position": position}

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
        self.set_epoch(state["epoch"] + finished)
        self._start = 0 if finished else int(state["position"])

    def _identity(self) -> dict[str, Any]:
        return {"seed": self.seed, "global_batch": self.rank_batch * self.world_size, "pairs": len(self._views)}

    def _draw(self) -> Ints:
        size = self.rank_batch * self.world_size
        return epoch_batches(self._views, self._places, self.seed, self.epoch, size, self._weights)
