"""Steps whose loss or gradient is not finite are never taken; after a few in a row the run stops and names pairs."""

from __future__ import annotations

import warnings
from typing import Any

import lightning as L  # noqa: N812
import torch
import torch.distributed as dist
from gleam_common.distributed import gather, rank, world_size
from gleam_common.errors import TrainingError
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.strategies import DeepSpeedStrategy
from torch import Tensor, nn
from torch.optim import Optimizer
from typing_extensions import override

__all__ = ["FiniteSteps"]

_NAMED = 12


class FiniteSteps(Callback):
    """Leaves out steps with NaN or infinity in them: weights, the optimizer's moments and running statistics stay.

    Without DeepSpeed all ranks have the same gradients when they step: they are taken away just before, which leaves
    the optimizer nothing to do. DeepSpeed's stage 0 clips them first and needs some for that; its ZeRO stages cut them
    up and have a check of their own, which is switched on. The scaler of ``16-mixed`` looks for infinity in gradients
    anyway, and only the loss counts there.

    Args:
        most: steps in a row that are left out before the run stops.
    """

    def __init__(self, most: int) -> None:
        self._most, self._in_a_row, self._total = most, 0, 0
        self._left_out = False
        self._buffers: list[tuple[Tensor, Tensor]] = []

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"in_a_row": self._in_a_row, "total": self._total}

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._in_a_row, self._total = state_dict["in_a_row"], state_dict["total"]

    @override
    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        engine = _zero_optimizer(trainer)
        if engine is not None:
            engine.check_grad_overflow = True
        elif isinstance(trainer.strategy, DeepSpeedStrategy):
            for optimizer in trainer.optimizers:
                optimizer.register_step_pre_hook(self._take_gradients)

    @override
    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self._left_out = False
        floating = [value for value in pl_module.buffers() if value.is_floating_point()]
        self._buffers = [(value, value.clone()) for value in floating]

    @override
    def on_before_optimizer_step(self, trainer: L.Trainer, pl_module: L.LightningModule, optimizer: Optimizer) -> None:
        if _zero_optimizer(trainer) is not None or trainer.precision == "16-mixed":
            return
        with_gradient = [value for value in pl_module.parameters() if value.grad is not None]
        norm = nn.utils.get_total_norm([value.grad for value in with_gradient if value.grad is not None])
        if not torch.isfinite(norm):
            self._left_out = True
            is_clipped = isinstance(trainer.strategy, DeepSpeedStrategy)
            for value in with_gradient:
                value.grad = torch.zeros_like(value) if is_clipped else None

    def _take_gradients(self, optimizer: Optimizer, *_: Any) -> None:
        if self._left_out:
            optimizer.zero_grad(set_to_none=True)

    @override
    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        is_finite = bool(torch.isfinite(outputs["loss"].detach()))
        engine = None if trainer.precision == "16-mixed" else _zero_optimizer(trainer)
        left_out = self._left_out or (engine is not None and bool(engine.overflow)) or not is_finite
        flag = torch.tensor([float(left_out)], device=pl_module.device)
        if not bool(gather(flag, [1] * world_size()).any()):
            self._in_a_row = 0
            return
        for value, before in self._buffers:
            value.copy_(before)
        self._in_a_row += 1
        self._total += 1
        if self._in_a_row > self._most:
            self._stop(trainer, batch, is_finite)
        if rank() == 0:
            warnings.warn(
                f"step {trainer.global_step}: loss or gradient is not finite, the step is left out "
                f"({self._in_a_row} in a row; the run stops after {self._most})",
                stacklevel=2,
            )

    def _stop(self, trainer: L.Trainer, batch: Any, is_finite: bool) -> None:
        own = [] if is_finite else list(batch["query_id"])
        everyone: list[list[str]] = [own]
        if world_size() > 1:
            everyone = [[] for _ in range(world_size())]
            dist.all_gather_object(everyone, own)
        found = [name for names in everyone for name in names] or list(batch["query_id"])
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        raise TrainingError(
            f"loss or gradient was not finite in {self._in_a_row} steps in a row, up to step {trainer.global_step}; "
            f"the pairs of the last one: {', '.join(found[:_NAMED])}{more}",
            fix="look at these pictures, lower optimizer.lr, or train in 32-true; the last checkpoint is sound",
        )


def _zero_optimizer(trainer: L.Trainer) -> Any:
    """Return DeepSpeed's optimizer of ZeRO stage 1, 2 or 3, which holds the gradients; otherwise None."""
    wrapped = getattr(trainer.model, "optimizer", None)
    return wrapped if hasattr(wrapped, "overflow") else None
