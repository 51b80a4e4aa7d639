"""Recall and average precision by a full sort for each query: how the code of University-1652's family evaluates.

The steps are those of University1652-Baseline ``evaluate_gpu.py`` (Sample4Geo ``evaluate/university.py`` and its forks
alike), written anew: scores of one query, their sort, junk (label -1) out, the places of the good ones, a cumulative
match curve over the whole gallery. Ties stand in the order of the sort there, where ours count against the model.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

__all__ = ["evaluate_by_argsort"]

Ints = npt.NDArray[np.int64]


def evaluate_by_argsort(
    query_QD: Tensor, gallery_GD: Tensor, query_label_Q: Ints, gallery_label_G: Ints
) -> tuple[float, float]:
    """Return recall@1 and the mean trapezoid average precision in [0, 1]."""
    curve_G = torch.zeros(len(gallery_GD), dtype=torch.int32)
    area = 0.0
    for query_D, label in zip(query_QD, query_label_Q, strict=True):
        order = torch.mm(gallery_GD, query_D[:, None])[:, 0].numpy().argsort()[::-1]
        own_area, own_curve_G = _of_one(
            order, np.argwhere(gallery_label_G == label), np.argwhere(gallery_label_G == -1)
        )
        curve_G = curve_G + own_curve_G
        area += own_area
    return float(curve_G[0]) / len(query_QD), area / len(query_QD)


def _of_one(order: Ints, good: Ints, junk: Ints) -> tuple[float, Tensor]:
    curve = torch.zeros(len(order), dtype=torch.int32)
    order = order[np.isin(order, junk, invert=True)]
    places = np.argwhere(np.isin(order, good)).flatten()
    curve[places[0] :] = 1
    area = 0.0
    for number, place in enumerate(places):
        before = number / place if place else 1.0
        area += (before + (number + 1) / (place + 1)) / 2 / len(places)
    return area, curve
