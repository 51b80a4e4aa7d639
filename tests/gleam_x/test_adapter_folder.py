"""Adapters: come back exactly, only onto their base, only with all their weights; merging changes no answer."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from gleam_common.errors import ConfigError, ModelError
from gleam_x.adapter_folder import CARD, WEIGHTS, load_adapter, make_card, merge_adapter, read_card, save_adapter
from gleam_x.architecture import PRESETS, build_model, save_base
from gleam_x.collate import Collator, model_inputs
from gleam_x.lora import LoraSpec, attach_lora
from gleam_x.pixel_budget import PixelBudget
from gleam_x.vlm import Base, load_base
from peft import PeftModel
from safetensors.torch import load_file, save_file
from tiny_vlm import sample, tiny_model, tiny_processor, tiny_tokenizer

SPEC = LoraSpec(preset="language_merger_vision", rank=2, alpha=8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base, and an adapter with random weights on it."""
    folder = tmp_path_factory.mktemp("adapter")
    save_base(folder / "base", tiny_model(), tiny_processor())
    base = load_base(folder / "base", dtype=torch.float32)
    model = with_random_adapter(base)
    save_adapter(folder / "adapter", model, make_card(base, SPEC, "both", {"name": "test", "steps": 1}))
    save_adapter(folder / "again", model, make_card(base, SPEC, "both", {"name": "test", "steps": 1}))
    torch.save(logits(model.eval()), folder / "logits.pt")
    return folder


def with_random_adapter(base: Base) -> Any:
    model = attach_lora(base.model, SPEC)
    generator = torch.Generator().manual_seed(1)
    for name, weight in model.named_parameters():
        if "lora_" in name:
            weight.data.normal_(0, 0.1, generator=generator)
    return model


def batch() -> dict[str, torch.Tensor]:
    return Collator(tiny_processor())([sample(0), sample(1, "zh")])


def logits(model: Any) -> torch.Tensor:
    with torch.inference_mode():
        return torch.Tensor(model(**model_inputs(batch())).logits)


def fresh(folder: Path, **options: Any) -> Base:
    return load_base(folder / "base", dtype=torch.float32, **options)


def test_an_adapter_comes_back_exactly_here_and_in_stock_peft(folder: Path) -> None:
    before = torch.load(folder / "logits.pt", weights_only=True)
    base = fresh(folder)
    assert (logits(base.model) - before).abs().max() > 0.1
    loaded = load_adapter(base, folder / "adapter")
    assert torch.equal(logits(loaded), before)
    assert not loaded.training
    assert not any(p.requires_grad for p in loaded.parameters())
    stock = PeftModel.from_pretrained(fresh(folder).model, folder / "adapter").eval()
    assert torch.equal(logits(stock), before)


def test_a_trainable_adapter_learns_on(folder: Path) -> None:
    loaded = load_adapter(fresh(folder), folder / "adapter", trainable=True)
    assert loaded.training
    assert {name.split(".")[-3] for name, p in loaded.named_parameters() if p.requires_grad} == {"lora_A", "lora_B"}


def test_the_same_weights_give_the_same_bytes_without_path_or_time(folder: Path) -> None:
    for path in (folder / "adapter").iterdir():
        content = path.read_bytes()
        assert content == (folder / "again" / path.name).read_bytes(), path.name
        assert str(folder).encode() not in content
    assert len(load_file(folder / "adapter" / WEIGHTS)) == 2 * (14 + 2 + 10)


def test_the_card_says_what_the_weights_do_not(folder: Path) -> None:
    card = read_card(folder / "adapter")
    assert card == make_card(fresh(folder), SPEC, "both", {"name": "test", "steps": 1})
    assert card.budget.max_pixels == 84 * 84
    assert "at most 9 tokens of 28 x 28 pixels" in card.budget_in_words
    assert set(card.versions) == {"gleam-x", "transformers", "peft", "torch"}
    with pytest.raises(ConfigError, match="picture order"):
        make_card(fresh(folder), SPEC, "left_first", {})


def changed(folder: Path, tmp_path: Path, edit: Any) -> Path:
    copy = Path(shutil.copytree(folder / "adapter", tmp_path / "adapter"))
    weights = load_file(copy / WEIGHTS)
    save_file(edit(weights), copy / WEIGHTS, metadata={"format": "pt"})
    return copy


