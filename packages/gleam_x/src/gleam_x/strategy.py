"""How processes work together: one of them, or DeepSpeed ZeRO on GPUs."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from typing import Any, Literal

import torch
from gleam_common.errors import ConfigError
from lightning.pytorch.strategies import DeepSpeedStrategy, SingleDeviceStrategy, Strategy

from gleam_x.quantise import check_combination
from gleam_x.recipe import Recipe, TrainerConfig

__all__ = [
    "base_dtype",
    "create_strategy",
    "deepspeed_options",
    "lightning_precision",
    "on_gpu",
    "processes",
]


def on_gpu(config: TrainerConfig) -> bool:
    """Whether this configuration runs on GPUs here.

    Raises:
        ConfigError: it asks for a GPU and none is visible.
    """
    visible = torch.cuda.is_available()
    if config.accelerator == "gpu" and not visible:
        raise ConfigError("no GPU is visible on this machine", fix="use `--trainer.accelerator auto` or `cpu`")
    return config.accelerator != "cpu" and visible


def processes(config: TrainerConfig) -> int:
    """Return the number of processes on this machine."""
    if config.strategy == "single":
        return 1
    return config.devices or (torch.cuda.device_count() if on_gpu(config) else 1)


def base_dtype(config: TrainerConfig) -> torch.dtype:
    """Return the type of the frozen base's weights."""
    if config.precision == "auto":
        return torch.bfloat16 if on_gpu(config) else torch.float32
    return torch.bfloat16 if config.precision == "bfloat16" else torch.float32


def _uses_deepspeed(config: TrainerConfig) -> bool:
    return config.strategy == "deepspeed" or (config.strategy == "auto" and processes(config) > 1)


def lightning_precision(config: TrainerConfig) -> Literal["bf16-true", "32-true"]:
    """Return Lightning's name of the precision.

    On one device nothing is converted: peft computes with the base in its own type and adapters in float32. DeepSpeed
    wants one type for all that it holds, and keeps float32 copies of what learns.
    """
    if _uses_deepspeed(config) and base_dtype(config) is torch.bfloat16:
        return "bf16-true"
    return "32-true"


def create_strategy(recipe: Recipe) -> Strategy:
    """Return the Lightning strategy of a recipe.

    Raises:
        ConfigError: DeepSpeed is asked for and not installed, or cannot do what the recipe asks.
    """
    config = recipe.trainer
    if not _uses_deepspeed(config):
        return SingleDeviceStrategy(device=torch.device("cuda", 0) if on_gpu(config) else torch.device("cpu"))
    check_combination(recipe.quantise, f"deepspeed_stage_{config.zero_stage}")
    if find_spec("deepspeed") is None:
        raise ConfigError(
            "strategy 'deepspeed' needs DeepSpeed, which is not installed",
            fix="pip install deepspeed (Linux only), or use `--trainer.strategy single`",
        )
    if not on_gpu(config):
        raise ConfigError("adapters train with DeepSpeed on GPUs only", fix="use `--trainer.strategy single`")
    return DeepSpeedStrategy(**deepspeed_options(recipe))


def deepspeed_options(recipe: Recipe) -> dict[str, Any]:
    """Return the options of ``DeepSpeedStrategy``: checkpoints hold what learns and nothing of the frozen base."""
    return {
        "config": {
            "zero_optimization": {"stage": recipe.trainer.zero_stage, "overlap_comm": on_gpu(recipe.trainer)},
            "zero_allow_untested_optimizer": True,
            "zero_force_ds_cpu_optimizer": False,
            "steps_per_print": 2**31 - 1,
            "train_micro_batch_size_per_gpu": recipe.batch_size,
        },
        "logging_level": logging.ERROR,
        "exclude_frozen_parameters": True,
    }
