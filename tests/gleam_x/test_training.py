"""The real command line and the real function: what a run leaves, that it goes on after a kill, every recipe."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import gleam_x.training as training
import pytest
import torch
from gleam_common.commands import dispatch
from gleam_x.adapter_folder import read_card
from gleam_x.answering import scores_of
from gleam_x.cli import COMMANDS
from gleam_x.collate import Collator
from gleam_x.lora import LoraSpec
from gleam_x.pair_data import plan_samples, read_split
from gleam_x.pixel_budget import PixelBudget
from gleam_x.recipe import Recipe, TrainerConfig
from gleam_x.strategy import deepspeed_options
from gleam_x.trained import open_trained
from safetensors.torch import load_file
from tiny_benchmark import write_benchmark

HERE = TrainerConfig(strategy="single", accelerator="cpu", threads=1)
BUDGET = PixelBudget(min_pixels=784, max_pixels=7056)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A benchmark, and room for runs beside it."""
    folder = tmp_path_factory.mktemp("training")
    write_benchmark(folder / "b")
    return folder


def recipe(folder: Path, **changes: Any) -> Recipe:
    settings: dict[str, Any] = {
        "base": "nano", "benchmark": str(folder / "b"), "max_steps": 4, "lr": 5e-3, "panel": 0, "budget": BUDGET,
        "trainer": HERE,
    }  # fmt: skip
    return Recipe(**settings | changes)


def weights(run: Path, name: str = "adapter") -> dict[str, torch.Tensor]:
    return load_file(run / name / "adapter_model.safetensors")


def curves(run: Path) -> dict[tuple[str, int], float]:
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
    return {(row["name"], row["step"]): row["value"] for row in rows}


@pytest.fixture(scope="module")
def smoke(folder: Path) -> Path:
    """The smoke recipe through the command line."""
    run = folder / "smoke"
    words = ["train", "--config", "smoke", "--benchmark", str(folder / "b"), "--trainer.threads", "1"]
    assert dispatch("gleam-x", "", COMMANDS, [*words, "--out", str(run)]) == 0
    return run


def test_a_run_leaves_adapter_settings_curves_explanations_and_calibration(smoke: Path, folder: Path) -> None:
    assert {path.name for path in smoke.iterdir()} == {
        "adapter", "base", "calibration.json", "config.yaml", "explanations.jsonl", "manifest.json", "metrics.jsonl",
    }  # fmt: skip
    card = read_card(smoke / "adapter")
    assert (card.order, card.recipe["recipe"], card.budget) == ("both", "verdict_first", BUDGET)
    assert str(folder) not in (smoke / "adapter" / "card.json").read_text("utf-8")
    values = curves(smoke)
    assert len([key for key in values if key[0] == "train/loss"]) == 20
    last = values["train/loss", 19], values["train/loss", 0]
    assert last[0] < last[1]
    names = {name for name, _ in values}
    assert {"train/grad_norm", "train/lr", "train/verdict_loss", "val/accuracy", "val/auroc", "val/leftover"} <= names
    rows = [json.loads(line) for line in (smoke / "explanations.jsonl").read_text("utf-8").splitlines()]
    assert [row["step"] for row in rows] == [10, 10, 20, 20]
    assert set(json.loads((smoke / "calibration.json").read_text("utf-8"))["groups"]) >= {"uav/en", "ground/zh"}


