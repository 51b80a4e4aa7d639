from __future__ import annotations

from pathlib import Path

import pytest
from gleam_common.errors import DataError
from gleam_common.sources import folder
from layouts.folder import write_folder
from layouts.painting import paint


def test_pictures_meet_tiles_of_their_name_or_sub_folder(tmp_path: Path) -> None:
    catalog = folder.read(write_folder(tmp_path, train=2, test=1))
    assert catalog.statistics()["splits"] == {"test": 3, "train": 6}
    wanted = {row["path"]: row["positives"] for row in catalog.queries.to_pylist()}
    assert wanted["train/uav/place 1.JPG"] == ["folder/train/satellite/place 1.png"]
    assert wanted["test/ground/place 2/b.jpg"] == ["folder/test/satellite/place 2.png"]
    assert catalog.check_pictures() == 12


def test_folders_without_splits_are_tested_and_a_place_may_have_several_tiles(tmp_path: Path) -> None:
    for path in ("satellite/0.5/a.tif", "satellite/0.5/b.png", "satellite/1.25.png", "map/0.5.png"):
        paint(tmp_path / path, path)
    row = folder.read(tmp_path).queries.to_pylist()[0]
    assert (row["split"], row["view"], row["place_id"]) == ("test", "map", "folder/0.5")
    assert row["positives"] == ["folder/satellite/0.5/a.tif", "folder/satellite/0.5/b.png"]


def test_a_manifest_goes_first(tmp_path: Path) -> None:
    write_folder(tmp_path)
    lines = ["query,gallery,view,lat,lon", "train\\uav\\place 0.JPG,train\\satellite\\place 1.png,uav,48.1,11.5"]
    (tmp_path / "manifest.csv").write_bytes("\r\n".join(lines).encode())
    row = folder.read(tmp_path).queries.to_pylist()[0]
    assert (row["path"], row["positives"]) == ("train/uav/place 0.JPG", ["folder/train/satellite/place 1.png"])
    assert (row["lat"], row["split"]) == (48.1, "test")


def test_what_does_not_fit_is_said_with_the_way_out(tmp_path: Path) -> None:
    for name in ("photos", "tiles"):
        (tmp_path / "other" / name).mkdir(parents=True)
    with pytest.raises(
        DataError, match=r"no folders of tiles and pictures: 'photos, tiles'; allowed: satellite beside"
    ):
        folder.read(tmp_path / "other")
    root = write_folder(tmp_path / "own", train=0, test=3)
    (root / "test/satellite/place 1.png").rename(root / "test/satellite/Place 1.png")
    words = r"3 of 9 pictures have no tile.*test/uav/place 1.JPG, test/ground/place 1/a.jpg.*such as Place 1.*manifest"
    with pytest.raises(DataError, match=words):
        folder.read(root)
