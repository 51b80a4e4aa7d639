"""Mining in training: the table of the definition, on any number of processes, and in the checkpoint of its epoch."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import lightning
import numpy as np
import pyarrow as pa
import pytest
import torch
from conftest import write_tiny_catalog
from gleam_c import checkpoints, mining
from gleam_c.checkpoints import PhaseCheckpoints
from gleam_c.mining import HardNegativeMining, mining_callbacks, similar_table
from gleam_c.recipe import HardNegativesConfig
from gleam_c.similarity import similarity_of_view
from gleam_c.train_command import parse_recipe
from gleam_common.catalog import Catalog
from gleam_common.datamodule import DataConfig, PairBatch, PairDataModule
from gleam_common.errors import ConfigError, GleamError
from gleam_common.pairs import VIEW_CODES
from gleam_common.views import View
from gloo_processes import run_in_processes
from lightning.pytorch.callbacks import ModelCheckpoint
from stand_in_encoder import StandInEncoder
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, normalize

K = 6


class Weighted(StandInEncoder):
    """Mean colours, each with a weight that is learnt: what is similar changes while it is."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.linspace(0.5, 1.5, 12))

    def forward(self, image_BCHW: Tensor) -> Tensor:
        return normalize(self.scale * adaptive_avg_pool2d(image_BCHW, 2).flatten(1), dim=1)


def data_of(folder: Path, **changes: Any) -> PairDataModule:
    config = DataConfig(catalog=str(folder), side=32, batch_size=8, chained=3, neighbours=K)
    return PairDataModule(replace(config, **changes))


def by_definition(encoder: StandInEncoder, data: PairDataModule, k: int) -> np.ndarray:
    """The table from whole matrices, loops and sets; every place of the toy world has one tile."""
    pairs, catalog = data.pairs, data.catalog
    tile = np.array([rows[0] for rows in pairs.tiles])
    expected = np.full((len(tile), k), -1)
    for view in catalog.views:
        rows = np.flatnonzero(pairs.view == VIEW_CODES[view])
        pair_of_tile = dict(zip(tile[rows].tolist(), rows.tolist(), strict=True))
        scores = similarity_of_view(encoder, catalog.select(views=[view], gallery="all"), view)
        for query, row in zip(rows, scores, strict=True):
            banned = {int(tile[query]), *pairs.related[query].tolist()}
            ranked = [int(t) for t in np.argsort(-row) if int(t) in pair_of_tile and int(t) not in banned]
            expected[query] = [pair_of_tile[t] for t in ranked[:k]]
    return expected


@pytest.mark.parametrize("headings", [{}, {View.GROUND: 4, View.UAV: 4}])
def test_the_table_is_that_of_the_definition(tiny_world: Path, headings: dict[View, int]) -> None:
    encoder, data = Weighted(), data_of(tiny_world)
    encoder.headings = headings
    found = similar_table(encoder, data, K)
    assert found.shape == (128, K)
    assert np.array_equal(found, by_definition(encoder, data, K))
    assert encoder.training, "training goes on after it"


def test_a_bad_picture_does_not_end_the_mining(tiny_world: Path, tmp_path: Path) -> None:
    """Its pair gives way to another when it is drawn; the others find what they found."""
    shutil.copytree(tiny_world, tmp_path, dirs_exist_ok=True)
    broken = Catalog.read(tmp_path)
    broken.picture_path("queries", 5).write_bytes(b"no picture")
    whole, found = (similar_table(Weighted(), data_of(folder), K) for folder in (tiny_world, tmp_path))
    others = np.arange(len(whole)) != 5
    assert np.array_equal(found[others], whole[others])


def test_batches_hold_similar_places(tiny_world: Path) -> None:
    data = data_of(tiny_world, batch_size=4)
    order, table = data.train_dataloader().order, similar_table(Weighted(), data, K)

    def hardness(epochs: range) -> float:
        shares = []
        for epoch in epochs:
            order.set_epoch(epoch)
            batches = [[key.pair for key in batch] for batch in order]
            shares += [np.isin(table[batch], batch).sum(axis=1).mean() for batch in batches]
        return float(np.mean(shares))

    near = hardness(range(10))
    order.use_table(table)
    assert hardness(range(10, 20)) > 1.5 * near


def mine(rank: int, world: int, folder: Path) -> None:
    with mock.patch.object(mining, "_PICTURES_AT_ONCE", 3):
        np.save(folder / f"table{rank}.npy", similar_table(Weighted(), data_of(folder / "world"), K))


def test_two_processes_mine_what_one_mines(tmp_path: Path) -> None:
    """31 places: one process has one picture more."""
    write_tiny_catalog(tmp_path / "world", train=31)
    run_in_processes(mine, 2, tmp_path)
    alone = similar_table(Weighted(), data_of(tmp_path / "world"), K)
    for rank in range(2):
        assert np.array_equal(np.load(tmp_path / f"table{rank}.npy"), alone)


@pytest.mark.parametrize(("count", "batches"), [(8, 1), (9, 2), (16, 2), (17, 3)])
def test_all_ranks_run_the_encoder_as_often(count: int, batches: int) -> None:
    """Two ranks, four pictures at once: of 9 pictures the second rank has four, and runs them twice."""
    for rank in range(2):
        own = list(range(rank, count, 2))
        loader: Any = [own[start : start + 4] for start in range(0, len(own), 4)]
        with mock.patch.object(mining, "world_size", return_value=2), mock.patch.object(mining, "_PICTURES_AT_ONCE", 4):
            ran = list(mining._in_step(loader, count))
        assert len(ran) == batches
        assert ran[: len(loader)] == loader


