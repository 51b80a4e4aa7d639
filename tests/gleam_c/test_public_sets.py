"""Each public set, from its folder to a number: import, a training step, and its own protocol."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from gleam_c.encoder import create_encoder
from gleam_c.evaluate import evaluate_catalog
from gleam_c.loss import InfoNCE
from gleam_c.protocols import protocol_named
from gleam_common import cli
from gleam_common.catalog import Catalog
from gleam_common.commands import dispatch
from gleam_common.datamodule import DataConfig, PairDataModule
from layouts import WRITERS
from stand_in_encoder import StandInEncoder

# Of each set: its protocol, tiles that are searched in each trial, and measures that must be there.
EXPECTED = {
    ("cvusa", "cvusa"): ({"panorama": 4}, "recall@25m"),
    ("cvact", "cvact-val"): ({"panorama": 4}, "hit_rate"),
    ("cvact", "cvact-test"): ({"panorama": 4}, "hit_rate"),
    ("denseuav", "denseuav"): ({"uav": 36, "satellite": 18}, "sdm@5"),
    ("gta_uav", "gta-uav"): ({"uav": 16}, "dis@1_m"),
    ("gta_uav", "gta-uav-same"): ({"uav": 16}, "dis@1_m"),
    ("geotext1652", "university-official"): ({"uav": 5, "ground": 5, "satellite": 15, "satellite2ground": 5}, "ap"),
    ("geotext1652", "university-sample4geo"): ({"uav": 3, "ground": 3, "satellite": 9, "satellite2ground": 3}, "ap"),
    ("vigor", "vigor-same"): ({"panorama": 40}, "hit_rate"),
    ("vigor", "vigor-cross"): ({"panorama": 20}, "hit_rate"),
    ("vigor", "distance"): ({"panorama": 40}, "median_error_m"),
    ("university1652", "university-official"): ({"uav": 5, "ground": 5, "satellite": 15, "satellite2ground": 5}, "ap"),
    ("university1652", "university-sample4geo"): ({"uav": 3, "ground": 3, "satellite": 9, "satellite2ground": 3}, "ap"),
    ("sues200", "sues200-150"): ({"uav": 6, "satellite": 12}, "ap"),
    ("sues200", "sues200-300-sample4geo"): ({"uav": 2, "satellite": 4}, "ap"),
    ("folder", "synthcity"): ({"uav": 9, "ground": 9}, "recall@1"),
    ("map", "distance"): ({"map": 12}, "median_error_m"),
    ("setvl480k", "setvl480k"): ({"ground": 3, "ground_set": 3}, "recall@1"),
}


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    """The folder and the catalog of each set, as ``gleam-data import`` writes it."""
    places = {}
    for name, write in WRITERS.items():
        folder = tmp_path_factory.mktemp(name)
        root, out = write(folder / "set"), folder / "catalog"
        words = ["import", name, str(root), "--out", str(out)]
        assert dispatch("gleam-data", cli.ABOUT, cli.COMMANDS, words) == 0
        places[name] = root, out
    return places


@pytest.mark.parametrize(("name", "protocol"), EXPECTED)
def test_the_set_is_searched_and_scored_as_its_protocol_says(
    imported: dict[str, tuple[Path, Path]], name: str, protocol: str
) -> None:
    root, folder = imported[name]
    split = protocol_named(protocol).split
    results = evaluate_catalog(StandInEncoder(), Catalog.read(folder, root), split=split, protocol=protocol).results
    tiles, measure = EXPECTED[name, protocol]
    assert {view: metrics["gallery_size"] for view, metrics in results["views"].items()} == tiles
    for metrics in results["views"].values():
        assert measure in metrics
        # Pictures of a place share its colours, which the stand-in sees.
        assert metrics["recall@1"]["value"] > metrics["chance"]["recall@1"]


@pytest.mark.parametrize("name", WRITERS)
def test_a_training_step_moves_the_encoder(imported: dict[str, tuple[Path, Path]], name: str) -> None:
    root, folder = imported[name]
    module = PairDataModule(DataConfig(catalog=str(folder), root=str(root), side=32, batch_size=2))
    encoder, loss = create_encoder("pico"), InfoNCE()
    batch = next(iter(module.train_dataloader()))
    value = loss(*encoder.pair(batch["query"], batch["gallery"]), batch["gallery_row"], batch["related"])
    value.backward()
    assert torch.isfinite(value)
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in encoder.parameters())
