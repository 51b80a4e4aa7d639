from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from gleam_common.errors import DataError
from gleam_common.reverse import reverse_catalog
from gleam_common.sources import denseuav
from gleam_common.views import View
from layouts.denseuav import write_denseuav


def test_tiles_of_train_and_test_are_searched_once_each(tmp_path: Path) -> None:
    catalog = denseuav.read(write_denseuav(tmp_path, train=4, test=2))
    chosen = catalog.select("test", gallery="all")
    assert (len(chosen.queries), len(chosen.gallery)) == (2 * 3, 6 * 6)
    assert catalog.statistics()["splits"] == {"test": 6, "train": 12}
    assert all(path.startswith("test/gallery_satellite/") for path in catalog.gallery["path"].to_pylist())
    assert catalog.check_pictures() == 18 + 36


def test_all_six_tiles_of_a_point_are_right(tmp_path: Path) -> None:
    row = denseuav.read(write_denseuav(tmp_path)).queries.to_pylist()[-1]
    assert (row["query_id"], row["height_m"], row["view"]) == ("denseuav/test/query_drone/000006/H90.JPG", 90.0, "uav")
    names = {f"denseuav/test/gallery_satellite/000006/H{h}{old}.tif" for h in (80, 90, 100) for old in ("", "_old")}
    assert set(row["positives"]) == names


def test_longitude_stands_first_in_the_list_and_latitude_in_the_catalog(tmp_path: Path) -> None:
    catalog = denseuav.read(write_denseuav(tmp_path))
    row = catalog.queries.to_pylist()[0]
    assert (row["lat"], row["lon"], row["camera_lat"]) == pytest.approx((30.32, 120.38, 30.32), abs=1e-8)
    assert catalog.statistics()["tiles_with_coordinates"] == 36


def test_the_other_direction_searches_pictures_of_train_and_test(tmp_path: Path) -> None:
    catalog = denseuav.read(write_denseuav(tmp_path, train=4, test=2))
    chosen = catalog.select("test", gallery="all")
    rest = catalog.queries.filter([split == "train" for split in catalog.queries["split"].to_pylist()])
    turned = reverse_catalog(chosen, View.UAV, rest)
    assert (len(turned.queries), len(turned.gallery)) == (2 * 6, 6 * 3)


def test_lists_of_windows_and_of_the_two_splits_read_the_same(tmp_path: Path) -> None:
    root = write_denseuav(tmp_path)
    plain = denseuav.read(root).queries
    whole = root / "Dense_GPS_ALL.txt"
    whole.write_bytes(whole.read_bytes().replace(b"/", b"\\").replace(b"\n", b"\r\n").rstrip())
    assert denseuav.read(root).queries == plain
    whole.unlink()
    assert denseuav.read(root).queries == plain


def test_a_copy_without_galleries_takes_the_tiles_from_where_they_are(tmp_path: Path) -> None:
    root = write_denseuav(tmp_path)
    shutil.rmtree(root / "test/gallery_satellite")
    catalog = denseuav.read(root)
    assert len(catalog.gallery) == 36
    assert catalog.queries["positives"][0][0].as_py().startswith("denseuav/train/satellite/000001/")
    assert catalog.queries["positives"][-1][0].as_py().startswith("denseuav/test/query_satellite/000006/")


@pytest.mark.parametrize("line", ["a/000001/H80.tif 120.1 30.2 80", "H80.tif E120.1 N30.2 80", "a/0/b Ex N30 9", "x"])
def test_a_line_that_is_no_point_is_named(tmp_path: Path, line: str) -> None:
    root = write_denseuav(tmp_path)
    (root / "Dense_GPS_ALL.txt").write_text(f"\n{line}\n")
    with pytest.raises(DataError, match=r"Dense_GPS_ALL.txt, line 2: no point.*E<longitude> N<latitude>"):
        denseuav.read(root)


def test_points_without_coordinates_or_tiles_and_missing_folders_are_named(tmp_path: Path) -> None:
    root = write_denseuav(tmp_path)
    whole = (root / "Dense_GPS_ALL.txt").read_text()
    (root / "Dense_GPS_ALL.txt").write_text("".join(line for line in whole.splitlines(True) if "000003" not in line))
    with pytest.raises(DataError, match=r"without coordinates: '000003'.*\(5 points in it\)"):
        denseuav.read(root)
    (root / "Dense_GPS_ALL.txt").unlink()
    (root / "Dense_GPS_test.txt").unlink()
    with pytest.raises(DataError, match=r"no such list of the set.*Dense_GPS_test.txt"):
        denseuav.read(root)
    shutil.rmtree(root / "test/gallery_satellite/000005")
    shutil.rmtree(root / "test/query_satellite/000005")
    (root / "Dense_GPS_ALL.txt").write_text(whole)
    with pytest.raises(DataError, match=r"without a satellite tile: '000005'.*gallery_satellite"):
        denseuav.read(root)
    (root / "test/query_drone").rename(root / "test/drone")
    with pytest.raises(DataError, match=r"no such folder.*query_drone.*drone, gallery_drone"):
        denseuav.read(root)
