"""The verdict as a number, read from the logits of one prefill: nothing is generated, nothing is parsed.

The score is ``logsumexp(logits of yes) - logsumexp(logits of no)`` at the first token of the answer, as Qwen3-Reranker
and sentence-transformers' ``LogitScore`` define it; both orders of the two pictures are averaged, because models with
several pictures favour a place (arXiv 2503.13792). It becomes a probability with a temperature and a bias fitted on
validation pairs (arXiv 2402.07417), apart for every view and language, and ranks candidates together with the retrieval
model's similarity.

Axes: B samples, V vocabulary. Arrays of scores have the pairs as their only axis.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from gleam_common.errors import ArtifactError, DataError, ModelError
from scipy.optimize import minimize  # type: ignore[import-untyped]
from scipy.special import expit  # type: ignore[import-untyped]
from torch import Tensor

from gleam_x.collate import Collator, Sample, model_inputs
from gleam_x.prompts import ORDERS, answer_words

__all__ = [
    "AnswerIds",
    "Calibration",
    "Fusion",
    "VerdictScore",
    "answer_ids",
    "fit_calibration",
    "fit_fusion",
    "group_name",
    "score_batch",
    "score_pairs",
    "verdict_scores",
]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class AnswerIds:
    """Token ids with which an answer may begin, in one language; the answer word's own id comes first."""

    yes: tuple[int, ...]
    no: tuple[int, ...]


def answer_ids(tokenizer: Any, language: str) -> AnswerIds:
    """Return the tokens that say yes and no in ``language``, looked up in ``tokenizer``.

    Words that mean the same as the answer word ("yes", "YES", " Yes") count where they are one token.

    Raises:
        ModelError: an answer word is no single token, or a token would say both.
    """
    found = {}
    for verdict in ("yes", "no"):
        coded = [tokenizer.encode(word, add_special_tokens=False) for word in answer_words(language, verdict)]
        if len(coded[0]) != 1:
            raise ModelError(
                f"the answer word {answer_words(language, verdict)[0]!r} is no single token of this tokenizer",
                value=coded[0],
                fix="use a Qwen tokenizer, or one trained by gleam-x",
            )
        found[verdict] = tuple(dict.fromkeys(ids[0] for ids in coded if len(ids) == 1))
    both = set(found["yes"]) & set(found["no"])
    if both:
        raise ModelError(f"tokens that say both yes and no in {language!r}", value=sorted(both))
    return AnswerIds(**found)


def verdict_scores(logits_BV: Tensor, answers: Sequence[AnswerIds]) -> tuple[Tensor, Tensor]:
    """Return scores (B,), above 0 for yes, and the share (B,) of probability that lies on neither answer.

    Args:
        logits_BV: at the last token of the question.
        answers: of each sample's language.
    """
    log_p_BV = (logits_BV if logits_BV.dtype == torch.float64 else logits_BV.float()).log_softmax(dim=-1)
    yes_B = torch.stack([row[list(ids.yes)].logsumexp(0) for row, ids in zip(log_p_BV, answers, strict=True)])
    no_B = torch.stack([row[list(ids.no)].logsumexp(0) for row, ids in zip(log_p_BV, answers, strict=True)])
    return yes_B - no_B, (1.0 - yes_B.exp() - no_B.exp()).clamp(min=0.0)


def score_batch(model: Any, batch: Mapping[str, Tensor], answers: Sequence[AnswerIds]) -> tuple[Tensor, Tensor]:
    """Return :func:`verdict_scores` of a batch in one prefill.

    Raises:
        DataError: the batch is not padded on the left, so its last tokens are not the ends of the questions.
    """
    if not bool(batch["attention_mask"][:, -1].all()):
        raise DataError("a batch to score is padded on the right", fix="collate it with padding='left'")
    with torch.inference_mode():
        logits_BV = model(**model_inputs(batch), logits_to_keep=1, use_cache=False).logits[:, -1]
        return verdict_scores(logits_BV, answers)


@dataclass(frozen=True, kw_only=True)
class VerdictScore:
    """Score of one pair.

    Attributes:
        query_first: score with the query as first picture.
        satellite_first: score with the tile as first picture.
        leftover: share of probability on neither answer, mean of both orders, 0 to 1.
    """

    query_first: float
    satellite_first: float
    leftover: float

    @property
    def score(self) -> float:
        """Mean of both orders, above 0 for yes."""
        return (self.query_first + self.satellite_first) / 2

    @property
    def flips(self) -> bool:
        """Whether the order of the pictures decides the verdict."""
        return (self.query_first > 0) != (self.satellite_first > 0)


def score_pairs(
    model: Any, collator: Collator, samples: Iterable[Sample], batch_size: int = 8
) -> Iterator[VerdictScore]:
    """Yield the score of every pair, in order; whatever order and target a sample has, it is asked in both orders.

    Args:
        model: in evaluation mode.
        collator: padding on the left.
        samples: pairs; read as they are needed.
        batch_size: pairs at once; each costs two sequences.

    Raises:
        DataError: the collator pads on the right.
    """
    if collator.padding != "left":
        raise DataError("a collator for scoring pads on the right", fix="build it with padding='left'")
    device = next(model.parameters()).device
    known = {language: answer_ids(collator.processor.tokenizer, language) for language in ("en", "zh")}
    rest = iter(samples)
    while chunk := list(islice(rest, batch_size)):
        asked = [
            replace(sample, prompt=replace(sample.prompt, order=order), target=None)
            for order in ORDERS
            for sample in chunk
        ]
        batch = {key: value.to(device) for key, value in collator(asked).items()}
        scores, leftover = score_batch(model, batch, [known[sample.prompt.language] for sample in asked])
        first, second = scores.tolist()[: len(chunk)], scores.tolist()[len(chunk) :]
        left = leftover.view(2, -1).mean(dim=0).tolist()
        for query_first, satellite_first, share in zip(first, second, left, strict=True):
            yield VerdictScore(query_first=query_first, satellite_first=satellite_first, leftover=share)


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
