"""Many processes do what one does: the same weights after a step, by DDP and every ZeRO stage, whole and in pieces."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from train_command import environment


def run(folder: Path, strategy: str, stage: int, processes: int) -> dict[Any, dict[str, torch.Tensor]]:
    script, out = Path(__file__).with_name("one_step.py"), folder / f"{strategy}{stage}-{processes}.pt"
    words = [sys.executable, str(script), strategy, str(stage), str(processes), str(out)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, env=environment(), check=False)
    assert out.is_file(), done.stderr[-3000:]
    found: dict[Any, dict[str, torch.Tensor]] = torch.load(out)
    return found


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[Any, dict[str, torch.Tensor]]:
    """The weights that one process ends with, in float64."""
    return run(tmp_path_factory.mktemp("alone"), "single", 0, 1)


def test_pieces_give_the_weights_of_the_whole_batch(alone: dict[Any, dict[str, torch.Tensor]]) -> None:
    for kind in ("infonce", "sigmoid"):
        for name, value in alone[kind, 0].items():
            torch.testing.assert_close(alone[kind, 1][name], value, rtol=0, atol=1e-12, msg=name)


@pytest.mark.parametrize("processes", [2, 4])
@pytest.mark.parametrize(("strategy", "stage"), [("ddp", 0), ("deepspeed", 1), ("deepspeed", 2), ("deepspeed", 3)])
def test_processes_give_the_weights_of_one(
    strategy: str, stage: int, processes: int, alone: dict[Any, dict[str, torch.Tensor]], tmp_path: Path
) -> None:
    atol = 1e-10 if strategy == "ddp" else 2e-6
    found = run(tmp_path, strategy, stage, processes)
    for what, weights in alone.items():
        for name, value in weights.items():
            theirs = found[what][name].double()
            torch.testing.assert_close(theirs, value.double(), rtol=0, atol=atol, msg=f"{what} {name}")
