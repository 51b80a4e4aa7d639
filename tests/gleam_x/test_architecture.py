"""The tiny base: the real classes, rebuilt from its folder without a network, sized as its presets say."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from gleam_common.errors import ConfigError
from gleam_x.architecture import PRESETS, TinySpec, build_model, save_base
from gleam_x.collate import Collator, model_inputs
from gleam_x.pixel_budget import budget_of
from safetensors import safe_open
from tiny_vlm import sample, tiny_model, tiny_processor, tiny_tokenizer
from transformers import AutoProcessor, Qwen2_5_VLForConditionalGeneration


def test_a_saved_base_loads_with_the_stock_classes_and_answers_the_same(tmp_path: Path) -> None:
    model, processor = tiny_model(), tiny_processor()
    save_base(tmp_path, model, processor)
    assert not list(tmp_path.glob("*.bin"))
    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        assert file.keys()
    again = Qwen2_5_VLForConditionalGeneration.from_pretrained(tmp_path, local_files_only=True)
    loaded = AutoProcessor.from_pretrained(tmp_path, local_files_only=True)
    assert budget_of(loaded.image_processor) == budget_of(processor.image_processor)
    old, new = Collator(processor)([sample()]), Collator(loaded)([sample()])
    assert all(torch.equal(old[key], new[key]) for key in old)
    with torch.inference_mode():
        assert torch.equal(model(**model_inputs(old)).logits, again(**model_inputs(new)).logits)


@pytest.mark.parametrize(("name", "millions"), [("nano", (0.1, 0.2)), ("small", (2.0, 2.7)), ("medium", (6.3, 7.3))])
def test_presets_have_the_size_they_promise(name: str, millions: tuple[float, float]) -> None:
    model = build_model(PRESETS[name], tiny_tokenizer())
    weights = sum(parameter.numel() for parameter in model.parameters()) / 1e6
    assert millions[0] < weights < millions[1]
    assert model.lm_head.weight is model.model.language_model.embed_tokens.weight


def test_the_seed_decides_the_weights_and_the_callers_random_state_stays() -> None:
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    one, same, other = (build_model(PRESETS["nano"], tiny_tokenizer(), seed=seed) for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(one.lm_head.weight, same.lm_head.weight)
    assert not torch.equal(one.lm_head.weight, other.lm_head.weight)


def test_it_stops_at_the_end_of_its_turn() -> None:
    tokenizer = tiny_tokenizer()
    generation = tiny_model().generation_config
    assert (generation.eos_token_id, generation.pad_token_id) == (tokenizer.eos_token_id, tokenizer.pad_token_id)


def test_sizes_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(ConfigError, match="text_hidden must be a multiple"):
        TinySpec(text_hidden=100)
    with pytest.raises(ConfigError, match="text_kv_heads"):
        TinySpec(text_kv_heads=3)
    with pytest.raises(ConfigError, match="window_px"):
        TinySpec(window_px=100)
