"""SDM@k, Dis@k and MA@m against readings of DenseUAV's and Game4Loc's definitions, and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from gleam_common.errors import DataError
from gleam_common.metrics.spatial import (
    DENSEUAV_SCALE,
    GTA_UAV_SCALE,
    degrees_apart,
    mean_distance,
    sdm,
    sphere_m,
)


def sdm_of_denseuav(degrees, k):
    """DenseUAV: weights 1 - i/k, exp of minus 5000 times the distance in degrees, over the sum of weights."""
    weights = [1 - i / k for i in range(k)]
    return sum(w / math.exp(5e3 * d) for w, d in zip(weights, degrees, strict=False)) / sum(weights)


def sdm_of_game4loc(metres, k):
    """Game4Loc: weights k - i, exp of minus a thousandth of the metres."""
    return sum((k - i) / math.exp(0.001 * metres[i]) for i in range(k)) / sum(k - i for i in range(k))


@pytest.mark.parametrize("k", [1, 3, 5, 10])
def test_sdm_is_that_of_both_papers(k):
    random = np.random.default_rng(1)
    degrees, metres = random.uniform(0, 1e-3, (6, 10)), random.uniform(0, 3000, (6, 10))
    np.testing.assert_allclose(sdm(degrees, k, DENSEUAV_SCALE), [sdm_of_denseuav(row, k) for row in degrees])
    np.testing.assert_allclose(sdm(metres, k, GTA_UAV_SCALE), [sdm_of_game4loc(row, k) for row in metres])
    np.testing.assert_allclose(mean_distance(metres, k), [sum(row[:k]) / k for row in metres])


def test_sdm_by_hand():
    assert sdm(np.zeros((1, 3)), 3, 5e3) == pytest.approx([1])
    assert sdm(np.array([[0.0, np.inf, np.inf]]), 3, 1.0) == pytest.approx([3 / 6])
    assert sdm(np.array([[math.log(2), 0.0]]), 2, 1.0) == pytest.approx([(2 * 0.5 + 1) / 3])


def test_distances_of_denseuav():
    """A hundredth of a degree of latitude is 1113.19 m on a sphere of 6378.137 km; east-west shrinks by the cosine."""
    assert sphere_m(30.0, 120.0, 30.01, 120.0) == pytest.approx(1113.195, abs=1e-3)
    assert sphere_m(30.0, 120.0, 30.0, 120.01) == pytest.approx(1113.195 * math.cos(math.radians(30)), abs=1e-3)
    assert degrees_apart(30.0, 120.0, 30.3, 120.4) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("distance", "k", "words"),
    [
        ([[1.0, 2.0]], 3, "distance counts: 3; allowed: 1 to 2"),
        ([[1.0, 2.0]], 0, "distance counts: 0"),
        ([[1.0, 2.0], [np.nan, 1.0]], 1, "unknown for 1 queries; first row: 1.*coordinates"),
        ([[-1.0]], 1, "unknown for 1 queries"),
    ],
)
def test_what_cannot_be_measured_is_refused(distance, k, words):
    for measure in (lambda d: sdm(d, k, 1.0), lambda d: mean_distance(d, k)):
        with pytest.raises(DataError, match=words):
            measure(np.array(distance))
