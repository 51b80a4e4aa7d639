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
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor

from gleam_common.errors import ConfigError, TrainingError

__all__ = [
    "gather",
    "gather_with_gradient",
    "join_cluster",
    "prepare_launch",
    "process_number",
    "rank",
    "rows_of_ranks",
    "wait_for_first",
    "world_size",
]

_LONGEST_WAIT = timedelta(hours=12)
"""While the first process renders, checks and decodes; NCCL alone would give up after ten minutes."""

_PORTS = range(20_000, 32_000)
"""Below those that systems hand out by themselves: one of those may be gone before the process group listens on it."""


def process_number() -> int:
    """Return the number that this process was started with, 0 for the one started by hand; known before any group."""
    for name in ("RANK", *(["SLURM_PROCID"] if _slurm_tasks() > 1 else []), "LOCAL_RANK"):
        if os.environ.get(name):
            return int(os.environ[name])
    return 0


def join_cluster(on_gpu: bool) -> bool:
    """Meet the other processes, if torchrun or SLURM started them all; return whether it did.

    Where Lightning starts the others itself, they begin after all that the first one prepared. Here they begin together
    and have to wait for it (:func:`wait_for_first`), so they meet at once; the trainer goes on with the same group.
    """
    if not (os.environ.get("TORCHELASTIC_RUN_ID") or _slurm_tasks() > 1):
        return False
    from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
    from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment

    place = TorchElasticEnvironment() if os.environ.get("TORCHELASTIC_RUN_ID") else SLURMEnvironment()
    os.environ.setdefault("MASTER_ADDR", place.main_address)
    os.environ.setdefault("MASTER_PORT", str(place.main_port))
    prepare_launch()
    if on_gpu:
        torch.cuda.set_device(place.local_rank())
    dist.init_process_group(
        "nccl" if on_gpu else "gloo", rank=process_number(), world_size=place.world_size(), timeout=_LONGEST_WAIT
    )
    return True


def wait_for_first() -> None:
    """Return when all processes have come here.

    Raises:
        TrainingError: another one has ended.
    """
    try:
        dist.barrier()
    except RuntimeError as error:
        raise TrainingError("another process of the group has ended", fix="see what it said") from error


def _slurm_tasks() -> int:
    is_by_hand = os.environ.get("SLURM_JOB_NAME") in ("bash", "interactive")
    return 0 if is_by_hand else int(os.environ.get("SLURM_NTASKS", "0"))


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


def rows_of_ranks(count: int, device: torch.device | None = None) -> list[int]:
    """Return how many rows each rank has; this one has ``count``. All ranks must call it."""
    if world_size() == 1:
        return [count]
    counts = [torch.zeros(1, dtype=torch.int64, device=device) for _ in range(world_size())]
    dist.all_gather(counts, torch.tensor([count], device=device))
    return torch.cat(counts).tolist()


def gather(tensor: Tensor, counts: Sequence[int]) -> Tensor:
    """Concatenate ``tensor`` (B, ...) of all ranks into (G, ...), in rank order, without gradient.

    Args:
        tensor: this rank's rows; the other dimensions are the same on all ranks.
        counts: rows of each rank, from :func:`rows_of_ranks`; they may differ.
    """
    if world_size() == 1:
        return tensor
    most, own = max(counts), tensor.contiguous()
    if len(own) < most:
        own = torch.cat([own, own.new_zeros(most - len(own), *own.shape[1:])])
    parts = [torch.empty_like(own) for _ in counts]
    dist.all_gather(parts, own)
    return torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)])


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor, counts: Sequence[int]) -> Tensor:
        ctx.counts = counts
        return gather(tensor, counts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        # Every rank's loss holds every rank's rows: their gradients add up (sum, not mean).
        total = gradients[0].contiguous().clone()
        dist.all_reduce(total)
        start = sum(ctx.counts[: rank()])
        return total[start : start + ctx.counts[rank()]], None


def gather_with_gradient(tensor: Tensor, counts: Sequence[int]) -> Tensor:
    """Concatenate ``tensor`` (B, ...) of all ranks into (G, ...), in rank order; gradients flow back to every rank.

    All ranks must run the backward pass. ``counts``: see :func:`gather`.
    """
    return tensor if world_size() == 1 else cast(Tensor, _Gather.apply(tensor, counts))
