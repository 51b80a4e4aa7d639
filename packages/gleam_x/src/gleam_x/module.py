"""A vision-language model with an adapter as Lightning sees it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import lightning as L  # noqa: N812
import torch
from gleam_common.distributed import gather, rank, world_size
from lightning.pytorch.strategies import DeepSpeedStrategy
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.nn.functional import cross_entropy

from gleam_x.collate import VERDICT
from gleam_x.lora import check_training
from gleam_x.losses import SpanCounts, span_loss, supervised_logits
from gleam_x.recipe import Recipe
from gleam_x.step_loader import WINDOW

__all__ = ["SftModule", "learning_rate_factor"]

_PRIME = 1_000_003


class SftModule(L.LightningModule):
    """Trains an adapter to answer as the benchmark does.

    The checkpoint holds the adapter, not the base. Dropout is drawn anew for every batch from (seed, place), so that a
    run that was stopped draws the same.

    Args:
        model: of :func:`gleam_x.lora.attach_lora`.
        recipe: optimizer, loss and seed.
        total_steps: of the run, for the schedule.
    """

    def __init__(self, model: Any, recipe: Recipe, total_steps: int) -> None:
        super().__init__()
        self.model = model
        self.strict_loading = False
        self._recipe, self._total_steps = recipe, total_steps
        self._window: dict[str, float] = {}

    def on_train_start(self) -> None:
        """Wake the model: it comes in evaluation mode, and Lightning leaves it so (Lightning issue 20105)."""
        self.model.train()

    def on_train_epoch_start(self) -> None:
        """Check that whoever looked at validation samples woke the model again."""
        check_training(self.model)

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the batch's part of the loss of its accumulation window."""
        place = (self.current_epoch * _PRIME + batch_idx) * world_size() + rank()
        torch.manual_seed((self._recipe.seed * _PRIME + place) % 2**63)
        logits_SV, labels_S, spans_S = supervised_logits(self.model, batch)
        counts = _over_ranks(batch[WINDOW])
        part = span_loss(logits_SV, labels_S, spans_S, counts, self._recipe.verdict_weight)
        self._note(part, logits_SV[spans_S == VERDICT], labels_S[spans_S == VERDICT], counts, batch_idx)
        return part * self._undone_division()

    def _undone_division(self) -> int:
        """Return by what a part is divided on its way: the parts of a window are to be added, not averaged.

        Lightning divides by their number, and DeepSpeed's engine does so once more.
        """
        twice = isinstance(self.trainer.strategy, DeepSpeedStrategy)
        return int(self._recipe.accumulate ** (2 if twice else 1))

    def _note(self, part: Tensor, logits_SV: Tensor, labels_S: Tensor, counts: SpanCounts, batch_idx: int) -> None:
        """Log the loss of the whole window when it ends, and the verdict's share in it before weighting."""
        with torch.no_grad():
            verdict = cross_entropy(logits_SV.float(), labels_S, reduction="sum") / max(counts.verdict, 1.0)
            right = (logits_SV.argmax(dim=-1) == labels_S).sum() / max(counts.verdict, 1.0)
        values = {"train/loss": part.detach(), "train/verdict_loss": verdict, "train/verdict_right": right}
        if not counts.verdict:
            values = {"train/loss": part.detach()}
        for name, value in values.items():
            self._window[name] = self._window.get(name, 0.0) + float(value)
        if (batch_idx + 1) % self._recipe.accumulate == 0:
            for name, total in self._window.items():
                self.log(name, total, prog_bar=name == "train/loss")
            self._window = {}

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Log the norm of the gradient before it is cut, and the learning rate."""
        engine = getattr(self.trainer.strategy, "model", None)
        norm = getattr(engine, "get_global_grad_norm", lambda: None)()  # DeepSpeed's: of the step before
        gradients = [p.grad for p in self.parameters() if p.grad is not None]
        if norm is None and gradients:
            norm = torch.nn.utils.get_total_norm(gradients)
        if norm is not None:
            self.log("train/grad_norm", float(norm))
        self.log("train/lr", float(optimizer.param_groups[0]["lr"]))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep what learns; the base is on the disk already."""
        learnt = {name for name, value in self.named_parameters() if value.requires_grad}
        checkpoint["state_dict"] = _only(checkpoint["state_dict"], learnt)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return AdamW over the adapter and its schedule, stepped once a step."""
        recipe = self._recipe
        learnt = [value for value in self.parameters() if value.requires_grad]
        optimizer = torch.optim.AdamW(learnt, lr=recipe.lr, weight_decay=recipe.weight_decay)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: learning_rate_factor(step, self._total_steps, recipe.warmup)
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def _only(state: Mapping[str, Tensor], names: set[str]) -> dict[str, Tensor]:
    return {name: value for name, value in state.items() if name in names}


def _over_ranks(window_2: Tensor) -> SpanCounts:
    """Return the tokens of a step over all processes, divided by their number: gradients are averaged over them."""
    verdict, explanation = (gather(window_2.view(1, 2), [1] * world_size()).sum(dim=0) / world_size()).tolist()
    return SpanCounts(verdict=verdict, explanation=explanation)


def learning_rate_factor(step: int, total_steps: int, warmup: float) -> float:
    """Return the share of the peak rate at ``step``: linear up for ``warmup`` of the steps, then a cosine to 0.01."""
    warm = max(1, round(warmup * total_steps))
    if step < warm:
        return (step + 1) / warm
    done = min(1.0, (step - warm) / max(1, total_steps - warm))
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done))
