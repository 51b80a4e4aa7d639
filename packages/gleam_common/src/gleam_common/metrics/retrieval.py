"""What a retrieval is worth, from the 0-based ranks that :mod:`gleam_common.metrics.ranking` counts.

All fractions are in [0, 1]. Functions that end in ``s`` give one value a query, to be averaged and bootstrapped.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from gleam_common.errors import DataError
from gleam_common.metrics.ranking import PositiveRanks

__all__ = [
    "average_precisions",
    "chance_recall",
    "hits_at_k",
    "k_of_percent",
    "recall_at_k",
    "recall_at_percent",
    "within_m",
]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def hits_at_k(best_rank_Q: Ints, k: int) -> npt.NDArray[np.bool_]:
    """Return, for each query, whether any of its positives is among the first ``k`` tiles.

    Args:
        best_rank_Q: 0-based rank of each query's best positive.
        k: at least 1.

    Raises:
        DataError: ``k`` under 1, no query, or a negative rank.
    """
    ranks = np.asarray(best_rank_Q)
    if k < 1:
        raise DataError("recall at k", value=k, allowed="k of at least 1")
    if ranks.ndim != 1 or not ranks.size or ranks.min() < 0:
        raise DataError(
            "ranks of the best positives", value=ranks.shape, allowed="one 0-based rank a query, at least one"
        )
    return np.asarray(ranks < k)


def recall_at_k(best_rank_Q: Ints, k: int) -> float:
    """Return the share of queries with *any* positive among the first ``k`` tiles.

    This is the field's recall (Sample4Geo ``evaluate/vigor.py``, the CMC of University-1652), not the share of the
    relevant tiles that are found, which is what information retrieval and torchmetrics call recall.
    """
    return float(hits_at_k(best_rank_Q, k).mean())


def k_of_percent(gallery_size: int, percent: float = 1.0) -> int:
    """Return how many tiles the first ``percent`` of a gallery are: rounded down, at least 1.

    Sample4Geo's ``G // 100`` for VIGOR, CVUSA and CVACT. (University-1652's code takes one tile more.)

    Raises:
        DataError: an empty gallery, or a percentage outside (0, 100].
    """
    if gallery_size < 1 or not 0 < percent <= 100:
        raise DataError(
            "share of a gallery", value=(gallery_size, percent), allowed="a gallery with tiles; over 0 to 100 %"
        )
    return max(1, int(gallery_size * percent / 100))


def recall_at_percent(best_rank_Q: Ints, gallery_size: int, percent: float = 1.0) -> float:
    """Return the share of queries with any positive in the first ``percent`` of the gallery (:func:`k_of_percent`)."""
    return recall_at_k(best_rank_Q, k_of_percent(gallery_size, percent))


def average_precisions(ranks: PositiveRanks, convention: Literal["trapezoid", "step"] = "trapezoid") -> Floats:
    """Return the average precision of each query, float64 (Q,); 0 for a query without a positive.

    With n positives at 0-based ranks r_0 < r_1 < ..., the k-th contributes 1/n times

    - ``step``: (k + 1) / (r_k + 1), as in information retrieval and torchmetrics;
    - ``trapezoid``: the mean of that and k / r_k (1 for r_k = 0), as University-1652, SUES-200 and Sample4Geo
      (``evaluate/university.py``). With one positive at rank r > 0 this is 1 / (2 (r + 1)).

    Raises:
        DataError: unknown convention.
    """
    if convention not in ("trapezoid", "step"):
        raise DataError("convention of the average precision", value=convention, allowed=("trapezoid", "step"))
    lengths = np.diff(ranks.offsets)
    owner = np.repeat(np.arange(len(lengths)), lengths)
    k = np.arange(len(ranks.ranks)) - ranks.offsets[owner]
    precision = (k + 1) / (ranks.ranks + 1)
    if convention == "trapezoid":
        before = np.where(ranks.ranks == 0, 1.0, k / np.maximum(ranks.ranks, 1))
        precision = (precision + before) / 2
    return np.bincount(owner, weights=precision / lengths[owner], minlength=len(lengths)).astype(np.float64)


def within_m(error_m_Q: Floats, radius_m: float) -> npt.NDArray[np.bool_]:
    """Return, for each query, whether its first tile lies within ``radius_m`` metres of the truth.

    Raises:
        DataError: an error is unknown (NaN) or negative: a query or tile without coordinates cannot be judged.
    """
    error_m = np.asarray(error_m_Q, dtype=np.float64)
    bad = np.flatnonzero(~(error_m >= 0))
    if bad.size:
        raise DataError("distance of the first tile in metres; first row", value=(int(bad[0]), float(error_m[bad[0]])))
    return np.asarray(error_m <= radius_m)


def chance_recall(positives_Q: Ints, gallery_size: int, k: int) -> float:
    """Return the recall at ``k`` of a random order of the gallery: the mean of 1 - C(G - p, k) / C(G, k).

    Args:
        positives_Q: number of positives p of each query.
        gallery_size: number of tiles G.
        k: first tiles that are looked at.
    """
    counts, weights = np.unique(positives_Q, return_counts=True)
    drawn = np.arange(min(k, gallery_size))
    left = np.maximum(gallery_size - counts[:, None] - drawn, 0)
    missed = np.prod(left / (gallery_size - drawn), axis=1)
    return float(1.0 - (missed * weights).sum() / weights.sum())
