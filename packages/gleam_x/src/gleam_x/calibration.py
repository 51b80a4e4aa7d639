"""From verdict scores to probabilities, and to one ranking together with the retrieval model's similarity.

A score becomes a probability with a temperature and a bias fitted on validation pairs (arXiv 2402.07417), apart for
every view and language. Arrays of scores have the pairs as their only axis.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from gleam_common.errors import ArtifactError, DataError
from scipy.optimize import minimize
from scipy.special import expit

__all__ = ["Calibration", "Fusion", "fit_calibration", "fit_fusion", "group_name"]

Floats = npt.NDArray[np.float64]


def group_name(view: str, language: str) -> str:
    """Return the name of a calibration group."""
    return f"{view}/{language}"


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Probability = sigmoid((score - bias) / temperature), per group.

    Attributes:
        pooled: (temperature, bias) of all groups together, for the group "".
        groups: (temperature, bias) of each group.
    """

    pooled: tuple[float, float]
    groups: dict[str, tuple[float, float]]

    def probability(self, scores: npt.ArrayLike, groups: Sequence[str]) -> Floats:
        """Return the probability of "same place" for each score; the group "" takes the pooled fit.

        Raises:
            DataError: for a group that was not fitted.
        """
        unknown = sorted(set(groups) - {"", *self.groups})
        if unknown:
            raise DataError("no calibration for the group", value=unknown[0], allowed=[*self.groups, "''"])
        values = np.array([self.groups.get(group, self.pooled) for group in groups], dtype=np.float64).reshape(-1, 2)
        return np.asarray(expit((np.asarray(scores, np.float64) - values[:, 1]) / values[:, 0]), dtype=np.float64)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {"pooled": list(self.pooled), "groups": {name: list(fit) for name, fit in self.groups.items()}}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Calibration:
        """Return what :meth:`to_json` gave.

        Raises:
            ArtifactError: it is something else.
        """
        try:
            groups = {str(name): (float(fit[0]), float(fit[1])) for name, fit in data["groups"].items()}
            return cls(pooled=(float(data["pooled"][0]), float(data["pooled"][1])), groups=groups)
        except (KeyError, TypeError, IndexError, ValueError, AttributeError) as error:
            raise ArtifactError(f"not a calibration ({error})", fix="fit it again on validation pairs") from None


def fit_calibration(
    scores: npt.ArrayLike, labels: npt.ArrayLike, groups: Sequence[str], strength: float = 10.0
) -> Calibration:
    """Fit temperature and bias by negative log-likelihood, first on all pairs, then on each group.

    A group's fit is held to the pooled one by a Gaussian prior worth about ``strength`` pairs, so that a group of a few
    pairs keeps the pooled fit and a large one its own.

    Args:
        scores: of validation pairs.
        labels: true where the pair shows the same place.
        groups: of each pair, see :func:`group_name`.
        strength: of the prior, > 0.

    Raises:
        DataError: nothing, or one class only, or a score that is no number.
    """
    values, truth = _checked(scores, labels)
    if len(groups) != len(values):
        raise DataError("scores and groups differ in number", value=(len(values), len(groups)))
    pooled = _fit(values, truth, np.zeros(2), 1e-3)
    names = np.asarray(groups)
    fits = {str(name): _fit(values[names == name], truth[names == name], pooled, strength) for name in np.unique(names)}
    return Calibration(pooled=_plain(pooled), groups={name: _plain(fit) for name, fit in fits.items()})


def _checked(scores: npt.ArrayLike, labels: npt.ArrayLike) -> tuple[Floats, Floats]:
    values, truth = np.asarray(scores, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    if values.shape[:1] != truth.shape:
        raise DataError("scores and labels differ in number", value=(values.shape, truth.shape))
    if not np.isfinite(values).all():
        raise DataError("a score is no finite number", fix="look at the model: its logits are broken")
    if len(set(truth.tolist())) != 2:
        raise DataError("a fit needs pairs of both kinds, same place and not", value=sorted(set(truth.tolist())))
    return values, truth


_LOG_TEMPERATURE = (-4.0, 6.0)
"""Bounds: scores that separate the classes would drive it to nothing, scores without information to infinity."""


def _fit(values: Floats, truth: Floats, prior: Floats, strength: float) -> Floats:
    """Return (log temperature, shift): p = sigmoid(score / temperature - shift)."""
    signs = 2.0 * truth - 1.0

    def loss(at: Floats) -> float:
        logits = values * np.exp(-at[0]) - at[1]
        return float(np.logaddexp(0.0, -signs * logits).sum() + strength * ((at - prior) ** 2).sum() / 2)

    return _minimum(loss, prior, [_LOG_TEMPERATURE, (-60.0, 60.0)])


def _minimum(loss: Callable[[Floats], float], start: Floats, bounds: Sequence[tuple[float, float]]) -> Floats:
    return np.asarray(minimize(loss, start, method="L-BFGS-B", bounds=bounds).x, dtype=np.float64)


def _plain(fit: Floats) -> tuple[float, float]:
    temperature = float(np.exp(fit[0]))
    return temperature, float(fit[1] * temperature)


@dataclass(frozen=True, kw_only=True)
class Fusion:
    """Verdict score and retrieval similarity as one number: the log odds of a logistic regression.

    Attributes:
        weight_x: of the verdict's score.
        weight_c: of the similarity.
        intercept: at score 0 and similarity 0.
    """

    weight_x: float
    weight_c: float
    intercept: float

    def fuse(self, score_x: npt.ArrayLike, similarity_c: npt.ArrayLike) -> Floats:
        """Return the log odds of "same place"; their order ranks candidates. An array for each argument, any shape."""
        x, c = np.asarray(score_x, np.float64), np.asarray(similarity_c, np.float64)
        return np.asarray(self.weight_x * x + self.weight_c * c + self.intercept, dtype=np.float64)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Fusion:
        """Return what :meth:`to_json` gave.

        Raises:
            ArtifactError: it is something else.
        """
        try:
            return cls(**{name: float(value) for name, value in data.items()})
        except (TypeError, ValueError, AttributeError) as error:
            raise ArtifactError(f"not a fusion ({error})", fix="fit it again on validation pairs") from None


def fit_fusion(
    score_x: npt.ArrayLike, similarity_c: npt.ArrayLike, labels: npt.ArrayLike, penalty: float = 1.0
) -> Fusion:
    """Fit the fusion on validation pairs: logistic regression on standardised inputs, with an L2 penalty.

    Args:
        score_x: verdict scores.
        similarity_c: the retrieval model's similarities of the same pairs.
        labels: true where the pair shows the same place.
        penalty: on the two weights, in units of pairs, > 0.

    Raises:
        DataError: see :func:`fit_calibration`.
    """
    values, truth = _checked(np.stack([np.asarray(score_x), np.asarray(similarity_c)], axis=-1), labels)
    mean = values.mean(axis=0)
    spread = np.maximum(values.std(axis=0), 1e-12)
    standard, signs = (values - mean) / spread, 2.0 * truth - 1.0

    def loss(at: Floats) -> float:
        logits = standard @ at[:2] + at[2]
        return float(np.logaddexp(0.0, -signs * logits).sum() + penalty * (at[:2] ** 2).sum() / 2)

    found = _minimum(loss, np.zeros(3), [(-60.0, 60.0)] * 3)
    weights = found[:2] / spread
    return Fusion(weight_x=float(weights[0]), weight_c=float(weights[1]), intercept=float(found[2] - weights @ mean))
