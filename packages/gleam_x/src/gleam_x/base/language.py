"""Teaching the whole small model to compare two pictures: verdict first, then the reason."""

from __future__ import annotations

from typing import Any

import lightning
import torch
from torch import Tensor, nn
from typing_extensions import override

from gleam_x.base.tower import warm_cosine
from gleam_x.collate import VERDICT
from gleam_x.losses import count_spans, span_loss, supervised_logits

__all__ = ["Comparer"]


class Comparer(lightning.LightningModule):
    """All weights of a Qwen2.5-VL learn; those of its vision tower, which can see already, more slowly.

    Args:
        model: with a tower that was taught.
        lr: peak learning rate of the language model and the merger.
        tower_lr: of the rest of the vision tower.
        verdict_weight: of the verdict in the loss.
        steps: of the training, for the schedule.
    """

    def __init__(self, model: Any, lr: float, tower_lr: float, verdict_weight: float, steps: int) -> None:
        super().__init__()
        self.model = model.train()
        self._lr, self._tower_lr, self._verdict_weight, self._steps = lr, tower_lr, verdict_weight, steps

    @override
    def training_step(self, batch: dict[str, Tensor], _: int) -> Tensor:
        logits_SV, labels_S, spans_S = supervised_logits(self.model, batch)
        loss = span_loss(logits_SV, labels_S, spans_S, count_spans(batch), self._verdict_weight)
        is_verdict_S = spans_S == VERDICT
        right = (logits_SV[is_verdict_S].argmax(dim=-1) == labels_S[is_verdict_S]).float().mean()
        self.log("loss", loss.detach(), prog_bar=True)
        self.log("verdict", right, prog_bar=True)
        return loss

    @override
    def configure_optimizers(self) -> Any:
        tower: list[nn.Parameter] = []
        rest: list[nn.Parameter] = []
        for name, weight in self.model.named_parameters():
            (tower if ".visual." in name and ".merger." not in name else rest).append(weight)
        groups = [{"params": rest, "lr": self._lr}, {"params": tower, "lr": self._tower_lr}]
        optimizer = torch.optim.AdamW(groups, weight_decay=0.02, betas=(0.9, 0.98))
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: warm_cosine(step, self._steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
