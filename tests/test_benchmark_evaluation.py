"""The benchmark of evaluation runs at its small size and says what it measured on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_small_benchmark_writes_its_result(tmp_path: Path) -> None:
    words = [sys.executable, ROOT / "benchmarks/evaluation.py", "--small", "--threads", "1", "--repeats", "1"]
    done = subprocess.run([*words, "--out", tmp_path], check=False, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-2000:]
    [path] = tmp_path.glob("evaluation-small_*.json")
    result = json.loads(path.read_text())
    assert result["commit"]
    assert result["hardware"]["cores"] >= 1
    assert result["vigor"]["evaluation_over_product"] > 0
    whole = result["vigor"]["whole_in_one_process"]
    assert 0 < whole["peak_gib"] < 3
    assert 0 < whole["recall@1"]["value"] < 1
    assert result["university"]["satellite2uav"]["times_faster"]["median"] > 0
