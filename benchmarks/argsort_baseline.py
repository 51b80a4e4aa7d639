"""Recall and average precision by a full sort for each query: how the code of University-1652's family evaluates.

Written after the definition in University1652-Baseline ``evaluate_gpu.py`` and Sample4Geo ``evaluate/university.py``;
its ties stand in the order of the sort, where ours count against the model.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

__all__ = ["evaluate_by_argsort"]


def evaluate_by_argsort(
    query_QD: Tensor, gallery_GD: Tensor, query_label_Q: npt.NDArray[np.int64], gallery_label_G: npt.NDArray[np.int64]
) -> tuple[float, float]:
    """Return recall@1 and the mean trapezoid average precision in [0, 1]."""
    hits, precisions = 0, 0.0
    for query_D, label in zip(query_QD, query_label_Q, strict=True):
        scores = torch.mm(gallery_GD, query_D[:, None])[:, 0].numpy()
        order = np.argsort(scores)[::-1]
        good = np.flatnonzero(np.isin(order, np.flatnonzero(gallery_label_G == label)))
        hits += int(good[0] == 0)
        precisions += _trapezoid(good)
    return hits / len(query_QD), precisions / len(query_QD)


def _trapezoid(good: npt.NDArray[np.int64]) -> float:
    area = 0.0
    for number, rank in enumerate(good.tolist()):
        before = number / rank if rank else 1.0
        area += (before + (number + 1) / (rank + 1)) / 2 / len(good)
    return area
