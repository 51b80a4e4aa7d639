"""NF4 on a CPU: the language model alone, the rest untouched, learnt through adapters, nonsense refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from bitsandbytes.nn.modules import Linear4bit
from gleam_common.errors import ConfigError, ModelError
from gleam_x.architecture import save_base
from gleam_x.collate import Collator
from gleam_x.lora import LoraSpec, attach_lora
from gleam_x.losses import count_spans, span_loss, supervised_logits
from gleam_x.quantise import check_combination, check_quantised, is_quantised, nf4_config
from gleam_x.vlm import load_base
from peft import prepare_model_for_kbit_training
from tiny_vlm import sample, tiny_model, tiny_model_3, tiny_processor, tiny_processor_3
from transformers import AutoModelForImageTextToText


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folders = {kind: tmp_path_factory.mktemp(f"base{kind}") for kind in ("25", "3")}
    save_base(folders["25"], tiny_model(), tiny_processor())
    save_base(folders["3"], tiny_model_3(), tiny_processor_3())
    return folders


def four_bit(model: Any) -> list[str]:
    return [name for name, module in model.named_modules() if isinstance(module, Linear4bit)]


def load_with_skips(folder: Path, skips: list[str]) -> Any:
    config = nf4_config(torch.bfloat16)
    config.llm_int8_skip_modules = skips
    return AutoModelForImageTextToText.from_pretrained(folder, quantization_config=config, dtype=torch.bfloat16)


@pytest.mark.parametrize("kind", ["25", "3"])
def test_the_language_model_alone_has_four_bits_and_the_rest_keeps_its_type(bases: dict[str, Path], kind: str) -> None:
    model = load_base(bases[kind], quantise="nf4", dtype=torch.bfloat16).model
    names = four_bit(model)
    assert len(names) == 2 * 7
    assert all(name.startswith("model.language_model.layers.") for name in names)
    assert {p.dtype for p in model.model.visual.parameters()} == {torch.bfloat16}
    assert model.lm_head.weight.dtype == torch.bfloat16
    assert is_quantised(model)
    assert not is_quantised(tiny_model())


def test_the_skip_list_of_other_repositories_is_found_out(bases: dict[str, Path]) -> None:
    visual = load_with_skips(bases["25"], ["visual", "lm_head"])
    assert any("visual" in name for name in four_bit(visual))
    with pytest.raises(ModelError, match=r"outside the language model: 'model.visual"):
        check_quantised(visual, torch.bfloat16)
    head = load_with_skips(bases["25"], ["model.visual"])
    assert "lm_head" in four_bit(head)
    with pytest.raises(ModelError, match="outside the language model: 'lm_head'"):
        check_quantised(head, torch.bfloat16)
    with pytest.raises(ModelError, match="no four-bit weight"):
        check_quantised(tiny_model(), torch.float32)


def test_pefts_own_preparation_would_make_the_vision_tower_grow(bases: dict[str, Path]) -> None:
    model = load_base(bases["25"], quantise="nf4", dtype=torch.bfloat16).model
    grown = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    assert {p.dtype for p in grown.model.visual.parameters()} == {torch.float32}
    with pytest.raises(ModelError, match=r"model.visual.* changed its type: 'torch.float32'"):
        check_quantised(grown, torch.bfloat16)


def test_a_quantised_base_learns_through_its_adapters_and_stays_as_it_is(bases: dict[str, Path]) -> None:
    base = load_base(bases["25"], quantise="nf4", dtype=torch.bfloat16)
    model = attach_lora(base.model, LoraSpec(rank=2, dropout=0.0), checkpointing=True)
    check_quantised(model, torch.bfloat16)
    batch = Collator(base.processor)([sample(0), sample(1, "zh")])
    learning = [p for p in model.parameters() if p.requires_grad]
    assert {p.dtype for p in learning} == {torch.float32}
    optimiser = torch.optim.AdamW(learning, lr=1e-2)
    losses = []
    for _ in range(3):
        loss = span_loss(*supervised_logits(model, batch), count_spans(batch), 0.5)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.05
    check_quantised(model, torch.bfloat16)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"quantise": "int8"}, "unknown quantisation: 'int8'"),
        ({"quantise": "nf4", "strategy": "deepspeed_stage_3"}, "ZeRO-3.*deepspeed_stage_2"),
        ({"quantise": "nf4", "strategy": "deepspeed_stage_3_offload"}, "ZeRO-3"),
        ({"quantise": "nf4", "strategy": "fsdp"}, "FSDP"),
        ({"quantise": "nf4", "trains_adapter": False}, "cannot be trained"),
        ({"quantise": "nf4", "merges": True}, "merging into four-bit.*evaluate again"),
    ],
)
def test_impossible_combinations_are_refused_with_the_reason(arguments: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        check_combination(**arguments)


def test_without_bitsandbytes_four_bits_are_refused_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gleam_x.quantise.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="need bitsandbytes"):
        check_combination("nf4")
    check_combination(None)


def test_possible_combinations_pass() -> None:
    check_combination(None, "deepspeed_stage_3", trains_adapter=False, merges=True)
    check_combination("nf4", "deepspeed_stage_2")
