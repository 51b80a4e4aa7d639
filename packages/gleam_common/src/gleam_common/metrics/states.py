"""Torchmetrics state around the pure functions: embeddings come in pieces, from every process, in any order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from gleam_common.errors import DataError
from gleam_common.metrics.ranking import positive_ranks
from gleam_common.metrics.retrieval import recall_at_k
from gleam_common.row_lists import RowLists

__all__ = ["RetrievalRecall"]


class RetrievalRecall(Metric):
    """Recall at k (share of queries with any positive in the first k) over embeddings gathered from all processes.

    Rows may come in any order and more than once (samplers pad); every row must come at least once.

    Args:
        positives: gallery rows that are right for each query.
        gallery_size: number of tiles.
        ks: the k's to report.

    Example:
        >>> import torch
        >>> from gleam_common.row_lists import RowLists
        >>> positives = RowLists(offsets=torch.arange(3).numpy(), rows=torch.tensor([0, 1]).numpy())
        >>> recall = RetrievalRecall(positives, gallery_size=2, ks=(1,))
        >>> recall.update(torch.eye(2), torch.arange(2), is_gallery=True)
        >>> recall.update(torch.eye(2), torch.arange(2), is_gallery=False)
        >>> recall.compute()
        {'recall@1': tensor(1.)}
    """

    full_state_update = False
    higher_is_better = True
    is_differentiable = False

    def __init__(self, positives: RowLists, gallery_size: int, ks: Sequence[int] = (1, 5, 10), **options: Any) -> None:
        super().__init__(**options)
        self.positives, self.gallery_size, self.ks = positives, gallery_size, tuple(ks)
        for name in ("query", "query_row", "gallery", "gallery_row"):
            self.add_state(name, default=[], dist_reduce_fx="cat")

    def update(self, embedding_BD: Tensor, row_B: Tensor, *, is_gallery: bool) -> None:
        """Add embeddings (B, D) of the tiles, or of the queries, that stand in these rows, int64 (B,)."""
        name = "gallery" if is_gallery else "query"
        cast(list[Tensor], getattr(self, name)).append(embedding_BD.detach())
        cast(list[Tensor], getattr(self, f"{name}_row")).append(row_B.to(embedding_BD.device))

    def compute(self) -> dict[str, Tensor]:
        """Return ``recall@k`` for each k, scalars.

        Raises:
            DataError: a row has not come, or an embedding is NaN or infinite.
        """
        query_QD = _ordered(self.query, self.query_row, len(self.positives), "query")
        gallery_GD = _ordered(self.gallery, self.gallery_row, self.gallery_size, "gallery")
        best = positive_ranks(query_QD, gallery_GD, self.positives).best
        return {f"recall@{k}": torch.tensor(recall_at_k(best, k)) for k in self.ks}


def _ordered(embeddings: Any, rows: Any, count: int, name: str) -> Tensor:
    """Return the embeddings in the order of their rows, each once."""
    embedding_ND, row_N = dim_zero_cat(embeddings), dim_zero_cat(rows)
    seen = torch.bincount(row_N, minlength=count)
    if len(seen) != count or not bool((seen > 0).all()):
        missing = int((seen[:count] == 0).sum())
        raise DataError(
            f"{name} embeddings for {count} rows: {missing} are missing, {len(seen) - count} too many",
            fix="update the metric with every row of the table",
        )
    ordered_GD = torch.empty(count, embedding_ND.shape[1], dtype=embedding_ND.dtype, device=embedding_ND.device)
    ordered_GD[row_N] = embedding_ND
    return ordered_GD
