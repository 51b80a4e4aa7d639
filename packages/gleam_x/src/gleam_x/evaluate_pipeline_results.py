"""Numbers of the whole pipeline, with intervals by place: each way to rank, abstention, cost.

Axes: N photos of all views, K tiles of each, most similar first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from gleam_common.metrics import verdict
from gleam_common.provenance import commit, hardware, versions

from gleam_x.evaluate_pipeline_rows import Row, of_view, scores_of_rows
from gleam_x.evaluation.resampled import Draws, Measured, draws_of
from gleam_x.pipeline.answer import STEPS, Answer
from gleam_x.pipeline.fusing import ViewPlan, fit_fusion_of_first
from gleam_x.pipeline.plan import Plan

__all__ = ["COVERAGES", "METHODS", "results_of", "wins_order"]

COVERAGES = (0.5, 0.8, 0.9)
METHODS = {
    "c": "GLEAM-C alone",
    "pointwise": "GLEAM-X re-ranks by its verdict",
    "pairwise": "GLEAM-X re-ranks the first three by whose verdict wins",
    "fused": "both fused, in every view",
    "pipeline": "both fused where validation says so",
}
"""Ways to rank, by the name that stands behind ``recall@1_``; the pipeline's own has none."""

_DUELLING = 3
_CURVE_POINTS = 100
Floats = npt.NDArray[np.float64]
Order = Callable[[Row], Sequence[int]]


def results_of(
    rows: Sequence[Row], val_rows: Sequence[Row], plan: Plan, answers: Mapping[str, Answer], seed: int
) -> dict[str, Any]:
    """Return results.json.

    Args:
        rows: of the test places.
        val_rows: of the validation places; "fused" and "GLEAM-C alone" are fitted on them, as the plan was.
        plan: what the pipeline ranks by.
        answers: of the timed photos by query_id, which went through the whole pipeline.
        seed: of the bootstrap.
    """
    draws = draws_of([row.place_id for row in rows], seed)
    views = list(dict.fromkeys(row.view for row in rows))
    deepest = len(rows[0].right)
    known = [view for view in views if of_view(val_rows, view)]
    always = {view: _always(of_view(val_rows, view), deepest) for view in known}
    alone = {view: _alone(of_view(val_rows, view), plan.views.get(view), deepest) for view in known}
    right = {name: _right(rows, order) for name, order in _orders(plan, always).items()}
    sure_N = np.array([_sure(row, plan.views.get(row.view)) for row in rows])
    sure_c_N = np.array([_sure(row, alone.get(row.view)) for row in rows])
    return {
        "schema": 1,
        "protocol": "all tiles of the held-out areas; an overlapping neighbour of the right tile is an error",
        "queries": len(rows),
        "places": draws.places,
        "methods": METHODS,
        "views": {view: _of_view(rows, view, right, draws, plan) for view in views},
        "mean": _mean(rows, views, right, draws),
        **_trust(sure_N, right["pipeline"], draws),
        "c_alone": _trust(sure_c_N, right["c"], draws),
        "costs": _costs(rows, list(answers.values())),
        "wall_ms_per_query": 1000 * _mean_of([sum(answer.times_s.values()) for answer in answers.values()]),
        "timed_as_evaluated": _agreement(rows, plan, answers),
        "seed": seed,
        "versions": versions(),
        "hardware": hardware(),
        "commit": commit(),
    }


def _always(rows: Sequence[Row], deepest: int) -> ViewPlan:
    """Return a plan that re-ranks all that was verified, whatever validation says."""
    fusion = fit_fusion_of_first(scores_of_rows(rows), deepest)
    return ViewPlan(top_k=deepest, reranks=True, fusion=fusion, queries=len(rows), gain=0.0, evidence=0.0)


def _alone(rows: Sequence[Row], own: ViewPlan | None, deepest: int) -> ViewPlan:
    """Return a plan in which verdicts count nothing, as deep as the pipeline's own."""
    depth = deepest if own is None else own.top_k
    fusion = fit_fusion_of_first(scores_of_rows(rows), depth, counts_x=False)
    return ViewPlan(top_k=depth, reranks=False, fusion=fusion, queries=len(rows), gain=0.0, evidence=0.0)


def _orders(plan: Plan, always: Mapping[str, ViewPlan]) -> dict[str, Order]:
    return {
        "c": lambda row: [0],
        "pointwise": lambda row: np.argsort(-np.array(row.log_odds), kind="stable").tolist(),
        "pairwise": lambda row: wins_order(row.query_first, row.satellite_first),
        "fused": lambda row: _order_by(always.get(row.view), row),
        "pipeline": lambda row: _order_by(plan.views.get(row.view), row),
    }


def _order_by(plan: ViewPlan | None, row: Row) -> Sequence[int]:
    """Return the order of a row's tiles; GLEAM-C's where its view has no plan."""
    return [0] if plan is None else plan.order(row.similarity, row.log_odds).tolist()


def wins_order(query_first: Sequence[float], satellite_first: Sequence[float], count: int = _DUELLING) -> list[int]:
    """Return the order in which the first ``count`` tiles come out of duels, each against each; others keep theirs.

    A duel has two rounds, one for each order of the pictures; the higher verdict score wins a round. Most rounds won
    comes first (Copeland's rule); equals keep GLEAM-C's order.
    """
    rounds = [np.asarray(scores, np.float64)[:count] for scores in (query_first, satellite_first)]
    won = sum((scores[:, None] > scores[None, :]).sum(axis=1) for scores in rounds)
    first = np.argsort(-np.asarray(won), kind="stable").tolist()
    return [*first, *range(len(first), len(query_first))]


