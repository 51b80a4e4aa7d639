"""Two models on the same records: who is right where the other is not, and by how much numbers differ.

Axes: N rows that both models were asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gleam_common.errors import DataError
from gleam_common.metrics import verdict

from gleam_x.evaluation.claim_scores import claim_scores
from gleam_x.evaluation.consistency import contradictions
from gleam_x.evaluation.predictions import Prediction, check_predictions
from gleam_x.evaluation.resampled import Draws, draws_of

__all__ = ["compare_models"]

Floats = npt.NDArray[np.float64]


def compare_models(
    rows_a: Sequence[Prediction], rows_b: Sequence[Prediction], seed: int = 0, resamples: int = 1000
) -> dict[str, Any]:
    """Return McNemar's test of the verdicts, and the paired differences b - a with intervals by place.

    McNemar's test takes each pair of pictures once (two languages of a pair are not two observations): a model is right
    on a pair when it is right in all languages that it was asked in.

    Raises:
        DataError: the two were not asked the same records.
    """
    check_predictions(rows_a)
    check_predictions(rows_b)
    by_id = {row.record_id: row for row in rows_b}
    if set(by_id) != {row.record_id for row in rows_a}:
        differing = len(set(by_id) ^ {row.record_id for row in rows_a})
        raise DataError("the two models were asked different records", value=differing, fix="compare one split")
    rows_b = [by_id[row.record_id] for row in rows_a]
    if any(one.same_place != other.same_place for one, other in zip(rows_a, rows_b, strict=True)):
        raise DataError("the two predictions know different truths", fix="evaluate both on one benchmark")
    draws = draws_of([row.place_id for row in rows_a], seed, resamples)
    return {
        "records": len(rows_a),
        "places": draws.places,
        "mcnemar": _mcnemar(rows_a, rows_b),
        "difference": _differences(rows_a, rows_b, draws),
        "seed": seed,
    }


def _mcnemar(rows_a: Sequence[Prediction], rows_b: Sequence[Prediction]) -> dict[str, Any]:
    right: dict[str, list[bool]] = {}
    for one, other in zip(rows_a, rows_b, strict=True):
        found = right.setdefault(one.pair_id, [True, True])
        found[0] &= one.says_yes == one.same_place
        found[1] &= other.says_yes == other.same_place
    only_a = sum(a and not b for a, b in right.values())
    only_b = sum(b and not a for a, b in right.values())
    p_value = verdict.mcnemar(only_a, only_b)
    return {"pairs": len(right), "only_a_right": only_a, "only_b_right": only_b, "p": p_value}


def _differences(rows_a: Sequence[Prediction], rows_b: Sequence[Prediction], draws: Draws) -> dict[str, Any]:
    both = [_measures(rows) for rows in (rows_a, rows_b)]
    return {name: draws.of(_difference(both[0][name], both[1][name])) for name in both[0] if name in both[1]}


def _difference(first: Callable[[Floats], float], second: Callable[[Floats], float]) -> Callable[[Floats], float]:
    return lambda weight_N: second(weight_N) - first(weight_N)


def _measures(rows: Sequence[Prediction]) -> dict[str, Callable[[Floats], float]]:
    label_N = np.array([row.same_place for row in rows], np.float64)
    score_N, p_N = np.array([row.score for row in rows]), np.array([row.probability for row in rows])
    says_N = np.array([row.says_yes for row in rows])
    measures: dict[str, Callable[[Floats], float]] = {
        "auroc": lambda weight_N: verdict.auroc(score_N, label_N, weight_N),
        "accuracy": lambda weight_N: verdict.accuracy(says_N, label_N, weight_N),
        "yes_rate": lambda weight_N: verdict.yes_rate(says_N, weight_N),
        "ece": lambda weight_N: verdict.ece(p_N, label_N, weights=weight_N),
    }
    if not any(row.text.strip() for row in rows):
        return measures
    counts = claim_scores(rows)
    against_N = contradictions(rows)
    return measures | {
        "claim_precision": _ratio([count.right for count in counts], [count.said for count in counts]),
        "claim_recall": _ratio([count.found for count in counts], [count.gold for count in counts]),
        "hallucination_rate": _ratio([count.invented for count in counts], [count.things for count in counts]),
        "contradiction_rate": _ratio(against_N.tolist(), [1] * len(rows)),
    }


def _ratio(parts: Sequence[float], wholes: Sequence[float]) -> Callable[[Floats], float]:
    part_N, whole_N = np.asarray(parts, np.float64), np.asarray(wholes, np.float64)

    def measure(weight_N: Floats) -> float:
        whole = float(weight_N @ whole_N)
        return float(weight_N @ part_N) / whole if whole else float("nan")

    return measure
