"""Teaching the whole small model to compare two pictures: verdict first, then the reason."""

from __future__ import annotations

from typing import Any

import lightning
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from typing_extensions import override

from gleam_x.base.sights import LOOKS
from gleam_x.base.tower import warm_cosine
from gleam_x.collate import VERDICT, model_inputs
from gleam_x.losses import count_spans, logits_of_hidden, span_loss

__all__ = ["Comparer"]


class Comparer(lightning.LightningModule):
    """All weights of a Qwen2.5-VL learn; those of its vision tower, which can see already, more slowly.

    Args:
        model: with a tower that was taught.
        lr: peak learning rate of the language model and the merger.
        tower_lr: of the rest of the vision tower.
        verdict_weight: of the verdict in the loss.
        looks_weight: of the looks under the picture tokens, which teach the language model to read and to compare.
        steps: of the training, for the schedule.
    """

    def __init__(
        self, model: Any, lr: float, tower_lr: float, verdict_weight: float, looks_weight: float, steps: int
    ) -> None:
        super().__init__()
        self.model = model.train()
        self.head = nn.Linear(model.config.text_config.hidden_size, 2 * len(LOOKS))
        self._lr, self._tower_lr, self._steps = lr, tower_lr, steps
        self._verdict_weight, self._looks_weight = verdict_weight, looks_weight

    @override
    def training_step(self, batch: dict[str, Tensor], _: int) -> Tensor:
        hidden_BTH = self.model.model(**model_inputs(batch), use_cache=False)[0]
        logits_SV, labels_S, spans_S = logits_of_hidden(self.model, hidden_BTH, batch)
        told = span_loss(logits_SV, labels_S, spans_S, count_spans(batch), self._verdict_weight)
        loss = told + self._looks_weight * self._looks_loss(hidden_BTH[batch["mm_token_type_ids"] == 1], batch)
        is_verdict_S = spans_S == VERDICT
        right = (logits_SV[is_verdict_S].argmax(dim=-1) == labels_S[is_verdict_S]).float().mean()
        self.log("loss", told.detach(), prog_bar=True)
        self.log("verdict", right, prog_bar=True)
        return loss

    def _looks_loss(self, hidden_TH: Tensor, batch: dict[str, Tensor]) -> Tensor:
        """How badly each picture token tells what is under it, and those of the second picture what both show."""
        own_TL, shared_TL = self.head(hidden_TH).chunk(2, dim=-1)
        own = _summed_error(own_TL, batch["own"])
        shared = _summed_error(shared_TL[batch["is_second"]], batch["shared"][batch["is_second"]])
        self.log("shared", shared.detach(), prog_bar=True)
        return own + shared

    @override
    def configure_optimizers(self) -> Any:
        tower: list[nn.Parameter] = []
        rest: list[nn.Parameter] = []
        for name, weight in self.named_parameters():
            (tower if ".visual." in name and ".merger." not in name else rest).append(weight)
        groups = [{"params": rest, "lr": self._lr}, {"params": tower, "lr": self._tower_lr}]
        optimizer = torch.optim.AdamW(groups, weight_decay=0.02, betas=(0.9, 0.98))
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: warm_cosine(step, self._steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def _summed_error(logits_TL: Tensor, shares_TL: Tensor) -> Tensor:
    """Cross-entropy, summed over looks, a mean over tokens."""
    return binary_cross_entropy_with_logits(logits_TL, shares_TL, reduction="none").sum(dim=1).mean()
