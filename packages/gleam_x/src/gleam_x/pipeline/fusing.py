"""Two models, one ranking and one probability: which of the first tiles is the right one, or none of them.

A conditional logit (McFadden 1974) over the first ``top_k`` tiles and "none of them": the log odds of a tile against
none are GLEAM-X's log odds and GLEAM-C's similarity, weighed (:class:`gleam_x.calibration.Fusion`). It is fitted on
validation queries; so are whether and how deep the order is changed (:func:`fit_view`).

Axes: Q queries, K tiles, most similar first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from gleam_common.errors import ArtifactError, DataError
from scipy.optimize import minimize

from gleam_x.calibration import Fusion

__all__ = ["EVIDENCE", "LEAST_QUERIES", "TOP_KS", "Scores", "ViewPlan", "fit_fusion_of_first", "fit_view"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

TOP_KS = (2, 3, 5, 10)
"""How deep re-ranking is tried."""

LEAST_QUERIES = 20
_FOLDS = 5
EVIDENCE = 5.41
"""Likelihood ratio, twice its logarithm, above which verdicts are believed to tell something: p < 0.01, one-sided."""


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Queries of one view whose right tiles are known.

    Attributes:
        similarity_QK: GLEAM-C's, falling in each row.
        log_odds_QK: GLEAM-X's verdicts of the same tiles.
        right_QK: which tile is the query's own.
        places: of each query; folds of the cross-validation do not share one.
    """

    similarity_QK: Floats
    log_odds_QK: Floats
    right_QK: Flags
    places: Sequence[str]

    def __post_init__(self) -> None:
        """Check shapes and numbers.

        Raises:
            DataError: they differ, or a number is not finite.
        """
        shapes = {self.similarity_QK.shape, self.log_odds_QK.shape, self.right_QK.shape}
        if len(shapes) != 1 or len(self.places) != len(self.right_QK) or self.similarity_QK.ndim != 2:
            raise DataError("scores of queries and tiles", value=sorted(shapes), allowed="arrays of one shape (Q, K)")
        if not (np.isfinite(self.similarity_QK).all() and np.isfinite(self.log_odds_QK).all()):
            raise DataError("a score of a candidate is no finite number", fix="look at the models that gave it")

    def take(self, rows: npt.ArrayLike) -> Scores:
        """Return some of the queries, by a mask or by numbers."""
        chosen = np.arange(len(self.places))[np.asarray(rows)]
        return Scores(
            similarity_QK=self.similarity_QK[chosen],
            log_odds_QK=self.log_odds_QK[chosen],
            right_QK=self.right_QK[chosen],
            places=[self.places[row] for row in chosen],
        )


