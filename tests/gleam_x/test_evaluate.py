"""``gleam-x evaluate``: what it leaves in the run, what grey pictures are, and GLEAM-C's similarity of pairs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from gleam_c.encoder import create_encoder
from gleam_c.model_folder import save_encoder
from gleam_c.similarity import similarity_of_view
from gleam_common.catalog import Catalog
from gleam_common.commands import dispatch
from gleam_common.errors import DataError
from gleam_common.views import View
from gleam_x.cli import COMMANDS
from gleam_x.evaluate import grey_pictures
from gleam_x.evaluation.predictions import read_predictions
from gleam_x.lora import LoraSpec
from gleam_x.matcher import Matcher
from gleam_x.pair_data import read_split
from gleam_x.pixel_budget import PixelBudget
from gleam_x.recipe import Recipe, TrainerConfig
from gleam_x.trained import open_trained
from gleam_x.training import train
from tiny_benchmark import write_benchmark

HEADLINE = (
    "auroc", "accuracy", "yes_rate", "ece", "auroc_c", "auroc_fused", "claim_precision", "claim_recall",
    "hallucination_rate", "contradiction_rate",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A benchmark and a run of two steps on it."""
    folder = tmp_path_factory.mktemp("evaluate")
    write_benchmark(folder / "b")
    settings = Recipe(
        base="nano", benchmark=str(folder / "b"), max_steps=2, panel=0, lora=LoraSpec(dropout=0.0),
        budget=PixelBudget(min_pixels=784, max_pixels=7056),
        trainer=TrainerConfig(strategy="single", accelerator="cpu", threads=1),
    )  # fmt: skip
    train(settings, folder / "run")
    return folder


def test_a_run_is_measured_and_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch("gleam-x", "", COMMANDS, ["evaluate", str(folder / "run"), "--benchmark", str(folder / "b")]) == 0
    results = json.loads((folder / "run" / "results.json").read_text("utf-8"))
    assert set(HEADLINE) <= set(results)
    assert results["auroc_c"]["value"] is None, "GLEAM-C was not asked"
    assert set(results["probes"]) >= {"swap_query", "blank_both", "attack_zh"}
    assert results["records"] == len(read_predictions(folder / "run" / "predictions.parquet")) == 8
    assert "auroc" in capsys.readouterr().out
    assert (folder / "run" / "report.html").read_text("utf-8").startswith("<!")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--seed", "-1"), "seed of the bootstrap: -1; allowed: 0 or more"),
        (("--split", "dev"), "no such split of the benchmark: 'dev'; allowed: test, train, validation"),
        (("--benchmark", "nothere"), "run `gleam-x benchmark build --out DIR`"),
    ],
)
def test_bad_words_are_refused(folder: Path, words: tuple[str, str], expected: str, capsys) -> None:
    usual = ["evaluate", str(folder / "run"), "--benchmark", str(folder / "b")]
    assert dispatch("gleam-x", "", COMMANDS, [*usual, *words]) == 2
    assert expected in capsys.readouterr().err


def test_grey_pictures_hold_nothing_of_the_sample(folder: Path) -> None:
    trained = open_trained(folder / "run")
    sample = read_split(folder / "b", "test", trained.base.processor.image_processor).samples("verify")[0]
    grey = grey_pictures(sample)
    for before, after in ((sample.query, grey.query), (sample.satellite, grey.satellite)):
        assert np.asarray(before).shape == np.asarray(after).shape
        assert len(np.unique(np.asarray(after))) == 1
    assert grey.prompt == sample.prompt


def test_similarity_of_pairs_is_that_of_the_whole_matrix(tiny_catalog: Catalog, tmp_path: Path) -> None:
    encoder = create_encoder("pico")
    save_encoder(tmp_path, encoder.config, encoder.state_dict(), "# card\n")
    matcher = Matcher(tmp_path)
    chosen = tiny_catalog.select(split="test")
    pairs = []
    expected = []
    for view in (View.UAV, View.MAP):
        part = chosen.select(views=[view])
        whole = similarity_of_view(matcher._encoder, part, view)
        for row, column in ((0, 0), (3, 5), (1, 2)):
            pairs.append((str(view), part.query_ids[row], part.gallery_ids[column]))
            expected.append(whole[row, column])
    assert matcher.similarity_of_pairs(tiny_catalog, pairs) == pytest.approx(expected, abs=1e-5)
    with pytest.raises(DataError, match="not in the catalog: 'nowhere'"):
        matcher.similarity_of_pairs(tiny_catalog, [("uav", pairs[0][1], "nowhere")])
