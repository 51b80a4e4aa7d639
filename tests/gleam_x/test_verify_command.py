"""verify, explain and merge as they are typed; what cannot be answered is one line and exit code 2."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from gleam_common.commands import dispatch
from gleam_x import trained as trained_module
from gleam_x.cli import COMMANDS
from gleam_x.lora import LoraSpec
from gleam_x.pixel_budget import PixelBudget
from gleam_x.recipe import Recipe, TrainerConfig
from gleam_x.training import train
from gleam_x.vlm import load_base
from PIL import Image
from safetensors.torch import load_file, save_file
from tiny_benchmark import jpeg, write_benchmark

Say = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs (LoRA and QLoRA) of different bases, and two pictures."""
    folder = tmp_path_factory.mktemp("verify")
    write_benchmark(folder / "b")
    for name, quantise, seed in (("run", None, 1), ("four", "nf4", 2)):
        settings = Recipe(
            base="nano", benchmark=str(folder / "b"), max_steps=2, lr=2e-2, panel=0, quantise=quantise, seed=seed,
            lora=LoraSpec(dropout=0.0), budget=PixelBudget(min_pixels=784, max_pixels=7056),
            trainer=TrainerConfig(strategy="single", accelerator="cpu", threads=1),
        )  # fmt: skip
        train(settings, folder / name)
    (folder / "q.jpg").write_bytes(jpeg(1, 96, 128))
    (folder / "t.jpg").write_bytes(jpeg(2, 96, 96))
    return folder


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    def run(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = dispatch("gleam-x", "", COMMANDS, [str(word) for word in words])
        caught = capsys.readouterr()
        assert "Traceback" not in caught.err
        return code, caught.out, caught.err.splitlines()[-1] if caught.err else ""

    return run


def test_verify_says_verdict_probability_and_both_orders(folder: Path, say: Say) -> None:
    out = folder / "verdict.json"
    pair = folder / "q.jpg", folder / "t.jpg"
    code, said, _ = say("verify", *pair, "--model", folder / "run", "--lang", "zh", "--out", out)
    found = json.loads(out.read_text("utf-8"))
    assert code == 0
    assert said.startswith(f"{found['verdict']}: the same place with probability {found['probability']:.3f}")
    assert found["score"] == pytest.approx((found["score_query_first"] + found["score_satellite_first"]) / 2)
    assert found["score_query_first"] != found["score_satellite_first"]
    assert found["language"] == "zh"
    assert (found["probability"] >= 0.5) == (found["verdict"] == "yes")
    # An adapter by itself finds base and calibration in its run.
    say("verify", *pair, "--model", folder / "run" / "adapter", "--lang", "zh", "--out", folder / "same.json")
    assert json.loads((folder / "same.json").read_text("utf-8")) == found


def test_explain_gives_the_reason_and_its_claims(folder: Path, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    reason = (
        " Looking at the oblique aerial photo, I find two churches with grey roofs on the left. Two grey-roofed churches in"
        " the south-west can be made out in the satellite tile. Hence they show one and the same place."
    )
    monkeypatch.setattr(trained_module, "explain_all", lambda *_args, **_more: ["." + reason])
    out = folder / "reason.json"
    code, said, _ = say("explain", folder / "q.jpg", folder / "t.jpg", "--model", folder / "run", "--out", out)
    found = json.loads(out.read_text("utf-8"))
    assert code == 0
    assert found["explanation"] == reason.strip()
    assert reason.strip() in said
    assert "church" in {claim["what"] for claim in found["claims"]}
    assert "what=church" in said


def test_an_empty_explanation_is_not_passed_on(folder: Path, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trained_module, "explain_all", lambda *_args, **_more: [". "])
    code, _, error = say("explain", folder / "q.jpg", folder / "t.jpg", "--model", folder / "run")
    assert code == 2
    assert "gave an empty explanation" in error


def changed(folder: Path, name: str, change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> Path:
    """Return a copy of the run whose adapter's weights are changed."""
    copy = folder / name
    shutil.copytree(folder / "run", copy)
    weights = copy / "adapter" / "adapter_model.safetensors"
    save_file(change(load_file(weights)), weights)
    return copy


def test_bad_input_is_one_line_that_says_what_to_do(folder: Path, say: Say) -> None:
    q, t, run = folder / "q.jpg", folder / "t.jpg", folder / "run"
    Image.new("RGB", (600, 2)).save(folder / "endless.png")
    (folder / "cut.jpg").write_bytes(jpeg(1, 96, 128)[:200])
    cut = changed(folder, "cut", lambda held: dict(list(held.items())[1:]))
    cases: list[tuple[tuple[Any, ...], str]] = [
        (("verify", q, t, "--model", run, "--base", folder / "four" / "base"), "belongs to another base"),
        (("verify", q, t, "--model", cut), "not the weights that the adapter needs; missing"),
        (("verify", folder / "endless.png", t, "--model", run), "endless.png is too long and narrow"),
        (("explain", q, folder / "endless.png", "--model", run), "aspect ratio of at most 200"),
        (("verify", folder / "cut.jpg", t, "--model", run), "cut.jpg: broken picture"),
        (("verify", folder / "none.jpg", t, "--model", run), "no such picture"),
        (("explain", q, t, "--model", run, "--lang", "de"), "unknown language of a prompt: 'de'; allowed: en, zh"),
        (("verify", q, t, "--model", run, "--view", "radar"), "unknown view of a prompt: 'radar'"),
        (("verify", q, t, "--model", folder / "b"), "holds no trained model of gleam-x"),
        (("verify", q, "--model", run), "one picture where two are compared"),
        (("verify", q, t), "model"),
    ]
    for words, reason in cases:
        code, said, error = say(*words)
        assert (code, said) == (2, ""), words
        assert reason in error, (words, error)


def test_merge_keeps_the_answers_and_prints_by_how_much(folder: Path, say: Say) -> None:
    code, said, _ = say("merge", "--adapter", folder / "run", "--out", folder / "merged")
    assert code == 0
    assert float(said.rsplit(maxsplit=1)[-1]) < 1e-4
    merged, bare = (load_base(folder / name).model.state_dict() for name in ("merged", "run/base"))
    moved = [name for name, value in merged.items() if not torch.equal(value, bare[name])]
    assert moved
    assert merged.keys() == bare.keys()
    code, _, error = say("merge", "--adapter", folder / "run", "--out", folder / "merged")
    assert (code, "is not empty" in error) == (2, True)


def test_an_adapter_of_four_bits_is_merged_only_when_asked_twice(folder: Path, say: Say) -> None:
    code, _, error = say("merge", "--adapter", folder / "four", "--out", folder / "m4")
    assert code == 2
    assert "rounds the adapter away" in error
    assert not (folder / "m4").exists()
    code, said, _ = say("merge", "--adapter", folder / "four", "--out", folder / "m4", "--into-full-weights")
    assert code == 0
    assert "evaluate it again" in said
