"""Where the right tiles stand in a ranking and which tiles come first, counted in one pass over blocks of scores.

Axes as in :mod:`gleam_common.metrics.score_blocks`; P positives of a query (padded), N all positives of all queries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gleam_common.errors import DataError
from gleam_common.metrics.best_tiles import BestTiles, above, places_within
from gleam_common.metrics.score_blocks import TIE, Embeddings, checked_pair, pair_scores, score_blocks
from gleam_common.row_lists import RowLists

__all__ = ["NEVER", "TIE", "Embeddings", "Found", "PositiveRanks", "positive_ranks", "search", "top_k"]

Ints = npt.NDArray[np.int64]

NEVER = int(np.iinfo(np.int64).max)
"""Rank of a query without a positive, where that is allowed."""

FEW = 8
"""Up to so many positives a query, comparing with each of them is cheaper than sorting the scores."""

RARE = 0.1
"""Share of a block's scores that reach their lowest thresholds up to which sorting these alone is cheaper."""


@dataclass(frozen=True, kw_only=True)
class PositiveRanks:
    """0-based ranks of every query's positives, best first: query i has ``ranks[offsets[i]:offsets[i + 1]]``.

    The k-th positive of a query (from 0) stands at k + the number of wrong tiles that score as high or higher: ties
    count against the model. Ignored tiles are not in the ranking.
    """

    offsets: Ints
    ranks: Ints

    @property
    def best(self) -> Ints:
        """Rank of each query's best positive, int64 (Q,); :data:`NEVER` without a positive."""
        best = np.full(len(self.offsets) - 1, NEVER, dtype=np.int64)
        has = np.diff(self.offsets) > 0
        best[has] = self.ranks[self.offsets[:-1][has]]
        return best


@dataclass(frozen=True, kw_only=True)
class Found:
    """What one pass over the gallery finds.

    ``ranks`` are those among all tiles, ``ranks_without`` those when the ignored tiles are taken out; ``rows`` int64
    (Q, k) and ``scores`` float32 (Q, k) are the first tiles of each query, best first.
    """

    ranks: PositiveRanks
    ranks_without: PositiveRanks
    rows: Ints
    scores: npt.NDArray[np.float32]


def search(
    query_QHD: Embeddings,
    gallery_GHD: Embeddings,
    positives: RowLists,
    ignored: RowLists | None = None,
    *,
    k: int = 1,
    no_positive: Literal["raise", "miss"] = "raise",
    query_chunk: int | None = None,
    gallery_chunk: int | None = None,
) -> Found:
    """Rank the gallery by dot product; return where the positives stand, and the first ``k`` tiles.

    Args:
        query_QHD: embeddings of the queries, (Q, D) or (Q, H, D) (L2-normalised ones give cosine similarity).
        gallery_GHD: embeddings of the tiles, (G, D) or (G, H, D).
        positives: gallery rows that are right for each query; a row listed twice counts once.
        ignored: gallery rows to take out of a query's ranking (junk, semi-positives); a positive always stays.
        k: first tiles to return, cut to the gallery's size; equal scores stand in a repeatable order.
        no_positive: a query without positives is an error (``raise``) or never found (``miss``).
        query_chunk: queries in a block; see :func:`~gleam_common.metrics.score_blocks.score_blocks`.
        gallery_chunk: tiles in a block.

    Raises:
        DataError: NaN or infinity in the embeddings, shapes that do not fit, a row outside the gallery, or a query
            without a positive.
    """
    query, gallery, tie = checked_pair(query_QHD, gallery_GHD)
    sizes = (query.shape[0], gallery.shape[0])
    positives = positives.as_sets(*sizes, "positives")
    if ignored is not None:
        ignored = ignored.as_sets(*sizes, "ignored rows")
    _check_has_positives(positives, no_positive)
    counter = _Counter(query, gallery, positives, ignored, tie)
    best = BestTiles(sizes[0], _checked_k(k, sizes[1]), query.device)
    chunks = {"query_chunk": query_chunk, "gallery_chunk": gallery_chunk}
    for here, there, scores_qg in score_blocks(query, gallery, title="ranking", **chunks):
        best.add(here, there.start, scores_qg)
        counter.add(here, there, scores_qg)
    rows, scores = best.result()
    return Found(ranks=counter.ranks(), ranks_without=counter.ranks_without(), rows=rows, scores=scores)


def positive_ranks(
    query_QHD: Embeddings,
    gallery_GHD: Embeddings,
    positives: RowLists,
    ignored: RowLists | None = None,
    *,
    no_positive: Literal["raise", "miss"] = "raise",
    query_chunk: int | None = None,
    gallery_chunk: int | None = None,
) -> PositiveRanks:
    """Return where each query's positives stand, without the ignored tiles: :func:`search`."""
    found = search(
        query_QHD,
        gallery_GHD,
        positives,
        ignored,
        no_positive=no_positive,
        query_chunk=query_chunk,
        gallery_chunk=gallery_chunk,
    )
    return found.ranks_without


