"""Bases: from a folder or the hub's cache, safetensors alone, the budget applied, ways out named when offline."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import huggingface_hub
import pytest
import torch
from gleam_common.errors import ConfigError, ModelError
from gleam_x.architecture import save_base
from gleam_x.collate import Collator
from gleam_x.pixel_budget import PixelBudget, check_grids
from gleam_x.vlm import base_identity, load_base
from safetensors.torch import load_file, save_file
from tiny_vlm import picture, sample, tiny_model, tiny_model_3, tiny_processor, tiny_processor_3


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    save_base(folder, tiny_model(), tiny_processor())
    return folder


@pytest.fixture
def base(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "base"))


def test_a_folder_is_loaded_with_its_own_budget(base: Path) -> None:
    loaded = load_base(base)
    assert not loaded.model.training
    assert loaded.model.dtype == (torch.bfloat16 if torch.cuda.is_available() else torch.float32)
    assert loaded.budget.max_pixels == 84 * 84
    assert Collator(loaded.processor)([sample()])["labels"].shape[0] == 1


def as_on_the_hub(base: Path) -> None:
    """Write the picture processor's settings as the hub's Qwen2.5-VL has them."""
    settings = json.loads((base / "processor_config.json").read_text())["image_processor"]
    settings.pop("size")
    settings |= {"min_pixels": 3136, "max_pixels": 12845056}
    (base / "preprocessor_config.json").write_text(json.dumps(settings))
    (base / "processor_config.json").unlink()


@pytest.mark.parametrize("hub", [False, True])
def test_the_budget_asked_for_is_the_one_applied(base: Path, hub: bool) -> None:
    if hub:
        as_on_the_hub(base)
        assert load_base(base).budget.max_pixels == 12845056
    wanted = PixelBudget(min_pixels=28 * 28, max_pixels=140 * 140)
    loaded = load_base(base, budget=wanted)
    assert loaded.budget == wanted
    made = loaded.processor.image_processor(images=[picture(0, 600, 500)], return_tensors="pt")
    check_grids(made["image_grid_thw"], loaded.processor.image_processor, wanted)
    loaded.processor.save_pretrained(base / "again")
    assert json.loads((base / "again" / "processor_config.json").read_text())["image_processor"]["size"] == wanted.size


def test_qwen3_is_loaded_too(tmp_path: Path) -> None:
    save_base(tmp_path, tiny_model_3(), tiny_processor_3())
    assert type(load_base(tmp_path).model).__name__ == "Qwen3VLForConditionalGeneration"


def test_an_unknown_hub_id_names_the_ways_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(
        ModelError, match=r"'nobody/nothing' is not on this machine.*HF_HOME.*local folder.*gleam-x base"
    ):
        load_base("nobody/nothing")


def test_a_hub_id_comes_from_the_cache_with_its_commit(
    saved: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    snapshot = tmp_path / "models--nobody--tiny" / "snapshots" / "abc123"
    shutil.copytree(saved, snapshot)
    (tmp_path / "models--nobody--tiny" / "refs").mkdir()
    (tmp_path / "models--nobody--tiny" / "refs" / "main").write_text("abc123")
    fetched: list[object] = []

    def fetch(name: str, revision: str | None, allow_patterns: list[str]) -> str:
        fetched.extend([name, revision, allow_patterns])
        return str(snapshot)

    monkeypatch.setattr("gleam_x.vlm.snapshot_download", fetch)
    identity = load_base("nobody/tiny").identity()
    assert (identity.name, identity.revision) == ("nobody/tiny", "abc123")
    assert identity.weights_sha256 == base_identity(saved).weights_sha256
    assert not any("*.py" in str(item) or "*.bin" in str(item) for item in fetched)


def drop_weight(base: Path, name: str) -> None:
    weights = load_file(base / "model.safetensors")
    weights.pop(name)
    save_file(weights, base / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda base: (base / "config.json").unlink(), "holds no base model"),
        (lambda base: (base / "model.safetensors").rename(base / "pytorch_model.bin"), "no safetensors"),
        (lambda base: (base / "model.safetensors").write_bytes(b"nothing"), "cannot be loaded"),
        (lambda base: (base / "tokenizer.json").unlink(), "tokenizer in .* does not belong to the model"),
        (lambda base: drop_weight(base, "visual.merger.mlp.0.weight"), r"missing.*visual.merger.mlp.0.weight"),
        (lambda base: (base / "config.json").write_text('{"model_type": "llava"}'), r"'llava'.*qwen2_5_vl"),
    ],
)
def test_broken_folders_are_refused(base: Path, harm: object, words: str) -> None:
    harm(base)  # type: ignore[operator]
    with pytest.raises(ModelError, match=words):
        load_base(base)


def test_what_is_neither_folder_nor_id_is_refused(tmp_path: Path) -> None:
    for source in (tmp_path / "nothing", "nothing", "./a/b"):
        with pytest.raises(ModelError, match="no such folder, and no hub id"):
            load_base(source)
    with pytest.raises(ConfigError, match="unknown quantisation"):
        load_base(tmp_path, quantise="int8")


def test_the_identity_is_the_weights_and_no_path(base: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(base, tmp_path / "elsewhere"))
    assert base_identity(base) == base_identity(moved)
    weights = bytearray((moved / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (moved / "model.safetensors").write_bytes(weights)
    assert base_identity(base) != base_identity(moved)
