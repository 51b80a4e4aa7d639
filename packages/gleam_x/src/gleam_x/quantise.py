"""The language model in four bits (NF4, arXiv 2305.14314), vision tower and head as they were; also on a CPU."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, Literal, get_args

import torch
from gleam_common.errors import ConfigError, ModelError
from transformers import BitsAndBytesConfig

__all__ = ["QUANTISATIONS", "Quantisation", "check_combination", "check_quantised", "is_quantised", "nf4_config"]

Quantisation = Literal["nf4"]
QUANTISATIONS: tuple[Quantisation, ...] = get_args(Quantisation)

_SKIPPED = ["model.visual", "lm_head"]
"""Full names: "visual" skips nothing, since transformers matches from the start or as a suffix; and any list takes away
transformers' own exception for the head, which is tied to the embeddings (transformers issue 45674)."""


def nf4_config(compute_dtype: torch.dtype) -> BitsAndBytesConfig:
    """Return transformers' configuration of NF4 with double quantisation.

    Args:
        compute_dtype: of the products, and of the weights that stay whole.
    """
    return BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=compute_dtype,
        llm_int8_skip_modules=list(_SKIPPED),
    )


def is_quantised(model: Any) -> bool:
    """Whether any layer of ``model`` has four-bit weights."""
    return bool(_four_bit_layers(model))


def _four_bit_layers(model: Any) -> list[str]:
    # By name, so that models can be asked where bitsandbytes is not installed.
    return [name for name, module in model.named_modules() if type(module).__name__ == "Linear4bit"]


def check_quantised(model: Any, dtype: torch.dtype) -> None:
    """Check that the language model's projections, and nothing else, have four bits, and that no other weight grew.

    peft's ``prepare_model_for_kbit_training`` would turn the whole vision tower, embeddings and head to float32; a
    frozen base needs nothing of it (adapters are float32 by themselves), so it is not called.

    Args:
        model: loaded with :func:`nf4_config`, with or without adapters.
        dtype: of the weights that stay whole.

    Raises:
        ModelError: names the first weight that is not as it should be.
    """
    four = _four_bit_layers(model)
    stray = sorted(name for name in four if "visual" in name.split(".") or name.endswith("lm_head"))
    if stray:
        raise ModelError(
            "four-bit weights outside the language model", value=stray[0], fix="skip model.visual, lm_head"
        )
    if not four:
        raise ModelError("no four-bit weight in a model that was to be quantised", value=type(model).__name__)
    for name, weight in model.named_parameters():
        whole = weight.is_floating_point() and "lora_" not in name
        if whole and type(weight).__name__ != "Params4bit" and weight.dtype != dtype:
            raise ModelError(f"the weight {name} changed its type", value=str(weight.dtype), allowed=str(dtype))


def check_combination(
    quantise: str | None, strategy: str = "auto", trains_adapter: bool = True, merges: bool = False
) -> None:
    """Refuse what cannot work with a quantised base, with the reason, before anything is loaded.

    Args:
        quantise: "nf4" or None.
        strategy: of Lightning: "auto", "ddp", "deepspeed_stage_2" ...
        trains_adapter: whether LoRA adapters are what is trained.
        merges: whether adapters are to be merged into the loaded weights.

    Raises:
        ConfigError: for an unknown quantisation or an impossible combination.
    """
    if quantise is None:
        return
    if quantise not in QUANTISATIONS:
        raise ConfigError("unknown quantisation", value=quantise, allowed=[*QUANTISATIONS, "null"])
    if find_spec("bitsandbytes") is None:
        raise ConfigError(
            "four-bit weights need bitsandbytes", value=quantise, fix="install it (Linux), or leave it out"
        )
    if "stage_3" in strategy:
        raise ConfigError(
            "QLoRA with ZeRO-3: zero.Init cannot partition four-bit weights (bitsandbytes issue 1249)",
            value=strategy,
            fix="use deepspeed_stage_2, or ZeRO-3 without quantise",
        )
    if "fsdp" in strategy:
        raise ConfigError(
            "QLoRA with FSDP: packed four-bit weights are not sharded here",
            value=strategy,
            fix="use ddp or deepspeed_stage_2",
        )
    if not trains_adapter:
        raise ConfigError("four-bit weights cannot be trained", value=quantise, fix="train a LoRA adapter on them")
    if merges:
        raise ConfigError(
            "merging into four-bit weights rounds the adapter away",
            value=quantise,
            fix="load the base without quantise, merge there, and evaluate again: it is not the model that was trained",
        )