def test_a_finished_run_is_not_trained_again_and_another_recipe_is_refused(
    smoke: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", "--config", "smoke", "--benchmark", str(folder / "b"), "--trainer.threads", "1"]
    before = (smoke / "metrics.jsonl").read_bytes()
    assert dispatch("gleam-x", "", COMMANDS, [*words, "--out", str(smoke), "--about.result", "fine"]) == 0
    assert "finished before" in capsys.readouterr().out
    assert (smoke / "metrics.jsonl").read_bytes() == before
    assert dispatch("gleam-x", "", COMMANDS, [*words, "--out", str(smoke), "--seed", "2"]) == 2
    said = capsys.readouterr().err
    assert "seed (1 there, 2 now)" in said
    assert "--overwrite" in said


def test_a_run_goes_on_after_a_kill_as_if_nothing_had_been(folder: Path) -> None:
    changes = {"max_steps": 40, "checkpoint_steps": 2, "accumulate": 2, "batch_size": 4, "light": 0.1}
    whole, cut = folder / "whole", folder / "cut"
    training.train(recipe(folder, **changes), whole)
    words = [f"--{name}={value}" for name, value in changes.items()]
    words += ["--base=nano", f"--benchmark={folder / 'b'}", "--lr=5e-3", "--panel=0", "--trainer.strategy=single"]
    words += ["--budget.min_pixels=784", "--budget.max_pixels=7056", "--trainer.accelerator=cpu", "--trainer.threads=1"]
    command = [str(Path(sys.executable).parent / "gleam-x"), "train", *words, f"--out={cut}"]
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    newest = cut / "checkpoints" / "adapter" / "newest.json"
    end = time.monotonic() + 300
    while not newest.exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert newest.exists(), (folder / "log.txt").read_text("utf-8")[-2000:]
    assert not (cut / "adapter").exists()
    checkpoint = newest.parent / json.loads(newest.read_text("utf-8"))["checkpoint"]
    held = torch.load(checkpoint, weights_only=False)["state_dict"]
    assert held
    assert all("lora_" in name for name in held)
    training.train(recipe(folder, **changes), cut)
    first, second = weights(whole), weights(cut)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not (cut / "checkpoints").exists()
    assert curves(whole) == curves(cut)


@pytest.mark.parametrize("quantise", [None, "nf4"])
def test_an_adapter_gives_the_same_verdicts_from_disk_as_in_memory(
    quantise: str | None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: dict[str, Any] = {}
    save = training.save_adapter

    def keep(path: Path, model: Any, card: Any) -> None:
        kept["model"] = model
        save(path, model, card)

    monkeypatch.setattr(training, "save_adapter", keep)
    run = folder / f"memory-{quantise}"
    training.train(recipe(folder, quantise=quantise), run)
    trained = open_trained(run)
    assert trained.base.quantise == quantise
    split = read_split(folder / "b", "test", trained.base.processor.image_processor)
    samples = split.samples("verdict_first")
    found = [score.score for score in trained.scores(samples, title="")]
    there = [score.score for score in scores_of(kept["model"].eval(), trained.collator, samples, title="")]
    with kept["model"].disable_adapter():
        bare = [score.score for score in scores_of(kept["model"], trained.collator, samples, title="")]
    assert found == pytest.approx(there, abs=0 if quantise is None else 1e-5)
    assert max(abs(a - b) for a, b in zip(found, bare, strict=True)) > 1e-3


@pytest.mark.parametrize("name", ["label_only", "explain_first", "task_prefix", "two_adapters"])
def test_every_recipe_trains_and_answers(name: str, folder: Path) -> None:
    run = folder / name
    training.train(recipe(folder, recipe=name, max_steps=2, panel=4), run)
    trained = open_trained(run)
    split = read_split(folder / "b", "test", trained.base.processor.image_processor)
    answers = trained.answers(split.samples("verify"), explain=trained.explains, max_new_tokens=8, title="")
    assert [answer.name for answer in answers] == [record.record_id for record in split.records]
    assert all(answer.verdict == ("yes" if answer.probability >= 0.5 else "no") for answer in answers)
    if name == "two_adapters":
        first, second = (weights(run, f"adapter/{kind}") for kind in ("verify", "explain"))
        assert any(not torch.equal(first[key], second[key]) for key in first)
        assert not (run / "adapter" / "card.json").exists()


def test_accumulated_batches_train_as_one_large_batch_does(folder: Path) -> None:
    runs = {}
    for size, count in ((8, 1), (4, 2), (2, 4)):
        run = folder / f"batch-{size}"
        settings = recipe(folder, batch_size=size, accumulate=count, lora=LoraSpec(dropout=0.0), max_steps=3)
        training.train(settings, run)
        runs[size] = weights(run), curves(run)
    for size in (4, 2):
        for name, value in runs[8][0].items():
            torch.testing.assert_close(runs[size][0][name], value, atol=2e-5, rtol=0)
        for key, value in runs[8][1].items():
            assert runs[size][1][key] == pytest.approx(value, rel=1e-4), key


def test_the_parts_of_a_run_follow_one_another(folder: Path) -> None:
    for every in (1, 5):
        settings = recipe(folder, checkpoint_steps=every, lora=LoraSpec(dropout=0.0), max_steps=5)
        training.train(settings, folder / f"every-{every}")
    first, second = weights(folder / "every-1"), weights(folder / "every-5")
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_deepspeed_trains_as_one_process_does(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine on a CPU, by GLEAM-C's strategy; on GPUs Lightning's own takes the same options."""
    strategy = pytest.importorskip("gleam_c.strategy").CpuDeepSpeedStrategy
    monkeypatch.setenv("DS_ACCELERATOR", "cpu")
    settings = recipe(folder, batch_size=4, accumulate=2, lora=LoraSpec(dropout=0.0), checkpoint_steps=2)
    training.train(settings, folder / "alone")
    with monkeypatch.context() as patched:
        patched.setattr(
            training, "create_strategy", lambda r: strategy(process_group_backend="gloo", **deepspeed_options(r))
        )
        training.train(replace(settings, trainer=replace(HERE, devices=1)), folder / "engine")
    for name, value in weights(folder / "alone").items():
        torch.testing.assert_close(weights(folder / "engine")[name], value, atol=2e-5, rtol=0)
    # DeepSpeed tells the norm of the step before; Adam alone would not see a gradient that is too small.
    alone, engine = curves(folder / "alone"), curves(folder / "engine")
    assert engine["train/grad_norm", 2] == pytest.approx(alone["train/grad_norm", 1], rel=1e-4)


def test_samples_that_are_too_long_are_counted_out_loud(
    smoke: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    processor = open_trained(smoke).collator.processor
    split = read_split(folder / "b", "train", processor.image_processor)
    # The panoramas have the most tokens.
    dropped = {
        limit: plan_samples(split, ("verdict_first",), Collator(processor, max_tokens=limit), 1)[1]
        for limit in (100, 400)
    }
    assert 0 < dropped[100] < 24
    assert dropped[400] == 0
    training.train(recipe(folder, max_tokens=100, max_steps=1), folder / "short")
    assert f"{dropped[100]} of 24 samples are longer than 100 tokens: left out" in capsys.readouterr().out


def test_a_missing_benchmark_or_base_is_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "--config", "smoke", "--out", str(folder / "none")]
    assert dispatch("gleam-x", "", COMMANDS, [*words, "--benchmark", str(folder / "nowhere")]) == 2
    assert "nowhere" in capsys.readouterr().err
    words[-1] = str(folder / "none2")
    assert dispatch("gleam-x", "", COMMANDS, [*words, "--benchmark", str(folder / "b"), "--base", "no-base"]) == 2
    said = capsys.readouterr().err
    assert "no such folder, and no hub id: 'no-base'" in said
    assert "Traceback" not in said
