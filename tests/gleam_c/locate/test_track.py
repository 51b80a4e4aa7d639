"""Simulated flights: smoothing brings fixes nearer to the truth, says how near, and shuts out what does not fit."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta

import numpy as np
import pytest
from gleam_c.locate.located import Candidate, Located, Place
from gleam_c.locate.posterior import frame_back
from gleam_c.locate.track import SIGMAS_OF_RADIUS, smooth, track_of
from gleam_common.errors import ConfigError, DataError
from gleam_common.geo import distance_m
from gleam_common.views import View

pytest.importorskip("filterpy")

SIGMA_M = 12.0
STEP_S = 2.0


def flight(seed: int, count: int = 80) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return seconds, true positions of a drone that turns, and fixes, of which one in ten is somewhere else."""
    rng = np.random.default_rng(seed)
    seconds = np.arange(count) * STEP_S
    course = np.cumsum(rng.normal(0, 0.08, count))
    true = np.cumsum(10.0 * STEP_S * np.stack([np.sin(course), np.cos(course)], axis=1), axis=0)
    fixes = true + rng.normal(0, SIGMA_M, true.shape)
    wrong = rng.random(count) < 0.1
    fixes[wrong] += rng.uniform(300, 900, (int(wrong.sum()), 2)) * rng.choice([-1, 1], (int(wrong.sum()), 2))
    return seconds, true, fixes


@pytest.mark.parametrize("seed", range(4))
def test_smoothed_positions_are_nearer_and_say_how_near(seed: int) -> None:
    seconds, true, fixes = flight(seed)
    wrong = np.hypot(*(fixes - true).T) > 100
    found = smooth(seconds, fixes, np.full(len(true), SIGMA_M), np.ones(len(true), bool))
    off = found.states[:, [0, 2]] - true
    assert not found.used[wrong].any()
    assert found.used[~wrong].mean() > 0.93
    right = np.hypot(*(fixes - true)[~wrong].T)
    assert np.sqrt((off**2).sum(1).mean()) < 0.75 * np.sqrt((right**2).mean())
    spread = found.covariances[:, [0, 2]][:, :, [0, 2]]
    squared = np.einsum("ni,nij,nj->n", off, np.linalg.inv(spread), off)  # 2 on average where covariances are true
    assert 0.5 < squared.mean() < 4.0


def test_a_wrong_first_fix_does_not_carry_the_filter_away() -> None:
    seconds, true, fixes = flight(7)
    fixes[0] = true[0] + [5000.0, -4000.0]
    found = smooth(seconds, fixes, np.full(len(true), SIGMA_M), np.ones(len(true), bool))
    assert not found.used[0]
    assert np.hypot(*(found.states[0, [0, 2]] - true[0])) < 60


def test_a_gap_widens_the_covariance() -> None:
    seconds, true, fixes = flight(2)
    usable = np.ones(len(true), bool)
    usable[30:40] = False
    spread = smooth(seconds, fixes, np.full(len(true), SIGMA_M), usable).covariances[:, 0, 0]
    assert spread[34] > 3 * spread[20]
    assert spread[34] > spread[31]


def located(
    number: int, lat: float, lon: float, seconds: float | None, abstained: str = "", radius_m: float = 25.0
) -> Located:
    start = datetime(2026, 5, 1, 23, 59, 58)
    place = Place(lat=lat, lon=lon)
    tile = Candidate(gallery_id="t", centre=place, score=0.8, confidence=0.9, heading_deg=None, width_m=120.0)
    return Located(
        photos=(f"{number:03d}.jpg",),
        view=View.UAV,
        view_reason="",
        candidates=(tile,),
        place=place,
        radius_m=radius_m,
        abstained=abstained,
        taken_at=None if seconds is None else start + timedelta(seconds=seconds),
    )


@pytest.mark.parametrize(("lat", "lon"), [(52.0, 11.0), (-17.0, 179.9995)])
def test_a_track_is_in_the_order_of_time_over_midnight_and_the_antimeridian(lat: float, lon: float) -> None:
    seconds, true, _ = flight(3, 20)
    order = np.random.default_rng(0).permutation(20)
    answers = [located(int(n), *frame_back(lat, lon, true[n]), float(seconds[n])) for n in order]
    fixes = track_of(answers).fixes
    assert [fix.photo for fix in fixes] == [f"{n:03d}.jpg" for n in range(20)]
    for fix, at in zip(fixes, true, strict=True):
        assert float(distance_m(fix.lat, fix.lon, *frame_back(lat, lon, at))) < 15
        assert fix.covariance_m2[0][0] <= (25.0 / SIGMAS_OF_RADIUS) ** 2 * 1.01
    assert fixes[10].speed_m_s == pytest.approx(10.0, abs=3.0)


def test_abstained_fixes_are_passed_over() -> None:
    seconds, true, _ = flight(3, 12)
    answers = [
        located(n, *frame_back(52.0, 11.0, at), float(s)) for n, (s, at) in enumerate(zip(seconds, true, strict=True))
    ]
    answers[5] = located(5, 40.0, 0.0, float(seconds[5]), abstained="no")
    fixes = track_of(answers).fixes
    assert [fix.is_used for fix in fixes] == [number != 5 for number in range(12)]
    assert float(distance_m(fixes[5].lat, fixes[5].lon, *frame_back(52.0, 11.0, true[5]))) < 30


def test_what_makes_no_track_is_refused() -> None:
    with pytest.raises(DataError, match="without a time"):
        track_of([located(0, 52.0, 11.0, 0.0), located(1, 52.0, 11.0, None)])
    with pytest.raises(DataError, match="at least 2"):
        track_of([located(0, 52.0, 11.0, 0.0), located(1, 52.0, 11.0, 1.0, abstained="no")])


def test_without_filterpy_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "filterpy.kalman", None)
    with pytest.raises(ConfigError, match=r"gleam-c\[track\]"):
        track_of([located(0, 52.0, 11.0, 0.0), located(1, 52.0, 11.0, 1.0)])
