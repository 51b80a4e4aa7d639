"""What a fine-tuning run is: one YAML file, typed, with every default written down."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from gleam_common.errors import ConfigError
from gleam_common.recipes import AboutConfig

from gleam_x.lora import LoraSpec
from gleam_x.pixel_budget import PixelBudget
from gleam_x.prompts import ORDERS, RECIPES, recipe_tasks
from gleam_x.quantise import check_combination

__all__ = ["Recipe", "TrainerConfig"]

_ADAPTER_TASKS = {"two_adapters": {"verify": ("verify",), "explain": ("explain",)}}
_STRATEGIES = ("auto", "single", "deepspeed")
_PRECISIONS = ("auto", "float32", "bfloat16")
_LEAST = {
    "seed": 0, "epochs": 1, "max_steps": 0, "batch_size": 2, "accumulate": 1, "max_tokens": 64, "checkpoint_steps": 0,
    "panel": 0, "shown": 0, "workers": 0,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class TrainerConfig:
    """Where a recipe runs.

    Args:
        strategy: ``single`` (one process), ``deepspeed`` (ZeRO on every GPU), or ``auto``: DeepSpeed where there are
            several GPUs, else single.
        zero_stage: ZeRO stage of ``deepspeed``, 1 to 3. Two is enough for adapters.
        accelerator: ``auto`` (a GPU when there is one), ``cpu`` or ``gpu``.
        devices: processes on this machine; 0 takes every GPU.
        threads: CPU threads of a process; 0 takes all cores.
        precision: of the frozen base: ``float32``, ``bfloat16``, or ``auto`` (bfloat16 on GPUs). On one device
            adapters and optimizer are float32 in any case.
        gradient_clip: largest norm of the gradient; 0 leaves it.
        checkpointing: recompute the language model's activations in the backward pass, which saves memory.
    """

    strategy: str = "auto"
    zero_stage: int = 2
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    devices: int = 0
    threads: int = 0
    precision: str = "auto"
    gradient_clip: float = 1.0
    checkpointing: bool = False

    def __post_init__(self) -> None:
        if self.strategy not in _STRATEGIES:
            raise ConfigError("unknown strategy", value=self.strategy, allowed=_STRATEGIES)
        if self.precision not in _PRECISIONS:
            raise ConfigError("unknown precision", value=self.precision, allowed=_PRECISIONS)
        if self.zero_stage not in (1, 2, 3):
            raise ConfigError("unknown ZeRO stage", value=self.zero_stage, allowed="1, 2, 3")
        for name in ("devices", "threads", "gradient_clip"):
            if getattr(self, name) < 0:
                raise ConfigError(f"trainer.{name}", value=getattr(self, name), allowed="0 or more")
        if self.strategy == "single" and self.devices > 1:
            raise ConfigError("the strategy 'single' with several devices", value=self.devices, fix="use deepspeed")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A whole run of GLEAM-X: LoRA or QLoRA fine-tuning of one base on one benchmark.

    Args:
        about: what the recipe reproduces and what came out.
        base: folder, hub id, or a preset of ``architecture.PRESETS``: a fresh tiny model, made in the run's folder.
        revision: commit, tag or branch of a hub id; empty for its newest.
        benchmark: folder of ``gleam-x benchmark build``.
        recipe: ``verdict_first``, ``label_only``, ``explain_first``, ``task_prefix``, or ``two_adapters``: one base, an
            adapter that verifies and one that explains.
        seed: of adapters, order, dropout and light.
        lora: which parts learn.
        quantise: ``nf4`` for QLoRA, or none.
        verdict_weight: of the verdict in the loss (lambda), 0 to 1; none for the plain mean over all tokens.
        order: of the two pictures: ``both`` (each record alternates from epoch to epoch), or one of ``ORDERS``.
        epochs: passes over the training split.
        max_steps: stop after so many steps; 0 trains all epochs.
        batch_size: samples at once in each process.
        accumulate: such batches to one step.
        lr: peak learning rate of AdamW.
        warmup: share of the steps in which it rises, in [0, 1); a cosine to a hundredth follows.
        weight_decay: of AdamW.
        max_tokens: longest sample; longer ones are left out and counted.
        budget: pixels of a picture.
        light: largest change of a training picture's brightness and contrast, a share in [0, 0.5]. Nothing else is
            changed: a flip or a hue would make claims untrue.
        checkpoint_steps: steps between two checkpoints; 0 for one epoch.
        panel: records of the validation split that the curves show; 0 for none.
        shown: explanations of them that are written out each time.
        workers: loader processes; 0 loads in the training process.
        trainer: where it runs.
    """

    about: AboutConfig = field(default_factory=AboutConfig)
    base: str = "data/x-base"
    revision: str = ""
    benchmark: str = "data/benchmark"
    recipe: str = "verdict_first"
    seed: int = 1
    lora: LoraSpec = field(default_factory=LoraSpec)
    quantise: str | None = None
    verdict_weight: float | None = 0.5
    order: str = "both"
    epochs: int = 3
    max_steps: int = 0
    batch_size: int = 8
    accumulate: int = 1
    lr: float = 2e-4
    warmup: float = 0.05
    weight_decay: float = 0.0
    max_tokens: int = 1024
    budget: PixelBudget = field(default_factory=PixelBudget)
    light: float = 0.0
    checkpoint_steps: int = 0
    panel: int = 64
    shown: int = 4
    workers: int = 0
    trainer: TrainerConfig = field(default_factory=TrainerConfig)

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                raise ConfigError(f"{name} of the recipe", value=getattr(self, name), allowed=f"{least} or more")
        for name, high in (("lr", 1.0), ("weight_decay", 10.0), ("warmup", 0.99), ("light", 0.5)):
            if not 0 <= getattr(self, name) <= high:
                raise ConfigError(f"{name} of the recipe", value=getattr(self, name), allowed=f"0 to {high:g}")
        if self.batch_size % 2:
            raise ConfigError("an odd batch size cannot hold as many yes as no", value=self.batch_size, allowed="even")
        if self.recipe not in (*RECIPES, *_ADAPTER_TASKS):
            raise ConfigError("unknown recipe", value=self.recipe, allowed=[*RECIPES, *_ADAPTER_TASKS])
        if self.order not in ("both", *ORDERS):
            raise ConfigError("unknown picture order", value=self.order, allowed=("both", *ORDERS))
        if self.verdict_weight is not None and not 0 <= self.verdict_weight <= 1:
            raise ConfigError("verdict_weight of the recipe", value=self.verdict_weight, allowed="0 to 1, or null")
        stage = f"deepspeed_stage_{self.trainer.zero_stage}" if self.trainer.strategy != "single" else "single"
        check_combination(self.quantise, stage)

    @property
    def adapters(self) -> dict[str, tuple[str, ...]]:
        """The tasks that each adapter learns, by the adapter's name."""
        if self.recipe in _ADAPTER_TASKS:
            return dict(_ADAPTER_TASKS[self.recipe])
        return {"adapter": recipe_tasks(self.recipe)}

    @property
    def what_decides(self) -> dict[str, Any]:
        """Every setting that changes what comes out: all but ``about``, into which the result is written later."""
        return {name: value for name, value in asdict(self).items() if name != "about"}
