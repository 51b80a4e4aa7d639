"""How far annotators agree: about the decision on a pair, and about its verdict where they reviewed blindly."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import combinations
from statistics import median
from typing import Any

from gleam_common.errors import DataError
from gleam_common.metrics.agreement import (
    Measure,
    agreement_interval,
    cohen_kappa,
    fleiss_kappa,
    gwet_ac1,
    krippendorff_alpha,
    raw_agreement,
)

from gleam_x.review.adjudicate import gravest
from gleam_x.review.store import ADJUDICATION, DECISIONS, Review

__all__ = ["agreement_of", "table_of"]

Rows = list[list[Any]]


def agreement_of(reviews: Mapping[str, Mapping[str, Review]], seed: int = 0) -> dict[str, Any]:
    """Return every measure with its 95 % bootstrap interval over pairs.

    A unit is a pair, since its languages are decided together; its decision is the gravest of its records.

    Args:
        reviews: by annotator and record; final decisions are left out.
        seed: of the bootstrap.

    Raises:
        DataError: fewer than two annotators, or no pair that two of them reviewed.
    """
    people = {name: list(found.values()) for name, found in sorted(reviews.items()) if name != ADJUDICATION and found}
    if len(people) < 2:
        raise DataError("annotators with reviews", value=list(people), allowed="two or more for agreement")
    names = list(people)
    decided = _table(people, lambda review: review.decision, gravest)
    own = _table(people, lambda review: review.own_verdict or None, lambda verdicts: verdicts[0])
    result: dict[str, Any] = {"annotators": {name: _about(found) for name, found in people.items()}}
    result["decision"] = _measures(decided, names, DECISIONS, seed)
    if any(sum(label is not None for label in row) > 1 for row in own):
        result["own_verdict"] = _measures(own, names, ("yes", "no"), seed)
    return result | {"seed": seed}


def table_of(result: Mapping[str, Any]) -> str:
    """Return the result as a table for a terminal."""
    lines = [f"{'annotator':<28} {'pairs':>6} {'accept':>7} {'edit':>7} {'reject':>7} {'median s':>9}"]
    for name, about in result["annotators"].items():
        counts = " ".join(f"{about[decision]:>7}" for decision in DECISIONS)
        lines.append(f"{name:<28} {about['pairs']:>6} {counts} {about['median_seconds']:>9.0f}")
    for title in ("decision", "own_verdict"):
        if title in result:
            lines += ["", f"{title.replace('_', ' '):<40} {'pairs':>6} {'value':>7}   95 % interval"]
            lines += [_line(row) for row in result[title]]
    return "\n".join(lines)


def _table(
    people: Mapping[str, list[Review]], label: Callable[[Review], Any], join: Callable[[list[Any]], Any]
) -> Rows:
    """Return a row for each pair and a column for each annotator; None where there is nothing."""
    said: dict[str, dict[str, list[Any]]] = {}
    for name, found in people.items():
        for review in found:
            if label(review) is not None:
                said.setdefault(review.pair_id, {}).setdefault(name, []).append(label(review))
    return [[join(by_name[name]) if name in by_name else None for name in people] for by_name in said.values()]


def _about(reviews: list[Review]) -> dict[str, Any]:
    pairs: dict[str, list[Review]] = {}
    for review in reviews:
        pairs.setdefault(review.pair_id, []).append(review)
    decisions = [gravest(review.decision for review in found) for found in pairs.values()]
    counts: dict[str, int] = {decision: decisions.count(decision) for decision in DECISIONS}
    return {"pairs": len(pairs), **counts, "median_seconds": median(found[0].seconds for found in pairs.values())}


def _measures(rows: Rows, names: Sequence[str], labels: Sequence[str], seed: int) -> list[dict[str, Any]]:
    ranked = [[None if label is None else labels.index(label) for label in row] for row in rows]
    everyone = [row for row in ranked if None not in row]
    numbers = range(len(labels))
    found = [
        _measured("raw agreement", raw_agreement, ranked, numbers, seed),
        _measured("Krippendorff's alpha", krippendorff_alpha, ranked, numbers, seed),
        _measured("Gwet's AC1", gwet_ac1, ranked, numbers, seed),
        _measured(f"Fleiss' kappa, all {len(names)}", fleiss_kappa, everyone, numbers, seed),
    ]
    if len(labels) > 2:
        ordinal: Measure = partial(krippendorff_alpha, level="ordinal")
        found.insert(2, _measured("Krippendorff's alpha, ordinal", ordinal, ranked, numbers, seed))
    for (first, one), (second, other) in combinations(enumerate(names), 2):
        both = [[row[first], row[second]] for row in ranked if row[first] is not None and row[second] is not None]
        found.append(_measured(f"Cohen's kappa, {one} and {other}", cohen_kappa, both, numbers, seed))
    return found


def _measured(name: str, measure: Measure, rows: Rows, labels: Sequence[int], seed: int) -> dict[str, Any]:
    """Return a measure over the pairs with two ratings; None where they do not define it."""
    rated = [row for row in rows if sum(label is not None for label in row) > 1]
    if not rated:
        return {"measure": name, "pairs": 0, "value": None, "low": None, "high": None}
    found = agreement_interval(measure, rated, labels, seed).as_dict()
    return {"measure": name, "pairs": len(rated)} | {k: None if math.isnan(v) else v for k, v in found.items()}


def _line(row: Mapping[str, Any]) -> str:
    shown = {key: "-" if row[key] is None else f"{row[key]:.3f}" for key in ("value", "low", "high")}
    return f"{row['measure']:<40} {row['pairs']:>6} {shown['value']:>7}   {shown['low']} to {shown['high']}"
