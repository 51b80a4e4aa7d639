"""Probabilities are calibrated on validation, per view and language; fusion with similarity beats each of the two."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from gleam_common.errors import ArtifactError, DataError
from gleam_x.calibration import Calibration, Fusion, fit_calibration, fit_fusion, group_name
from scipy.special import expit


def draw(count: int, temperature: float, bias: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    scores = rng.normal(0, 4, count)
    return scores, rng.random(count) < expit((scores - bias) / temperature)


def test_calibration_finds_temperature_and_bias_of_every_group() -> None:
    truth = {group_name("uav", "en"): (2.0, 1.5), group_name("map", "zh"): (0.7, -2.0)}
    drawn = [draw(6000, *fit, seed=seed) for seed, fit in enumerate(truth.values())]
    scores, labels = (np.concatenate(part) for part in zip(*drawn, strict=True))
    groups = [name for name in truth for _ in range(6000)]
    fitted = fit_calibration(scores, labels, groups)
    for name, (temperature, bias) in truth.items():
        assert fitted.groups[name] == pytest.approx((temperature, bias), abs=0.15)
    p = fitted.probability(scores, groups)
    for low in np.arange(0, 1, 0.2):
        inside = (p >= low) & (p < low + 0.2)
        assert abs(p[inside].mean() - labels[inside].mean()) < 0.03


def test_a_small_group_keeps_to_the_pooled_fit() -> None:
    scores, labels = draw(4000, 2.0, 1.0)
    few = np.array([5.0, 6.0]), np.array([False, False])
    fitted = fit_calibration(
        np.concatenate([scores, few[0]]), np.concatenate([labels, few[1]]), ["big"] * 4000 + ["small"] * 2
    )
    grid = np.linspace(-6, 6, 13)
    pooled, small = fitted.probability(grid, [""] * 13), fitted.probability(grid, ["small"] * 13)
    assert np.abs(pooled - small).max() < 0.15
    alone = fit_calibration(
        np.concatenate([scores, few[0]]),
        np.concatenate([labels, few[1]]),
        ["big"] * 4000 + ["small"] * 2,
        strength=1e-3,
    )
    assert np.abs(pooled - alone.probability(grid, ["small"] * 13)).max() > 0.4


def test_calibration_survives_scores_that_separate_and_scores_that_say_nothing() -> None:
    perfect = fit_calibration([-3.0, -2, 2, 3] * 5, [False, False, True, True] * 5, ["a"] * 20)
    assert perfect.probability([-3, 3], ["a", "a"]) == pytest.approx([0, 1], abs=0.01)
    nothing = fit_calibration([1.0, 1, -1, -1] * 50, [False, True] * 100, ["a"] * 200)
    assert nothing.probability([-1, 1], ["a", "a"]) == pytest.approx([0.5, 0.5], abs=0.02)


def test_calibration_and_fusion_survive_json_and_refuse_what_is_neither() -> None:
    scores, labels = draw(200, 2.0, 1.0)
    fitted = fit_calibration(scores, labels, ["a", "b"] * 100)
    assert Calibration.from_json(json.loads(json.dumps(fitted.to_json()))) == fitted
    fusion = fit_fusion(scores, scores * 0.1, labels)
    assert Fusion.from_json(json.loads(json.dumps(fusion.to_json()))) == fusion
    with pytest.raises(DataError, match=r"no calibration for the group: 'c'.*'', a, b"):
        fitted.probability([1.0], ["c"])
    with pytest.raises(ArtifactError, match="not a calibration"):
        Calibration.from_json({"pooled": [1.0]})
    with pytest.raises(ArtifactError, match="not a fusion"):
        Fusion.from_json({"weight_x": 1.0})


@pytest.mark.parametrize(
    ("scores", "labels", "words"),
    [
        ([1.0, np.nan], [True, False], "no finite number"),
        ([1.0, 2.0], [True, True], "both kinds"),
        ([1.0], [True, False], "differ in number"),
        ([], [], "both kinds"),
    ],
)
def test_fits_refuse_what_cannot_be_fitted(scores: Any, labels: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        fit_calibration(scores, labels, ["a"] * len(scores))
    with pytest.raises(DataError, match="scores and groups differ"):
        fit_calibration([1.0, 2.0], [True, False], ["a"])


def area(scores: np.ndarray, labels: np.ndarray) -> float:
    """Share of (yes, no) pairs in the right order: area under the ROC curve."""
    return float((scores[labels][:, None] > scores[~labels][None, :]).mean())


def test_fusion_uses_both_and_beats_each() -> None:
    rng = np.random.default_rng(3)
    labels = rng.random(4000) < 0.3
    x = rng.normal(np.where(labels, 1.0, -1.0), 1.5)
    c = rng.normal(np.where(labels, 0.5, 0.4), 0.1)
    fusion = fit_fusion(x, c, labels)
    # The optimum of two Gaussians of equal spread: distance of means over variance.
    assert fusion.weight_x == pytest.approx(2.0 / 1.5**2, rel=0.15)
    assert fusion.weight_c == pytest.approx(0.1 / 0.1**2, rel=0.15)
    assert expit(fusion.fuse(x, c)).mean() == pytest.approx(labels.mean(), abs=1e-3)
    assert area(fusion.fuse(x, c), labels) > max(area(x, labels), area(c, labels)) + 0.02
    assert fusion.fuse(np.ones((2, 3)), np.ones((2, 3))).shape == (2, 3)
