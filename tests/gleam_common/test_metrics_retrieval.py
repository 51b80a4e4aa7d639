"""Recall, average precision and chance against their definitions."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from gleam_common.errors import DataError
from gleam_common.metrics.ranking import PositiveRanks
from gleam_common.metrics.retrieval import (
    average_precisions,
    chance_recall,
    hits_at_k,
    k_of_percent,
    recall_at_k,
    recall_at_percent,
    within_m,
)


def ranks(*per_query: list[int]) -> PositiveRanks:
    lengths = [len(part) for part in per_query]
    flat = np.array([rank for part in per_query for rank in part], dtype=np.int64)
    return PositiveRanks(offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), ranks=flat)


def university_average_precision(positive_ranks: list[int]) -> float:
    """University-1652's loop (layumi/University1652-Baseline, test.py: compute_mAP), word for word."""
    ap, ngood = 0.0, len(positive_ranks)
    for i in range(ngood):
        precision = (i + 1) * 1.0 / (positive_ranks[i] + 1)
        old_precision = i * 1.0 / positive_ranks[i] if positive_ranks[i] != 0 else 1.0
        ap = ap + (1.0 / ngood) * (old_precision + precision) / 2
    return ap


def test_recall_is_any_positive_in_the_first_k():
    best = ranks([0, 9], [4], [5, 6, 7], [200]).best
    assert [recall_at_k(best, k) for k in (1, 5, 6, 200, 201)] == [0.25, 0.5, 0.75, 0.75, 1.0]
    assert hits_at_k(best, 5).tolist() == [True, True, False, False]


@pytest.mark.parametrize(("gallery", "k"), [(1, 1), (99, 1), (100, 1), (199, 1), (200, 2), (8884, 88), (90618, 906)])
def test_one_percent_rounds_down_but_is_at_least_one_tile(gallery, k):
    assert k_of_percent(gallery) == k
    assert recall_at_percent(np.array([k - 1]), gallery) == 1.0
    assert recall_at_percent(np.array([k]), gallery) == 0.0


def test_average_precision_has_two_forms():
    per_query = [[0], [3], [0, 1, 2], [1, 4, 9], [7, 8]]
    trapezoid = average_precisions(ranks(*per_query), "trapezoid")
    assert trapezoid == pytest.approx([university_average_precision(part) for part in per_query])
    step = average_precisions(ranks(*per_query), "step")
    assert step == pytest.approx([np.mean([(k + 1) / (rank + 1) for k, rank in enumerate(part)]) for part in per_query])
    assert step[1] == 2 * trapezoid[1] == 1 / 4


def test_average_precision_of_one_positive_is_bounded_by_recall():
    """R@1 <= AP <= R@1 + (1 - R@1) / 4, for the trapezoid form."""
    found = np.random.default_rng(1).geometric(0.3, size=500) - 1
    recall, ap = recall_at_k(found, 1), average_precisions(ranks(*[[int(rank)] for rank in found])).mean()
    assert recall < ap < recall + (1 - recall) / 4
    assert average_precisions(ranks([1], [1])).mean() == pytest.approx(0.25)  # the upper bound is reached at rank 1


def test_a_query_without_positives_has_no_precision():
    assert average_precisions(ranks([0], [])).tolist() == [1.0, 0.0]


def test_chance_is_what_random_orders_give():
    assert chance_recall(np.array([1, 1]), 200, 1) == pytest.approx(1 / 200)
    assert chance_recall(np.array([1]), 200, 10) == pytest.approx(10 / 200)
    assert chance_recall(np.array([3, 1]), 20, 5) == pytest.approx(
        1 - (comb(17, 5) / comb(20, 5) + comb(19, 5) / comb(20, 5)) / 2
    )
    assert chance_recall(np.array([3]), 5, 3) == 1.0
    assert chance_recall(np.array([1]), 5, 99) == 1.0


def test_distances_count_up_to_and_with_the_radius():
    assert within_m(np.array([0.0, 25.0, 25.1]), 25).tolist() == [True, True, False]
    with pytest.raises(DataError, match="first row"):
        within_m(np.array([1.0, np.nan]), 25)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: recall_at_k(np.array([0]), 0), "k of at least 1"),
        (lambda: recall_at_k(np.array([], dtype=int), 1), "at least one"),
        (lambda: recall_at_k(np.array([-1]), 1), "0-based"),
        (lambda: k_of_percent(0), "a gallery with tiles"),
        (lambda: k_of_percent(10, 0.0), "100 %"),
        (lambda: average_precisions(ranks([0]), "area"), "allowed: step, trapezoid"),
    ],
)
def test_bad_arguments_say_what_is_allowed(call, words):
    with pytest.raises(DataError, match=words):
        call()
