"""Bootstrap intervals: by place, the same for the same seed, and as wide as they should be."""

from __future__ import annotations

import time

import numpy as np
import pytest
from gleam_common.errors import DataError
from gleam_common.metrics.intervals import interval, mean_samples, median_samples, place_weights


def test_every_resample_draws_as_many_places_and_the_seed_decides():
    weights = place_weights(37, seed=5, resamples=50)
    assert weights.shape == (50, 37)
    assert (weights.sum(axis=1) == 37).all()
    assert (weights == place_weights(37, seed=5, resamples=50)).all()
    assert (weights != place_weights(37, seed=6, resamples=50)).any()


def test_samples_are_those_of_repeated_places():
    random = np.random.default_rng(1)
    place, values = random.integers(12, size=40), random.normal(size=40)
    weights = place_weights(12, seed=2, resamples=30)
    means, medians = mean_samples(values, place, weights), median_samples(values, place, weights)
    for row, counts in enumerate(weights.astype(int)):
        drawn = np.repeat(values, counts[place])
        assert means[row] == pytest.approx(drawn.mean(), abs=1e-6)
        assert medians[row] == pytest.approx(np.median(drawn))


def test_the_width_is_that_of_a_binomial_share():
    hits = np.arange(400) < 100
    found = interval(0.25, mean_samples(hits, np.arange(400), place_weights(400, seed=3, resamples=4000)))
    error = 1.96 * (0.25 * 0.75 / 400) ** 0.5
    assert found.value == 0.25
    assert found.low == pytest.approx(0.25 - error, abs=0.006)
    assert found.high == pytest.approx(0.25 + error, abs=0.006)


def test_queries_of_one_place_do_not_count_as_independent():
    """Forty copies of each of ten places: the interval is that of ten places, not of four hundred queries."""
    hits, place = np.repeat(np.arange(10) < 5, 40), np.repeat(np.arange(10), 40)
    found = interval(0.5, mean_samples(hits, place, place_weights(10, seed=4)))
    assert found.high - found.low > 0.5


def test_resamples_without_any_query_are_left_out():
    found = interval(1.0, mean_samples([1.0], np.array([0]), place_weights(3, seed=1)))
    assert (found.low, found.high) == (1.0, 1.0)


def test_a_thousand_resamples_are_fast():
    start = time.perf_counter()
    mean_samples(np.ones(20000), np.arange(20000) % 5000, place_weights(5000, seed=1))
    assert time.perf_counter() - start < 5


def test_nothing_to_resample():
    with pytest.raises(DataError, match="at least one place"):
        place_weights(0, seed=1)