@dataclass(frozen=True, kw_only=True)
class ViewPlan:
    """How candidates of one view are ranked and how sure the answer is.

    Attributes:
        top_k: tiles that the probability is shared among, and that may change places.
        reranks: whether they do; otherwise GLEAM-C's order stays.
        fusion: log odds of a tile against "none of them".
        queries: that it was fitted on.
        gain: in recall@1 by re-ranking so deep, cross-validated on them.
        evidence: twice the log of the likelihood ratio of verdicts that count and verdicts that do not.
    """

    top_k: int
    reranks: bool
    fusion: Fusion
    queries: int
    gain: float
    evidence: float

    @property
    def weight(self) -> float:
        """Of the verdict in the ranking; 0 where re-ranking is abstained from."""
        return self.fusion.weight_x if self.reranks else 0.0

    def order(self, similarity_K: npt.ArrayLike, log_odds_K: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Return the tiles' numbers, best first; those beyond ``top_k`` keep their places, equals GLEAM-C's order."""
        similarity = np.asarray(similarity_K, np.float64)
        if not self.reranks:
            return np.arange(len(similarity))
        first = self.fusion.fuse(np.asarray(log_odds_K)[: self.top_k], similarity[: self.top_k])
        return np.concatenate([np.argsort(-first, kind="stable"), np.arange(len(first), len(similarity))])

    def probability(self, similarity_K: npt.ArrayLike, log_odds_K: npt.ArrayLike) -> Floats:
        """Return the probability that each of the first ``top_k`` tiles is the right one, in GLEAM-C's order.

        Together with that of "none of them" they sum to 1.
        """
        x, c = (np.asarray(values, np.float64)[: self.top_k] for values in (log_odds_K, similarity_K))
        against_none = self.fusion.fuse(x, c)
        return np.asarray(np.exp(against_none - np.logaddexp.reduce([*against_none, 0.0])), dtype=np.float64)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {**asdict(self), "fusion": self.fusion.to_json(), "weight": self.weight}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ViewPlan:
        """Return what :meth:`to_json` gave.

        Raises:
            ArtifactError: it is something else.
        """
        try:
            return cls(
                top_k=int(data["top_k"]),
                reranks=bool(data["reranks"]),
                fusion=Fusion.from_json(data["fusion"]),
                queries=int(data["queries"]),
                gain=float(data["gain"]),
                evidence=float(data["evidence"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(
                f"not a plan of a view ({error})", fix="run `gleam-x evaluate-pipeline` again"
            ) from None


def fit_view(scores: Scores) -> ViewPlan | None:
    """Return how a view is to be ranked, by its validation queries; None where they, or their places, are too few.

    Verdicts count where they raise the likelihood of the right tiles beyond chance. The order changes where, besides,
    recall@1 does not fall on queries that the weights were not fitted on; as deep as both hold. (Of the depths, the one
    of the largest gain would do worse: a gain on a hundred queries is mostly luck, the likelihood is less so.)
    """
    if len(scores.places) < LEAST_QUERIES or len(set(scores.places)) < _FOLDS:
        return None
    deepest = scores.right_QK.shape[1]
    depths = [depth for depth in TOP_KS if depth <= deepest] or [deepest]
    gains = {depth: _gain_on_others(scores, depth) for depth in depths}
    tried = {depth: _fitted(scores, depth) for depth in depths}
    believed = [depth for depth in depths if tried[depth][1] > EVIDENCE and gains[depth] >= 0]
    chosen = (believed or depths)[-1]
    fusion, evidence = tried[chosen]
    if evidence <= EVIDENCE:
        fusion = fit_fusion_of_first(scores, chosen, counts_x=False)
    return ViewPlan(
        top_k=chosen,
        reranks=bool(believed),
        fusion=fusion,
        queries=len(scores.places),
        gain=gains[chosen],
        evidence=evidence,
    )


def _gain_on_others(scores: Scores, top_k: int) -> float:
    """Return the change of recall@1 on each fold by the fit on the others, over all queries."""
    names, place_Q = np.unique(np.asarray(scores.places, dtype=str), return_inverse=True)
    fold_Q = np.random.default_rng(0xF01D).permutation(len(names))[place_Q] % _FOLDS
    gained = 0
    for fold in np.unique(fold_Q):
        fusion = fit_fusion_of_first(scores.take(fold_Q != fold), top_k)
        own = scores.take(fold_Q == fold)
        first_Q = np.argmax(fusion.fuse(own.log_odds_QK[:, :top_k], own.similarity_QK[:, :top_k]), axis=1)
        gained += int(own.right_QK[np.arange(len(first_Q)), first_Q].sum()) - int(own.right_QK[:, 0].sum())
    return gained / len(scores.places)


def _fitted(scores: Scores, top_k: int) -> tuple[Fusion, float]:
    """Return the fusion and its evidence."""
    both, alone = fit_fusion_of_first(scores, top_k), fit_fusion_of_first(scores, top_k, counts_x=False)
    likelihood = [-_surprise(scores, top_k, fusion) for fusion in (both, alone)]
    return both, max(0.0, 2 * (likelihood[0] - likelihood[1]))


def _surprise(scores: Scores, top_k: int, fusion: Fusion) -> float:
    """Return minus the log likelihood of the right tiles, or of "none" where none of the first is right."""
    against_none_QK = fusion.fuse(scores.log_odds_QK[:, :top_k], scores.similarity_QK[:, :top_k])
    return _loss(against_none_QK, scores.right_QK[:, :top_k])


def _loss(against_none_QK: Floats, right_QK: Flags) -> float:
    total_Q = np.logaddexp(np.logaddexp.reduce(against_none_QK, axis=1), 0.0)
    right_Q = np.logaddexp.reduce(np.where(right_QK, against_none_QK, -np.inf), axis=1)
    return float((total_Q - np.where(right_QK.any(axis=1), right_Q, 0.0)).sum())


def fit_fusion_of_first(scores: Scores, top_k: int, counts_x: bool = True, penalty: float = 1.0) -> Fusion:
    """Return the likeliest fusion; neither weight may be negative, so that a judge that is inverted counts nothing.

    Args:
        scores: of queries whose right tiles are known.
        top_k: tiles that are weighed against each other and against "none of them".
        counts_x: whether verdicts may count.
        penalty: on the weights of standardised inputs, in units of queries.
    """
    inputs_QK2 = np.stack([scores.log_odds_QK[:, :top_k], scores.similarity_QK[:, :top_k]], axis=-1)
    mean, spread = inputs_QK2.mean(axis=(0, 1)), np.maximum(inputs_QK2.std(axis=(0, 1)), 1e-9)
    standard_QK2, right_QK = (inputs_QK2 - mean) / spread, scores.right_QK[:, :top_k]

    def loss(at: Floats) -> float:
        return _loss(standard_QK2 @ at[:2] + at[2], right_QK) + penalty * float((at[:2] ** 2).sum()) / 2

    bounds = [(0.0, 60.0 if counts_x else 0.0), (0.0, 60.0), (-60.0, 60.0)]
    found = minimize(loss, np.array([0.0, 1.0, 0.0]), method="L-BFGS-B", bounds=bounds).x
    weights = found[:2] / spread
    return Fusion(weight_x=float(weights[0]), weight_c=float(weights[1]), intercept=float(found[2] - weights @ mean))
