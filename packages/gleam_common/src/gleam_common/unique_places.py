"""All pairs in full batches without two pairs of one place: how many batches, which pairs twice, and a random deal.

Axes: N pairs, P places, S steps, B pairs of a batch, T = S * B slots.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gleam_common.errors import ConfigError

__all__ = ["Slots", "place_slots", "unique_place_batches"]

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Slots:
    """What is to be dealt: ``pair_T`` lies place by place, ``count_P`` slots each, none more than there are ``steps``.

    ``place_N`` numbers the places of the pairs from 0; the pairs of a place stand in random order.
    """

    steps: int
    place_N: Ints
    count_P: Ints
    pair_T: Ints


def place_slots(place_of_pair: npt.NDArray[np.integer], batch_size: int, rng: np.random.Generator) -> Slots:
    """Return every pair once, and as many a second time as full batches need.

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
    total = count + _refill(count, steps, steps * batch_size - len(place), rng)
    start = np.repeat(np.cumsum(count) - count, total)
    within = np.arange(len(start)) - np.repeat(np.cumsum(total) - total, total)
    pair_of_slot = grouped[start + within % np.repeat(count, total)]
    return Slots(steps=steps, place_N=place, count_P=total, pair_T=pair_of_slot)


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
    slots = place_slots(place_of_pair, batch_size, rng)
    place_of_slot = np.repeat(np.arange(len(slots.count_P)), slots.count_P)
    order = np.argsort(rng.permutation(len(slots.count_P))[place_of_slot], kind="stable")
    dealt = slots.pair_T[order].reshape(batch_size, slots.steps).T
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
