from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from gleam_common.errors import DataError
from gleam_common.sources import geotext1652
from layouts.geotext1652 import write_geotext1652
from layouts.painting import paint


def test_distractors_are_searched_but_ask_nothing(tmp_path: Path) -> None:
    catalog = geotext1652.read(write_geotext1652(tmp_path, train=6, test=3, distractors=2, shots=3))
    assert catalog.statistics()["splits"] == {"distractor": 8, "test": 12, "train": 24}
    assert catalog.statistics()["views"] == {"ground": 11, "uav": 33}
    chosen = catalog.select("test", views=["uav"], gallery="split")
    assert (len(chosen.queries), len(chosen.gallery)) == (9, 5)
    row = chosen.queries.to_pylist()[0]
    assert row["query_id"] == "geotext1652/test/query(701)/0006/image-01.jpeg"
    assert (row["positives"], row["place_id"]) == (
        ["geotext1652/test/query(701)/0006/0006.jpg"],
        "geotext1652/0006",
    )
    assert catalog.check_pictures() == 44 + 11


def test_an_images_folder_and_names_of_the_readme_are_read_alike(tmp_path: Path) -> None:
    root = write_geotext1652(tmp_path / "images").parent
    names = {"drone_view.jpg": "uav", "street_view.jpg": "ground"}
    for name in (*names, "satellite_view.jpg"):
        paint(root / "images/train/0900" / name, "0900")
    rows = [row for row in geotext1652.read(root).queries.to_pylist() if row["place_id"] == "geotext1652/0900"]
    assert {row["path"].split("/")[-1]: row["view"] for row in rows} == names
    assert {one for row in rows for one in row["positives"]} == {"geotext1652/images/train/0900/satellite_view.jpg"}


def test_broken_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no such folder \(buildings to train on\)"):
        geotext1652.read(tmp_path)
    root = write_geotext1652(tmp_path)
    (root / "train/0002/0002.jpg").unlink()
    with pytest.raises(DataError, match=r"train/0002: building without a satellite picture; allowed: 0002.jpg"):
        geotext1652.read(root)
    shutil.rmtree(root / "test/query(701)")
    with pytest.raises(DataError, match=r"no folder query...: 'gallery_no_train\(250\)'; allowed: query\(701\)"):
        geotext1652.read(root)
