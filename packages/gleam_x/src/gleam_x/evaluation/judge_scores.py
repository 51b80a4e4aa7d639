"""What judges' rulings come to: who wins, how steady each judge is, and how far judges and people agree."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gleam_common.errors import DataError
from gleam_common.metrics.agreement import (
    Measure,
    agreement_interval,
    cohen_kappa,
    gwet_ac1,
    krippendorff_alpha,
    raw_agreement,
)

from gleam_x.evaluation.judge import Ruling
from gleam_x.evaluation.resampled import draws_of

__all__ = ["LABELS", "summarise_rulings"]

LABELS = ("a", "b", "tie")
_MEASURES: dict[str, Measure] = {
    "raw_agreement": raw_agreement,
    "cohen_kappa": cohen_kappa,
    "krippendorff_alpha": krippendorff_alpha,
    "gwet_ac1": gwet_ac1,
}


def summarise_rulings(
    rulings: Sequence[Ruling], people: Mapping[str, str] | None = None, seed: int = 0, resamples: int = 1000
) -> dict[str, Any]:
    """Return win rates by judge and, where there are several judges or people's choices, their agreement.

    ``win_rate_a`` counts a tie as half; ``orders_agree`` is the share of duels that a judge decides alike in both
    orders; ``first_chosen`` the share of its decided answers that name the text in first place, 0.5 without bias.

    Args:
        rulings: of any judges.
        people: what people chose ("a", "b" or "tie"), by duel_id, for the duels that they saw.
        seed: of the bootstrap.
        resamples: of the bootstrap.

    Raises:
        DataError: no ruling, or an unknown choice.
    """
    if not rulings:
        raise DataError("no ruling to be summarised")
    people = people or {}
    if unknown := sorted(set(people.values()) - set(LABELS)):
        raise DataError("a person's choice", value=unknown[0], allowed=LABELS)
    by_judge: dict[str, list[Ruling]] = {}
    for ruling in rulings:
        by_judge.setdefault(ruling.judge, []).append(ruling)
    result: dict[str, Any] = {"judges": {}, "seed": seed}
    for judge, own in by_judge.items():
        result["judges"][judge] = _of_judge(own, seed, resamples)
        seen = [[ruling.winner, people.get(ruling.duel.duel_id)] for ruling in own]
        if both := [row for row in seen if None not in row]:
            result["judges"][judge]["with_people"] = _agreement(both, seed, resamples)
    table: dict[str, list[str | None]] = {}
    for column, own in enumerate(by_judge.values()):
        for ruling in own:
            table.setdefault(ruling.duel.duel_id, [None] * len(by_judge))[column] = ruling.winner
    shared = [row for row in table.values() if sum(label is not None for label in row) > 1]
    if shared:
        result["between_judges"] = _agreement(shared, seed, resamples)
    return result


def _of_judge(rulings: Sequence[Ruling], seed: int, resamples: int) -> dict[str, Any]:
    decided = [ruling for ruling in rulings if ruling.winner is not None]
    result: dict[str, Any] = {"duels": len(rulings), "without_answer": len(rulings) - len(decided)}
    if not decided:
        return result
    draws = draws_of([ruling.duel.place_id for ruling in decided], seed, resamples)
    points = {"a": 1.0, "b": 0.0, "tie": 0.5}
    first = np.array([(ruling.a_first == "a") + (ruling.b_first == "b") for ruling in decided])
    named = np.array([(ruling.a_first != "tie") + (ruling.b_first != "tie") for ruling in decided])
    return result | {
        "win_rate_a": draws.ratio([points[str(ruling.winner)] for ruling in decided]),
        "ties": draws.ratio([ruling.winner == "tie" for ruling in decided]),
        "orders_agree": draws.ratio([ruling.a_first == ruling.b_first for ruling in decided]),
        "first_chosen": draws.ratio(first, named),
    }


def _agreement(rows: list[list[str | None]], seed: int, resamples: int) -> dict[str, Any]:
    """Return every measure of agreement that these raters allow; None where the ratings do not define it."""
    found: dict[str, Any] = {"duels": len(rows)}
    for name, measure in _MEASURES.items():
        if name == "cohen_kappa" and len(rows[0]) != 2:
            continue
        values = agreement_interval(measure, rows, LABELS, seed, resamples).as_dict()
        found[name] = {key: None if math.isnan(value) else value for key, value in values.items()}
    return found
