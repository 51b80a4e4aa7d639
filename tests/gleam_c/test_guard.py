"""A step that is not finite leaves no trace, whatever the strategy; some in a row end the run with the pairs' names."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from train_command import environment


def run(tmp_path: Path, strategies: str, *bad: int) -> dict[str, list[Any]]:
    script, out = Path(__file__).with_name("guarded_training.py"), tmp_path / "out.pt"
    words = [sys.executable, str(script), strategies, str(out), *map(str, bad)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, env=environment(), check=False)
    assert out.is_file(), done.stderr[-3000:]
    found: dict[str, list[Any]] = torch.load(out)
    return found


@pytest.mark.parametrize("strategies", ["single0", "ddp0,deepspeed0,deepspeed1,deepspeed2,deepspeed3"])
def test_a_step_that_is_not_finite_leaves_no_trace(strategies: str, tmp_path: Path) -> None:
    for strategy, (with_bad, without) in run(tmp_path, strategies, 2, 3, 6).items():
        assert all(torch.isfinite(value).all() for value in with_bad.values()), strategy
        for name, value in without.items():
            if not name.endswith("num_batches_tracked"):
                assert torch.equal(with_bad[name], value), (strategy, name)


def test_too_many_in_a_row_end_the_run_and_name_the_pairs(tmp_path: Path) -> None:
    (said,) = run(tmp_path, "ddp0", 3, 4, 5)["ddp0"]
    assert "not finite in 3 steps in a row" in said
    assert "rank1/step5/0" in said
    assert "rank0" not in said
    assert "lower optimizer.lr" in said
