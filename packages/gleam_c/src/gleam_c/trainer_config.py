"""Where and how a recipe runs."""

from __future__ import annotations

import os
from dataclasses import dataclass

from gleam_common.errors import ConfigError

__all__ = ["STRATEGIES", "TrainerConfig"]

STRATEGIES = ("deepspeed", "ddp", "single")
PRECISIONS = ("32-true", "bf16-mixed", "bf16-true", "16-mixed")


@dataclass(frozen=True, kw_only=True)
class TrainerConfig:
    """Where and how a recipe runs; the overlays in ``configs/trainer`` change single fields.

    Args:
        strategy: ``deepspeed`` (ZeRO), ``ddp`` or ``single`` (one process).
        zero_stage: ZeRO stage of ``deepspeed``: 0, 1, 2 or 3.
        accelerator: ``auto`` (GPUs when there are any), ``cpu`` or ``gpu``.
        devices: processes on this machine, one GPU or some CPU cores each; 0 takes every GPU, or two CPU processes.
        nodes: machines, each with as many processes; torchrun or SLURM starts the run on every one of them.
        threads: CPU threads of a process; 0 shares the cores among the processes.
        precision: Lightning's name: ``32-true``, ``bf16-mixed``, ``bf16-true``, ``16-mixed``.
        channels_last: pictures (on GPUs weights too) lie in memory pixel by pixel, as convolutions like it best.
        compile: PyTorch's compiler makes one program of the backbone for each size of pictures, in the first steps;
            it pays on GPUs (28 to 43 % on ConvNeXt-B) and hardly on CPUs.
        checkpoint_activations: activations inside the backbone are not kept but made anew in the backward pass: a third
            more arithmetic for a fraction of the memory.
        fused_optimizer: AdamW in one kernel instead of one a step of its formula; last bits may differ. By default on
            GPUs, except with DeepSpeed.
        gradient_clip: largest norm of the gradient; 0 leaves it.
        checkpoint_steps: steps between two checkpoints within an epoch, beside those at its end; 0 for none there.
        skip_non_finite: steps in a row whose loss or gradient is not finite that are left out before the run stops.
        fast_dev_steps: stop each phase after so many steps (a test of the plumbing); 0 trains in full.
    """

    strategy: str = "deepspeed"
    zero_stage: int = 1
    accelerator: str = "auto"
    devices: int = 0
    nodes: int = 1
    threads: int = 0
    precision: str = "32-true"
    channels_last: bool = True
    compile: bool = False
    checkpoint_activations: bool = False
    fused_optimizer: bool | None = None
    gradient_clip: float = 1.0
    checkpoint_steps: int = 500
    skip_non_finite: int = 3
    fast_dev_steps: int = 0

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES:
            raise ConfigError("unknown strategy", value=self.strategy, allowed=STRATEGIES)
        if self.zero_stage not in (0, 1, 2, 3):
            raise ConfigError("unknown ZeRO stage", value=self.zero_stage, allowed="0, 1, 2, 3")
        if self.accelerator not in ("auto", "cpu", "gpu"):
            raise ConfigError("unknown accelerator", value=self.accelerator, allowed="auto, cpu, gpu")
        for name in ("devices", "threads", "checkpoint_steps", "skip_non_finite", "fast_dev_steps", "gradient_clip"):
            if getattr(self, name) < 0:
                raise ConfigError(f"trainer.{name}", value=getattr(self, name), allowed="0 or more")
        if self.nodes < 1 or (self.nodes > 1 and self.strategy == "single"):
            allowed = "1 or more, and 1 with strategy 'single'"
            raise ConfigError("trainer.nodes", value=self.nodes, allowed=allowed)
        if self.precision not in PRECISIONS:
            raise ConfigError("unknown precision", value=self.precision, allowed=PRECISIONS)
        if self.accelerator == "gpu" and not _gpus():
            raise ConfigError("no GPU is visible on this machine", fix="use `--trainer.accelerator auto` or `cpu`")

    @property
    def on_gpu(self) -> bool:
        """Whether this configuration runs on GPUs here."""
        return self.accelerator != "cpu" and _gpus() > 0

    @property
    def has_fused_optimizer(self) -> bool:
        """Whether AdamW is one kernel here. Not with DeepSpeed, whose optimizer keeps its own copies of the weights."""
        return self.on_gpu and self.strategy != "deepspeed" if self.fused_optimizer is None else self.fused_optimizer

    @property
    def processes(self) -> int:
        """Processes on this machine."""
        if self.strategy == "single":
            return 1
        return self.devices or (_gpus() if self.on_gpu else 2)

    @property
    def world_size(self) -> int:
        """Processes on all machines."""
        return self.processes * self.nodes

    @property
    def threads_per_process(self) -> int:
        """CPU threads of each process."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return self.threads or max(1, cores // self.processes)


def _gpus() -> int:
    import torch  # seconds: a recipe that does not parse is refused before them

    return torch.cuda.device_count() if torch.cuda.is_available() else 0
