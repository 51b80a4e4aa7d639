"""The first tiles of each query, kept while blocks of scores go by.

Axes: q queries and g tiles of a block, k best, s segments of a block's tiles, n scores that may be among the best.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

__all__ = ["BestTiles", "above", "places_within"]

SEGMENT = 16
"""Tiles whose largest score is looked at first: where it is not among the best, none of theirs is."""

FEW = 32
"""Tiles to keep up to which looking at segments first is faster."""


class BestTiles:
    """The k best tiles of each query so far, in no order. After the first block few scores pass the worst of them.

    Args:
        queries: how many.
        k: tiles to keep for each.
        device: where the scores are.
    """

    def __init__(self, queries: int, k: int, device: torch.device) -> None:
        self._scores_Qk = torch.full((queries, k), -torch.inf, device=device)
        self._rows_Qk = torch.full((queries, k), -1, dtype=torch.int64, device=device)
        self._worst_Q = torch.full((queries,), -torch.inf, device=device)

    def add(self, here: slice, first: int, scores_qg: Tensor) -> None:
        """Look at the scores of queries ``here`` and of the tiles from ``first`` on; lower ones came before."""
        if first == 0:
            found = scores_qg.topk(min(self._scores_Qk.shape[1], scores_qg.shape[1]), dim=1, sorted=False)
            self._merge(here, found.values, found.indices)
            return
        worst_q = self._worst_Q[here]
        if self._scores_Qk.shape[1] > FEW:
            owner_n, column_n = above(scores_qg, worst_q)
        else:
            owner_n, column_n = _passing(scores_qg, worst_q)
        if not len(owner_n):
            return
        within_n, most = places_within(owner_n, len(scores_qg))
        shape = (len(scores_qg), most)
        values, rows = scores_qg.new_full(shape, -torch.inf), owner_n.new_full(shape, -1)
        values[owner_n, within_n] = scores_qg[owner_n, column_n]
        rows[owner_n, within_n] = column_n + first
        self._merge(here, values, rows)

    def _merge(self, here: slice, values: Tensor, rows: Tensor) -> None:
        scores = torch.cat([self._scores_Qk[here], values], dim=1)
        kept = scores.topk(self._scores_Qk.shape[1], dim=1, sorted=False)
        self._scores_Qk[here], self._worst_Q[here] = kept.values, kept.values.amin(dim=1)
        self._rows_Qk[here] = torch.cat([self._rows_Qk[here], rows], dim=1).gather(1, kept.indices)

    def result(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Return rows (Q, k) and scores (Q, k), best first; -1 and minus infinity for want of tiles."""
        scores, order = self._scores_Qk.sort(dim=1, descending=True, stable=True)
        rows = self._rows_Qk.gather(1, order).masked_fill(scores.isneginf(), -1)
        return rows.cpu().numpy(), scores.cpu().numpy()


def _passing(scores_qg: Tensor, worst_q: Tensor) -> tuple[Tensor, Tensor]:
    """Return query and column of what is larger than the worst that its query keeps, query by query."""
    segments = scores_qg.shape[1] // SEGMENT
    whole = segments * SEGMENT
    # Segments lie across: their maxima vectorise.
    parts_qSs = scores_qg[:, :whole].view(len(scores_qg), SEGMENT, segments)
    query_m, segment_m = above(parts_qSs.amax(dim=1), worst_q)
    column_mS = segment_m[:, None] + segments * torch.arange(SEGMENT, device=scores_qg.device)
    query_n, column_n = query_m.repeat_interleave(SEGMENT), column_mS.flatten()
    if whole < scores_qg.shape[1]:
        query_r, column_r = above(scores_qg[:, whole:], worst_q)
        query_n, order = torch.cat([query_n, query_r]).sort(stable=True)
        column_n = torch.cat([column_n, column_r + whole])[order]
    passing = scores_qg[query_n, column_n] > worst_q[query_n]
    return query_n[passing], column_n[passing]


def above(scores_qg: Tensor, worst_q: Tensor) -> tuple[Tensor, Tensor]:
    """Return query and column of the scores (q, g) that are larger than their query's ``worst_q``, query by query."""
    if scores_qg.device.type == "cpu":  # three times as fast as torch's
        flat = torch.from_numpy(np.flatnonzero(scores_qg.numpy() > worst_q[:, None].numpy()))
    else:
        flat = (scores_qg > worst_q[:, None]).flatten().nonzero()[:, 0]
    return flat // scores_qg.shape[1], flat % scores_qg.shape[1]


def places_within(owner_n: Tensor, queries: int) -> tuple[Tensor, int]:
    """Return the place of each entry among those of its query, and the most entries of a query.

    Args:
        owner_n: query of each entry, rising.
        queries: how many.
    """
    count_q = torch.bincount(owner_n, minlength=queries)
    within_n = torch.arange(len(owner_n), device=owner_n.device) - (count_q.cumsum(0) - count_q)[owner_n]
    return within_n, int(count_q.max())
