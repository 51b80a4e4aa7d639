"""How processes work together: DeepSpeed ZeRO on GPUs and on CPU processes, DDP, or one process."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, cast

import torch
from gleam_common.errors import ConfigError
from lightning.pytorch.strategies import DDPStrategy, DeepSpeedStrategy, SingleDeviceStrategy, Strategy
from torch import Tensor, nn
from typing_extensions import override

from gleam_c.trainer_config import TrainerConfig

__all__ = ["CpuDeepSpeedStrategy", "create_strategy", "full_state_dict"]


class CpuDeepSpeedStrategy(DeepSpeedStrategy):
    """DeepSpeed's engine over CPU processes (gloo).

    Lightning's strategy refuses CPUs in ``setup_environment``, checks GPU indices in ``setup_distributed`` and hands
    ``root_device.index`` (None on a CPU) to DeepSpeed; nothing in the engine itself needs a GPU.
    """

    @override
    def setup_environment(self) -> None:
        super(DeepSpeedStrategy, self).setup_environment()

    @override
    def setup_distributed(self) -> None:
        # The shared-memory collective is compiled at first use; a bare machine has no compiler, and gloo is there.
        from deepspeed.ops import __compatible_ops__

        __compatible_ops__["deepspeed_shm_comm"] = False
        self.set_world_ranks()
        self._init_deepspeed_distributed()

    @override
    def _setup_model_and_optimizer(self, model: nn.Module, optimizer: Any, lr_scheduler: Any = None) -> tuple[Any, Any]:
        with _rank_as_device_index(self):
            return cast(tuple[Any, Any], super()._setup_model_and_optimizer(model, optimizer, lr_scheduler))


@contextmanager
def _rank_as_device_index(strategy: DeepSpeedStrategy) -> Iterator[None]:
    devices = strategy.parallel_devices
    strategy.parallel_devices = [torch.device("cpu", rank) for rank in range(len(devices or ()))]
    try:
        yield
    finally:
        strategy.parallel_devices = devices


def create_strategy(config: TrainerConfig, pairs_per_process: int) -> Strategy:
    """Return the Lightning strategy of ``config`` for batches of ``pairs_per_process``.

    Raises:
        ConfigError: when DeepSpeed is asked for and not installed.
    """
    if config.strategy == "single":
        return SingleDeviceStrategy(device=torch.device("cuda", 0) if config.on_gpu else torch.device("cpu"))
    if config.strategy == "ddp":
        return DDPStrategy(process_group_backend=None if config.on_gpu else "gloo", gradient_as_bucket_view=True)
    if find_spec("deepspeed") is None:
        raise ConfigError(
            "strategy 'deepspeed' needs DeepSpeed, which is not installed",
            fix="pip install deepspeed (Linux only), or use `--trainer.strategy ddp`",
        )
    return _deepspeed(config, pairs_per_process)


def _deepspeed(config: TrainerConfig, pairs_per_process: int) -> DeepSpeedStrategy:
    if not config.on_gpu:
        os.environ["DS_ACCELERATOR"] = "cpu"
    options: dict[str, Any] = {
        "config": {
            "zero_optimization": {"stage": config.zero_stage, "overlap_comm": config.on_gpu},
            # Plain torch AdamW: DeepSpeed's CPU optimizers are compiled at first use.
            "zero_allow_untested_optimizer": True,
            "zero_force_ds_cpu_optimizer": False,
            "steps_per_print": 2**31 - 1,
            "train_micro_batch_size_per_gpu": pairs_per_process,
        },
        "logging_level": logging.ERROR,
    }
    if config.on_gpu:
        return DeepSpeedStrategy(**options)
    return CpuDeepSpeedStrategy(process_group_backend="gloo", **options)


def full_state_dict(module: nn.Module) -> dict[str, Tensor]:
    """Return ``module``'s weights on the CPU, whole, also when ZeRO stage 3 has cut them up. All ranks must call it."""
    state: dict[str, Tensor] = {}
    for name, value in module.state_dict(keep_vars=True).items():
        with _whole(value):
            state[name] = value.detach().cpu().clone()
    return state


@contextmanager
def _whole(value: Tensor) -> Iterator[None]:
    if not hasattr(value, "ds_id"):
        yield
        return
    import deepspeed

    with deepspeed.zero.GatheredParameters([value]):
        yield
