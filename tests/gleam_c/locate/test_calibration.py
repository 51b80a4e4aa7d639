"""A calibration finds the temperature that drew the truth, covers what it promises, and is refused where it is foreign."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from gleam_c.locate.calibration import COVERAGE, Calibration, Known, ViewCalibration, fit_view
from gleam_c.locate.posterior import posterior_of
from gleam_common.errors import ArtifactError, DataError
from gleam_common.metrics.verdict import ece
from gleam_common.views import View


def drawn(count: int, temperature: float, seed: int) -> list[Known]:
    """Draw queries whose true place is in each tile with just the softmax's probability, at ``temperature``."""
    rng = np.random.default_rng(seed)
    grid = 60.0 * np.stack(np.meshgrid(np.arange(10), np.arange(10)), axis=-1).reshape(-1, 2)
    known = []
    for _ in range(count):
        scores = rng.normal(0.2, 0.12, len(grid))
        weights = np.exp(scores / temperature)
        true_xy = grid[rng.choice(len(grid), p=weights / weights.sum())] + rng.uniform(-29, 29, 2)
        order = np.argsort(-scores)
        width = np.full(len(grid), 60.0)  # tiles side by side: each place lies in one
        known.append(Known(scores_K=scores[order], xy_K2=grid[order], width_m_K=width, true_xy=true_xy))
    return known


@pytest.mark.parametrize("temperature", [0.02, 0.05])
def test_the_temperature_that_drew_the_places_is_found(temperature: float) -> None:
    fit = fit_view(drawn(600, temperature, 0))
    assert fit.temperature == pytest.approx(temperature, rel=0.12)
    fresh = drawn(600, temperature, 1)
    found = [posterior_of(one.scores_K, one.xy_K2, one.width_m_K, fit.temperature) for one in fresh]
    right = [bool(np.abs(one.true_xy - one.xy_K2[0]).max() <= 30) for one in fresh]
    assert ece([one.confidence_K[0] for one in found], right) < 0.06
    off = [np.hypot(*(one.true_xy - at.xy)) for one, at in zip(fresh, found, strict=True)]
    inside = np.mean([d <= fit.radius_factor * at.reach_m for d, at in zip(off, found, strict=True)])
    assert inside == pytest.approx(COVERAGE, abs=0.05)


def test_similarities_without_information_are_not_sure() -> None:
    known = drawn(200, 5.0, 2)
    fit = fit_view(known)
    assert max(posterior_of(k.scores_K, k.xy_K2, k.width_m_K, fit.temperature).confidence_K[0] for k in known) < 0.1


def test_places_that_no_tile_found_holds_make_it_less_sure() -> None:
    known = drawn(200, 0.03, 3)
    lost = [Known(**{**vars(one), "true_xy": np.array([9e4, 9e4])}) for one in known[:60]]
    assert fit_view([*lost, *known[60:]]).temperature > 1.2 * fit_view(known).temperature


def test_too_few_photos_are_refused() -> None:
    with pytest.raises(DataError, match="at least 20"):
        fit_view(drawn(19, 0.05, 0))


def test_it_is_read_as_it_was_written_and_only_for_its_model(tmp_path: Path) -> None:
    fit = ViewCalibration(temperature=0.03, radius_factor=0.9, least_score=0.4, queries=100)
    written = Calibration(model_sha256="a" * 64, views={View.UAV: fit})
    path = tmp_path / "calibration.json"
    written.write(path)
    assert Calibration.read(path, "a" * 64) == written
    with pytest.raises(ArtifactError, match="another model"):
        Calibration.read(path, "b" * 64)


@pytest.mark.parametrize(
    "change",
    [{"temperature": 0}, {"temperature": "nan"}, {"radius_factor": -1}, {"queries": None}, {"extra": 1}],
)
def test_broken_numbers_are_refused(tmp_path: Path, change: dict[str, object]) -> None:
    fit = {"temperature": 0.03, "radius_factor": 0.9, "least_score": 0.4, "queries": 100} | change
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps({"model_sha256": "a" * 64, "views": {"uav": fit}}))
    with pytest.raises(ArtifactError, match="not a calibration"):
        Calibration.read(path, "a" * 64)
