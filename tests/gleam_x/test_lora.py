"""Adapters sit where the preset says and nowhere else, learn, and checkpointing runs on the language model alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from gleam_common.errors import ConfigError, ModelError
from gleam_x.collate import Collator, model_inputs
from gleam_x.lora import LORA_PRESETS, LoraSpec, attach_lora, check_training, decoder_layers, target_modules
from gleam_x.losses import count_spans, span_loss, supervised_logits
from tiny_vlm import sample, tiny_model, tiny_model_3, tiny_processor, tiny_processor_3
from torch import nn

MODELS = {"2.5": (tiny_model, tiny_processor), "3": (tiny_model_3, tiny_processor_3)}

LANGUAGE = [
    f"model.language_model.layers.{layer}.{part}_proj"
    for layer in range(2)
    for part in (
        "self_attn.q",
        "self_attn.k",
        "self_attn.v",
        "self_attn.o",
        "mlp.gate",
        "mlp.up",
        "mlp.down",
    )
]
MERGER = {
    "2.5": ["model.visual.merger.mlp.0", "model.visual.merger.mlp.2"],
    "3": [
        f"model.visual.{place}.linear_fc{number}"
        for place in ("merger", "deepstack_merger_list.0")
        for number in (1, 2)
    ],
}
VISION = {
    kind: [f"model.visual.blocks.{block}.{part}" for block in range(2) for part in ("attn.qkv", "attn.proj", *mlp)]
    for kind, mlp in {
        "2.5": ("mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"),
        "3": ("mlp.linear_fc1", "mlp.linear_fc2"),
    }.items()
}


def golden(kind: str, preset: str) -> list[str]:
    parts = [LANGUAGE, MERGER[kind], VISION[kind]]
    return sorted(name for part in parts[: preset.count("_") + 1] for name in part)


def loss_of(model: Any, kind: str) -> torch.Tensor:
    batch = Collator(MODELS[kind][1]())([sample(0), sample(1, "zh")])
    return span_loss(*supervised_logits(model, batch), count_spans(batch), 0.5)


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("preset", LORA_PRESETS)
def test_exactly_the_golden_modules_get_an_adapter_and_each_a_gradient(kind: str, preset: str) -> None:
    model = attach_lora(MODELS[kind][0](), LoraSpec(preset=preset, rank=2, dropout=0.0))
    adapted = sorted(
        name.removeprefix("base_model.model.")
        for name, module in model.named_modules()
        if hasattr(module, "lora_A") and isinstance(module.lora_A, nn.ModuleDict)
    )
    assert adapted == golden(kind, preset)
    loss_of(model, kind).backward()
    learning = {name: p for name, p in model.named_parameters() if p.requires_grad}
    assert all("lora_" in name for name in learning)
    # B is zero at the start, so only B has a gradient at the first step.
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for name, p in learning.items() if "lora_B" in name)


def test_a_list_of_suffixes_would_reach_into_the_vision_tower() -> None:
    """Why the presets are regexes: the usual list adapts vision MLPs."""
    hit = [name for name, _ in tiny_model().named_modules() if name.endswith(("gate_proj", "up_proj", "down_proj"))]
    assert any("visual" in name for name in hit)
    assert not any("visual" in name for name in target_modules(tiny_model(), "language"))


def test_every_decoder_layer_is_in_training_mode_after_wrapping() -> None:
    model = tiny_model()
    assert not any(layer.training for layer in decoder_layers(model)), "from_pretrained gives evaluation mode"
    wrapped = attach_lora(model, LoraSpec(rank=2))
    assert all(module.training for layer in decoder_layers(wrapped) for module in layer.modules())
    check_training(wrapped)
    decoder_layers(wrapped)[1].eval()
    with pytest.raises(ModelError, match=r"modules of 2 decoder layers are in evaluation mode"):
        check_training(wrapped)


def calls_of(layers: list[nn.Module], run: Any) -> int:
    """How often the layers' MLPs began; a recomputation stops before their end."""
    count = 0

    def add(*_: Any) -> None:
        nonlocal count
        count += 1

    hooks = [layer.mlp.register_forward_pre_hook(add) for layer in layers]  # type: ignore[union-attr, operator]
    run()
    for hook in hooks:
        hook.remove()
    return count


@pytest.mark.parametrize("kind", MODELS)
def test_checkpointing_recomputes_the_language_model_alone_and_changes_no_gradient(kind: str) -> None:
    plain, saving = (
        attach_lora(MODELS[kind][0](), LoraSpec(rank=2, dropout=0.0, preset="language"), checkpointing)
        for checkpointing in (False, True)
    )
    saving.load_state_dict(plain.state_dict())
    visual_graphs: list[bool] = []
    visual = saving.get_base_model().model.visual
    visual.register_forward_hook(lambda *args: visual_graphs.append(has_graph(args[2])))
    once = calls_of(decoder_layers(plain), lambda: loss_of(plain, kind).backward())
    twice = calls_of(decoder_layers(saving), lambda: loss_of(saving, kind).backward())
    assert (once, twice) == (2, 4)
    kinds = {layer._gradient_checkpointing_func.keywords["use_reentrant"] for layer in decoder_layers(saving)}  # type: ignore[union-attr]
    assert kinds == {False}, "with re-entrance a layer whose inputs have no gradient learns nothing"
    assert visual_graphs == [False], "a frozen vision tower keeps no graph"
    assert not any(getattr(module, "gradient_checkpointing", False) for module in visual.modules())
    for (name, one), other in zip(plain.named_parameters(), saving.parameters(), strict=True):
        if one.grad is not None:
            assert torch.allclose(one.grad, other.grad, atol=1e-7), name


def has_graph(output: Any) -> bool:
    tensors = output if isinstance(output, tuple | list) else output.values()
    return any(isinstance(item, torch.Tensor) and item.requires_grad for item in tensors)


def test_stock_checkpointing_makes_the_frozen_vision_tower_keep_a_graph() -> None:
    """The trap itself, so that we know when transformers has mended it."""
    model = tiny_model().requires_grad_(False)
    model.gradient_checkpointing_enable()
    model.train()
    seen: list[bool] = []
    model.model.visual.register_forward_hook(lambda *args: seen.append(has_graph(args[2])))
    model(**model_inputs(Collator(tiny_processor())([sample()])))
    assert seen == [True]


def test_evaluation_mode_turns_checkpointing_off_without_a_word() -> None:
    model = attach_lora(tiny_model(), LoraSpec(rank=2), checkpointing=True)
    model.eval()
    assert calls_of(decoder_layers(model), lambda: loss_of(model, "2.5").backward()) == 2


def test_unknown_presets_ranges_and_models_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"unknown LoRA preset: 'all-linear'.*language_merger"):
        LoraSpec(preset="all-linear")
    with pytest.raises(ConfigError, match="above 0"):
        LoraSpec(rank=0)
    with pytest.raises(ConfigError, match="dropout"):
        LoraSpec(dropout=1.0)
    with pytest.raises(ModelError, match="no module of the language part in Sequential"):
        target_modules(nn.Sequential(nn.Linear(2, 2)), "language")
