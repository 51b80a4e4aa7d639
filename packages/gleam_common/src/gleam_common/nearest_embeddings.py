"""The most similar tiles of each query, streamed: a running top k, never the whole matrix, shared among processes.

Axes: Q queries, D embedding, G gallery tiles, H embeddings of one picture, k best, q and g one block of Q and G.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gleam_common import distributed
from gleam_common.errors import DataError
from gleam_common.metrics.best_tiles import BestTiles
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
    best = BestTiles(query.shape[0], k, query.device)
    for here, there, scores_qg in score_blocks(query, gallery, title="mining"):
        owner, column = excluded.inside(here, there)
        scores_qg[owner, column] = -torch.inf
        best.add(here, there.start, scores_qg)
    return best.result()[0]


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
