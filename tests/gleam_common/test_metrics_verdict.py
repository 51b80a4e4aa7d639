"""Verdict metrics: slow references from the definitions, known values, invariants, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from gleam_common.errors import DataError
from gleam_common.metrics import verdict
from gleam_common.metrics.verdict import (
    accuracy,
    accuracy_at_coverage,
    aurc,
    auroc,
    average_precision,
    brier,
    calibration_bins,
    ece,
    f1,
    fpr_at_tpr,
    mcc,
    mcnemar,
    nll,
    precision,
    recall,
    risk_coverage,
    yes_rate,
)

SAYS, LABELS = [1, 1, 1, 0, 0, 0, 0, 0], [1, 1, 0, 1, 0, 0, 0, 0]  # tp 2, fp 1, fn 1, tn 4
OF_SCORES = (auroc, average_precision, fpr_at_tpr)
OF_VERDICTS = (accuracy, precision, recall, f1, mcc)
OF_PROBABILITIES = (ece, brier, nll, lambda p, y, weights=None: ece(p, y, equal_mass=True, weights=weights))


def drawn(seed, size=60, levels=12):
    """Scores with many ties that know something, and labels."""
    random = np.random.default_rng(seed)
    labels = random.random(size) < 0.4
    return np.round(random.random(size) * levels + 3 * labels) / (levels + 3), labels


def test_decisions_by_hand() -> None:
    assert accuracy(SAYS, LABELS) == 6 / 8
    assert precision(SAYS, LABELS) == 2 / 3
    assert recall(SAYS, LABELS) == 2 / 3
    assert f1([1, 1, 1, 1], [1, 0, 0, 0]) == pytest.approx(2 * 0.25 * 1 / 1.25)
    assert mcc(SAYS, LABELS) == pytest.approx((2 * 4 - 1) / math.sqrt(3 * 3 * 5 * 5))
    uneven = [1, 1, 1, 0, 0, 0, 0, 0], [1, 1, 0, 1, 1, 1, 0, 0]
    assert mcc(*uneven) == pytest.approx(np.corrcoef(*uneven)[0, 1])
    assert yes_rate(SAYS) == 3 / 8


def test_what_is_not_defined_is_nan_and_mcc_zero() -> None:
    assert math.isnan(precision([0, 0], [1, 0]))
    assert math.isnan(recall([0, 1], [0, 0]))
    assert math.isnan(auroc([0.1, 0.2], [1, 1]))
    assert math.isnan(average_precision([0.1], [0]))
    assert math.isnan(fpr_at_tpr([0.1], [0]))
    assert mcc([1, 1], [1, 0]) == 0.0


@pytest.mark.parametrize("seed", range(5))
def test_auroc_is_the_share_of_pairs_in_order(seed) -> None:
    scores, labels = drawn(seed)
    pairs = [(p > n) + (p == n) / 2 for p in scores[labels] for n in scores[~labels]]
    assert auroc(scores, labels) == pytest.approx(np.mean(pairs))
    assert auroc(-scores, labels) == pytest.approx(1 - np.mean(pairs))
    assert auroc(np.exp(scores), labels) == pytest.approx(np.mean(pairs))


@pytest.mark.parametrize("seed", range(5))
def test_average_precision_and_fpr_from_the_thresholds(seed) -> None:
    scores, labels = drawn(seed)
    area, before, reached = 0.0, 0.0, None
    for threshold in sorted(set(scores), reverse=True):
        yes = scores >= threshold
        area += (recall(yes, labels) - before) * precision(yes, labels)
        before = recall(yes, labels)
        if reached is None and before >= 0.95:
            reached = (yes & ~labels).sum() / (~labels).sum()
    assert average_precision(scores, labels) == pytest.approx(area)
    assert fpr_at_tpr(scores, labels) == pytest.approx(reached)


def test_known_values_of_the_order() -> None:
    scores, labels = [0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]  # scikit-learn's own example
    assert auroc(scores, labels) == pytest.approx(0.75)
    assert average_precision(scores, labels) == pytest.approx(0.8333, abs=1e-4)
    assert auroc([1, 1, 1], [1, 0, 0]) == 0.5
    assert fpr_at_tpr([3, 2, 1, 0], [1, 0, 1, 0], tpr=0.5) == 0.0
    assert fpr_at_tpr([3, 2, 1, 0], [1, 0, 1, 0], tpr=1.0) == 0.5


@pytest.mark.parametrize("seed", range(4))
def test_ece_from_its_definition(seed) -> None:
    p, labels = drawn(seed)
    expected = 0.0
    for low in np.arange(10) / 10:
        inside = (p >= low) & ((p < low + 0.1 - 1e-12) | (low == 0.9))
        if inside.any():
            expected += inside.mean() * abs(p[inside].mean() - labels[inside].mean())
    assert ece(p, labels) == pytest.approx(expected)


def test_ece_by_mass_and_the_bins() -> None:
    p, labels = np.array([0.01, 0.02, 0.03, 0.9]), [0, 0, 1, 1]
    assert ece(p, labels, bins=2, equal_mass=True) == pytest.approx((0.015 + abs(0.465 - 1)) / 2)
    assert ece(p, labels, bins=2) == pytest.approx(0.75 * abs(0.02 - 1 / 3) + 0.25 * 0.1)
    bins = calibration_bins(p, labels, bins=2)
    assert bins.share_B.tolist() == [0.75, 0.25]
    assert bins.frequency_B.tolist() == pytest.approx([1 / 3, 1.0])
    assert ece([1.0, 0.0], [1, 0]) == 0.0
    tied = calibration_bins([0.5] * 7, [1, 0, 0, 1, 0, 0, 0], equal_mass=True)
    assert tied.share_B.tolist() == [1.0]
    most_tied = calibration_bins([0.1, 0.2, 0.2, 0.2], [1, 0, 0, 1], bins=2, equal_mass=True)
    assert most_tied.share_B.tolist() == [0.25, 0.75]


def test_brier_and_nll_by_hand() -> None:
    assert brier([0.8, 0.3], [1, 0]) == pytest.approx((0.04 + 0.09) / 2)
    assert nll([0.8, 0.3], [1, 0]) == pytest.approx(-(math.log(0.8) + math.log(0.7)) / 2)
    assert nll([0.0], [1]) == pytest.approx(-math.log(1e-12))


@pytest.mark.parametrize("seed", range(4))
def test_risk_without_ties_is_the_error_of_the_surest(seed) -> None:
    random = np.random.default_rng(seed)
    sure, correct = random.random(40), random.random(40) < 0.7
    order = np.argsort(-sure)
    risks = [1 - correct[order[:count]].mean() for count in range(1, 41)]
    coverage, risk = risk_coverage(sure, correct)
    assert risk.tolist() == pytest.approx(risks)
    assert coverage[[0, -1]].tolist() == [1 / 40, 1.0]
    assert aurc(sure, correct) == pytest.approx(np.mean(risks))
    assert accuracy_at_coverage(sure, correct, 0.5) == pytest.approx(1 - risks[19])
    assert accuracy_at_coverage(sure, correct, 1.0) == pytest.approx(correct.mean())


def test_equally_sure_pairs_come_in_no_order() -> None:
    assert aurc([1, 1, 1, 1], [1, 0, 1, 0]) == aurc([1, 1, 1, 1], [0, 0, 1, 1]) == 0.5


@pytest.mark.parametrize("metric", [*OF_SCORES, *OF_VERDICTS, *OF_PROBABILITIES, aurc])
def test_weights_are_copies_and_order_does_not_matter(metric) -> None:
    scores, labels = drawn(7)
    values = scores > 0.5 if metric in OF_VERDICTS else scores
    weights = np.random.default_rng(3).integers(0, 4, len(scores))
    copied = metric(np.repeat(values, weights), np.repeat(labels, weights))
    assert metric(values, labels, weights=weights) == pytest.approx(copied)
    assert metric(values, labels, weights=weights) != pytest.approx(metric(values, labels), abs=1e-9)
    mixed = np.random.default_rng(4).permutation(len(scores))
    assert metric(values[mixed], labels[mixed]) == pytest.approx(metric(values, labels))


def test_weighted_yes_rate() -> None:
    assert yes_rate([1, 0, 0], weights=[3, 1, 0]) == 0.75


def test_mcnemar_is_the_binomial_test() -> None:
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(5, 5) == 1.0
    assert mcnemar(1, 9) == mcnemar(9, 1) == pytest.approx(2 * (1 + 10) / 1024)
    assert mcnemar(0, 6) == pytest.approx(2 / 64)
    assert 0 < mcnemar(900, 1100) < 1e-4


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: auroc([], []), "at least one pair"),
        (lambda: accuracy([1], [1, 0]), "one of each a pair"),
        (lambda: auroc([math.nan, 1.0], [0, 1]), "no finite number"),
        (lambda: accuracy([1], [2]), "true or false"),
        (lambda: accuracy([1], [1], weights=[-1]), "from 0 on"),
        (lambda: ece([1.2], [1]), "0 to 1"),
        (lambda: ece([0.2], [1], bins=0), "1 or more"),
        (lambda: accuracy_at_coverage([1.0], [1], 0.0), "over 0"),
        (lambda: mcnemar(-1, 2), "0 or more"),
    ],
)
def test_what_is_refused(call, words) -> None:
    with pytest.raises(DataError, match=words):
        call()


def test_every_public_name_is_there() -> None:
    assert all(hasattr(verdict, name) for name in verdict.__all__)
