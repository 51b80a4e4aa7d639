"""Batches that are chains of hard neighbours: all batches grow at once, in rounds, without a loop over pairs.

The idea is Sample4Geo's (ICCV 2023, section 3.3): a batch takes a random pair and its neighbours, then another one,
until it is full. There batches are filled one after another, the last ones with what nobody wanted; an incomplete one
is dropped, and overlapping tiles are drawn as each other's negatives. Here batches take turns, none is dropped, and
places that share ground are never drawn together.

Axes: N pairs, K neighbours, R related places, P places, S steps, B pairs of a batch, m batches that still grow.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gleam_common.neighbour_table import Neighbours
from gleam_common.unique_places import Slots, place_slots, unique_place_batches

__all__ = ["chained_batches"]

Ints = npt.NDArray[np.int64]
Turns = npt.NDArray[np.int16]

_FREE = np.iinfo(np.int16).max
"""Turn of a place that stands in no batch."""

_CELLS = 1 << 26
"""Batches that grow together times places: 128 MiB of turns."""

_CLAIMS = 3
"""Times that the batches claim neighbours of one seed: who comes too late tries the next ones."""

_SPARE_ROUNDS = 3
"""Seeds a batch may plant beyond those that would fill it if all neighbours were free."""

_DEALS = 64
"""Random deals of what no chain took; what is left then are single pairs."""


def chained_batches(
    place_of_pair: npt.NDArray[np.integer],
    batch_size: int,
    rng: np.random.Generator,
    neighbours: Neighbours,
) -> Ints:
    """Deal all pairs into full batches without two pairs of one place, hard neighbours together: int64 (S, B).

    The contract of :func:`~gleam_common.unique_places.unique_place_batches`: the same number of steps, every pair at
    least once. The first half of a chain are its seed's nearest neighbours, the rest random ones of the table. Places
    are drawn at random where neighbours have run out.

    Args:
        place_of_pair: (N,) place of each pair.
        batch_size: pairs in a batch, B.
        rng: decides everything that is left to chance.
        neighbours: of these pairs; any pair of a neighbour's place may be drawn. A chain takes none that is related to
            what stands in the batch; the random rest may be (the loss masks it). Without a table all is random.

    Raises:
        ConfigError: fewer places than ``batch_size``.
    """
    if neighbours.table is None:
        return unique_place_batches(place_of_pair, batch_size, rng)
    slots = place_slots(place_of_pair, batch_size, rng)
    deal = _Deal(slots, batch_size, rng)
    related_PR = _related_of_places(place_of_pair, slots, neighbours.related)
    together = max(1, min(slots.steps, _CELLS // (len(slots.count_P) + 1)))
    for first in range(0, slots.steps, together):
        chains = _Chains(deal, first, min(first + together, slots.steps), neighbours.table, related_PR)
        chains.grow(neighbours.chained)
    deal.fill()
    return rng.permutation(deal.batches, axis=0)


def _related_of_places(place_of_pair: npt.NDArray[np.integer], slots: Slots, related_NR: Ints | None) -> Ints:
    """Return the related places of each place by number, (P, R), filled with P."""
    names, first = np.unique(place_of_pair, return_index=True)
    if related_NR is None or related_NR.shape[1] == 0:
        return np.full((len(names), 1), len(names))
    named = related_NR[first]
    at = np.minimum(np.searchsorted(names, named), len(names) - 1)
    return np.where(names[at] == named, at, len(names))


class _Deal:
    """Slots that are dealt and those that are not."""

    def __init__(self, slots: Slots, batch_size: int, rng: np.random.Generator) -> None:
        self.rng, self.place_N, self._pair_T = rng, slots.place_N, slots.pair_T
        self.left_P = slots.count_P.copy()
        self._next_P = np.cumsum(slots.count_P) - slots.count_P
        self.batches = np.full((slots.steps, batch_size), -1, dtype=np.int64)
        self.room_S = np.full(slots.steps, batch_size, dtype=np.int64)

    def free_places(self) -> Ints:
        """Return the place of every slot that is not dealt, in random order."""
        return self.rng.permutation(np.repeat(np.arange(len(self.left_P)), self.left_P))

    def put(self, batch: Ints, place: Ints) -> Ints:
        """Deal a slot of each place to the batch beside it; return the pairs."""
        pair: Ints = self._pair_T[self._next_P[place] + _nth(place)]
        column = self.batches.shape[1] - self.room_S[batch] + _nth(batch)
        self.batches[batch, column] = pair
        used_P = np.bincount(place, minlength=len(self.left_P))
        self._next_P += used_P
        self.left_P -= used_P
        self.room_S -= np.bincount(batch, minlength=len(self.room_S))
        return pair

    def fill(self) -> None:
        """Deal the rest at random; a pair whose place stands wherever there is room changes with another one."""
        for _ in range(_DEALS):
            place, batch = self.free_places(), np.repeat(np.arange(len(self.room_S)), self.room_S)
            key = batch * len(self.left_P) + place
            taken = self.batches >= 0
            placed = np.nonzero(taken)[0] * len(self.left_P) + self.place_N[self.batches[taken]]
            good = np.zeros(len(key), dtype=bool)
            good[np.unique(key, return_index=True)[1]] = True
            good &= ~np.isin(key, placed)
            if not good.any():
                break
            self.put(batch[good], place[good])
        for place in self.free_places():
            self._exchange(int(place))

    def _exchange(self, place: int) -> None:
        """Deal one slot of ``place``.

        It is in fewer than S batches, so one is without it. If that one is full, it has B places, and the one with
        room at most B - 1: some pair of the former may move to the latter.
        """
        grid = np.where(self.batches >= 0, self.place_N[self.batches], -1)
        without = ~(grid == place).any(axis=1)
        fitting = np.flatnonzero(without & (self.room_S > 0))
        if len(fitting):
            self.put(fitting[:1], np.array([place]))
            return
        there, here = int(self.rng.choice(np.flatnonzero(without))), int(np.argmax(self.room_S))
        column = int(np.flatnonzero(~np.isin(grid[there], grid[here]))[0])
        moved = self.batches[there, column]
        self.put(np.array([here]), np.array([place]))
        at = self.batches.shape[1] - int(self.room_S[here]) - 1
        self.batches[there, column], self.batches[here, at] = self.batches[here, at], moved


class _Chains:
    """Batches ``first`` to ``stop`` - 1 of a deal, while they grow together.

    ``turn`` is -1 for places that stand in a batch, the column of the claim while they are claimed for it, else
    :data:`_FREE`; its last column stands for no place.
    """

    def __init__(self, deal: _Deal, first: int, stop: int, table_NK: Ints, related_PR: Ints) -> None:
        self._deal, self._first, self._stop = deal, first, stop
        self._table_NK, self._related_PR = table_NK, related_PR
        self._turn: Turns = np.full((stop - first, len(deal.left_P) + 1), _FREE, dtype=np.int16)

    def grow(self, chained: int) -> None:
        """Plant seeds and take their neighbours, round after round."""
        width = self._deal.batches.shape[1]
        for _ in range(-(-width // (chained + 1)) + _SPARE_ROUNDS):
            batch_m, seed_m = self._plant()
            if not len(batch_m):
                return
            near_mK = self._neighbours(seed_m, chained)
            wanted_m = np.minimum(chained, self._deal.room_S[batch_m])
            for _ in range(_CLAIMS):
                wanted_m -= self._claim(batch_m, near_mK, wanted_m)

    def _plant(self) -> tuple[Ints, Ints]:
        """Give each batch with room a random pair, if it fits; return the batches and the pairs."""
        growing = self._first + np.flatnonzero(self._deal.room_S[self._first : self._stop])
        place = self._deal.free_places()[: len(growing)]
        batch = growing[: len(place)]
        fits = self._fits(batch, place, np.zeros(len(place), dtype=np.int16))
        return batch[fits], self._put(batch[fits], place[fits])

    def _neighbours(self, seed_m: Ints, chained: int) -> Ints:
        """Return the places of the seeds' neighbours in the order in which they are claimed, -1 for none."""
        near_mK = self._table_NK[seed_m]
        near_mK = np.where(near_mK >= 0, self._deal.place_N[near_mK], -1)
        turn_mK = self._deal.rng.random(near_mK.shape)
        turn_mK[:, : chained // 2] = np.arange(-(chained // 2), 0)[: near_mK.shape[1]]
        return np.take_along_axis(near_mK, np.argsort(turn_mK, axis=1), axis=1)

    def _claim(self, batch_m: Ints, near_mK: Ints, wanted_m: Ints) -> Ints:
        """Let each batch take up to ``wanted_m`` of its neighbours; return how many each got."""
        row, column = np.nonzero((near_mK >= 0) & (self._deal.left_P[near_mK] > 0) & (wanted_m > 0)[:, None])
        place, batch = near_mK[row, column], batch_m[row]
        fits = self._fits(batch, place, np.zeros(len(place), dtype=np.int16))
        row, column, place, batch = row[fits], column[fits], place[fits], batch[fits]
        early = _nth(row) < wanted_m[row]
        row, column, place, batch = row[early], column[early], place[early], batch[early]
        cell = (batch - self._first, place)
        self._turn[cell] = column
        alone = self._fits(batch, place, column.astype(np.int16)) & (self._turn[cell] == column)  # a place named twice
        self._turn[cell] = _FREE
        row, column, place, batch = row[alone], column[alone], place[alone], batch[alone]
        order = np.lexsort((self._deal.rng.random(len(place)), column))
        order = order[_nth(place[order]) < self._deal.left_P[place[order]]]
        self._put(batch[order], place[order])
        return np.bincount(row[order], minlength=len(batch_m))

    def _fits(self, batch: Ints, place: Ints, turn: Turns) -> npt.NDArray[np.bool_]:
        """Return whether a place is not in the batch, and no related one is, or has an earlier turn there."""
        own = self._turn[batch - self._first, place] >= turn
        fits = own.copy()
        around = self._turn[(batch - self._first)[own, None], self._related_PR[place[own]]]
        fits[own] = (around >= turn[own, None]).all(axis=1)
        return fits

    def _put(self, batch: Ints, place: Ints) -> Ints:
        self._turn[batch - self._first, place] = -1
        return self._deal.put(batch, place)


def _nth(keys: Ints) -> Ints:
    """Return how many equal keys stand before each key."""
    order = np.argsort(keys, kind="stable")
    _, first, count = np.unique(keys[order], return_index=True, return_counts=True)
    seen = np.empty_like(keys)
    seen[order] = np.arange(len(keys)) - np.repeat(first, count)
    return seen
