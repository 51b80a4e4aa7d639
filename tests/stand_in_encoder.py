"""A tiny encoder for tests: mean colours on a 2 x 2 grid. It looks, but it does not learn."""

from __future__ import annotations

import torch
from gleam_common.views import View
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, normalize


class StandInEncoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.sizes = {view: (32, 64 if view is View.PANORAMA else 32) for view in View}
        self.mean, self.std = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
        self.headings: dict[View, int] = {}
        self.laid_out: frozenset[View] = frozenset()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, image_BCHW: Tensor) -> Tensor:
        return normalize(self.scale * adaptive_avg_pool2d(image_BCHW, 2).flatten(1), dim=1)
