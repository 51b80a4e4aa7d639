"""Symmetric InfoNCE over all ranks, with known false negatives masked.

Axes: B pairs of this rank, G = W * B pairs of all ranks, D embedding, R known relatives of a query.
"""

from __future__ import annotations

import math

import torch
from gleam_common.distributed import gather, gather_with_gradient, rank
from torch import Tensor, nn

__all__ = ["MAX_SCALE", "InfoNCE", "false_negatives", "info_nce_rows"]

MAX_SCALE = 100.0
"""Upper end of the learnable logit scale 1/temperature, as in CLIP (arXiv 2103.00020, section 2.5)."""


def false_negatives(related_BR: Tensor, gallery_row_B: Tensor, candidates_G: Tensor) -> Tensor:
    """Return a mask (B, G), true where a candidate tile shows a query's place without being its own pair.

    Args:
        related_BR: gallery rows that are positive or semi-positive for each query, int64, padded with -1.
        gallery_row_B: gallery row of each query's own tile, int64.
        candidates_G: gallery rows of the candidate tiles, int64.
    """
    related = (related_BR[:, :, None] == candidates_G[None, None, :]).any(dim=1)
    return related | (gallery_row_B[:, None] == candidates_G[None, :])


def info_nce_rows(logits_BG: Tensor, target_B: Tensor, masked_BG: Tensor | None, label_smoothing: float) -> Tensor:
    """Return the mean cross-entropy of rows whose true column is ``target_B``.

    Args:
        logits_BG: scaled similarities.
        target_B: true column of each row, int64.
        masked_BG: columns that are neither true nor negative; a row's own target is never masked.
        label_smoothing: share of the target spread evenly over the unmasked columns, in [0, 1).
    """
    keep_BG = torch.ones_like(logits_BG, dtype=torch.bool) if masked_BG is None else ~masked_BG
    keep_BG = keep_BG.scatter(1, target_B[:, None], True)
    log_p_BG = logits_BG.masked_fill(~keep_BG, -torch.inf).log_softmax(dim=1)
    true_B = log_p_BG.gather(1, target_B[:, None]).squeeze(1)
    even_B = log_p_BG.masked_fill(~keep_BG, 0.0).sum(dim=1) / keep_BG.sum(dim=1)
    return -((1.0 - label_smoothing) * true_B + label_smoothing * even_B).mean()


class InfoNCE(nn.Module):
    """Symmetric InfoNCE (arXiv 2103.00020; label smoothing as Sample4Geo, arXiv 2303.11851) with local rows.

    Each rank scores its own B queries against all W * B tiles and its own B tiles against all queries, B x WB logits
    instead of WB x WB. Averaged over ranks, as DDP and DeepSpeed do with gradients, loss and gradient are those of one
    process with the whole batch.

    Args:
        temperature: initial softmax temperature, > 0; the logit scale is its inverse, learnable, at most 100.
        label_smoothing: in [0, 1).
    """

    def __init__(self, temperature: float = 0.07, label_smoothing: float = 0.1) -> None:
        super().__init__()
        self.label_smoothing = label_smoothing
        self.log_scale = nn.Parameter(torch.tensor([-math.log(temperature)]))

    @property
    def scale(self) -> Tensor:
        """The logit scale, 1/temperature, shape (1,)."""
        return self.log_scale.clamp(max=math.log(MAX_SCALE)).exp()

    def forward(self, query_BD: Tensor, gallery_BD: Tensor, gallery_row_B: Tensor, related_BR: Tensor) -> Tensor:
        """Return this rank's loss, a scalar.

        Args:
            query_BD: L2-normalised query embeddings; row i belongs to tile i.
            gallery_BD: L2-normalised tile embeddings.
            gallery_row_B: row of each tile in the gallery table, int64; tells equal tiles across ranks.
            related_BR: see :func:`false_negatives`.
        """
        # Scaled up to 100, logits lose their last digits in bf16.
        with torch.autocast(query_BD.device.type, enabled=False):
            return self._symmetric(_exact(query_BD), _exact(gallery_BD), gallery_row_B, related_BR)

    def _symmetric(self, query_BD: Tensor, gallery_BD: Tensor, gallery_row_B: Tensor, related_BR: Tensor) -> Tensor:
        count = query_BD.shape[0]
        all_gallery_GD, all_query_GD = gather_with_gradient(gallery_BD), gather_with_gradient(query_BD)
        all_row_G = gather(gallery_row_B)
        target_B = torch.arange(count, device=query_BD.device) + rank() * count
        masked_BG = false_negatives(related_BR, gallery_row_B, all_row_G)
        masked_GB = false_negatives(gather(related_BR), all_row_G, gallery_row_B)
        by_query = info_nce_rows(self.scale * query_BD @ all_gallery_GD.T, target_B, masked_BG, self.label_smoothing)
        by_tile = info_nce_rows(self.scale * gallery_BD @ all_query_GD.T, target_B, masked_GB.T, self.label_smoothing)
        return (by_query + by_tile) / 2


def _exact(embedding_BD: Tensor) -> Tensor:
    return embedding_BD if embedding_BD.dtype == torch.float64 else embedding_BD.float()
