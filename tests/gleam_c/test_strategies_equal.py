"""Many processes do what one does: the same weights after a step, by DDP and every ZeRO stage, whole and in pieces."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from train_command import environment

STRATEGIES = ("ddp0", "deepspeed1", "deepspeed2", "deepspeed3")
Weights = dict[tuple[str, str, int], dict[str, torch.Tensor]]


def run(folder: Path, processes: int, *strategies: str) -> Weights:
    script, out = Path(__file__).with_name("one_step.py"), folder / f"{processes}.pt"
    words = [sys.executable, str(script), str(processes), str(out), *strategies]
    done = subprocess.run(words, capture_output=True, text=True, timeout=600, env=environment(), check=False)
    assert out.is_file(), done.stderr[-3000:]
    found: Weights = torch.load(out)
    return found


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    """The weights that one process ends with, in float64."""
    return run(tmp_path_factory.mktemp("alone"), 1, "single0")


def test_pieces_give_the_weights_of_the_whole_batch(alone: Weights) -> None:
    for kind in ("infonce", "sigmoid"):
        for name, value in alone["single0", kind, 0].items():
            torch.testing.assert_close(alone["single0", kind, 1][name], value, rtol=0, atol=1e-12, msg=name)


@pytest.mark.parametrize("processes", [2, 4])
def test_processes_give_the_weights_of_one(processes: int, alone: Weights, tmp_path: Path) -> None:
    found = run(tmp_path, processes, *STRATEGIES)
    for strategy in STRATEGIES:
        atol = 1e-10 if strategy == "ddp0" else 2e-6
        for (_, *what), weights in alone.items():
            for name, value in weights.items():
                theirs = found[strategy, *what][name].double()
                torch.testing.assert_close(theirs, value.double(), rtol=0, atol=atol, msg=f"{strategy} {what} {name}")
