"""Collectives for training: a gather that carries gradients, and plain facts about the process group.

The gather is what makes local-rows InfoNCE equal to one process on the whole batch: without its backward pass the
encoder's gradients come out W times too small (measured on open_clip's defaults; open_clip issue #894).
"""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor

__all__ = ["gather", "gather_with_gradient", "rank", "world_size"]


def world_size() -> int:
    """Return the number of processes, 1 outside a process group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Return this process's number, 0 outside a process group."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def gather(tensor: Tensor) -> Tensor:
    """Concatenate ``tensor`` (B, ...) of all ranks into (W * B, ...), in rank order, without gradient.

    All ranks must give the same shape.
    """
    if world_size() == 1:
        return tensor
    parts = [torch.empty_like(tensor) for _ in range(world_size())]
    dist.all_gather(parts, tensor.contiguous())
    return torch.cat(parts)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        ctx.rows = tensor.shape[0]
        return gather(tensor)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        # Every rank's loss holds every rank's rows: their gradients add up (sum, not mean).
        total = gradients[0].contiguous().clone()
        dist.all_reduce(total)
        start = rank() * ctx.rows
        return total[start : start + ctx.rows]


def gather_with_gradient(tensor: Tensor) -> Tensor:
    """Concatenate ``tensor`` (B, ...) of all ranks into (W * B, ...), in rank order; gradients flow back to every rank.

    All ranks must give the same shape, and all must run the backward pass.
    """
    return tensor if world_size() == 1 else cast(Tensor, _Gather.apply(tensor))
