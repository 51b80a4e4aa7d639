from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import pytest
import torch
from gleam_common.artifacts import sha256_file
from gleam_common.augment import NO_AUGMENT
from gleam_common.catalog import Catalog
from gleam_common.datamodule import DataConfig, PairBatch, PairDataModule, PictureBatch, picture_loader
from gleam_common.errors import ConfigError, DataError
from gleam_common.images import load_array
from gleam_common.sampling import SampleKey
from gleam_common.transforms import eval_picture, view_sizes
from gleam_common.views import View
from lightning.pytorch.callbacks import ModelCheckpoint


def config(folder: Path, **changes: Any) -> DataConfig:
    return replace(DataConfig(catalog=str(folder), side=32, batch_size=8), **changes)


def batches_of(settings: DataConfig, epoch: int = 0) -> list[PairBatch]:
    loader = PairDataModule(settings).train_dataloader()
    loader.order.set_epoch(epoch)
    return list(loader)


def id_of(folder: Path, path: str) -> str:
    """The id of the query whose picture it is."""
    catalog = Catalog.read(folder)
    return catalog.query_ids[catalog.column("path").tolist().index(path)]


def same(first: Any, second: Any) -> bool:
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, tuple):
        return all(same(a, b) for a, b in zip(first, second, strict=True))
    return bool(first == second)


def equal(first: list[PairBatch], second: list[PairBatch]) -> bool:
    assert len(first) == len(second)
    return all(same(tuple(a.values()), tuple(b.values())) for a, b in zip(first, second, strict=True))


def test_a_batch_holds_what_the_design_says(tiny_world: Path) -> None:
    module = PairDataModule(config(tiny_world))
    sizes, catalog = view_sizes(32), module.catalog
    batches = list(module.train_dataloader())
    assert len(batches) == module.steps_per_epoch() == 16
    assert {batch["view"] for batch in batches} == {"uav", "map", "panorama", "ground"}
    for batch in batches:
        assert set(batch) == set(PairBatch.__annotations__)
        assert batch["query"].shape == (8, 3, *sizes[View(batch["view"])])
        assert batch["gallery"].shape == (8, 3, 32, 32)
        assert batch["query"].dtype == batch["gallery"].dtype == torch.float32
        assert len(set(batch["place_id"])) == 8
        for row in range(8):
            query = catalog.query_ids.index(batch["query_id"][row])
            tile = int(batch["gallery_row"][row])
            assert catalog.gallery_ids[tile] == batch["gallery_id"][row]
            assert catalog.queries["positives"][query].as_py() == [batch["gallery_id"][row]]
            related = {catalog.gallery_ids[other] for other in batch["related"][row].tolist() if other >= 0}
            named = catalog.queries["positives"][query].as_py() + catalog.queries["semi_positives"][query].as_py()
            assert related == set(named)


def test_pictures_are_those_of_their_ids(tiny_world: Path) -> None:
    module = PairDataModule(config(tiny_world, augment=NO_AUGMENT))
    batch = next(iter(module.train_dataloader()))
    query = module.catalog.query_ids.index(batch["query_id"][2])
    tile = int(batch["gallery_row"][2])
    for table, row, pictures in (("queries", query, batch["query"]), ("gallery", tile, batch["gallery"])):
        path = module.catalog.picture_path(table, row)  # type: ignore[arg-type]
        view = View(batch["view"]) if table == "queries" else View.SATELLITE
        expected = eval_picture(load_array(path), view, view_sizes(32))
        assert (pictures[2] - expected).abs().mean() < 0.1
        assert (pictures[3] - expected).abs().mean() > 0.3


def test_worker_count_and_cache_change_nothing(tiny_world: Path, tmp_path: Path) -> None:
    plain = batches_of(config(tiny_world), epoch=1)
    assert equal(plain, batches_of(config(tiny_world), epoch=1))
    assert equal(plain, batches_of(config(tiny_world, workers=2, cache=str(tmp_path)), epoch=1))
    assert not equal(plain, batches_of(config(tiny_world), epoch=2))


