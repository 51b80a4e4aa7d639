"""Contrastive losses over all ranks, with known false negatives masked: symmetric InfoNCE and the sigmoid loss.

Axes: B pairs of this rank, G pairs of all ranks, D embedding, R known relatives of a query, C rows held at a time.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from gleam_common.distributed import gather, gather_with_gradient, rank, rows_of_ranks, world_size
from torch import Tensor, nn
from torch.nn.functional import logsigmoid
from torch.utils.checkpoint import checkpoint
from typing_extensions import override

from gleam_c.recipe import LossConfig

__all__ = [
    "MAX_SCALE",
    "InfoNCE",
    "RowLoss",
    "SigmoidLoss",
    "create_loss",
    "false_negatives",
    "info_nce_rows",
    "sigmoid_rows",
]

MAX_SCALE = 100.0
"""Upper end of the learnable logit scale 1/temperature, as in CLIP (arXiv 2103.00020, section 2.5)."""


def false_negatives(related_BR: Tensor, gallery_row_B: Tensor, candidates_G: Tensor) -> Tensor:
    """Return a mask (B, G), true where a candidate tile shows a query's place without being its own pair.

    Args:
        related_BR: gallery rows that are positive or semi-positive for each query, int64, padded with -1.
        gallery_row_B: gallery row of each query's own tile, int64.
        candidates_G: gallery rows of the candidate tiles, int64.
    """
    mask_BG = gallery_row_B[:, None] == candidates_G[None, :]
    for related_B in related_BR.unbind(dim=1):  # one after the other: (B, R, G) at once would outgrow the logits
        mask_BG |= related_B[:, None] == candidates_G[None, :]
    return mask_BG


def info_nce_rows(logits_CG: Tensor, target_C: Tensor, masked_CG: Tensor | None, label_smoothing: float) -> Tensor:
    """Return the summed cross-entropy of rows whose true column is ``target_C``.

    Args:
        logits_CG: scaled similarities.
        target_C: true column of each row, int64.
        masked_CG: columns that are neither true nor negative; a row's own target is never masked.
        label_smoothing: share of the target spread evenly over the unmasked columns, in [0, 1).
    """
    keep_CG = _kept(logits_CG, target_C, masked_CG)
    log_p_CG = logits_CG.masked_fill(~keep_CG, -torch.inf).log_softmax(dim=1)
    true_C = log_p_CG.gather(1, target_C[:, None]).squeeze(1)
    even_C = log_p_CG.masked_fill(~keep_CG, 0.0).sum(dim=1) / keep_CG.sum(dim=1)
    return -((1.0 - label_smoothing) * true_C + label_smoothing * even_C).sum()


def sigmoid_rows(logits_CG: Tensor, target_C: Tensor, masked_CG: Tensor | None) -> Tensor:
    """Return the summed log loss of every unmasked cell on its own: true in column ``target_C``, false elsewhere.

    Arguments as for :func:`info_nce_rows`; SigLIP's loss (arXiv 2303.15343, algorithm 1).
    """
    keep_CG = _kept(logits_CG, target_C, masked_CG)
    sign_CG = torch.full_like(logits_CG, -1.0).scatter(1, target_C[:, None], 1.0)
    return -logsigmoid(sign_CG * logits_CG).masked_fill(~keep_CG, 0.0).sum()


def _kept(logits_CG: Tensor, target_C: Tensor, masked_CG: Tensor | None) -> Tensor:
    keep_CG = torch.ones_like(logits_CG, dtype=torch.bool) if masked_CG is None else ~masked_CG
    return keep_CG.scatter(1, target_C[:, None], True)


class RowLoss(nn.Module, ABC):
    """What both losses share: each rank scores its own B rows against the columns of all, B x G logits and not G x G.

    Averaged over ranks, as DDP and DeepSpeed do with gradients, loss and gradient are those of one process with the
    whole batch, also where ranks have different numbers of pairs.

    Args:
        temperature: initial softmax temperature, > 0; the logit scale is its inverse, learnable, at most 100.
        rows_at_once: rows whose logits are held at a time, in both passes; 0 for all.
    """

    def __init__(self, temperature: float, rows_at_once: int) -> None:
        super().__init__()
        self.rows_at_once = rows_at_once
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
            related_BR: see :func:`false_negatives`; as many columns on all ranks.
        """
        counts = rows_of_ranks(len(query_BD), query_BD.device)
        # Scaled up to 100, logits lose their last digits in bf16.
        with torch.autocast(query_BD.device.type, enabled=False):
            total = self._sum(_exact(query_BD), _exact(gallery_BD), gallery_row_B, related_BR, counts)
        return total * (world_size() / sum(counts))

    @abstractmethod
    def _sum(
        self, query_BD: Tensor, gallery_BD: Tensor, gallery_row_B: Tensor, related_BR: Tensor, counts: list[int]
    ) -> Tensor:
        """Return the sum over this rank's rows; the ranks' sums add up to the whole batch's."""

    @abstractmethod
    def _of_rows(self, similarity_CG: Tensor, target_C: Tensor, masked_CG: Tensor) -> Tensor:
        """Return the summed loss of some rows."""

    def _rows(self, row_BD: Tensor, column_GD: Tensor, masked: Callable[[slice], Tensor], first: int) -> Tensor:
        """Return the summed loss of rows whose true columns begin with ``first``; ``masked`` gives (C, G) of some."""
        count = len(row_BD)
        target_B = torch.arange(first, first + count, device=row_BD.device)

        def part(own: slice) -> Tensor:
            return self._of_rows(row_BD[own] @ column_GD.T, target_B[own], masked(own))

        if not self.rows_at_once or count <= self.rows_at_once:
            return part(slice(count))
        pieces = [slice(at, min(at + self.rows_at_once, count)) for at in range(0, count, self.rows_at_once)]
        # Of a piece only the sum is kept; the backward pass makes its logits anew.
        sums = [checkpoint(part, own, use_reentrant=False, preserve_rng_state=False) for own in pieces]
        return torch.stack(sums).sum()