@pytest.mark.parametrize(
    "edit",
    [
        # The names of transformers before 4.52.
        lambda weights: {name.replace(".language_model.layers", ".layers"): w for name, w in weights.items()},
        lambda weights: dict(list(weights.items())[1:]),
        lambda weights: weights | {"base_model.model.more.lora_A.weight": torch.zeros(2, 2)},
        lambda weights: {name: w[:1].contiguous() for name, w in weights.items()},
    ],
)
def test_missing_foreign_and_misshapen_weights_are_refused(folder: Path, tmp_path: Path, edit: Any) -> None:
    with pytest.raises(ModelError, match=r"not the weights that the adapter needs; missing .*unexpected"):
        load_adapter(fresh(folder), changed(folder, tmp_path, edit))


def test_stock_peft_takes_old_names_with_a_warning_and_random_weights(folder: Path, tmp_path: Path) -> None:
    """The trap itself, so that we know when peft has mended it."""
    old = changed(
        folder,
        tmp_path,
        lambda weights: {n.replace(".language_model.layers", ".layers"): w for n, w in weights.items()},
    )
    with pytest.warns(UserWarning, match="missing adapter keys"):
        stock = PeftModel.from_pretrained(fresh(folder).model, old)
    assert not torch.allclose(logits(stock.eval()), torch.load(folder / "logits.pt", weights_only=True), atol=1e-3)


def test_another_base_other_prompts_and_other_pixels_are_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_base(tmp_path / "other", build_model(PRESETS["nano"], tiny_tokenizer(), seed=7), tiny_processor())
    with pytest.raises(ModelError, match="belongs to another base: 'other'"):
        load_adapter(load_base(tmp_path / "other"), folder / "adapter")
    with pytest.raises(ModelError, match=r"other pixels.*budget of the card"):
        load_adapter(fresh(folder, budget=PixelBudget(max_pixels=56 * 56)), folder / "adapter")
    monkeypatch.setattr("gleam_x.adapter_folder.PROMPT_VERSION", "99")
    with pytest.raises(ModelError, match=r"other prompts \(version\): '1'; allowed: 99"):
        load_adapter(fresh(folder), folder / "adapter")


def test_folders_that_hold_no_adapter_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no adapter"):
        read_card(tmp_path)
    broken = Path(shutil.copytree(folder / "adapter", tmp_path / "broken"))
    (broken / WEIGHTS).write_bytes(b"nothing")
    with pytest.raises(ModelError, match="not a safetensors file"):
        load_adapter(fresh(folder), broken)
    card = json.loads((broken / CARD).read_text())
    (broken / CARD).write_text(json.dumps({**card, "mood": "good"}))
    with pytest.raises(ModelError, match=r"holds no adapter.*mood"):
        read_card(broken)


def test_merging_changes_no_answer_and_says_by_how_much(folder: Path) -> None:
    card = read_card(folder / "adapter")
    merged = merge_adapter(load_adapter(fresh(folder), folder / "adapter"), card, batch())
    assert 0 < merged.largest_change < 1e-4
    assert not merged.reevaluate
    before = torch.load(folder / "logits.pt", weights_only=True)
    assert (logits(merged.model) - before).abs().max() < 1e-4
    assert not any("lora" in name for name, _ in merged.model.named_modules())


def test_a_merge_that_changes_answers_is_refused(folder: Path) -> None:
    model, card = load_adapter(fresh(folder), folder / "adapter"), read_card(folder / "adapter")
    with pytest.raises(ModelError, match="changes the answers"):
        merge_adapter(model, card, batch(), tolerance=0.0)


def test_a_quantised_base_is_not_merged_into_and_its_adapter_must_be_measured_again(folder: Path) -> None:
    card = read_card(folder / "adapter")
    four = load_base(folder / "base", quantise="nf4", dtype=torch.float32)
    with pytest.raises(ConfigError, match="merging into four-bit"):
        merge_adapter(load_adapter(four, folder / "adapter"), card, batch())
    merged = merge_adapter(load_adapter(fresh(folder), folder / "adapter"), replace(card, quantise="nf4"), batch())
    assert merged.reevaluate
