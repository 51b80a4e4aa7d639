"""Teaching the small language model: to say what a picture shows that the tower has seen, then to compare two.

A verdict alone teaches next to nothing: hundreds of steps at a coin's chance. So the token in front of the answer is
asked, half way up the model, what the pictures show; once that is known there, the rest learns to compare it.

Axes: B samples, T tokens, H hidden, S supervised tokens, V vocabulary, L looks.
"""

from __future__ import annotations

from typing import Any

import lightning
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, mse_loss
from transformers.modeling_outputs import BaseModelOutputWithPooling
from typing_extensions import override

from gleam_x.base.gazes import gaze_loss, heard, taught_heads
from gleam_x.base.optimizer import optimizer_and_schedule
from gleam_x.base.seen import FIELDS
from gleam_x.base.sights import LOOKS
from gleam_x.collate import VERDICT
from gleam_x.losses import logits_of_hidden

__all__ = ["Comparer"]

_WORDS = ("input_ids", "attention_mask", "mm_token_type_ids", "image_grid_thw")

_POINTING = 3.0
"""Weight of saying where a thing is beside that of looking at it: its loss is a third as large."""

_RARE = -4.0
"""Log odds at which the head begins: hardly any field shows any one look."""


class Comparer(lightning.LightningModule):
    """The language model learns; the tower's tokens are given.

    Args:
        model: a Qwen2.5-VL; its tower is left as it is.
        telling_V: weight of each token of a reason, from :func:`gleam_x.base.telling.telling_weights`.
        lr: peak learning rate.
        steps: of the training, for the schedule.
        verdict_weight: of the verdict in the loss.
        shows_weight: of what both pictures show.
        gaze_weight: of where some heads look.
    """

    def __init__(
        self,
        model: Any,
        telling_V: Tensor,
        *,
        lr: float,
        steps: int,
        verdict_weight: float,
        shows_weight: float,
        gaze_weight: float,
    ) -> None:
        super().__init__()
        self.model = model.train()
        self.model.model.visual.requires_grad_(False)
        self.shows = _head(model, 2 * FIELDS * len(LOOKS), _RARE)
        self.point = _head(model, 2, 0.0)
        self.telling_V: Tensor
        self.register_buffer("telling_V", telling_V, persistent=False)
        self._telling, self._matching = taught_heads(model.config.text_config)
        self._lr, self._steps = lr, steps
        self._verdict_weight, self._shows_weight, self._gaze_weight = verdict_weight, shows_weight, gaze_weight

    @override
    def training_step(self, batch: dict[str, Any], _: int) -> Tensor:
        with heard(self.model, sorted({*self._telling.layers, *self._matching.layers})) as inputs:
            last_BTH, hidden = _hidden_states(self.model, batch)
        told_gaze = gaze_loss(self.model, inputs, self._telling, batch["told"])
        matched_gaze = gaze_loss(self.model, inputs, self._matching, batch["matched"])
        logits_SV, labels_S, spans_S = logits_of_hidden(self.model, last_BTH, batch)
        shows = _shows_loss(self.shows, hidden[len(hidden) // 2], batch)
        pointed = _pointing_loss(self.point, hidden[self._telling.layers[-1] + 1], batch["told"])
        is_verdict_S = spans_S == VERDICT
        loss_S = cross_entropy(logits_SV, labels_S, reduction="none")
        told = _mean(loss_S, self.telling_V[labels_S] * ~is_verdict_S)
        if is_verdict_S.any():
            right_S = (logits_SV.argmax(dim=-1) == labels_S).float()
            self.log("verdict", _mean(right_S, is_verdict_S.float()), prog_bar=True)
        parts = {"words": told, "shows": shows, "told": told_gaze, "matched": matched_gaze, "points": pointed}
        for name, value in parts.items():
            self.log(name, value.detach(), prog_bar=True)
        verdict = _mean(loss_S, is_verdict_S.float())
        words = self._verdict_weight * verdict + (1 - self._verdict_weight) * told
        return words + self._shows_weight * shows + self._gaze_weight * (told_gaze + matched_gaze + _POINTING * pointed)

    @override
    def configure_optimizers(self) -> Any:
        return optimizer_and_schedule(self, self._lr, self._steps, weight_decay=0.02)


def _head(model: Any, count: int, begins: float) -> nn.Module:
    hidden = model.config.text_config.hidden_size
    head = nn.Linear(hidden, count)
    nn.init.constant_(head.bias, begins)
    return nn.Sequential(nn.LayerNorm(hidden), head)


def _mean(values_S: Tensor, weights_S: Tensor) -> Tensor:
    """Return the weighted mean, 0 where nothing weighs."""
    return (values_S * weights_S).sum() / weights_S.sum().clamp(min=1.0)


def _hidden_states(model: Any, batch: dict[str, Any]) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Return the last hidden states (B, T, H), and those below each layer."""
    words = {name: batch[name] for name in _WORDS}
    seen = {"image": BaseModelOutputWithPooling(pooler_output=batch["seen"])}
    out = model.model(**words, mm_encoder_outputs=seen, use_cache=False, output_hidden_states=True)
    return out[0], out.hidden_states


def _shows_loss(head: nn.Module, middle_BTH: Tensor, batch: dict[str, Any]) -> Tensor:
    """Return the loss, summed over looks, of what is known half way up at the token that the answer follows."""
    place_B = (batch["span_ids"][:, 1:] != 0).float().argmax(dim=1)
    shows_BL = head(middle_BTH[torch.arange(len(place_B)), place_B])
    return binary_cross_entropy_with_logits(shows_BL, batch["shows"], reduction="none").sum(dim=1).mean()


def _pointing_loss(head: nn.Module, hidden_BTH: Tensor, told: dict[str, Tensor]) -> Tensor:
    """Return how far what is known at the words of a thing is from where the thing is, squared, -1 to 1 a side."""
    sample_R, token_R = told["rows"].T
    if not len(sample_R):  # every process needs a gradient of every weight, or the others wait for it
        nothing: Tensor = 0.0 * head(hidden_BTH[:1, 0]).sum()
        return nothing
    return mse_loss(head(hidden_BTH[sample_R, token_R]), told["middle"], reduction="none").sum(dim=1).mean()
