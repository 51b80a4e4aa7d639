"""A killed run that goes on, and input that stops one before it begins."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
import yaml
from gleam_c.phase_folder import PhaseFolder
from gleam_common.synthcity.build import build_world
from gleam_common.synthcity.world import WorldConfig
from train_command import start, train


@pytest.fixture
def long_phase(tmp_path: Path) -> Path:
    """A folder with ``long.yaml``: one phase of four epochs on a small world."""
    build_world(WorldConfig(seed=7, places=90), tmp_path / "world")
    recipe = {
        "phases": [{"name": "only", "views": ["panorama"], "epochs": 4, "batch_size": 16}],
        "catalog": str(tmp_path / "world"),
        "encoder": "pico",
        "val_split": "",
        "trainer": {"strategy": "deepspeed", "accelerator": "cpu"},
    }
    (tmp_path / "long.yaml").write_text(yaml.safe_dump(recipe))
    return tmp_path


@pytest.mark.timeout(900)  # three runs that each import Lightning and DeepSpeed in two processes
def test_a_killed_run_goes_on_as_if_it_had_not_been(long_phase: Path) -> None:
    """Every process is killed after the first epoch; the run that goes on ends with the same bytes."""
    folder = PhaseFolder(run=long_phase / "run", name="only")
    started = start(long_phase, "--config", "long.yaml")
    deadline = time.monotonic() + 300
    while not any(folder.checkpoints.glob("*.seal.json")) and started.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(started.pid, signal.SIGKILL)
    started.wait()
    assert not folder.is_finished, "killed too late to prove anything"
    done = train(long_phase, "--config", "long.yaml")
    assert done.returncode == 0, done.stderr[-3000:]
    whole = train(long_phase, "--config", "long.yaml", "--out", "whole")
    assert whole.returncode == 0, whole.stderr[-3000:]
    for name in ("checkpoints/only.safetensors", "model/model.safetensors"):
        assert (long_phase / "run" / name).read_bytes() == (long_phase / "whole" / name).read_bytes(), name


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--config", "smoke", "--world", "null", "--catalog", "nowhere"], "nowhere"),
        (["--config", "smoke", "--encoder", "resnet5000"], "unknown encoder"),
        (["--config", "smoke", "--trainer.strategy", "horovod"], "unknown strategy"),
        (["--config", "smoke", "--colour", "red"], "colour"),
        (["--config", "nothing"], "no such recipe"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(words: list[str], said: str, tmp_path: Path) -> None:
    done = train(tmp_path, *words)
    assert done.returncode == 2, done.stderr[-2000:]
    lines = [line for line in done.stderr.strip().splitlines() if line.startswith("error:")]
    assert len(lines) == 1
    assert said in lines[0]
    assert "Traceback" not in done.stderr