class Diary(lightning.LightningModule):
    """Learns a little, and writes down the pairs that it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Weighted()
        self.seen: list[tuple[int, list[str]]] = []

    def training_step(self, batch: PairBatch) -> Tensor:
        self.seen.append((self.current_epoch, batch["query_id"]))
        query, tile = self.encoder(batch["query"]), self.encoder(batch["gallery"])
        return torch.nn.functional.cross_entropy(10 * query @ tile.T, torch.arange(len(query)))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.3)


def fit(world: Path, folder: Path, checkpoint: Path | None = None) -> tuple[Diary, list[np.ndarray]]:
    """Train four epochs of 16 steps; tables are made after the second. Return what was seen, and the tables."""
    data, module, tables = data_of(world, cache=str(world / "cache")), Diary(), []
    steps = ModelCheckpoint(folder, filename="{step}", every_n_train_steps=5, save_top_k=-1)

    def noted(*words: Any) -> np.ndarray:
        tables.append(similar_table(*words))
        return tables[-1]

    trainer = lightning.Trainer(
        accelerator="cpu",
        max_epochs=4,
        callbacks=[
            steps,
            PhaseCheckpoints(folder / "epochs", 0, lambda: 0.0),
            HardNegativeMining(data, HardNegativesConfig(neighbours=K, chained=3, refresh_every=2)),
        ],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    with mock.patch.object(mining, "similar_table", noted), mock.patch.object(checkpoints, "_KEPT", 9):
        trainer.fit(module, datamodule=data, ckpt_path=checkpoint)
    return module, tables


@pytest.mark.filterwarnings("ignore")
def test_a_run_that_goes_on_has_the_very_tables(tmp_path: Path) -> None:
    """From within an epoch, from the end of the one after which the table was made, and from after it."""
    write_tiny_catalog(tmp_path / "world")
    whole, tables = fit(tmp_path / "world", tmp_path / "whole")
    assert len(tables) == 1, "after epochs 2 and 4, but the last one needs none"
    data = data_of(tmp_path / "world")
    order = data.train_dataloader().order
    ids = data.catalog.query_ids
    for epoch in range(4):
        if epoch == 2:
            order.use_table(tables[0])
        order.set_epoch(epoch)
        expected = [[ids[key.pair] for key in batch] for batch in order]
        assert [seen for number, seen in whole.seen if number == epoch] == expected, epoch
    found = torch.load(tmp_path / "whole/step=35.ckpt", weights_only=True)
    assert np.array_equal(table_of(found).numpy(), tables[0])
    for name, step in (
        ("step=20.ckpt", 20),
        ("epochs/step00000032.ckpt", 32),
        ("step=35.ckpt", 35),
        ("step=50.ckpt", 50),
    ):
        again, made = fit(tmp_path / "world", tmp_path / "again", tmp_path / "whole" / name)
        assert again.seen == whole.seen[step:], name
        assert torch.equal(again.encoder.scale, whole.encoder.scale), name
        assert len(made) == (step < 32), name


def table_of(checkpoint: dict[str, Any]) -> Tensor:
    """The one table of neighbours in a checkpoint."""
    states = checkpoint["loops"]["fit_loop"]["state_dict"]["combined_loader"]
    table: Tensor = states[0]["table"]
    return table


def test_pairs_without_coordinates_are_dealt_at_random_until_they_are_mined(tiny_world: Path, tmp_path: Path) -> None:
    catalog = Catalog.read(tiny_world)
    gallery, queries = (
        table.set_column(table.column_names.index("lat"), "lat", pa.nulls(len(table), pa.float64())).set_column(
            table.column_names.index("lon"), "lon", pa.nulls(len(table), pa.float64())
        )
        for table in (catalog.gallery, catalog.queries)
    )
    Catalog(gallery=gallery, queries=queries, root=tiny_world).write(tmp_path)
    data = data_of(tmp_path, root=str(tiny_world))
    order = data.train_dataloader().order
    assert list(order) == list(data_of(tiny_world, chained=0).train_dataloader().order)
    order.use_table(similar_table(Weighted(), data, K))
    order.set_epoch(1)
    random = data_of(tiny_world, chained=0).train_dataloader().order
    random.set_epoch(1)
    assert list(order) != list(random)


def test_what_is_never_refreshed_needs_no_callback(tiny_world: Path) -> None:
    data = data_of(tiny_world)
    assert mining_callbacks(data, None) == []
    assert mining_callbacks(data, HardNegativesConfig(refresh_every=0)) == []
    assert len(mining_callbacks(data, HardNegativesConfig())) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"chained": 0}, r"hard_negatives: 'chained 0, neighbours 128'; allowed: 1 <= chained <= neighbours <= 4096"),
        ({"chained": 65, "neighbours": 64}, r"chained 65, neighbours 64"),
        ({"neighbours": 5000}, r"neighbours 5000"),
        ({"refresh_every": -1}, r"hard_negatives.refresh_every: -1; allowed: 0 \(never\) or more"),
    ],
)
def test_wrong_settings_are_refused(words: dict[str, int], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        HardNegativesConfig(**words)


def test_a_recipe_asks_for_them_in_a_phase(tmp_path: Path) -> None:
    text = "phases: [{name: a, views: [uav], epochs: 1, batch_size: 8, hard_negatives: {chained: 7, %s}}]\n"
    (tmp_path / "good.yaml").write_text(text % "refresh_every: 2")
    recipe = parse_recipe(["--config", str(tmp_path / "good.yaml"), "--out", "run"])[0]
    assert recipe.phases[0].hard_negatives == HardNegativesConfig(neighbours=128, chained=7, refresh_every=2)
    (tmp_path / "bad.yaml").write_text(text % "neighbors: 2")
    with pytest.raises(GleamError, match="neighbors"):
        parse_recipe(["--config", str(tmp_path / "bad.yaml"), "--out", "run"])
