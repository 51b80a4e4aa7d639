"""results.json: perfect and useless models, every group, intervals by place, and two models compared."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from gleam_common.artifacts import write_json
from gleam_common.errors import ArtifactError, DataError
from gleam_x.evaluation.compare import compare_models
from gleam_x.evaluation.predictions import read_predictions, write_predictions
from gleam_x.evaluation.resampled import draws_of
from gleam_x.evaluation.results import evaluate_predictions

HEADLINES = (
    "auroc", "accuracy", "yes_rate", "ece", "auroc_c", "auroc_fused", "claim_precision", "claim_recall",
    "hallucination_rate", "contradiction_rate",
)  # fmt: skip


def wrong_on(rows, pairs):
    return [
        replace(row, probability=1 - row.probability, score=-row.score) if row.pair_id in pairs else row for row in rows
    ]


def test_predictions_come_back_as_they_were(rows, tmp_path) -> None:
    rows[0] = replace(rows[0], similarity_c=None, fused=None, text="")
    write_predictions(tmp_path / "predictions.parquet", rows)
    assert read_predictions(tmp_path / "predictions.parquet") == rows
    first = (tmp_path / "predictions.parquet").read_bytes()
    write_predictions(tmp_path / "predictions.parquet", rows)
    assert (tmp_path / "predictions.parquet").read_bytes() == first


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"score": float("nan")}, "no finite number"),
        ({"probability": 1.2}, "outside 0 to 1"),
        ({"negative_kind": "near", "same_place": True}, "a negative has a kind"),
    ],
)
def test_predictions_that_are_none(rows, change, words) -> None:
    with pytest.raises(DataError, match=words):
        evaluate_predictions([replace(rows[0], **change), *rows[1:]], resamples=10)


def test_predictions_twice_or_of_nothing_or_of_something_else(rows, tmp_path) -> None:
    with pytest.raises(DataError, match="stands twice"):
        evaluate_predictions([*rows, rows[0]], resamples=10)
    with pytest.raises(DataError, match="no record"):
        evaluate_predictions([], resamples=10)
    (tmp_path / "x.parquet").write_bytes(b"no")
    with pytest.raises(ArtifactError, match="no predictions"):
        read_predictions(tmp_path / "x.parquet")


def test_a_perfect_model_and_the_form_of_the_results(rows, records, tmp_path) -> None:
    result = evaluate_predictions(rows, train_records=records, blank_rows=rows, probes={"x": 1}, resamples=50)
    write_json(tmp_path / "results.json", result)  # no NaN anywhere
    assert json.loads((tmp_path / "results.json").read_text())["schema"] == 1
    for name in HEADLINES:
        assert set(result[name]) == {"value", "low", "high"}, name
        assert result[name]["low"] - 1e-9 <= result[name]["value"] <= result[name]["high"] + 1e-9, name
    for name in ("auroc", "accuracy", "claim_precision", "claim_precision_strict", "claim_recall", "mcc"):
        assert result[name]["value"] == 1.0, name
    for name in ("hallucination_rate", "contradiction_rate", "order_flip_rate"):
        assert result[name]["value"] == 0.0, name
    assert result["yes_rate"]["value"] == 0.5
    assert result["ece"]["value"] == pytest.approx(0.1)
    assert result["language_claims_overlap"]["value"] == result["language_verdicts_agree"]["value"] == 1.0
    assert result["accuracy"]["low"] < 1.0  # 40 places, all right, prove no perfection
    assert set(result["by_view"]) == {"uav", "map", "panorama", "ground"}
    assert set(result["by_language"]) == {"en", "zh"}
    assert set(result["by_negative_kind"]) == {"random", "near", "confusable"}
    assert result["text"]["zh"]["bleu"]["value"] == pytest.approx(1.0)
    assert "tok:zh" in result["text"]["zh"]["bleu"]["signature"]
    assert result["text"]["bertscore"].startswith("not run")
    assert result["baselines"]["most_frequent_claims"]["claim_precision"]["value"] < 0.6
    assert result["baselines"]["blank_pictures"]["accuracy"]["value"] == 1.0
    assert {"seed", "versions", "hardware", "commit", "wall_s", "probes"} <= set(result)


def test_a_kind_of_negative_is_measured_against_all_positives(rows) -> None:
    confused = [replace(row, probability=0.95, score=3.0) if row.negative_kind == "confusable" else row for row in rows]
    kinds = evaluate_predictions(confused, resamples=20)["by_negative_kind"]
    assert kinds["near"]["auroc"]["value"] == kinds["random"]["auroc"]["value"] == 1.0
    assert kinds["confusable"]["auroc"]["value"] == 0.0
    assert kinds["confusable"]["true_negative_rate"]["value"] == 0.0
    assert kinds["near"]["true_negative_rate"]["value"] == 1.0
    assert (kinds["near"]["positives"], kinds["near"]["negatives"]) == (120, 40)
    assert kinds["confusable"]["contradiction_rate"]["value"] == 1.0  # the texts say no
    assert kinds["near"]["contradiction_rate"]["value"] == 0.0


def test_groups_are_their_own_rows(rows) -> None:
    silent = [replace(row, text="", probability=1 - row.probability) if row.language == "zh" else row for row in rows]
    result = evaluate_predictions(silent, resamples=20)
    assert result["by_language"]["en"]["accuracy"]["value"] == 1.0
    assert result["by_language"]["zh"]["accuracy"]["value"] == 0.0
    assert result["by_language"]["zh"]["claim_recall"]["value"] is None  # no text at all was generated
    assert result["claim_recall"]["value"] == pytest.approx(0.5, abs=0.02)
    assert result["language_verdicts_agree"]["value"] == 0.0
    assert "zh" not in result["text"]


def test_without_texts_and_similarities_the_numbers_are_none(rows) -> None:
    bare = [replace(row, text="", similarity_c=None, fused=None) for row in rows]
    result = evaluate_predictions(bare, resamples=20)
    for name in ("auroc_c", "auroc_fused", "claim_precision", "hallucination_rate", "contradiction_rate"):
        assert result[name] == {"value": None, "low": None, "high": None}
    assert result["auroc"]["value"] == 1.0


def test_other_rows_for_grey_pictures_are_refused(rows) -> None:
    with pytest.raises(DataError, match="other records"):
        evaluate_predictions(rows, blank_rows=rows[1:], resamples=10)


def test_intervals_are_resampled_by_place_not_by_row() -> None:
    values = np.arange(40) % 2
    alone = draws_of([str(index) for index in range(40)], seed=1).ratio(values)
    in_tens = draws_of([str(value) for value in values], seed=1).ratio(values)
    assert alone["value"] == in_tens["value"] == 0.5
    assert (in_tens["low"], in_tens["high"]) == (0.0, 1.0)
    assert 0.3 < alone["low"] < alone["high"] < 0.7
    assert draws_of(["a", "b"], seed=1).ratio([0, 0], [0, 0])["value"] is None


def test_measured_and_ratio_are_resampled_alike() -> None:
    draws = draws_of(["a", "a", "b", "c", "d"], seed=3)
    values = np.array([1.0, 0.0, 1.0, 1.0, 0.0])
    assert draws.of(lambda weight_N: float(weight_N @ values / weight_N.sum()), is_share=True) == pytest.approx(
        draws.ratio(values)
    )


def test_a_model_compared_with_itself_and_with_a_worse_one(rows) -> None:
    same = compare_models(rows, rows[::-1], resamples=50)
    assert same["mcnemar"] == {"pairs": 120, "only_a_right": 0, "only_b_right": 0, "p": 1.0}
    assert same["difference"]["auroc"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    worse = wrong_on(rows, {f"q{number}" for number in range(30)})
    found = compare_models(rows, worse, resamples=200)
    assert (found["mcnemar"]["only_a_right"], found["mcnemar"]["only_b_right"]) == (30, 0)
    assert found["mcnemar"]["p"] == pytest.approx(2 / 2**30)
    difference = found["difference"]["accuracy"]
    assert difference["value"] == pytest.approx(-0.25)
    assert -0.5 < difference["low"] < -0.25 < difference["high"] < -0.05
    assert found["difference"]["contradiction_rate"]["value"] == pytest.approx(0.25)


def test_models_of_other_records_are_not_compared(rows) -> None:
    with pytest.raises(DataError, match="different records"):
        compare_models(rows, rows[1:], resamples=10)


def test_a_probability_of_one_half_is_a_yes_everywhere(rows) -> None:
    """As in the answers of a trained model, whose texts argue for that."""
    half = [replace(row, probability=0.5) for row in rows]
    result = evaluate_predictions(half, resamples=20)
    assert result["yes_rate"]["value"] == 1.0
    assert result["accuracy"]["value"] == result["contradiction_rate"]["value"] == 0.5
    assert compare_models(rows, half, resamples=20)["difference"]["yes_rate"]["value"] == 0.5
