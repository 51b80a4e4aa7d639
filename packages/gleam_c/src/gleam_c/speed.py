"""What makes a training fast without making it another one: each is a field of the recipe's ``trainer``."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from gleam_common.errors import ConfigError
from torch import nn

from gleam_c.encoder import Encoder
from gleam_c.trainer_config import TrainerConfig

__all__ = ["tune_encoder", "tune_hardware"]


def tune_encoder(encoder: Encoder, config: TrainerConfig) -> Encoder:
    """Lay out memory, forget activations and compile as ``config`` says; names of the weights stay. Returns it.

    Raises:
        ConfigError: activations are to be forgotten by a backbone that cannot make them anew.
    """
    encoder.memory_format = torch.channels_last if config.channels_last else torch.contiguous_format
    if config.channels_last and config.on_gpu:
        encoder.to(memory_format=torch.channels_last)  # or each convolution turns its weights, step by step
    if config.checkpoint_activations:
        _forget_activations(encoder.backbone, encoder.config.backbone)
    if config.compile:
        # In place, so that the weights keep their names; each view has one size, so each shape is compiled for itself.
        encoder.backbone.compile(dynamic=False)
    return encoder


def tune_hardware(config: TrainerConfig) -> None:
    """Let a GPU try out its convolutions once a size: every view has one, so that the choice pays for itself."""
    torch.backends.cudnn.benchmark = config.on_gpu


def _forget_activations(backbone: nn.Module, name: str) -> None:
    switch = cast("Callable[[], None] | None", getattr(backbone, "set_grad_checkpointing", None))
    try:
        if switch is None:
            raise NotImplementedError
        switch()
    except (AssertionError, NotImplementedError) as error:
        raise ConfigError(
            "trainer.checkpoint_activations with a backbone that cannot make its activations anew",
            value=name,
            fix="leave it out; `loss.pairs_at_once` saves memory with any backbone",
        ) from error
