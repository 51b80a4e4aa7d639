"""The first tiles of each query, kept while blocks of scores go by."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

__all__ = ["BestTiles"]

SEGMENT = 16
"""Tiles whose largest score is looked at first: the k best tiles lie in the k best segments, the rest is not sorted."""

WORTH_IT = 20
"""Segments a tile to be kept from which on looking at segments is faster than sorting all scores."""


class BestTiles:
    """The k best tiles of each query so far.

    Args:
        queries: how many.
        k: tiles to keep for each.
        device: where the scores are.
    """

    def __init__(self, queries: int, k: int, device: torch.device) -> None:
        self._scores_Qk = torch.full((queries, k), -torch.inf, device=device)
        self._rows_Qk = torch.zeros((queries, k), dtype=torch.int64, device=device)

    def add(self, here: slice, first: int, scores_qg: Tensor) -> None:
        """Look at the scores of queries ``here`` and the tiles ``first``, ``first + 1``, ..."""
        k = self._scores_Qk.shape[1]
        scores_qk, columns_qk = _best(scores_qg, min(k, scores_qg.shape[1]))
        scores = torch.cat([self._scores_Qk[here], scores_qk], dim=1)
        rows = torch.cat([self._rows_Qk[here], columns_qk + first], dim=1)
        kept = scores.topk(k, dim=1)
        self._scores_Qk[here], self._rows_Qk[here] = kept.values, rows.gather(1, kept.indices)

    def result(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Return rows (Q, k) and scores (Q, k), best first."""
        return self._rows_Qk.cpu().numpy(), self._scores_Qk.cpu().numpy()


def _best(scores_qg: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the scores (q, k) and columns (q, k) of the best tiles of a block."""
    segments = scores_qg.shape[1] // SEGMENT
    if segments <= WORTH_IT * k:
        found = scores_qg.topk(k, dim=1)
        return found.values, found.indices
    whole = segments * SEGMENT
    parts_qSs = scores_qg[:, :whole].view(-1, SEGMENT, segments)  # segments lie across: their maxima vectorise
    segment_qk = parts_qSs.amax(dim=1).topk(k, dim=1).indices
    columns_qn = (segment_qk[:, None] + segments * torch.arange(SEGMENT, device=scores_qg.device)[:, None]).flatten(1)
    if whole < scores_qg.shape[1]:
        rest = torch.arange(whole, scores_qg.shape[1], device=scores_qg.device)
        columns_qn = torch.cat([columns_qn, rest.expand(len(columns_qn), -1)], dim=1)
    inside = scores_qg.gather(1, columns_qn).topk(k, dim=1)
    return inside.values, columns_qn.gather(1, inside.indices)