def top_k(
    query_QHD: Embeddings,
    gallery_GHD: Embeddings,
    k: int,
    *,
    query_chunk: int | None = None,
    gallery_chunk: int | None = None,
) -> tuple[Ints, npt.NDArray[np.float32]]:
    """Return the rows int64 (Q, k) and scores float32 (Q, k) of the k best tiles of each query, best first.

    ``k`` is cut to the gallery's size. Equal scores stand in no particular, but a repeatable order.

    Raises:
        DataError: as :func:`search`, or ``k`` under 1.
    """
    query, gallery, _ = checked_pair(query_QHD, gallery_GHD)
    best = BestTiles(query.shape[0], _checked_k(k, gallery.shape[0]), query.device)
    chunks = {"query_chunk": query_chunk, "gallery_chunk": gallery_chunk}
    for here, there, scores_qg in score_blocks(query, gallery, title="searching", **chunks):
        best.add(here, there.start, scores_qg)
    return best.result()


class _Counter:
    """Counts the wrong tiles that score at least as high as each positive, and the ignored ones among them."""

    def __init__(
        self, query_QHD: Tensor, gallery_GHD: Tensor, positives: RowLists, ignored: RowLists | None, tie: float
    ) -> None:
        self.positives, self.ignored = positives, ignored
        owner, self._place = positives.owner_and_place()
        widest = max(1, int(positives.lengths.max(initial=0)))
        thresholds_QP = torch.full((len(positives), widest), torch.inf, device=query_QHD.device)
        thresholds_QP[owner, self._place] = pair_scores(query_QHD, gallery_GHD, owner, positives.rows) - tie
        self._thresholds_QP = thresholds_QP.sort(dim=1).values  # padding comes last
        self._counts_QP = torch.zeros_like(thresholds_QP, dtype=torch.int64)
        self._ignored_QP = torch.zeros_like(self._counts_QP)

    def add(self, here: slice, there: slice, scores_qg: Tensor) -> None:
        """Count a block; its scores are overwritten."""
        thresholds_qP = self._thresholds_QP[here]
        owner, column = self.positives.inside(here, there)
        scores_qg[owner, column] = -torch.inf
        if self.ignored is not None:
            owner, column = self.ignored.inside(here, there)
            reached_nP = scores_qg[owner, column][:, None] >= thresholds_qP[owner]
            owner_n = torch.as_tensor(owner, device=scores_qg.device)
            self._ignored_QP[here].index_add_(0, owner_n, reached_nP.long())
        self._counts_QP[here] += _at_least(scores_qg, thresholds_qP)

    def ranks(self) -> PositiveRanks:
        """Return the ranks among all tiles."""
        return self._as_ranks(self._counts_QP)

    def ranks_without(self) -> PositiveRanks:
        """Return the ranks when the ignored tiles are taken out."""
        return self._as_ranks(self._counts_QP - self._ignored_QP)

    def _as_ranks(self, counts_QP: Tensor) -> PositiveRanks:
        owner, place = self.positives.owner_and_place()
        column = self.positives.lengths[owner] - 1 - place  # thresholds are ascending
        return PositiveRanks(offsets=self.positives.offsets, ranks=counts_QP.cpu().numpy()[owner, column] + place)


def _at_least(scores_qg: Tensor, thresholds_qP: Tensor) -> Tensor:
    """Return how many scores of a row reach each of its ascending thresholds, int64 (q, P); overwrites the scores."""
    if thresholds_qP.shape[1] == 1:
        return scores_qg.ge_(thresholds_qP).sum(dim=1, keepdim=True).long()  # floats sum ten times faster than bools
    if thresholds_qP.shape[1] <= FEW:
        return torch.stack([(scores_qg.ge(column[:, None])).sum(dim=1) for column in thresholds_qP.T], dim=1)
    if torch.count_nonzero(scores_qg >= thresholds_qP[:, :1]) < RARE * scores_qg.numel():
        owner_n, column_n = above(scores_qg, thresholds_qP[:, 0].nextafter(thresholds_qP.new_tensor(-torch.inf)))
        place_n, most = places_within(owner_n, len(scores_qg))
        reaching_qn = scores_qg.new_full((len(scores_qg), most), -torch.inf)
        reaching_qn[owner_n, place_n] = scores_qg[owner_n, column_n]
        scores_qg = reaching_qn
    if scores_qg.device.type == "cpu":
        scores_qg.numpy().sort(axis=1)  # vectorised in NumPy: five times faster than torch's
    else:
        scores_qg = scores_qg.sort(dim=1).values
    return scores_qg.shape[1] - torch.searchsorted(scores_qg, thresholds_qP.contiguous())


def _checked_k(k: int, gallery: int) -> int:
    if k < 1:
        raise DataError("tiles to return", value=k, allowed="at least 1")
    return min(k, gallery)


def _check_has_positives(positives: RowLists, no_positive: str) -> None:
    empty = np.flatnonzero(positives.lengths == 0)
    if empty.size and no_positive == "raise":
        raise DataError(
            f"queries without a positive in the gallery: {empty.size}; first row",
            value=int(empty[0]),
            fix="take them out, search the whole gallery, or count them as misses",
        )
