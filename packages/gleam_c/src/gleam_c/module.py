"""The encoder and its loss as Lightning sees them."""

from __future__ import annotations

import math
from typing import Any

import lightning as L  # noqa: N812
import numpy as np
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from typing_extensions import override

from gleam_c.encoder import Encoder
from gleam_c.loss import RowLoss
from gleam_c.recipe import OptimizerConfig

__all__ = ["ContrastiveModule", "chance_key", "learning_rate_factor", "parameter_groups"]


class ContrastiveModule(L.LightningModule):
    """Trains an encoder so that a query's embedding lies next to its tile's.

    Args:
        encoder: shared by all views.
        loss: over all ranks, with its temperature.
        optimizer: AdamW settings.
        total_steps: steps of the phase, for the schedule.
        seed: of what the network itself leaves to chance (dropped units and blocks).
        pairs_at_once: pairs whose activations are held at a time; 0 for all.
        fused_optimizer: AdamW in one kernel.
    """

    def __init__(
        self,
        encoder: Encoder,
        loss: RowLoss,
        optimizer: OptimizerConfig,
        total_steps: int,
        seed: int = 0,
        pairs_at_once: int = 0,
        fused_optimizer: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.loss = loss
        self._optimizer = optimizer
        self._total_steps = total_steps
        self._seed, self._pairs_at_once, self._fused_optimizer = seed, pairs_at_once, fused_optimizer

    def forward(self, image_BCHW: Tensor) -> Tensor:
        """Return embeddings (B, D) of normalised pictures of one view."""
        embedding: Tensor = self.encoder(image_BCHW)
        return embedding

    @override
    def on_train_batch_start(self, batch: dict[str, Any], batch_idx: int) -> None:
        """Make chance a function of (seed, step, rank), so that a run that goes on draws what the whole one drew."""
        torch.manual_seed(chance_key(self._seed, self.global_step, self.global_rank))

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        """Return the loss of one batch of pairs of one view."""
        query_BD, gallery_BD = self.encoder.pair(batch["query"], batch["gallery"], self._pairs_at_once)
        loss: Tensor = self.loss(query_BD, gallery_BD, batch["gallery_row"], batch["related"])
        self.log("train/loss", loss.detach(), prog_bar=True)
        self.log(f"train/loss/{batch['view']}", loss.detach())
        self.log("train/temperature", 1 / self.loss.scale.detach().squeeze())
        return loss

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return AdamW and its schedule, stepped once a step."""
        config = self._optimizer
        groups, fused = parameter_groups(self, config.weight_decay), self._fused_optimizer or None
        optimizer = torch.optim.AdamW(groups, lr=config.lr, fused=fused)
        # A fused AdamW offers to undo fp16's scaling itself, after which Lightning could not clip the gradient.
        optimizer._step_supports_amp_scaling = False
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: learning_rate_factor(step, self._total_steps, config.warmup)
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def chance_key(seed: int, step: int, rank: int) -> int:
    """Return a seed of 63 bits that belongs to one step of one rank alone."""
    return int(np.random.SeedSequence([seed, step, rank]).generate_state(1, np.uint64)[0] >> 1)


def learning_rate_factor(step: int, total_steps: int, warmup: float) -> float:
    """Return the share of the peak rate at ``step``: linear up for ``warmup`` of the steps, then a cosine to 0.01."""
    warm = max(1, round(warmup * total_steps))
    if step < warm:
        return (step + 1) / warm
    done = min(1.0, (step - warm) / max(1, total_steps - warm))
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done))


def parameter_groups(module: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Return the trainable parameters in two groups: decayed matrices and kernels, undecayed vectors and scalars."""
    trainable = [p for p in module.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trainable if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trainable if p.ndim <= 1], "weight_decay": 0.0},
    ]
