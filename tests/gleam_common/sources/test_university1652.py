from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from gleam_common.errors import DataError
from gleam_common.reverse import DISTRACTOR, reverse_catalog
from gleam_common.sources import university1652
from gleam_common.views import View
from layouts.painting import paint
from layouts.university1652 import write_university1652


def test_each_picture_is_one_row_though_galleries_hold_the_queries(tmp_path: Path) -> None:
    catalog = university1652.read(write_university1652(tmp_path, train=4, test=3, distractors=2, shots=3))
    assert catalog.statistics()["splits"] == {"distractor": 8, "test": 12, "train": 16, "train_web": 4}
    assert catalog.statistics()["views"] == {"ground": 13, "uav": 27}
    assert catalog.check_pictures() == 40 + 9
    row = next(row for row in catalog.queries.to_pylist() if row["split"] == "test")
    assert row["query_id"] == "university1652/test/query_drone/0843/image-01.jpeg"
    assert row["positives"] == ["university1652/test/gallery_satellite/0843/0843.jpg"]
    assert row["place_id"] == "university1652/0843"


def test_tiles_of_distractors_are_searched_those_of_train_are_not(tmp_path: Path) -> None:
    catalog = university1652.read(write_university1652(tmp_path))
    chosen = catalog.select("test", views=["uav"], gallery="split")
    assert sorted(set(chosen.column("place_id", "gallery"))) == [f"university1652/08{n}" for n in range(43, 48)]
    turned = reverse_catalog(chosen, View.UAV, catalog.select(DISTRACTOR, views=["uav"]).queries)
    assert (len(turned.queries), len(turned.gallery)) == (3, 15)


def test_a_copy_without_query_drone_is_tested_on_the_asked_buildings(tmp_path: Path) -> None:
    whole = university1652.read(write_university1652(tmp_path))
    shutil.rmtree(tmp_path / "test/query_drone")
    assert university1652.read(tmp_path).statistics()["splits"] == whole.statistics()["splits"]


def test_links_capitals_and_stray_files_do_no_harm(tmp_path: Path) -> None:
    root = write_university1652(tmp_path / "here")
    whole = university1652.read(root)
    shutil.move(root / "train/drone/0839", tmp_path / "0839")
    (root / "train/drone/0839").symlink_to(tmp_path / "0839", target_is_directory=True)
    (root / "train/drone/0840/._image-01.jpeg").write_bytes(b"macOS")
    (root / "train/drone/0840/Thumbs.db").write_bytes(b"Windows")
    assert university1652.read(root).queries == whole.queries
    paint(root / "train/drone/0840/IMAGE-99.JPG", "0840")
    assert len(university1652.read(root).queries) == len(whole.queries) + 1


def test_broken_copies_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no such folder \(pictures of University-1652\).*train/drone"):
        university1652.read(tmp_path)
    root = write_university1652(tmp_path)
    shutil.rmtree(root / "train/satellite/0840")
    with pytest.raises(DataError, match=r"train/drone/0840: building without a satellite tile: '0840'"):
        university1652.read(root)
    for name in ("drone", "satellite", "street"):
        shutil.rmtree(root / f"test/query_{name}")
    with pytest.raises(DataError, match=r"without queries.*test/query_drone"):
        university1652.read(root)
