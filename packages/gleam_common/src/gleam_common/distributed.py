"""Collectives for training: a gather that carries gradients, and plain facts about the process group.

The gather is what makes local-rows InfoNCE equal to one process on the whole batch: without its backward pass the
encoder's gradients come out W times too small (measured on open_clip's defaults; open_clip issue #894).
"""

from __future__ import annotations

import os
import random
import socket
import threading
import time
from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor

from gleam_common.errors import ConfigError

__all__ = ["gather", "gather_with_gradient", "prepare_launch", "process_number", "rank", "world_size"]

_PORTS = range(20_000, 32_000)
"""Below those that systems hand out by themselves: one of those may be gone before the process group listens on it."""


def process_number() -> int:
    """Return the number that this process was started with, 0 for the one started by hand; known before any group."""
    return int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")))


def prepare_launch() -> None:
    """Get ready for a trainer of several processes; to be called before it is made, in each of them.

    The first process chooses the port they meet at, unless ``MASTER_PORT`` or a cluster says it. The others end when
    the one that started them does: left alone, they would wait half an hour for its next word. On one machine they
    talk over the loopback interface, whatever the machine's name resolves to.

    Raises:
        ConfigError: no port is free.
    """
    if os.environ.get("MASTER_ADDR", "127.0.0.1") in ("127.0.0.1", "localhost"):
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    if process_number() > 0:
        threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    else:
        os.environ.setdefault("STANDALONE_PORT", str(_free_port()))  # Lightning reads it where no cluster is found


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _free_port() -> int:
    for port in random.SystemRandom().sample(_PORTS, len(_PORTS)):
        with socket.socket() as attempt:
            try:
                attempt.bind(("", port))
            except OSError:
                continue
            return port
    raise ConfigError("no port is free for the processes to meet at", allowed="20000 to 31999", fix="set MASTER_PORT")


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