def test_company_changes_nothing(tiny_world: Path) -> None:
    """A pair's changed pictures depend on (seed, epoch, pair, occurrence): not on its batch or rank."""
    by_batch_size = []
    for size in (4, 8):
        found = {}
        for batch in batches_of(config(tiny_world, batch_size=size)):
            for row, query_id in enumerate(batch["query_id"]):
                found[query_id] = torch.cat([batch["query"][row].flatten(), batch["gallery"][row].flatten()])
        by_batch_size.append(found)
    assert by_batch_size[0].keys() == by_batch_size[1].keys()
    assert all(torch.equal(by_batch_size[0][key], by_batch_size[1][key]) for key in by_batch_size[0])


def test_a_pair_looks_different_each_time(tiny_world: Path) -> None:
    dataset = PairDataModule(config(tiny_world)).dataset
    first = dataset[SampleKey(0, 5, 0)]
    assert np.array_equal(first.query, dataset[SampleKey(0, 5, 0)].query)
    for other in (SampleKey(1, 5, 0), SampleKey(0, 5, 1)):
        assert not np.array_equal(first.query, dataset[other].query)
        assert not np.array_equal(first.tile, dataset[other].tile)


def test_persistent_workers_see_the_next_epoch(tiny_world: Path) -> None:
    loader = PairDataModule(config(tiny_world, workers=1)).train_dataloader()
    for epoch in range(2):
        loader.order.set_epoch(epoch)
        assert equal(list(loader), batches_of(config(tiny_world), epoch=epoch))


@pytest.mark.parametrize("workers", [0, 1])
def test_an_iterator_that_was_asked_for_early_goes_through_the_epoch_that_is_set_then(
    tiny_world: Path, workers: int
) -> None:
    """Lightning does so where a run goes on at an epoch's end."""
    loader = PairDataModule(config(tiny_world, workers=workers)).train_dataloader()
    early = iter(loader)
    loader.order.set_epoch(1)
    assert equal(list(early), batches_of(config(tiny_world), epoch=1))


@pytest.mark.parametrize("workers", [0, 2])
def test_the_state_counts_used_batches_and_resumes_there(tiny_world: Path, workers: int) -> None:
    settings = config(tiny_world, workers=workers)
    whole = batches_of(settings)
    loader = PairDataModule(settings).train_dataloader()
    iterator = iter(loader)
    for _ in range(5):
        next(iterator)
    state = json.loads(json.dumps(loader.state_dict()))
    assert state["position"] == 5
    resumed = PairDataModule(settings).train_dataloader()
    resumed.load_state_dict(state)
    assert equal(list(resumed), whole[5:])
    assert equal(list(resumed), whole)


class Diary(lightning.LightningModule):
    """Learns nothing and writes down what it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, str, float]] = []
        self.weight = torch.nn.Parameter(torch.zeros(()))

    def training_step(self, batch: PairBatch) -> torch.Tensor:
        self.seen.append((self.current_epoch, batch["query_id"][0], float(batch["query"].sum())))
        return self.weight * batch["query"].mean()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(folder: Path, checkpoint: Path | None = None) -> Diary:
    """Train three epochs of 16 steps; keep a checkpoint every five steps and one at each epoch's end."""
    steps = ModelCheckpoint(folder, filename="{step}", every_n_train_steps=5, save_top_k=-1)
    epochs = ModelCheckpoint(folder, filename="{epoch}", save_top_k=-1, save_on_train_epoch_end=True)
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_epochs=3,
        callbacks=[steps, epochs],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    module = Diary()
    data = PairDataModule(config(folder.parent, cache=str(folder.parent / "cache")))
    trainer.fit(module, datamodule=data, ckpt_path=checkpoint)
    return module