class InfoNCE(RowLoss):
    """Symmetric InfoNCE (arXiv 2103.00020; label smoothing as Sample4Geo, arXiv 2303.11851).

    Args:
        temperature: see :class:`RowLoss`.
        label_smoothing: in [0, 1).
        rows_at_once: see :class:`RowLoss`.
    """

    def __init__(self, temperature: float = 0.07, label_smoothing: float = 0.1, rows_at_once: int = 0) -> None:
        super().__init__(temperature, rows_at_once)
        self.label_smoothing = label_smoothing

    @override
    def _sum(
        self, query_BD: Tensor, gallery_BD: Tensor, gallery_row_B: Tensor, related_BR: Tensor, counts: list[int]
    ) -> Tensor:
        first, row_G, related_GR = sum(counts[: rank()]), gather(gallery_row_B, counts), gather(related_BR, counts)
        by_query = self._rows(
            query_BD,
            gather_with_gradient(gallery_BD, counts),
            lambda own: false_negatives(related_BR[own], gallery_row_B[own], row_G),
            first,
        )
        by_tile = self._rows(
            gallery_BD,
            gather_with_gradient(query_BD, counts),
            lambda own: false_negatives(related_GR, row_G, gallery_row_B[own]).T,
            first,
        )
        return (by_query + by_tile) / 2

    @override
    def _of_rows(self, similarity_CG: Tensor, target_C: Tensor, masked_CG: Tensor) -> Tensor:
        return info_nce_rows(self.scale * similarity_CG, target_C, masked_CG, self.label_smoothing)


class SigmoidLoss(RowLoss):
    """Every query with every tile is a question of its own: theirs or not (SigLIP, arXiv 2303.15343).

    Args:
        temperature: see :class:`RowLoss`; the paper begins with 0.1.
        bias: of the logits at the beginning, learnable; the paper's -10 makes nearly all pairs wrong ones.
        rows_at_once: see :class:`RowLoss`.
    """

    def __init__(self, temperature: float = 0.1, bias: float = -10.0, rows_at_once: int = 0) -> None:
        super().__init__(temperature, rows_at_once)
        self.bias = nn.Parameter(torch.tensor([bias]))

    @override
    def _sum(
        self, query_BD: Tensor, gallery_BD: Tensor, gallery_row_B: Tensor, related_BR: Tensor, counts: list[int]
    ) -> Tensor:
        row_G = gather(gallery_row_B, counts)
        return self._rows(
            query_BD,
            gather_with_gradient(gallery_BD, counts),
            lambda own: false_negatives(related_BR[own], gallery_row_B[own], row_G),
            sum(counts[: rank()]),
        )

    @override
    def _of_rows(self, similarity_CG: Tensor, target_C: Tensor, masked_CG: Tensor) -> Tensor:
        return sigmoid_rows(self.scale * similarity_CG + self.bias, target_C, masked_CG)


def create_loss(config: LossConfig) -> RowLoss:
    """Return the loss of a recipe."""
    if config.kind == "sigmoid":
        return SigmoidLoss(config.temperature, config.bias, config.rows_at_once)
    return InfoNCE(config.temperature, config.label_smoothing, config.rows_at_once)


def _exact(embedding_BD: Tensor) -> Tensor:
    return embedding_BD if embedding_BD.dtype == torch.float64 else embedding_BD.float()
