from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from gleam_common.errors import DataError
from gleam_common.sources import sues200
from layouts.painting import paint
from layouts.sues200 import split_sues200, write_sues200


def test_the_published_layout_is_split_by_the_authors_list(tmp_path: Path) -> None:
    assert len(sues200.TRAIN_PLACES) == 120
    assert {f"{number:04d}" for number in range(1, 201)} >= sues200.TRAIN_PLACES
    catalog = sues200.read(write_sues200(tmp_path, shots=2))
    assert catalog.statistics()["splits"] == {"test": 16, "train": 32}
    row = catalog.queries.to_pylist()[0]
    assert (row["query_id"], row["height_m"]) == ("sues200/drone_view_512/0001/150/0.jpg", 150.0)
    assert row["positives"] == ["sues200/satellite-view/0001/0.png"]
    assert catalog.check_pictures() == 48 + 6


@pytest.mark.parametrize("names", [("Training", "Testing"), ("train", "test")])
def test_the_split_layout_holds_the_same(tmp_path: Path, names: tuple[str, str]) -> None:
    raw = write_sues200(tmp_path / "raw")
    whole, split = sues200.read(raw), sues200.read(split_sues200(raw, tmp_path / "split", *names))
    key = ["place_id", "height_m", "split"]
    order = [(name, "ascending") for name in key]
    assert split.queries.select(key).sort_by(order) == whole.queries.select(key).sort_by(order)
    tiles = ["place_id", "split"]
    assert split.gallery.select(tiles).sort_by("place_id") == whole.gallery.select(tiles).sort_by("place_id")
    assert split.check_pictures() == 54


def test_pictures_that_are_only_searched_ask_nothing(tmp_path: Path) -> None:
    root = split_sues200(write_sues200(tmp_path / "raw"), tmp_path / "split")
    shutil.rmtree(root / "Training")
    assert sues200.read(root).statistics()["splits"] == {"distractor": 32, "test": 16}


def test_broken_copies_are_named(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError, match=r"in neither of its layouts.*satellite-view.*here are: images"):
        sues200.read(tmp_path)
    root = write_sues200(tmp_path / "raw")
    paint(root / "drone_view_512/0001/175/0.jpg", "0001")
    with pytest.raises(DataError, match=r"0001/175/0.jpg: no height in metres: '175'; allowed: 150, 200"):
        sues200.read(root)
    shutil.rmtree(root / "drone_view_512/0001/175")
    shutil.rmtree(root / "satellite-view/0012")
    with pytest.raises(DataError, match=r"place without a satellite tile: '0012'; unpack"):
        sues200.read(root)
