"""``gleam-c evaluate`` and ``embed``: bad words are answered in one line; good ones leave what they say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from gleam_c.cli import COMMANDS
from gleam_c.encoder import create_encoder
from gleam_c.model_folder import save_encoder
from gleam_common.commands import dispatch


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    encoder = create_encoder("pico")
    save_encoder(folder, encoder.config, encoder.state_dict(), "# card\n")
    return folder


def run(*words: object) -> int:
    return dispatch("gleam-c", "about", COMMANDS, [str(word) for word in words])


def test_evaluate_writes_results(model: Path, tiny_world: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "results.json"
    assert run("evaluate", "--checkpoint", model, "--catalog", tiny_world, "--device", "cpu", "--out", out) == 0
    assert set(json.loads(out.read_text())["views"]) == {"uav", "map", "panorama", "ground"}
    assert "panorama" in capsys.readouterr().out


def test_embed_writes_a_table_once(model: Path, tiny_world: Path, tmp_path: Path, capsys) -> None:
    words = ("embed", "--checkpoint", model, "--catalog", tiny_world, "--out", tmp_path / "e", "--device", "cpu")
    assert run(*words) == 0
    assert run(*words, "--view", "uav") == 2
    assert "--overwrite" in capsys.readouterr().err
    assert run(*words, "--view", "uav", "--overwrite", "true") == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--device", "abacus"], "unknown device: 'abacus'"),
        (["--seed", "-1"], "seed of the bootstrap: -1"),
        (["--protocol", "luck"], "unknown protocol: 'luck'"),
        (["--split", "monday"], "monday"),
        (["--catalog", "nowhere"], "nowhere"),
        (["--checkpoint", "nowhere"], "no config.json in the model folder"),
        (["--out", "."], "--out is a folder: '.'"),
    ],
)
def test_bad_words(words: list[str], said: str, model: Path, tiny_world: Path, capsys) -> None:
    assert run("evaluate", "--checkpoint", model, "--catalog", tiny_world, *words) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
