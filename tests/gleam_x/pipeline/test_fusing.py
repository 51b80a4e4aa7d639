"""Fusion and the choice whether to re-rank: by hand, from generated truth, and for judges that know, guess or invert."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from gleam_common.errors import ArtifactError, DataError
from gleam_x.calibration import Fusion
from gleam_x.evaluate_pipeline_results import wins_order
from gleam_x.pipeline import fusing
from gleam_x.pipeline.fusing import Scores, ViewPlan, fit_fusion_of_first, fit_view
from gleam_x.pipeline.plan import Plan

QUERIES, TILES = 100, 5


def drawn(seed: int, judge: str, queries: int = QUERIES) -> Scores:
    """Similarities whose first is right in about half of the rows, and a judge's log odds of the same tiles."""
    rng = np.random.default_rng(seed)
    similarity = np.sort(rng.normal(0.5, 0.1, (queries, TILES)), axis=1)[:, ::-1]
    right = np.zeros((queries, TILES), bool)
    rank = rng.choice(TILES + 1, queries, p=[0.5, 0.15, 0.1, 0.08, 0.07, 0.1])
    right[rank < TILES, rank[rank < TILES]] = True
    noise = rng.normal(0, 1, right.shape)
    truth = np.where(right, 4.0, -4.0)
    log_odds = {"perfect": truth + noise, "random": 4 * noise, "inverted": -truth + noise}[judge]
    return Scores(
        similarity_QK=similarity, log_odds_QK=log_odds, right_QK=right, places=[str(n) for n in range(queries)]
    )


def recall(scores: Scores, plan: ViewPlan) -> float:
    firsts = [
        right[plan.order(similarity, log_odds)[0]]
        for similarity, log_odds, right in zip(scores.similarity_QK, scores.log_odds_QK, scores.right_QK, strict=True)
    ]
    return float(np.mean(firsts))


def test_a_perfect_verifier_raises_recall_at_1_to_what_was_found() -> None:
    plan = fit_view(drawn(0, "perfect"))
    other = drawn(1, "perfect")
    assert plan.reranks
    assert plan.weight > 0
    assert plan.top_k == TILES, "the deepest re-ranking finds the most"
    assert plan.gain > 0.3
    assert recall(other, plan) == pytest.approx(other.right_QK.any(axis=1).mean(), abs=0.01)
    assert recall(other, plan) > other.right_QK[:, 0].mean() + 0.3


def test_an_inverted_verifier_is_given_weight_0_and_the_order_stays() -> None:
    for seed in range(5):
        scores = drawn(seed, "inverted")
        plan = fit_view(scores)
        assert (plan.weight, plan.fusion.weight_x, plan.reranks) == (0.0, 0.0, False)
        for similarity, log_odds in zip(scores.similarity_QK, scores.log_odds_QK, strict=True):
            assert plan.order(similarity, log_odds).tolist() == list(range(TILES))
        assert recall(scores, plan) == scores.right_QK[:, 0].mean()


def test_a_random_verifier_is_given_weight_0() -> None:
    plans = [fit_view(drawn(seed, "random")) for seed in range(40)]
    assert sum(plan.reranks for plan in plans) == 0
    assert sum(plan.fusion.weight_x > 0 for plan in plans) <= 2, "it counts in the probability by chance only"


def test_without_enough_photos_nothing_is_decided() -> None:
    assert fit_view(drawn(0, "perfect", queries=19)) is None
    assert fit_view(drawn(0, "perfect", queries=20)) is not None


def test_folds_do_not_share_a_place() -> None:
    scores = drawn(0, "perfect")
    one_place = Scores(**{**vars(scores), "places": ["here"] * QUERIES})
    assert fit_view(one_place) is None, "no place is left to test the gain on"
    assert fit_view(scores).gain > 0.3


def test_the_order_stays_where_recall_falls_on_other_places_though_the_likelihood_rises(monkeypatch) -> None:
    scores = drawn(0, "perfect")
    fallen = {2: 0.01, 3: 0.0, 5: -0.01}
    monkeypatch.setattr(fusing, "_gain_on_others", lambda _, depth: fallen[depth])
    plan = fit_view(scores)
    assert (plan.top_k, plan.gain, plan.reranks) == (3, 0.0, True), "the deepest that does not lose"
    monkeypatch.setattr(fusing, "_gain_on_others", lambda *_: -0.01)
    plan = fit_view(scores)
    assert (plan.reranks, plan.weight) == (False, 0.0)
    assert plan.fusion.weight_x > 0, "the probability still counts the verdict"
    assert plan.order(scores.similarity_QK[0], scores.log_odds_QK[0]).tolist() == list(range(TILES))