@pytest.mark.filterwarnings("ignore")
def test_lightning_goes_on_as_if_nothing_had_happened(tiny_world: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_world, tmp_path, dirs_exist_ok=True)
    whole = fit(tmp_path / "whole")
    assert [entry[0] for entry in whole.seen] == sorted([0, 1, 2] * 16)
    assert len({entry[2] for entry in whole.seen}) == 48
    for name, step in (("step=5", 5), ("step=15", 15), ("epoch=0", 16), ("step=20", 20), ("epoch=1", 32)):
        resumed = fit(tmp_path / "again", tmp_path / "whole" / f"{name}.ckpt")
        assert resumed.seen == whole.seen[step:], name
        assert torch.equal(resumed.weight, whole.weight)


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"split": "dev"}, DataError, "no query has this split: 'dev'; allowed: test: 48, train: 128, val: 32"),
        ({"views": ("drone",)}, DataError, "unknown view: 'drone'"),
        ({"batch_size": 40}, ConfigError, r"too few places .*\(32\): 40; allowed: a global batch of at most 32; lower"),
        ({"weights": {"moon": 1.0}}, DataError, "unknown view: 'moon'"),
        ({"views": ("uav",), "weights": {"map": 1.0}}, ConfigError, "a weight for a view without pairs"),
        ({"sizes": {"uav": (2, 2)}}, ConfigError, "size of view uav"),
        ({"catalog": "nowhere"}, DataError, "no such catalog folder: 'nowhere'"),
    ],
)
def test_a_wrong_recipe_is_refused(
    tiny_world: Path, changes: dict[str, Any], kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        PairDataModule(config(tiny_world, **changes)).train_dataloader()


@pytest.mark.parametrize("workers", [0, 1])
def test_another_pair_stands_for_one_that_cannot_be_read_and_it_is_named(
    tiny_world: Path, tmp_path: Path, workers: int
) -> None:
    """Trained with: the same other pair of its view, whoever loads it; nothing else changes."""
    shutil.copytree(tiny_world, tmp_path / "w")
    (tmp_path / "w/images/map/3.png").write_bytes(b"no picture")
    broken, whole = batches_of(config(tmp_path / "w", workers=workers)), batches_of(config(tiny_world))
    (why,) = {why for batch in broken for why in batch["bad"]}
    name = id_of(tiny_world, "images/map/3.png")
    assert re.search(rf"^{name}: [^\n]*images/map/3\.png: not a picture that can be read", why)
    cached = batches_of(config(tmp_path / "w", cache=str(tmp_path / "cache")))
    assert equal(broken, cached)
    for batch, before in zip(broken, whole, strict=True):
        changed = [i for i, name in enumerate(before["query_id"]) if name != batch["query_id"][i]]
        assert len(changed) == len(batch["bad"])
        for row in range(len(before["query_id"])):
            assert (row in changed) == (not torch.equal(batch["query"][row], before["query"][row]))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_picture_to_embed_is_named_in_one_line(tiny_world: Path, tmp_path: Path, workers: int) -> None:
    shutil.copytree(tiny_world, tmp_path, dirs_exist_ok=True)
    (tmp_path / "images/map/3.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"^[^\n]*images/map/3\.png: not a picture that can be read") as info:
        list(picture_loader(Catalog.read(tmp_path), "queries", size=(32, 32), view="map", workers=workers))
    assert "Traceback" not in str(info.value)
    with pytest.raises(DataError, match=r"^[^\n]*3\.png"):
        list(picture_loader(Catalog.read(tmp_path), "queries", size=(32, 32), view="map", workers=workers))


def test_every_pair_of_a_bad_tile_is_named(tiny_world: Path, tmp_path: Path) -> None:
    """Four pairs of one tile are four bad pairs, not one bad picture."""
    shutil.copytree(tiny_world, tmp_path, dirs_exist_ok=True)
    Catalog.read(tmp_path).picture_path("gallery", 3).write_bytes(b"no picture")
    bad = {why.partition(": ")[0] for batch in batches_of(config(tmp_path)) for why in batch["bad"]}
    tile = Catalog.read(tmp_path).gallery_ids[3]
    with_it = [row["query_id"] for row in Catalog.read(tmp_path).queries.to_pylist() if tile in row["positives"]]
    assert len(with_it) > 1
    assert bad == set(with_it)


def test_noise_stands_for_a_bad_picture_where_it_may(tiny_world: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_world, tmp_path, dirs_exist_ok=True)
    (tmp_path / "images/map/3.png").write_bytes(b"no picture")
    options: dict[str, Any] = {"size": (32, 32), "view": "map", "keep_bad": True}
    first, again = (joined(picture_loader(Catalog.read(tmp_path), "queries", **options)) for _ in range(2))
    whole = joined(picture_loader(Catalog.read(tiny_world), "queries", **options))
    assert torch.equal(first[1], again[1])
    changed = [at for at, name in enumerate(whole[0]) if not torch.equal(first[1][at], whole[1][at])]
    assert [whole[0][at] for at in changed] == [id_of(tiny_world, "images/map/3.png")]


def joined(loader: Any) -> tuple[list[str], torch.Tensor, list[int]]:
    batches: list[PictureBatch] = list(loader)
    ids = [name for batch in batches for name in batch["ids"]]
    rows = torch.cat([batch["rows"] for batch in batches]).tolist()
    return ids, torch.cat([batch["pictures"] for batch in batches]), rows


def test_pictures_to_embed_come_in_order_and_as_for_evaluation(tiny_catalog: Catalog, tmp_path: Path) -> None:
    ids, pictures, rows = joined(picture_loader(tiny_catalog, size=(32, 32), batch_size=10))
    assert ids == tiny_catalog.gallery_ids
    assert rows == list(range(52))
    expected = eval_picture(load_array(tiny_catalog.picture_path("gallery", 7)), View.SATELLITE, (32, 32))
    assert torch.equal(pictures[7], expected)
    cached = joined(picture_loader(tiny_catalog, size=(32, 32), batch_size=9, workers=2, cache=tmp_path))
    assert cached[0] == ids
    assert torch.equal(cached[1], pictures)


def test_queries_of_a_view_are_shared_out_among_ranks(tiny_catalog: Catalog) -> None:
    def load(rank: int, world: int) -> tuple[list[str], torch.Tensor, list[int]]:
        return joined(picture_loader(tiny_catalog, "queries", size=(32, 40), view="uav", rank=rank, world_size=world))

    ids, pictures, rows = load(0, 1)
    assert ids == [name for name in tiny_catalog.query_ids if name.endswith("/uav")]
    assert [tiny_catalog.query_ids[row] for row in rows] == ids
    parts = [load(rank, 3) for rank in range(3)]
    assert sorted(row for part in parts for row in part[2]) == rows
    together = {row: picture for part in parts for row, picture in zip(part[2], part[1], strict=True)}
    assert all(torch.equal(together[row], pictures[at]) for at, row in enumerate(rows))


def test_wrong_slices_and_views_are_refused(tiny_catalog: Catalog) -> None:
    with pytest.raises(ConfigError, match="0 <= rank < world_size"):
        picture_loader(tiny_catalog, size=(32, 32), rank=1)
    with pytest.raises(DataError, match="unknown view: 'drone'"):
        picture_loader(tiny_catalog, size=(32, 32), view="drone")


def test_loading_writes_nothing_beside_the_pictures(tiny_world: Path) -> None:
    before = {path: sha256_file(path) for path in tiny_world.rglob("*") if path.is_file()}
    batches_of(config(tiny_world))
    assert before == {path: sha256_file(path) for path in tiny_world.rglob("*") if path.is_file()}


def test_the_pictures_can_be_told_apart_by_what_they_show(tiny_catalog: Catalog) -> None:
    """The shared toy world is learnable: a map's nearest tile by plain pixels is mostly its own."""
    _, maps, _ = joined(picture_loader(tiny_catalog, "queries", size=(32, 32), view="map"))
    _, tiles, _ = joined(picture_loader(tiny_catalog, size=(32, 32)))
    nearest = torch.cdist(maps.flatten(1), tiles.flatten(1)).argmin(1)
    assert (nearest.numpy() == np.arange(52)).mean() > 0.9
