"""Predictions -> results.json: every number with its interval, for all rows and for each view, language and negative.

Axes: N rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from gleam_common.errors import DataError
from gleam_common.metrics import verdict
from gleam_common.metrics.explanation import METRICS, NOT_RUN, signature, text_scores
from gleam_common.provenance import commit, hardware, versions

from gleam_x.benchmark.schema import LANGUAGES, NEGATIVE_KINDS, Record
from gleam_x.evaluation.baselines import most_frequent_claims
from gleam_x.evaluation.claim_scores import ClaimCounts, claim_scores
from gleam_x.evaluation.consistency import consistency
from gleam_x.evaluation.predictions import Prediction, check_predictions
from gleam_x.evaluation.resampled import Draws, Measured, draws_of

__all__ = ["COVERAGES", "SCHEMA", "claim_shares", "evaluate_predictions", "verdict_metrics"]

SCHEMA = 1
COVERAGES = (0.5, 0.8, 0.9)
Floats = npt.NDArray[np.float64]


def evaluate_predictions(
    rows: Sequence[Prediction],
    *,
    train_records: Iterable[Record] = (),
    blank_rows: Sequence[Prediction] = (),
    probes: Mapping[str, Any] | None = None,
    seed: int = 0,
    resamples: int = 1000,
) -> dict[str, Any]:
    """Return the results of ``rows`` as results.json holds them; numbers that rows do not define are None.

    Args:
        rows: of one split, both languages.
        train_records: of the train split, for the baseline of most frequent claims; left out if there are none.
        blank_rows: the same records asked with grey pictures, for that baseline.
        probes: summaries of :mod:`gleam_x.evaluation.probe_scores`, by name.
        seed: of the bootstrap.
        resamples: of the bootstrap.

    Raises:
        DataError: no rows, rows that are none, or a baseline of other records.
    """
    started = time.perf_counter()
    check_predictions(rows)
    draws = draws_of([row.place_id for row in rows], seed, resamples)
    train_records = list(train_records)
    return {
        "schema": SCHEMA,
        "records": len(rows),
        "pairs": len({row.pair_id for row in rows}),
        "places": draws.places,
        **_numbers(rows, draws),
        "by_view": _by(rows, draws, "view"),
        "by_language": _by(rows, draws, "language"),
        "by_negative_kind": _by_negative_kind(rows, draws),
        "text": _text(rows, draws),
        "baselines": _baselines(rows, train_records, blank_rows, draws),
        "probes": dict(probes or {}),
        "seed": seed,
        "versions": versions(),
        "hardware": hardware(),
        "commit": commit(),
        "wall_s": round(time.perf_counter() - started, 3),
    }


def verdict_metrics(rows: Sequence[Prediction], draws: Draws) -> dict[str, Measured]:
    """Return the numbers of the verdicts; decisions are made at a calibrated probability of one half."""
    label_N = np.array([row.same_place for row in rows], np.float64)
    p_N = np.array([row.probability for row in rows])
    score_N = np.array([row.score for row in rows])
    says_N, sure_N = np.array([row.says_yes for row in rows]), np.abs(p_N - 0.5)
    correct_N = says_N == label_N
    shares: dict[str, Callable[[Floats], float]] = {
        "auroc": lambda weight_N: verdict.auroc(score_N, label_N, weight_N),
        "average_precision": lambda weight_N: verdict.average_precision(score_N, label_N, weight_N),
        "fpr_at_95_tpr": lambda weight_N: verdict.fpr_at_tpr(score_N, label_N, 0.95, weight_N),
        "precision": lambda weight_N: verdict.precision(says_N, label_N, weight_N),
        "recall": lambda weight_N: verdict.recall(says_N, label_N, weight_N),
        "f1": lambda weight_N: verdict.f1(says_N, label_N, weight_N),
        "aurc": lambda weight_N: verdict.aurc(sure_N, correct_N, weight_N),
    }
    for coverage in COVERAGES:
        measure = partial(_accuracy_at, sure_N, correct_N, coverage)
        shares[f"accuracy_at_{round(100 * coverage)}_coverage"] = measure
    others: dict[str, Callable[[Floats], float]] = {
        "mcc": lambda weight_N: verdict.mcc(says_N, label_N, weight_N),
        "ece": lambda weight_N: verdict.ece(p_N, label_N, weights=weight_N),
        "ece_equal_mass": lambda weight_N: verdict.ece(p_N, label_N, equal_mass=True, weights=weight_N),
        "brier": lambda weight_N: verdict.brier(p_N, label_N, weight_N),
        "nll": lambda weight_N: verdict.nll(p_N, label_N, weight_N),
    }
    result = {name: draws.of(measure, is_share=True) for name, measure in shares.items()}
    result |= {name: draws.of(measure) for name, measure in others.items()}
    result["accuracy"] = draws.ratio(correct_N)
    result["accuracy_uncalibrated"] = draws.ratio((score_N > 0) == label_N)
    result["yes_rate"] = draws.ratio(says_N)
    result["leftover"] = draws.ratio([row.leftover for row in rows])
    return result | _other_models(rows, label_N, draws)


def _accuracy_at(sure_N: Floats, correct_N: npt.NDArray[np.bool_], coverage: float, weight_N: Floats) -> float:
    return verdict.accuracy_at_coverage(sure_N, correct_N, coverage, weight_N)


def _other_models(rows: Sequence[Prediction], label_N: Floats, draws: Draws) -> dict[str, Measured]:
    """Return the AUROC of GLEAM-C alone and of both, of the rows that have them; None where none has."""
    result: dict[str, Measured] = {}
    for name, values in (("auroc_c", [row.similarity_c for row in rows]), ("auroc_fused", [row.fused for row in rows])):
        known = np.array([value is not None for value in values])
        score_N, own_N = np.array([value for value in values if value is not None]), label_N[known]
        result[name] = {"value": None, "low": None, "high": None}
        if known.any():
            result[name] = draws.take(known).of(partial(_auroc, score_N, own_N), is_share=True)
    return result


def _auroc(score_N: Floats, label_N: Floats, weight_N: Floats) -> float:
    return verdict.auroc(score_N, label_N, weight_N)


def claim_shares(counts: Sequence[ClaimCounts], draws: Draws) -> dict[str, Measured]:
    """Return the shares of claims of some texts, whose ``draws`` these are."""
    column = {name: np.array([getattr(count, name) for count in counts]) for name in vars(counts[0])}
    return {
        "claim_precision": draws.ratio(column["right"], column["said"]),
        "claim_precision_strict": draws.ratio(column["right_strict"], column["said"]),
        "claim_recall": draws.ratio(column["found"], column["gold"]),
        "hallucination_rate": draws.ratio(column["invented"], column["things"]),
        "claims_per_text": draws.ratio(column["said"]),
        "unread_sentences_per_text": draws.ratio(column["unread"]),
    }


_OF_TEXTS = ("claim_precision", "claim_precision_strict", "claim_recall", "hallucination_rate", "contradiction_rate")


def _numbers(rows: Sequence[Prediction], draws: Draws) -> dict[str, Any]:
    """Return verdicts, claims and consistency of some rows; claims of all of them once any has a text."""
    result: dict[str, Any] = {name: {"value": None, "low": None, "high": None} for name in _OF_TEXTS}
    result |= verdict_metrics(rows, draws)
    if any(row.text.strip() for row in rows):
        result |= claim_shares(claim_scores(rows), draws)
    return result | consistency(rows, draws)


def _by(rows: Sequence[Prediction], draws: Draws, name: str) -> dict[str, Any]:
    """Return the numbers for each view or language, in the order of the rows."""
    values = np.array([getattr(row, name) for row in rows])
    found = {}
    for value in dict.fromkeys(values.tolist()):
        own = np.flatnonzero(values == value).tolist()
        found[value] = {"records": len(own)} | _numbers([rows[index] for index in own], draws.take(own))
    return found


def _by_negative_kind(rows: Sequence[Prediction], draws: Draws) -> dict[str, Any]:
    """Return the verdicts on each kind of negative against all positives, and the claims of its own texts alone."""
    kinds = np.array([row.negative_kind for row in rows])
    found: dict[str, Any] = {}
    for kind in NEGATIVE_KINDS:
        own, against = (np.flatnonzero(mask).tolist() for mask in (kinds == kind, (kinds == kind) | (kinds == "")))
        if not own:
            continue
        found[kind] = {"negatives": len(own), "positives": len(against) - len(own)}
        found[kind] |= verdict_metrics([rows[index] for index in against], draws.take(against))
        alone = [rows[index] for index in own]
        found[kind]["true_negative_rate"] = draws.take(own).ratio([not row.says_yes for row in alone])
        if any(row.text.strip() for row in alone):
            found[kind] |= claim_shares(claim_scores(alone), draws.take(own))
        found[kind] |= consistency(alone, draws.take(own))
    return found


def _text(rows: Sequence[Prediction], draws: Draws) -> dict[str, Any]:
    """Return overlap with the references, by language: each number with what it was measured with."""
    result: dict[str, Any] = {}
    for language in LANGUAGES:
        own = [index for index, row in enumerate(rows) if row.language == language]
        if not any(rows[index].text.strip() for index in own):
            continue
        scores = text_scores([rows[i].text for i in own], [rows[i].reference for i in own], language)
        result[language] = {
            name: draws.take(own).ratio(scores[name]) | {"signature": signature(name, language)} for name in METRICS
        }
    return result | dict(NOT_RUN)


def _baselines(
    rows: Sequence[Prediction], train_records: Sequence[Record], blank_rows: Sequence[Prediction], draws: Draws
) -> dict[str, Any]:
    result: dict[str, Any] = {}
    if train_records:
        result["most_frequent_claims"] = claim_shares(most_frequent_claims(train_records, rows), draws)
    if blank_rows:
        if [row.record_id for row in blank_rows] != [row.record_id for row in rows]:
            raise DataError("the grey pictures are of other records", fix="ask the same records in the same order")
        result["blank_pictures"] = _numbers(blank_rows, draws)
    return result
