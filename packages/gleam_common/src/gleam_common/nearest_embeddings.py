"""The most similar tiles of each query, streamed: a running top k, never the whole matrix, shared among processes.

Axes: Q queries, D embedding, G gallery tiles, H embeddings of one picture, k best, q and g one block of Q and G, n
scores of a block that get in.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gleam_common import distributed
from gleam_common.errors import DataError
from gleam_common.metrics.score_blocks import Embeddings, checked_pair, score_blocks
from gleam_common.row_lists import RowLists

__all__ = ["gather_slices", "most_similar", "most_similar_by_ranks"]

Ints = npt.NDArray[np.int64]


def most_similar(query_QHD: Embeddings, gallery_GHD: Embeddings, excluded: RowLists, k: int) -> Ints:
    """Return the rows of the ``k`` tiles with the largest dot product, best first, int64 (Q, k); -1 for want of tiles.

    Args:
        query_QHD: (Q, D) or (Q, H, D); the best of a picture's embeddings counts.
        gallery_GHD: (G, D) or (G, H, D), on any device; computed in float32 on the queries'.
        excluded: gallery rows that do not count for each query.
        k: 1 or more; equal scores stand in a repeatable order.

    Raises:
        DataError: NaN or infinity, sizes that do not fit, a row outside the gallery, or ``k`` under 1.
    """
    if k < 1:
        raise DataError("neighbours to look for", value=k, allowed="at least 1")
    query, gallery, _ = checked_pair(query_QHD, gallery_GHD)
    excluded = excluded.as_sets(query.shape[0], gallery.shape[0], "excluded tiles")
    best = _Best(query.shape[0], k, query.device)
    for here, there, scores_qg in score_blocks(query, gallery, title="mining"):
        owner, column = excluded.inside(here, there)
        scores_qg[owner, column] = -torch.inf
        best.add(here, there.start, scores_qg)
    return best.rows()


class _Best:
    """The k best so far, in no order. After the first block few scores pass the worst of them: these are looked at."""

    def __init__(self, queries: int, k: int, device: torch.device) -> None:
        self._scores_Qk = torch.full((queries, k), -torch.inf, device=device)
        self._rows_Qk = torch.full((queries, k), -1, dtype=torch.int64, device=device)
        self._worst_Q = torch.full((queries,), -torch.inf, device=device)

    def add(self, here: slice, first: int, scores_qg: Tensor) -> None:
        """Look at the scores of queries ``here`` and the tiles ``first``, ``first + 1``, ..."""
        if first == 0:
            found = scores_qg.topk(min(self._scores_Qk.shape[1], scores_qg.shape[1]), dim=1)
            self._merge(here, found.values, found.indices)
            return
        owner_n, column_n = _where(scores_qg > self._worst_Q[here, None])
        count_q = torch.bincount(owner_n, minlength=len(scores_qg))
        start_q = count_q.cumsum(0) - count_q
        within_n = torch.arange(len(owner_n), device=owner_n.device) - start_q[owner_n]
        shape = (len(scores_qg), int(count_q.max()))
        values = scores_qg.new_full(shape, -torch.inf)
        rows = owner_n.new_full(shape, -1)
        values[owner_n, within_n] = scores_qg[owner_n, column_n]
        rows[owner_n, within_n] = column_n + first
        self._merge(here, values, rows)

    def _merge(self, here: slice, values: Tensor, rows: Tensor) -> None:
        scores = torch.cat([self._scores_Qk[here], values], dim=1)
        kept = scores.topk(self._scores_Qk.shape[1], dim=1, sorted=False)
        self._scores_Qk[here], self._worst_Q[here] = kept.values, kept.values.amin(dim=1)
        self._rows_Qk[here] = torch.cat([self._rows_Qk[here], rows], dim=1).gather(1, kept.indices)

    def rows(self) -> Ints:
        """Return the rows, best first; -1 where nothing counted."""
        scores, order = self._scores_Qk.sort(dim=1, descending=True)
        return self._rows_Qk.gather(1, order).masked_fill(scores.isneginf(), -1).cpu().numpy()


def _where(mask_qg: Tensor) -> tuple[Tensor, Tensor]:
    """Return row and column of what is true, row by row."""
    if mask_qg.device.type == "cpu":  # three times as fast as torch's
        flat = torch.from_numpy(np.flatnonzero(mask_qg.numpy()))
    else:
        flat = mask_qg.flatten().nonzero()[:, 0]
    return flat // mask_qg.shape[1], flat % mask_qg.shape[1]


def gather_slices(own: Tensor, total: int) -> Tensor:
    """Return all ``total`` rows, of which each rank has every W-th, beginning with its own number."""
    world = distributed.world_size()
    slices = [torch.arange(rank, total, world, device=own.device) for rank in range(world)]
    return distributed.gather(own, [len(rows) for rows in slices])[torch.cat(slices).argsort()]


def most_similar_by_ranks(query_own: Tensor, gallery_GHD: Tensor, excluded: RowLists, k: int) -> Ints:
    """Return :func:`most_similar` of all queries on every rank, each of which searches for its slice.

    Args:
        query_own: embeddings of this rank's queries: every W-th, beginning with its own number.
        gallery_GHD: all tiles.
        excluded: for all queries.
        k: as there.
    """
    own = np.arange(distributed.rank(), len(excluded), distributed.world_size())
    rows = most_similar(query_own, gallery_GHD, excluded.take(own), k)
    return gather_slices(torch.from_numpy(rows).to(query_own.device), len(excluded)).cpu().numpy()
