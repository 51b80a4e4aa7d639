"""Chains of hard neighbours: the contract of random batches kept, and harder batches."""

from __future__ import annotations

import time
from unittest import mock

import numpy as np
import pytest
from gleam_common import chain_sampling
from gleam_common.chain_sampling import chained_batches
from gleam_common.errors import ConfigError
from gleam_common.neighbour_table import Neighbours
from gleam_common.sampling import BatchSampler, epoch_batches
from gleam_common.unique_places import unique_place_batches
from hypothesis import given, settings
from hypothesis import strategies as st


def chains(places: np.ndarray, batch: int, seed: int, **neighbours: object) -> np.ndarray:
    return chained_batches(places, batch, np.random.default_rng(seed), Neighbours(**neighbours))  # type: ignore[arg-type]


def check_contract(batches: np.ndarray, places: np.ndarray, batch: int) -> None:
    steps = max(-(-len(places) // batch), int(np.unique(places, return_counts=True)[1].max()))
    assert batches.shape == (steps, batch)
    assert set(batches.ravel().tolist()) == set(range(len(places)))
    for row in places[batches]:
        assert len(set(row.tolist())) == batch


@settings(max_examples=300, deadline=None)
@given(
    places=st.lists(st.integers(0, 12), min_size=1, max_size=120),
    batch=st.integers(1, 13),
    chained=st.integers(1, 20),
    columns=st.integers(1, 9),
    related=st.integers(0, 3),
    together=st.sampled_from([1, 40, 1 << 26]),
    seed=st.integers(0, 5),
)
def test_the_contract_of_random_batches_holds_for_any_table(
    places: list[int], batch: int, chained: int, columns: int, related: int, together: int, seed: int
) -> None:
    """Tables may even name a pair's own place, or a place twice; batches may grow one after another."""
    place, rng = np.array(places), np.random.default_rng(seed)
    table = rng.integers(-1, len(place), (len(place), columns))
    around = rng.integers(-1, 13, (len(place), related)) if related else None
    if len(set(places)) < batch:
        with pytest.raises(ConfigError, match=r"too few places .*; allowed: a global batch of at most"):
            chains(place, batch, seed, chained=chained, table=table, related=around)
        return
    with mock.patch.object(chain_sampling, "_CELLS", together):
        batches = chains(place, batch, seed, chained=chained, table=table, related=around)
    check_contract(batches, place, batch)


def town(places: int, k: int, per_place: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Places on a ring, each with its ``k`` nearest: (N,) places and (N, k) pairs."""
    steps = np.array([sign * far for far in range(1, k // 2 + 1) for sign in (-1, 1)])
    near = (np.arange(places)[:, None] + steps) % places
    return np.repeat(np.arange(places), per_place), np.repeat(near * per_place, per_place, axis=0)


def hardness(batches: np.ndarray, places: np.ndarray, table: np.ndarray) -> float:
    """Neighbours of a pair that stand in its batch, in the mean."""
    found = [np.isin(places[table[row]], places[row]).sum(axis=1).mean() for row in batches]
    return float(np.mean(found))


def test_hard_neighbours_stand_in_the_same_batch() -> None:
    places, table = town(2000, 16, per_place=2)
    hard = chains(places, 32, 0, chained=8, table=table)
    check_contract(hard, places, 32)
    random = unique_place_batches(places, 32, np.random.default_rng(0))
    assert hardness(random, places, table) < 0.5
    assert hardness(hard, places, table) > 4


def test_the_nearest_half_is_drawn_before_the_others() -> None:
    places, table = town(4000, 64)
    batches = chains(places, 32, 0, chained=8, table=table)
    by_rank = np.zeros(64)
    for row in batches:
        by_rank += np.isin(table[row], row).sum(axis=0)
    assert by_rank[:4].mean() > 2 * by_rank[32:].mean()


def test_a_chain_draws_no_more_than_it_should() -> None:
    """With one neighbour each, batches hold many seeds: a whole neighbourhood of 32 never stands together."""
    places, table = town(4000, 64)
    many, one = (hardness(chains(places, 32, 0, chained=c, table=table), places, table) for c in (31, 1))
    assert many > 2 * one > 0


def test_related_places_are_never_chained() -> None:
    """Each place shares ground with both of its nearest: no table can bring them together, nor two of its entries."""
    places, table = town(3000, 16)
    related = np.sort(table[:, :2], axis=1)
    together = {}
    for name, around in (("kept apart", related), ("not", None)):
        batches = chains(places, 16, 3, chained=15, table=table, related=around)
        check_contract(batches, places, 16)
        together[name] = np.mean([np.isin(related[row], row).mean() for row in batches])
    assert together["not"] > 0.5
    assert together["kept apart"] < 0.02, "more than the random rest of a batch brings together"
    with mock.patch.object(chain_sampling._Deal, "fill"):
        grown = chains(places, 16, 3, chained=15, table=table, related=related)
    assert (grown >= 0).mean() > 0.5
    for row in grown:
        assert not np.isin(related[row[row >= 0]], row).any()


def test_a_table_without_neighbours_or_none_gives_random_batches() -> None:
    places = np.arange(300) // 2
    assert np.array_equal(chains(places, 10, 4, chained=5), unique_place_batches(places, 10, np.random.default_rng(4)))
    check_contract(chains(places, 10, 4, chained=5, table=np.full((300, 3), -1)), places, 10)


def test_the_order_is_a_function_of_the_seed_and_the_table() -> None:
    places, table = town(400, 8)
    first = chains(places, 16, 0, chained=4, table=table)
    assert np.array_equal(first, chains(places, 16, 0, chained=4, table=table))
    assert not np.array_equal(first, chains(places, 16, 1, chained=4, table=table))
    assert not np.array_equal(first, chains(places, 16, 0, chained=4, table=table[:, ::-1]))


def two_views() -> tuple[np.ndarray, np.ndarray, Neighbours]:
    """Two views of 200 places; the second has no neighbours."""
    places, near = town(200, 8)
    table = np.concatenate([near, np.full_like(near, -1)])
    return np.repeat([0, 1], 200), np.tile(places, 2), Neighbours(chained=4, table=table)


def test_an_epoch_chains_the_views_that_have_neighbours() -> None:
    views, places, neighbours = two_views()
    batches = epoch_batches(views, places, 0, 0, 10, neighbours=neighbours)
    assert set(batches.ravel().tolist()) == set(range(400))
    of_first = batches[views[batches[:, 0]] == 0]
    assert (views[batches] == views[batches[:, :1]]).all()
    assert neighbours.table is not None
    assert hardness(of_first, places, neighbours.table) > 2
    random = epoch_batches(views, places, 0, 0, 10)
    assert not np.array_equal(batches, random)


def test_entries_of_another_view_are_left_out() -> None:
    views, places, neighbours = two_views()
    assert neighbours.table is not None
    second = Neighbours(chained=4, table=neighbours.table + (neighbours.table >= 0) * 200).among(np.arange(200))
    assert second.table is not None
    assert (second.table == -1).all()
    batches = epoch_batches(views, places, 0, 0, 10, neighbours=neighbours)
    assert (views[batches] == views[batches[:, :1]]).all()


def sampler(table: np.ndarray | None = None, chained: int = 4) -> BatchSampler:
    views, places, neighbours = two_views()
    given_table = neighbours.table if table is None else table
    chosen = Neighbours(chained=chained, table=given_table) if chained else None
    return BatchSampler(views, places, batch_size=10, seed=0, neighbours=chosen)


def other_table() -> np.ndarray:
    views, _, _ = two_views()
    rng = np.random.default_rng(9)
    return np.stack([rng.choice(np.flatnonzero(views == view), 5, replace=False) for view in views])


def test_a_new_table_holds_from_the_next_epoch_on() -> None:
    old, new = sampler(), sampler()
    new.use_table(other_table())
    assert list(old) == list(new)
    new.set_epoch(1)
    expected = sampler(other_table())
    expected.set_epoch(1)
    assert list(new) == list(expected)
    old.set_epoch(1)
    assert list(old) != list(expected)


@pytest.mark.parametrize("position", [0, 17, 40])
@pytest.mark.parametrize("renewed", [False, True])
def test_resuming_goes_on_with_the_very_tables(position: int, renewed: bool) -> None:
    """Within an epoch with the table it began with, then with the one that was given meanwhile."""
    first = sampler()
    first.use_table(other_table())
    first.set_epoch(1)
    if renewed:
        first.use_table(other_table()[:, ::-1].copy())
    whole = list(first)
    assert len(whole) == 40
    state = first.state_dict(position)
    resumed = sampler()
    resumed.load_state_dict(state)
    if position < 40:
        resumed.set_epoch(1)  # Lightning says it again
        assert list(resumed) == whole[position:]
    for epoch in (2, 3):
        first.set_epoch(epoch)
        resumed.set_epoch(epoch)
        assert list(resumed) == list(first)


def test_a_state_of_random_batches_is_no_state_of_chains() -> None:
    with pytest.raises(ConfigError, match=r"chained differs from the checkpoint's: 0; allowed: 4"):
        sampler(chained=0).load_state_dict(sampler().state_dict(3))


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (np.zeros((3, 2), dtype=int), r"a table of neighbours: \(3, 0, 0\); allowed: 400 rows of -1 to 399"),
        (np.full((400, 2), 400), r"\(400, 400, 400\)"),
        (np.full((400, 2), -2), r"\(400, -2, -2\)"),
    ],
)
def test_a_table_of_other_pairs_is_refused(table: np.ndarray, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        sampler().use_table(table)


def test_random_batches_take_no_table() -> None:
    with pytest.raises(ConfigError, match="batches that are random"):
        sampler(chained=0).use_table(other_table())


def test_an_epoch_of_vigor_is_ordered_in_a_moment() -> None:
    places, table = town(52_605, 128)
    neighbours, views = Neighbours(chained=64, table=table), np.zeros(len(places), dtype=int)
    seconds = []
    for epoch in range(4):
        started = time.process_time()
        epoch_batches(views, places, 0, epoch, 128, neighbours=neighbours)
        seconds.append(time.process_time() - started)
    assert min(seconds) < 0.5
