"""``gleam-x compare``: two runs side by side, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from gleam_common.artifacts import read_json
from gleam_common.errors import ArtifactError, ConfigError
from gleam_x.evaluation.compare_command import compare, compare_command
from gleam_x.evaluation.predictions import PREDICTIONS_FILE, write_predictions


@pytest.fixture
def runs(tmp_path: Path, rows) -> tuple[Path, Path]:
    """A run, and one that says yes to everything."""
    named = tmp_path / "good", tmp_path / "yes-sayer"
    for run, said in zip(named, (rows, [replace(row, probability=0.9) for row in rows]), strict=True):
        run.mkdir()
        write_predictions(run / PREDICTIONS_FILE, said)
    return named


def test_two_runs_are_told_and_kept(runs, tmp_path: Path, capsys) -> None:
    good, yes = runs
    compare_command([str(good), str(yes), "--out", str(tmp_path / "found.json")])
    told = capsys.readouterr().out
    found = read_json(tmp_path / "found.json")
    assert "yes-sayer minus good" in told
    assert f"p = {found['mcnemar']['p']:.3g}" in told
    assert f"{found['difference']['accuracy']['value']:+.3f}" in told
    assert found["difference"]["yes_rate"]["value"] > 0
    assert found["mcnemar"]["only_a_right"] > found["mcnemar"]["only_b_right"] == 0


def test_what_cannot_be_compared(runs, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="seed"):
        compare(*runs, seed=-1)
    with pytest.raises(ArtifactError, match="run the evaluation again"):
        compare(runs[0], tmp_path)
