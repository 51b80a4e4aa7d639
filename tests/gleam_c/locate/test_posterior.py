"""The posterior against its definition, and a frame that holds anywhere on the globe."""

from __future__ import annotations

import numpy as np
import pytest
from gleam_c.locate.posterior import MASS, frame_around, frame_back, posterior_of
from gleam_common.geo import distance_m


def by_definition(scores, xy, width, temperature):
    weights = [float(np.exp(score / temperature)) for score in scores]
    weights = [weight / sum(weights) for weight in weights]

    def holds(tile, point):
        return all(abs(xy[tile][axis] - point[axis]) <= width[tile] / 2 + 1e-6 for axis in (0, 1))

    confidence = [sum(w for w, at in zip(weights, xy, strict=True) if holds(tile, at)) for tile in range(len(xy))]
    near = [w if holds(0, at) else 0.0 for w, at in zip(weights, xy, strict=True)]
    place = [sum(n * at[axis] for n, at in zip(near, xy, strict=True)) / sum(near) for axis in (0, 1)]
    apart = sorted((float(np.hypot(at[0] - place[0], at[1] - place[1])), w) for w, at in zip(weights, xy, strict=True))
    held = [sum(weight for _, weight in apart[: count + 1]) for count in range(len(apart))]
    reach = next(distance for (distance, _), mass in zip(apart, held, strict=True) if mass >= MASS)
    return weights, confidence, place, reach + width[0] / 4


@pytest.mark.parametrize("seed", range(6))
def test_the_posterior_is_its_definition(seed):
    rng = np.random.default_rng(seed)
    xy = 60.0 * rng.integers(-6, 7, (40, 2))
    xy = np.unique(xy, axis=0).astype(float)
    rng.shuffle(xy)
    scores, width = np.sort(rng.uniform(0.1, 0.8, len(xy)))[::-1], np.full(len(xy), 120.0)
    found = posterior_of(scores, xy, width, 0.05)
    weights, confidence, place, reach = by_definition(scores, xy, width, 0.05)
    np.testing.assert_allclose(found.weights_K, weights)
    np.testing.assert_allclose(found.confidence_K, confidence)
    np.testing.assert_allclose(found.xy, place)
    assert found.reach_m == pytest.approx(reach)


def test_a_tile_that_stands_out_is_sure_and_near():
    xy = np.array([[0.0, 0.0], [60.0, 0.0], [900.0, 0.0]])
    width = np.full(3, 120.0)
    sure = posterior_of(np.array([0.9, 0.3, 0.3]), xy, width, 0.03)
    torn = posterior_of(np.array([0.5, 0.3, 0.5]), xy, width, 0.03)
    assert sure.confidence_K[0] > 0.999
    assert sure.reach_m == pytest.approx(30, abs=1)
    assert torn.confidence_K[0] == pytest.approx(0.5, abs=0.01)
    assert torn.reach_m > 900
    assert np.hypot(*torn.xy) < 5  # not halfway between two places


def test_the_temperature_alone_decides_how_sure():
    xy, width = np.array([[0.0, 0.0], [500.0, 0.0]]), np.full(2, 100.0)
    scores = np.array([0.6, 0.5])
    sure = [posterior_of(scores, xy, width, temperature).confidence_K[0] for temperature in (0.01, 0.1, 1.0, 100.0)]
    assert sure == sorted(sure, reverse=True)
    assert sure[-1] == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize(("lat", "lon"), [(52.2, 10.9), (0.0, 180.0), (-17.0, -179.9999), (89.99, 30.0)])
def test_the_frame_keeps_distances_and_comes_back(lat, lon):
    rng = np.random.default_rng(1)
    lats, lons = np.clip(lat + rng.uniform(-0.01, 0.01, 20), -90, 90), lon + rng.uniform(-0.01, 0.01, 20)
    lons = (lons + 180) % 360 - 180
    xy = frame_around(lat, lon, lats, lons)
    np.testing.assert_allclose(np.hypot(*xy.T), distance_m(lat, lon, lats, lons), rtol=1e-9)
    for point, back_lat, back_lon in zip(xy, lats, lons, strict=True):
        found = frame_back(lat, lon, point)
        assert float(distance_m(*found, back_lat, back_lon)) < 1e-3
