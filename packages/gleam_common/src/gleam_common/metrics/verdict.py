"""What a yes-or-no verdict is worth: decisions, order, probabilities, and when not to trust it.

Axes: N pairs, K distinct scores, B bins. ``labels`` are true where yes is right. Every function takes ``weights``, how
often each pair counts, so that a bootstrap needs no copies. NaN where a number is not defined (no positive, no yes).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gleam_common.errors import DataError

__all__ = [
    "Bins",
    "accuracy",
    "accuracy_at_coverage",
    "aurc",
    "auroc",
    "average_precision",
    "brier",
    "calibration_bins",
    "ece",
    "f1",
    "fpr_at_tpr",
    "mcc",
    "mcnemar",
    "nll",
    "precision",
    "recall",
    "risk_coverage",
    "yes_rate",
]

Floats = npt.NDArray[np.float64]


def _checked(
    values: npt.ArrayLike, labels: npt.ArrayLike, weights: npt.ArrayLike | None
) -> tuple[Floats, Floats, Floats]:
    """Return values, labels as 0 and 1, and weights, all float64 (N,).

    Raises:
        DataError: nothing, different lengths, a value that is not finite, a label that is neither, a negative weight.
    """
    value_N, label_N = np.asarray(values, np.float64), np.asarray(labels, np.float64)
    weight_N = np.ones(value_N.shape) if weights is None else np.asarray(weights, np.float64)
    if value_N.ndim != 1 or not value_N.size or not value_N.shape == label_N.shape == weight_N.shape:
        shapes = (value_N.shape, label_N.shape, weight_N.shape)
        raise DataError("verdicts, labels and weights", value=shapes, allowed="one of each a pair, at least one pair")
    if not np.isfinite(value_N).all():
        raise DataError("a verdict is no finite number; first row", value=int(np.flatnonzero(~np.isfinite(value_N))[0]))
    if not np.isin(label_N, (0, 1)).all() or not (weight_N >= 0).all():
        raise DataError("labels and weights of verdicts", allowed="labels true or false, weights from 0 on")
    return value_N, label_N, weight_N


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else math.nan


def _counts(says: npt.ArrayLike, labels: npt.ArrayLike, weights: npt.ArrayLike | None) -> tuple[float, ...]:
    """Return true positives, false positives, false negatives, true negatives."""
    says_N, label_N, weight_N = _checked(says, labels, weights)
    yes_N = says_N > 0
    return tuple(
        float(weight_N[(yes_N == is_yes) & (label_N == is_right)].sum()) for is_yes in (1, 0) for is_right in (1, 0)
    )


def accuracy(says: npt.ArrayLike, labels: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> float:
    """Return the share of pairs where ``says`` (true for yes) is the label."""
    tp, fp, fn, tn = _counts(says, labels, weights)
    return _share(tp + tn, tp + fp + fn + tn)


def precision(says: npt.ArrayLike, labels: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> float:
    """Return the share of yes that is right."""
    tp, fp, _, _ = _counts(says, labels, weights)
    return _share(tp, tp + fp)


def recall(says: npt.ArrayLike, labels: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> float:
    """Return the share of positives that got a yes."""
    tp, _, fn, _ = _counts(says, labels, weights)
    return _share(tp, tp + fn)


def f1(says: npt.ArrayLike, labels: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> float:
    """Return the harmonic mean of precision and recall, 2 tp / (2 tp + fp + fn)."""
    tp, fp, fn, _ = _counts(says, labels, weights)
    return _share(2 * tp, 2 * tp + fp + fn)


def mcc(says: npt.ArrayLike, labels: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> float:
    """Return Matthews' correlation, -1 to 1; 0 where one verdict or one label only occurs.

    Source: Matthews, Biochimica et Biophysica Acta 405 (1975); the 0 is that of Chicco and Jurman, BMC Genomics 21
    (2020).
    """
    tp, fp, fn, tn = _counts(says, labels, weights)
    product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return float((tp * tn - fp * fn) / math.sqrt(product)) if product > 0 else 0.0


def yes_rate(says: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> float:
    """Return the share of pairs that got a yes."""
    tp, fp, fn, tn = _counts(says, np.zeros(np.shape(says)), weights)
    return _share(tp + fp, tp + fp + fn + tn)


def _thresholds(scores: npt.ArrayLike, labels: npt.ArrayLike, weights: npt.ArrayLike | None) -> tuple[Floats, Floats]:
    """Return the weight of positives and of negatives (K,) at each distinct score, the highest first."""
    score_N, label_N, weight_N = _checked(scores, labels, weights)
    _, which_N = np.unique(-score_N, return_inverse=True)
    positive_K, negative_K = (np.bincount(which_N, weight_N * is_N) for is_N in (label_N, 1 - label_N))
    return positive_K.astype(np.float64), negative_K.astype(np.float64)


def auroc(scores: npt.ArrayLike, labels: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> float:
    """Return the chance that a positive scores above a negative; equal scores count half (Mann and Whitney 1947)."""
    positive_K, negative_K = _thresholds(scores, labels, weights)
    below_K = negative_K.sum() - np.cumsum(negative_K)
    return _share(float(positive_K @ (below_K + negative_K / 2)), float(positive_K.sum() * negative_K.sum()))


def average_precision(scores: npt.ArrayLike, labels: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> float:
    """Return the sum of precision times gain in recall over all thresholds; equal scores are one threshold."""
    positive_K, negative_K = _thresholds(scores, labels, weights)
    found_K = np.cumsum(positive_K)
    # A resample may draw nothing down to a threshold; such a threshold gains nothing either.
    precision_K = found_K / np.maximum(found_K + np.cumsum(negative_K), 1e-300)
    return _share(float(positive_K @ precision_K), float(positive_K.sum()))


def fpr_at_tpr(
    scores: npt.ArrayLike, labels: npt.ArrayLike, tpr: float = 0.95, weights: npt.ArrayLike | None = None
) -> float:
    """Return the share of negatives at or above the highest threshold that keeps ``tpr`` (0 to 1) of the positives."""
    positive_K, negative_K = _thresholds(scores, labels, weights)
    if not positive_K.sum():
        return math.nan
    is_enough_K = np.cumsum(positive_K) >= tpr * positive_K.sum() * (1 - 1e-12)
    return _share(float(np.cumsum(negative_K)[int(np.argmax(is_enough_K))]), float(negative_K.sum()))


@dataclass(frozen=True, kw_only=True)
class Bins:
    """Probabilities in bins, empty ones left out.

    Attributes:
        confidence_B: mean probability of yes.
        frequency_B: share of pairs where yes is right.
        share_B: of all pairs.
    """

    confidence_B: Floats
    frequency_B: Floats
    share_B: Floats


def calibration_bins(
    probabilities: npt.ArrayLike,
    labels: npt.ArrayLike,
    bins: int = 10,
    equal_mass: bool = False,
    weights: npt.ArrayLike | None = None,
) -> Bins:
    """Return probabilities of yes in ``bins`` of equal width, or of equal mass (equal probabilities stay together).

    Raises:
        DataError: a probability is outside 0 to 1, or no bin is asked for.
    """
    p_N, label_N, weight_N = _probabilities(probabilities, labels, weights)
    if bins < 1:
        raise DataError("bins of a calibration", value=bins, allowed="1 or more")
    place_N = p_N
    if equal_mass:
        _, which_N = np.unique(p_N, return_inverse=True)
        mass_K = np.bincount(which_N, weight_N)
        place_N = ((np.cumsum(mass_K) - mass_K / 2) / mass_K.sum())[which_N]
    bin_N = np.minimum((place_N * bins).astype(np.int64), bins - 1)
    sums = [np.bincount(bin_N, weight_N * value_N, bins) for value_N in (np.ones(len(p_N)), p_N, label_N)]
    kept_B = sums[0] > 0
    mass_B, p_B, right_B = (total[kept_B] for total in sums)
    return Bins(confidence_B=p_B / mass_B, frequency_B=right_B / mass_B, share_B=mass_B / mass_B.sum())


def _probabilities(
    probabilities: npt.ArrayLike, labels: npt.ArrayLike, weights: npt.ArrayLike | None
) -> tuple[Floats, Floats, Floats]:
    p_N, label_N, weight_N = _checked(probabilities, labels, weights)
    if p_N.min() < 0 or p_N.max() > 1:
        raise DataError("a probability", value=float(p_N[np.argmax(np.abs(p_N - 0.5))]), allowed="0 to 1")
    return p_N, label_N, weight_N


def ece(
    probabilities: npt.ArrayLike,
    labels: npt.ArrayLike,
    bins: int = 10,
    equal_mass: bool = False,
    weights: npt.ArrayLike | None = None,
) -> float:
    """Return the expected calibration error of the probability of yes: mean distance of bins from the diagonal.

    Equal width: Naeini et al., AAAI 2015; equal mass: Nguyen and O'Connor, EMNLP 2015. Of small sets it is too high:
    chance alone moves bins off the diagonal.
    """
    found = calibration_bins(probabilities, labels, bins, equal_mass, weights)
    return float(found.share_B @ np.abs(found.confidence_B - found.frequency_B))


def brier(probabilities: npt.ArrayLike, labels: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> float:
    """Return the mean squared distance of probability and label (Brier, Monthly Weather Review 78, 1950)."""
    p_N, label_N, weight_N = _probabilities(probabilities, labels, weights)
    return _share(float(weight_N @ (p_N - label_N) ** 2), float(weight_N.sum()))


def nll(probabilities: npt.ArrayLike, labels: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> float:
    """Return the mean negative log-likelihood in nats; probabilities are kept 1e-12 from 0 and 1."""
    p_N, label_N, weight_N = _probabilities(probabilities, labels, weights)
    of_label_N = np.clip(np.where(label_N == 1, p_N, 1 - p_N), 1e-12, 1.0)
    return _share(float(-(weight_N @ np.log(of_label_N))), float(weight_N.sum()))


def risk_coverage(
    confidence: npt.ArrayLike, correct: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> tuple[Floats, Floats]:
    """Return coverage and risk (N,): answering only the surest 1, 2, ... N pairs, the share of wrong ones among them.

    Equally sure pairs come in no order, so each counts as wrong as they are on average. Weights are whole numbers here.
    Source: Geifman and El-Yaniv, NeurIPS 2017.
    """
    sure_N, correct_N, weight_N = _checked(confidence, correct, weights)
    often_N = weight_N.astype(np.int64)
    _, which_N = np.unique(-np.repeat(sure_N, often_N), return_inverse=True)
    wrong_K = np.bincount(which_N, 1 - np.repeat(correct_N, often_N)) / np.maximum(np.bincount(which_N), 1)
    count_N = np.arange(1, len(which_N) + 1)
    return count_N / max(len(count_N), 1), np.cumsum(wrong_K[np.sort(which_N)]) / count_N


def aurc(confidence: npt.ArrayLike, correct: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> float:
    """Return the mean risk over all coverages: the smaller, the better confidence tells right from wrong."""
    return float(risk_coverage(confidence, correct, weights)[1].mean())


def accuracy_at_coverage(
    confidence: npt.ArrayLike, correct: npt.ArrayLike, coverage: float, weights: npt.ArrayLike | None = None
) -> float:
    """Return the accuracy on the surest ``coverage`` (over 0, to 1) of the pairs, rounded up to whole pairs.

    Raises:
        DataError: a coverage outside that range.
    """
    if not 0 < coverage <= 1:
        raise DataError("coverage", value=coverage, allowed="over 0, to 1")
    risk_N = risk_coverage(confidence, correct, weights)[1]
    return 1.0 - float(risk_N[math.ceil(coverage * len(risk_N) - 1e-9) - 1])


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the exact two-sided p-value that two models are equally often right (McNemar, Psychometrika 12, 1947).

    Args:
        only_first: pairs where only the first model is right.
        only_second: pairs where only the second is.

    Raises:
        DataError: a negative count.
    """
    if min(only_first, only_second) < 0:
        raise DataError("counts of McNemar's test", value=(only_first, only_second), allowed="0 or more")
    both = only_first + only_second
    tail = sum(math.comb(both, index) for index in range(min(only_first, only_second) + 1))
    return min(1.0, 2 * tail / (1 << both))