PLAN = ViewPlan(
    top_k=2,
    reranks=True,
    fusion=Fusion(weight_x=1.0, weight_c=10.0, intercept=-5.0),
    queries=50,
    gain=0.1,
    evidence=9.0,
)


def test_order_and_probability_by_hand() -> None:
    similarity, log_odds = [0.5, 0.4, 0.3], [-1.0, 1.0, 50.0]
    # Against none: 10 * 0.5 - 1 - 5 = -1 and 10 * 0.4 + 1 - 5 = 0; the third is not weighed.
    assert PLAN.order(similarity, log_odds).tolist() == [1, 0, 2]
    whole = math.exp(-1) + 1 + 1
    assert PLAN.probability(similarity, log_odds) == pytest.approx([math.exp(-1) / whole, 1 / whole])
    kept = ViewPlan(**{**vars(PLAN), "reranks": False})
    assert kept.order(similarity, log_odds).tolist() == [0, 1, 2]
    assert kept.weight == 0.0
    assert PLAN.weight == 1.0
    assert PLAN.order([0.5], [9.0]).tolist() == [0], "a gallery of one tile"


def test_the_fit_finds_the_weights_that_the_truth_was_drawn_with() -> None:
    rng = np.random.default_rng(3)
    count, truth = 6000, Fusion(weight_x=0.8, weight_c=12.0, intercept=-6.0)
    similarity = np.sort(rng.normal(0.5, 0.1, (count, TILES)), axis=1)[:, ::-1]
    log_odds = rng.normal(0, 2, (count, TILES))
    against_none = np.concatenate([truth.fuse(log_odds, similarity), np.zeros((count, 1))], axis=1)
    drawn_tile = np.argmax(against_none + rng.gumbel(size=against_none.shape), axis=1)
    right = drawn_tile[:, None] == np.arange(TILES)
    scores = Scores(similarity_QK=similarity, log_odds_QK=log_odds, right_QK=right, places=[""] * count)
    found = fit_fusion_of_first(scores, TILES)
    assert found.weight_x == pytest.approx(0.8, abs=0.05)
    assert found.weight_c == pytest.approx(12.0, abs=0.8)
    assert found.intercept == pytest.approx(-6.0, abs=0.5)
    assert fit_fusion_of_first(scores, TILES, counts_x=False).weight_x == 0.0
    plan = ViewPlan(top_k=TILES, reranks=True, fusion=found, queries=count, gain=0.0, evidence=0.0)
    chances = np.array([plan.probability(c, x) for c, x in zip(similarity, log_odds, strict=True)])
    assert chances.mean() == pytest.approx(right.mean(), abs=0.005), "calibrated in the mean"


def test_scores_that_do_not_fit_are_refused() -> None:
    good = vars(drawn(0, "perfect"))
    with pytest.raises(DataError, match="arrays of one shape"):
        Scores(**{**good, "right_QK": good["right_QK"][:, :2]})
    with pytest.raises(DataError, match="no finite number"):
        Scores(**{**good, "log_odds_QK": np.full((QUERIES, TILES), np.nan)})


def test_a_plan_is_read_back_and_refused_with_another_model(tmp_path) -> None:
    plan = Plan(finder_sha256="c", judge_sha256="x", views={"uav": PLAN})
    path = tmp_path / "pipeline.json"
    plan.write(path)
    assert json.loads(path.read_text())["views"]["uav"]["weight"] == 1.0
    assert Plan.read(path, "c", "x") == plan
    assert Plan.of_run(tmp_path, "c", "x") == plan
    assert Plan.of_run(tmp_path / "empty", "c", "x").views == {}
    with pytest.raises(ArtifactError, match="made with another GLEAM-C model"):
        Plan.read(path, "other", "x")
    with pytest.raises(ArtifactError, match="made with another GLEAM-X model"):
        Plan.read(path, "c", "other")
    path.write_text('{"views": {"uav": {"top_k": 2}}}')
    with pytest.raises(ArtifactError, match="not a plan"):
        Plan.read(path, "c", "x")


def test_duels_by_hand() -> None:
    # Tile 2 wins both rounds against 0 and 1; tile 1 wins one round of two against 0, so those two are equal.
    assert wins_order([1.0, 0.5, 2.0, 9.0], [0.0, 0.5, 3.0, 9.0]) == [2, 0, 1, 3]
    assert wins_order([1.0, 2.0], [1.0, 2.0]) == [1, 0]
    assert wins_order([1.0], [1.0]) == [0]
