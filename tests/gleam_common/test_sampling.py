from __future__ import annotations

import time

import numpy as np
import pytest
from gleam_common.errors import ConfigError
from gleam_common.sampling import BatchSampler, SampleKey, epoch_batches, occurrences, unique_place_batches
from hypothesis import given, settings
from hypothesis import strategies as st


def check_unique(batches: np.ndarray, places: np.ndarray) -> None:
    for batch in places[batches]:
        assert len(set(batch.tolist())) == len(batch)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=120), st.integers(1, 13), st.integers(0, 5))
def test_every_pair_is_dealt_and_no_place_meets_itself(places: list[int], batch: int, seed: int) -> None:
    place = np.array(places)
    distinct = len(set(places))
    if distinct < batch:
        with pytest.raises(
            ConfigError, match=rf"too few places .*\({distinct}\): {batch}; allowed: .* at most {distinct}"
        ):
            unique_place_batches(place, batch, np.random.default_rng(seed))
        return
    batches = unique_place_batches(place, batch, np.random.default_rng(seed))
    check_unique(batches, place)
    steps = max(-(-len(place) // batch), int(np.bincount(place).max()))
    assert batches.shape == (steps, batch)
    assert set(batches.ravel().tolist()) == set(range(len(place)))


def test_only_gaps_are_filled() -> None:
    places = np.arange(103)
    counts = np.bincount(unique_place_batches(places, 10, np.random.default_rng(0)).ravel())
    assert counts.sum() == 110
    assert np.bincount(counts).tolist() == [0, 96, 7]


def toy(sizes: tuple[int, ...] = (40, 12, 25)) -> tuple[np.ndarray, np.ndarray]:
    views = np.repeat(np.arange(len(sizes)), sizes)
    places = np.concatenate([np.arange(size) for size in sizes])
    return views, places


def test_each_view_gets_the_same_number_of_steps_whatever_its_size() -> None:
    views, places = toy()
    batches = epoch_batches(views, places, seed=0, epoch=0, batch_size_global=8)
    of_step = views[batches]
    assert (of_step == of_step[:, :1]).all()
    assert np.bincount(of_step[:, 0]).tolist() == [5, 5, 5]
    check_unique(batches, places)
    # One step of each view in every three.
    assert all(set(group.tolist()) == {0, 1, 2} for group in of_step[:, 0].reshape(-1, 3))
    # A cycled view gives all its pairs about as often as each other.
    assert np.ptp(np.bincount(batches[of_step[:, 0] == 1].ravel())[40:52]) <= 2


def test_weights_scale_steps() -> None:
    views, places = toy()
    batches = epoch_batches(views, places, 0, 0, 8, weights={0: 1.0, 1: 2.0, 2: 0.0})
    assert np.bincount(views[batches[:, 0]], minlength=3).tolist() == [5, 10, 0]
    only_small = epoch_batches(views, places, 0, 0, 8, weights={0: 0.0, 2: 0.0})
    assert np.bincount(views[only_small[:, 0]], minlength=3).tolist() == [0, 2, 0]


@pytest.mark.parametrize("weights", [{0: -1.0}, {0: 0.0, 1: 0.0, 2: 0.0}, {0: float("nan")}, {9: 1.0}])
def test_weights_that_mean_nothing_are_refused(weights: dict[int, float]) -> None:
    with pytest.raises(ConfigError, match="weight"):
        epoch_batches(*toy(), 0, 0, 8, weights=weights)


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    order = {(seed, epoch): epoch_batches(*toy(), seed, epoch, 8) for seed in (0, 1) for epoch in (0, 1)}
    for (seed, epoch), batches in order.items():
        assert np.array_equal(batches, epoch_batches(*toy(), seed, epoch, 8))
    assert len({batches.tobytes() for batches in order.values()}) == 4


def test_pairs_meet_new_neighbours_in_the_next_epoch() -> None:
    views, places = np.zeros(1000, dtype=int), np.arange(1000)
    together = []
    for epoch in range(2):
        batches = epoch_batches(views, places, 0, epoch, 50)
        together.append({(a, b) for batch in batches.tolist() for a in batch for b in batch if a < b})
    shared = len(together[0] & together[1]) / len(together[0])
    assert shared == pytest.approx(49 / 999, rel=0.2)


def test_fifty_thousand_pairs_are_dealt_in_a_moment() -> None:
    views = np.repeat(np.arange(4), [20_000, 15_000, 10_000, 5_000])
    places = np.concatenate([np.arange(n) // 3 for n in (20_000, 15_000, 10_000, 5_000)])
    best = min(_seconds(lambda e=e: epoch_batches(views, places, 0, e, 64)) for e in range(5))
    assert best < 0.2


def _seconds(work: object) -> float:
    start = time.perf_counter()
    work()  # type: ignore[operator]
    return time.perf_counter() - start


def test_occurrences_count_earlier_draws() -> None:
    batches = np.array([[3, 1], [3, 2], [1, 3]])
    assert occurrences(batches).tolist() == [[0, 0], [1, 0], [1, 2]]


def sampler(rank: int = 0, world: int = 1, batch: int = 8, seed: int = 0) -> BatchSampler:
    return BatchSampler(*toy(), batch_size=batch, seed=seed, rank=rank, world_size=world)


@pytest.mark.parametrize("world", [1, 2, 4])
def test_ranks_share_the_same_global_batches(world: int) -> None:
    whole = list(sampler())
    ranks = [list(sampler(rank, world, 8 // world)) for rank in range(world)]
    joined = [[key for part in parts for key in part] for parts in zip(*ranks, strict=True)]
    assert joined == whole
    assert len(whole) == len(sampler()) == 15
    assert whole[0][0] == SampleKey(0, whole[0][0].pair, 0)


def test_a_pair_drawn_twice_in_an_epoch_has_two_keys() -> None:
    keys = [key for batch in sampler() for key in batch]
    assert len(set(keys)) == len(keys)
    assert len({key.pair for key in keys}) < len(keys)


@pytest.mark.parametrize("position", [0, 1, 7, 14])
def test_resuming_goes_on_at_the_very_step(position: int) -> None:
    full = sampler()
    full.set_epoch(3)
    expected = list(full)
    state = full.state_dict(position)
    resumed = sampler()
    resumed.load_state_dict(state)
    resumed.set_epoch(3)  # Lightning says it again
    assert list(resumed) == expected[position:]
    assert list(resumed) == expected  # only the first pass is cut
    resumed.set_epoch(4)
    full.set_epoch(4)
    assert list(resumed) == list(full)


def test_a_finished_epoch_goes_on_with_the_next() -> None:
    first = sampler()
    resumed = sampler()
    resumed.load_state_dict(first.state_dict(len(first)))
    first.set_epoch(1)
    assert list(resumed) == list(first)


@pytest.mark.parametrize(
    ("other", "words"),
    [(sampler(seed=1), "seed differs.*: 1; allowed: 0"), (sampler(batch=4), "global_batch differs.*: 4; allowed: 8")],
)
def test_a_state_of_other_batches_is_refused(other: BatchSampler, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        other.load_state_dict(sampler().state_dict(3))


def test_more_processes_may_share_the_same_global_batch_after_a_restart() -> None:
    resumed = sampler(rank=1, world=2, batch=4)
    resumed.load_state_dict(sampler().state_dict(5))
    assert list(resumed) == [batch[4:] for batch in list(sampler())[5:]]


def test_a_rank_outside_the_world_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"\(8, 2, 2\); allowed: .*0 <= rank < world_size"):
        sampler(rank=2, world=2)