def _right(rows: Sequence[Row], order: Order) -> npt.NDArray[np.bool_]:
    """Return whether the first answer to each photo is right."""
    return np.array([row.right[order(row)[0]] for row in rows], dtype=bool)


def _sure(row: Row, plan: ViewPlan | None) -> float:
    """Return the probability of the first answer."""
    if plan is None:
        return float(1 / (1 + np.exp(-row.log_odds[0])))
    first = int(plan.order(row.similarity, row.log_odds)[0])
    return float(plan.probability(row.similarity, row.log_odds)[first])


def _of_view(
    rows: Sequence[Row], view: str, right: Mapping[str, npt.NDArray[np.bool_]], draws: Draws, plan: Plan
) -> dict[str, Any]:
    own_N = np.array([row.view == view for row in rows])
    own_draws, chosen = draws.take(own_N), of_view(rows, view)
    found: dict[str, Any] = {"queries": len(chosen), "places": own_draws.places}
    for name, right_N in right.items():
        found[_key(name)] = own_draws.ratio(right_N[own_N])
    for name in ("pointwise", "pairwise", "fused", "pipeline"):
        key = "gain" if name == "pipeline" else f"gain_{name}"
        found[key] = _difference(right[name][own_N], right["c"][own_N], own_draws)
    found[f"recall@{len(chosen[0].right)}_c"] = own_draws.ratio([any(row.right) for row in chosen])
    fitted = plan.views.get(view)
    return found | {"plan": None if fitted is None else fitted.to_json()}


def _key(method: str) -> str:
    return "recall@1" if method == "pipeline" else f"recall@1_{method}"


def _difference(first_N: npt.ArrayLike, second_N: npt.ArrayLike, draws: Draws) -> Measured:
    """Return the paired difference of two shares with its interval."""
    change_N = np.asarray(first_N, np.float64) - np.asarray(second_N, np.float64)
    return draws.of(partial(_weighted_mean, change_N))


def _weighted_mean(values_N: Floats, weight_N: Floats) -> float:
    return float(values_N @ weight_N / weight_N.sum())


def _mean(
    rows: Sequence[Row], views: Sequence[str], right: Mapping[str, npt.NDArray[np.bool_]], draws: Draws
) -> dict[str, Measured]:
    """Return the means over views: of each way to rank, and of its paired gain over GLEAM-C."""
    of_view_N = np.array([views.index(row.view) for row in rows])

    def over_views(values_N: Floats, weight_N: Floats) -> float:
        sums, counts = (np.bincount(of_view_N, v, len(views)) for v in (values_N * weight_N, weight_N))
        return float((sums / np.maximum(counts, 1e-12)).mean())

    values = {_key(name): right_N.astype(np.float64) for name, right_N in right.items()}
    changes = {
        ("gain" if name == "pipeline" else f"gain_{name}"): right_N.astype(np.float64) - right["c"]
        for name, right_N in right.items()
        if name != "c"
    }
    return {name: draws.of(partial(over_views, values_N)) for name, values_N in (values | changes).items()}


def _trust(sure_N: Floats, right_N: npt.NDArray[np.bool_], draws: Draws) -> dict[str, Any]:
    """Return accuracy at every coverage, the calibration of the first answers' probabilities, and the curve."""
    found: dict[str, Any] = {"accuracy": draws.ratio(right_N)}
    for coverage in COVERAGES:
        found[f"accuracy_at_coverage_{coverage:g}"] = draws.of(
            partial(_accuracy_at, sure_N, right_N, coverage), is_share=True
        )
    found["aurc"] = draws.of(lambda weight_N: verdict.aurc(sure_N, right_N, weight_N), is_share=True)
    found["ece"] = draws.of(lambda weight_N: verdict.ece(sure_N, right_N, weights=weight_N))
    coverage_N, risk_N = verdict.risk_coverage(sure_N, right_N)
    kept = np.unique(np.linspace(0, len(risk_N) - 1, _CURVE_POINTS).round().astype(int))
    found["risk_coverage"] = [[round(float(coverage_N[n]), 4), round(float(risk_N[n]), 4)] for n in kept]
    return found


def _accuracy_at(sure_N: Floats, right_N: npt.NDArray[np.bool_], coverage: float, weight_N: Floats) -> float:
    return verdict.accuracy_at_coverage(sure_N, right_N, coverage, weight_N)


def _mean_of(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _costs(rows: Sequence[Row], answers: Sequence[Answer]) -> dict[str, Any]:
    """Return milliseconds of each step: of photos one by one with reasons, and of batches without."""
    return {
        "one_by_one_ms": {step: 1000 * _mean_of([answer.times_s[step] for answer in answers]) for step in STEPS},
        "in_batches_ms": {
            "find": 1000 * _mean_of([row.find_s for row in rows]),
            "verify": 1000 * _mean_of([row.verify_s for row in rows]),
        },
        "timed": len(answers),
        "pairs_per_query": len(rows[0].right),
    }


def _agreement(rows: Sequence[Row], plan: Plan, answers: Mapping[str, Answer]) -> float:
    """Return the share of the timed photos whose first tile is the one that was evaluated."""
    order = _orders(plan, {})["pipeline"]
    first = {row.query_id: row.gallery_ids[order(row)[0]] for row in rows}
    return _mean_of([answer.best.tile.gallery_id == first[query_id] for query_id, answer in answers.items()])
