"""Which weights of a Qwen-VL model learn, and that they really do.

Names of modules repeat: ``gate_proj`` is in the language model and in Qwen2.5-VL's vision tower, ``proj`` is a vision
attention's output and a convolution (vllm issue 23796). So targets are whole names, given as regexes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

from gleam_common.errors import ConfigError, ModelError
from peft import LoraConfig, get_peft_model
from torch import nn

__all__ = [
    "LORA_PRESETS",
    "LoraPreset",
    "LoraSpec",
    "attach_lora",
    "check_training",
    "decoder_layers",
    "enable_checkpointing",
    "lora_config",
    "target_modules",
]

LoraPreset = Literal["language", "language_merger", "language_merger_vision"]
LORA_PRESETS: tuple[LoraPreset, ...] = get_args(LoraPreset)

_LANGUAGE = r"model\.language_model\.layers\.\d+\.(self_attn\.(q|k|v|o)|mlp\.(gate|up|down))_proj"
# Qwen2.5-VL | Qwen3-VL
_MERGER = r"model\.visual\.(merger\.mlp\.(0|2)|(merger|deepstack_merger_list\.\d+)\.linear_fc(1|2))"
_VISION = r"model\.visual\.blocks\.\d+\.(attn\.(qkv|proj)|mlp\.((gate|up|down)_proj|linear_fc(1|2)))"

_TARGETS: dict[str, str] = {
    "language": _LANGUAGE,
    "language_merger": f"({_LANGUAGE}|{_MERGER})",
    "language_merger_vision": f"({_LANGUAGE}|{_MERGER}|{_VISION})",
}


@dataclass(frozen=True, kw_only=True)
class LoraSpec:
    """Low-rank adapters (arXiv 2106.09685).

    Attributes:
        preset: which parts learn; one of ``LORA_PRESETS``. With vision in it, merge before serving: servers may leave
            adapters of the vision tower out (vllm issue 32541).
        rank: of the update, > 0.
        alpha: the update is scaled by alpha / rank, > 0.
        dropout: on the adapters' input, in [0, 1).
    """

    preset: str = "language_merger"
    rank: int = 8
    alpha: float = 16.0
    dropout: float = 0.05

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ConfigError: names what is out of its range.
        """
        if self.preset not in LORA_PRESETS:
            raise ConfigError("unknown LoRA preset", value=self.preset, allowed=LORA_PRESETS)
        if self.rank < 1 or self.alpha <= 0:
            raise ConfigError("LoRA rank and alpha", value=(self.rank, self.alpha), allowed="above 0")
        if not 0.0 <= self.dropout < 1.0:
            raise ConfigError("LoRA dropout", value=self.dropout, allowed="0 to below 1")


def target_modules(model: nn.Module, preset: str) -> list[str]:
    """Return the full names of the modules of ``model`` (not yet wrapped) that get an adapter.

    Raises:
        ModelError: a part of the preset matches nothing: the model is no Qwen-VL, or its modules have other names.
    """
    names = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    parts = {"language": _LANGUAGE, "merger": _MERGER, "vision": _VISION}
    for part in preset.split("_"):
        if not any(re.fullmatch(parts[part], name) for name in names):
            raise ModelError(
                f"no module of the {part} part in {type(model).__name__}", fix="use a Qwen2.5-VL or Qwen3-VL model"
            )
    return [name for name in names if re.fullmatch(_TARGETS[preset], name)]


def lora_config(spec: LoraSpec) -> LoraConfig:
    """Return peft's configuration of ``spec``."""
    return LoraConfig(
        task_type="CAUSAL_LM",
        target_modules=_TARGETS[spec.preset],
        r=spec.rank,
        lora_alpha=spec.alpha,  # type: ignore[arg-type] # peft divides by the rank; any number will do
        lora_dropout=spec.dropout,
        bias="none",
    )


def attach_lora(model: Any, spec: LoraSpec, checkpointing: bool = False) -> Any:
    """Freeze ``model``, give it adapters and put it into training mode; return peft's wrapping.

    Call :func:`check_training` in the training step: whoever calls ``eval()`` later must call ``train()`` again, and
    Lightning does not (Lightning issue 20105).

    Args:
        model: as :func:`gleam_x.vlm.load_base` gives it, quantised or not.
        spec: which parts learn.
        checkpointing: recompute the language model's activations in the backward pass, which saves memory.

    Raises:
        ModelError: see :func:`target_modules`, or peft took other modules.
    """
    wanted = target_modules(model, spec.preset)
    model.requires_grad_(False)
    wrapped: Any = get_peft_model(model, lora_config(spec))
    taken = wrapped.targeted_module_names
    if sorted(taken) != sorted(wanted):
        raise ModelError("peft adapts other modules than asked", value=sorted(set(taken) ^ set(wanted))[:4])
    if checkpointing:
        enable_checkpointing(wrapped)
    wrapped.train()
    return wrapped


def _language_model(model: Any) -> Any:
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    return base.model.language_model


def decoder_layers(model: Any) -> list[nn.Module]:
    """Return the language model's layers, of a wrapped or bare model."""
    return list(_language_model(model).layers)


def enable_checkpointing(model: Any) -> None:
    """Turn gradient checkpointing on for the language model alone.

    Turned on for the whole model it makes a frozen vision tower keep a graph for gradients that nobody wants (ms-swift
    issue 10214). Without re-entrance inputs need no gradient.
    """
    language: Any = _language_model(model)
    # transformers before 5.20 know the older name only.
    enable: Callable[..., None] = (
        getattr(language, "activation_checkpointing_enable", None) or language.gradient_checkpointing_enable
    )
    enable({"use_reentrant": False})


def check_training(model: Any) -> None:
    """Check that every decoder layer is in training mode.

    In evaluation mode, in which ``from_pretrained`` gives a model, dropout and gradient checkpointing are off without a
    word; peft's wrapping says ``training`` all the same.

    Raises:
        ModelError: counts the layers that are not.
    """
    layers = decoder_layers(model)
    asleep = sum(not module.training for layer in layers for module in layer.modules())
    if asleep:
        raise ModelError(
            f"{asleep} modules of {len(layers)} decoder layers are in evaluation mode while training",
            fix="call train() on the model before the first step",
        )
