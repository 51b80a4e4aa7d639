"""Muon in float32: ``torch.optim.Muon`` works in bfloat16, which many CPUs only emulate (4 s a step here, not 0.3).

Axes: N matrices of one shape, A and B their sides.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from typing_extensions import override

__all__ = ["Muon", "orthogonal"]

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_STEPS = 5


def orthogonal(matrix_NAB: Tensor) -> Tensor:
    """Return matrices near the orthogonal factors of ``matrix_NAB``, singular values from about 0.7 to 1.2.

    Five steps of the Newton-Schulz iteration of Jordan et al. 2024, "Muon: an optimizer for hidden layers".
    """
    a, b, c = _COEFFICIENTS
    is_tall = matrix_NAB.shape[1] > matrix_NAB.shape[2]
    x_NAB = matrix_NAB.mT if is_tall else matrix_NAB
    x_NAB = x_NAB / x_NAB.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(_STEPS):
        gram_NAA = x_NAB @ x_NAB.mT
        x_NAB = torch.baddbmm(x_NAB, torch.baddbmm(gram_NAA, gram_NAA, gram_NAA, beta=b, alpha=c), x_NAB, beta=a)
    return x_NAB.mT if is_tall else x_NAB


class Muon(Optimizer):
    """Momentum whose matrices are made orthogonal before they are subtracted (Jordan et al. 2024), in float32.

    Updates are scaled by 0.2 times the root of the longer side, so that learning rates are AdamW's (Liu et al. 2025,
    arXiv 2502.16982). Matrices of one shape are turned together.

    Args:
        matrices: weights (A, B) that learn.
        lr: learning rate.
        weight_decay: decoupled.
        momentum: Nesterov's.
    """

    def __init__(
        self, matrices: Iterable[nn.Parameter], lr: float, weight_decay: float = 0.0, momentum: float = 0.95
    ) -> None:
        super().__init__(matrices, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @override
    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step; ``closure``, if any, is called once before."""
        loss: Any = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[nn.Parameter]] = defaultdict(list)
            for weight in group["params"]:
                if weight.grad is not None:
                    by_shape[weight.shape].append(weight)
            for weights in by_shape.values():
                self._turn(weights, **{name: group[name] for name in ("lr", "weight_decay", "momentum")})
        return loss

    def _turn(self, weights: list[nn.Parameter], lr: float, weight_decay: float, momentum: float) -> None:
        ahead = [self._ahead(weight, momentum) for weight in weights]
        longer = max(weights[0].shape)
        for weight, turned_AB in zip(weights, orthogonal(torch.stack(ahead)), strict=True):
            weight.mul_(1 - lr * weight_decay).sub_(turned_AB, alpha=lr * 0.2 * math.sqrt(longer))

    def _ahead(self, weight: nn.Parameter, momentum: float) -> Tensor:
        """Return the gradient a step ahead, and keep the momentum."""
        gradient_AB = torch.zeros_like(weight) if weight.grad is None else weight.grad.float()
        kept_AB = self.state[weight].setdefault("momentum", torch.zeros_like(gradient_AB))
        kept_AB.lerp_(gradient_AB, 1 - momentum)
        return gradient_AB.lerp(kept_AB, momentum)
