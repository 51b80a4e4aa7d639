"""The shortcut test is at chance on the good build, and refuses words or pictures that give the verdict away."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from gleam_common.errors import DataError
from gleam_x.benchmark.shortcuts import Shortcut, _sentences, check_shortcuts, fit_logistic, measure_shortcuts
from gleam_x.benchmark.shortcuts import shortcuts_table as table_of

Row = dict[str, Any]
Rewrite = Callable[[str, Callable[[Row], None]], Path]
TEXTS, PICTURES = ("text of the query", "text of the tile"), ("query image", "satellite image")


def accuracies(shortcuts: list[Shortcut]) -> dict[str, float]:
    return {shortcut.name: shortcut.accuracy for shortcut in shortcuts}


@pytest.fixture(scope="module")
def good(benchmark: Path) -> list[Shortcut]:
    return measure_shortcuts(benchmark)


def jpeg(value: int) -> bytes:
    return cv2.imencode(".jpg", np.full((32, 32, 3), value, np.uint8))[1].tobytes()


def test_a_good_build_is_at_chance(good: list[Shortcut]) -> None:
    check_shortcuts(good)
    assert [shortcut.name for shortcut in good] == [*TEXTS, *PICTURES]
    for shortcut in good:
        assert shortcut.low <= shortcut.accuracy <= shortcut.high
        assert shortcut.records == 32
        if shortcut.name in PICTURES:
            assert shortcut.accuracy == 0.5, "each picture is right once and wrong once in each language"


@pytest.mark.parametrize("sentence", [0, 1])
def test_a_word_that_only_right_pairs_have_is_found(rewrite: Rewrite, sentence: int) -> None:
    def leak(row: Row) -> None:
        parts = _sentences(row)
        if row["same_place"]:
            parts[sentence] = f"Clearly {parts[sentence]}"
        row["explanation"] = "".join(parts)

    for split in ("train", "test"):
        folder = rewrite(split, leak)
    shortcuts = measure_shortcuts(folder)
    found = accuracies(shortcuts)
    leaking, other = TEXTS[sentence], TEXTS[1 - sentence]
    assert found[leaking] > 0.9 > found[other]
    with pytest.raises(DataError, match=rf"has a shortcut: {leaking} alone tells the verdict: .*allowed: 0\.5"):
        check_shortcuts(shortcuts)


@pytest.mark.parametrize("picture", ["query_image", "satellite_image"])
def test_a_picture_that_gives_the_verdict_away_is_found(rewrite: Rewrite, picture: str) -> None:
    def leak(row: Row) -> None:
        row[picture] = {"bytes": jpeg(200 if row["same_place"] else 50), "path": "x.jpg"}

    for split in ("train", "test"):
        folder = rewrite(split, leak)
    name = picture.replace("_", " ")
    shortcuts = measure_shortcuts(folder)
    assert accuracies(shortcuts)[name] == 1.0
    with pytest.raises(DataError, match=f"{name} alone tells the verdict"):
        check_shortcuts(shortcuts)


def test_the_comparison_and_the_conclusion_are_not_read(rewrite: Rewrite, good: list[Shortcut]) -> None:
    def leak(row: Row) -> None:
        query, tile, *_ = _sentences(row)
        row["explanation"] = f"{query}{tile}{'Yes' if row['same_place'] else 'No'}."

    for split in ("train", "test"):
        folder = rewrite(split, leak)
    assert measure_shortcuts(folder) == good


def one(accuracy: float, low: float, high: float, records: int) -> Shortcut:
    return Shortcut(name="text of the tile", accuracy=accuracy, low=low, high=high, records=records)


@pytest.mark.parametrize(
    ("shortcut", "is_chance"),
    [
        (one(0.5, 0.48, 0.52, 800), True),
        (one(0.53, 0.501, 0.56, 800), False),
        (one(0.47, 0.44, 0.499, 800), False),
        (one(0.56, 0.49, 0.6, 800), False),
        (one(0.56, 0.49, 0.6, 799), True),
    ],
)
def test_chance_is_an_interval_and_in_large_benchmarks_a_width(shortcut: Shortcut, is_chance: bool) -> None:
    if is_chance:
        check_shortcuts([shortcut])
        return
    with pytest.raises(DataError, match="another seed"):
        check_shortcuts([shortcut])


def test_the_table_has_a_row_for_each_baseline() -> None:
    assert "| text of the tile | 0.500 | 0.480-0.520 | 800 |" in table_of([one(0.5, 0.48, 0.52, 800)])


def test_logistic_regression_finds_the_log_odds() -> None:
    feature_NF = np.repeat([[1.0], [-1.0], [1.0], [-1.0]], [30, 10, 10, 30], axis=0)
    label_N = np.repeat([True, False], 40)
    slope, bias = fit_logistic(feature_NF, label_N, l2=0.0)
    assert slope == pytest.approx(math.log(3), abs=1e-4)
    assert bias == pytest.approx(0, abs=1e-4)
    assert 0 < fit_logistic(feature_NF, label_N, l2=50.0)[0] < slope / 1.5


def test_logistic_regression_ends_where_the_gradient_does() -> None:
    rng = np.random.default_rng(0)
    feature_NF, label_N = rng.normal(size=(60, 3)), rng.random(60) < 0.3
    weights = fit_logistic(feature_NF, label_N)
    chance_N = 1 / (1 + np.exp(-(feature_NF @ weights[:-1] + weights[-1])))
    np.testing.assert_allclose(feature_NF.T @ (chance_N - label_N) + weights[:-1], 0, atol=1e-3)
    assert (chance_N - label_N).sum() == pytest.approx(0, abs=1e-3)
