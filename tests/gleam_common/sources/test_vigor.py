from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from gleam_common.errors import DataError
from gleam_common.geo import LatLon, LocalFrame
from gleam_common.sources import vigor
from layouts.painting import paint
from layouts.vigor import label_of, pano_of, tile_of, write_vigor

# The line that the reference quotes from the published lists.
REAL = (
    "KcuqJn_PuuZq3GERzhqG5Q,41.854423,-87.682638,.jpg satellite_41.8543505796211_-87.68282621216503.png -71.0 -141.0 "
    "satellite_41.8543505796211_-87.68238562277327.png -74.0 188.0 satellite_41.85467865207374_-87.68282621216503.png "
    "256.0 -138.0 satellite_41.85467865207374_-87.68238562277327.png 254.0 190.0"
)


def test_both_protocols_have_their_own_splits_and_tiles(tmp_path: Path) -> None:
    catalog = vigor.read(write_vigor(tmp_path, panoramas=4))
    assert (len(catalog.queries), len(catalog.gallery)) == (16, 40)
    same = catalog.select("test", gallery="split", protocol="vigor_same")
    assert (len(same.queries), len(same.gallery)) == (8, 40)
    cross = catalog.select("test", gallery="split", protocol="vigor_cross")
    assert (len(cross.queries), len(cross.gallery)) == (8, 20)
    assert set(cross.column("area")) == {"SanFrancisco", "Chicago"}
    assert set(catalog.select("train", gallery="split", protocol="vigor_cross").column("area", "gallery")) == {
        "NewYork", "Seattle",
    }  # fmt: skip
    assert catalog.check_pictures() == 56


def test_a_line_becomes_one_positive_three_semi_positives_and_a_place(tmp_path: Path) -> None:
    rows = {row["query_id"]: row for row in vigor.read(write_vigor(tmp_path)).queries.to_pylist()}
    row = rows[f"vigor/NewYork/panorama/{pano_of('NewYork', 1)}"]
    assert row["positives"] == [f"vigor/NewYork/satellite/{tile_of('NewYork', 0, 1)}"]
    assert row["semi_positives"] == [
        f"vigor/NewYork/satellite/{tile_of('NewYork', *at)}" for at in ((0, 2), (1, 1), (1, 2))
    ]
    assert (row["lat"], row["camera_lon"]) == pytest.approx((40.7, -73.98956699))
    assert (row["heading_deg"], row["split"], row["split_vigor_cross"]) == (0.0, "test", "train")


@pytest.mark.parametrize(
    "options", [{"sample4geo": True}, {"corrected": True}, {"sample4geo": True, "corrected": True}]
)
def test_every_layout_holds_the_same(tmp_path: Path, options: dict[str, bool]) -> None:
    plain = vigor.read(write_vigor(tmp_path / "plain"))
    other = vigor.read(write_vigor(tmp_path / "other", **options))
    assert other.queries.drop(["query_id", "path", "positives", "semi_positives"]) == plain.queries.drop(
        ["query_id", "path", "positives", "semi_positives"]
    )
    assert other.gallery["place_id"] == plain.gallery["place_id"]
    assert other.check_pictures() == 56


def test_the_published_line_is_read_and_its_deltas_agree_with_its_coordinates(tmp_path: Path) -> None:
    """Panoramas stand at column 320 - d1, row 320 + d0 of the tile: our coordinates and bounds must say the same."""
    root, cells = tmp_path, REAL.split()
    for tile in cells[1::3]:
        paint(root / "Chicago/satellite" / tile, tile)
    paint(root / "Chicago/panorama" / cells[0], cells[1])
    (root / "splits/Chicago").mkdir(parents=True)
    (root / "splits/Chicago/satellite_list.txt").write_text("\n".join(cells[1::3]))
    for name in ("pano_label_balanced", "same_area_balanced_train"):
        (root / f"splits/Chicago/{name}.txt").write_text(REAL)
    (root / "splits/Chicago/same_area_balanced_test.txt").write_text("\n")
    catalog = vigor.read(root)
    query = catalog.queries.to_pylist()[0]
    assert query["path"] == f"Chicago/panorama/{cells[0]}"
    for tile, d0, d1 in zip(cells[1::3], cells[2::3], cells[3::3], strict=True):
        row = next(row for row in catalog.gallery.to_pylist() if row["path"].endswith(tile))
        east_m, north_m = LocalFrame(origin=LatLon(lat=row["lat"], lon=row["lon"])).to_local(query["lat"], query["lon"])
        # A tenth of a metre a pixel; the published deltas are a few pixels off (VIGOR, issue 2).
        assert -float(d1) == pytest.approx(float(east_m) / row["gsd_m"], abs=6)
        assert -float(d0) == pytest.approx(float(north_m) / row["gsd_m"], abs=6)
        south, west, north, east = row["bounds"]
        assert (south + north, west + east) == pytest.approx((2 * row["lat"], 2 * row["lon"]))


def test_a_copy_with_tiles_of_another_end_or_with_some_cities_is_read(tmp_path: Path) -> None:
    root = write_vigor(tmp_path)
    tiles = root / "Seattle/satellite"
    for path in list(tiles.iterdir()):
        path.rename(path.with_suffix(".jpg"))
    shutil.rmtree(root / "splits/Chicago")
    catalog = vigor.read(root)
    assert set(catalog.column("area")) == {"NewYork", "Seattle", "SanFrancisco"}
    assert catalog.check_pictures() == 42


def test_links_are_followed(tmp_path: Path) -> None:
    root = write_vigor(tmp_path / "here")
    (tmp_path / "there").mkdir()
    shutil.move(root / "Chicago", tmp_path / "there")
    (root / "Chicago").symlink_to(tmp_path / "there/Chicago", target_is_directory=True)
    assert vigor.read(root).check_pictures() == 56


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("satellite_list", "tile.png\n", r"satellite_list.txt, line 1: no tile of VIGOR.*satellite_LAT_LON"),
        ("satellite_list", "satellite_95.0_1.0.png\n", "line 1: no tile of VIGOR"),
        ("satellite_list", "satellite_40.0_1.0.png\n", "a tile that is not in satellite_list.txt"),
        ("pano_label_balanced", "x,1,2,.jpg a b c\n", "line 1: no panorama of VIGOR.*four times"),
        ("pano_label_balanced", "LABEL 7.0\n", "line 1: no panorama of VIGOR"),
        ("pano_label_balanced", "LABEL\n\nLABEL\n", "line 3: the panorama was listed before"),
        ("same_area_balanced_test", "OTHER\n", "another list gives the panorama another tile"),
        ("same_area_balanced_test", "LABEL\n", "line 1: the panorama was listed before"),
    ],
)
def test_a_broken_list_is_named_with_its_line(tmp_path: Path, name: str, text: str, words: str) -> None:
    label, other = label_of("Chicago", 0), label_of("Chicago", 1)
    text = text.replace("LABEL", label).replace("OTHER", " ".join([pano_of("Chicago", 0), *other.split()[1:]]))
    (write_vigor(tmp_path) / f"splits/Chicago/{name}.txt").write_text(text)
    with pytest.raises(DataError, match=words):
        vigor.read(tmp_path)


def test_missing_folders_and_lists_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no such folder \(lists of VIGOR\).*splits"):
        vigor.read(tmp_path)
    (tmp_path / "splits/Paris").mkdir(parents=True)
    with pytest.raises(DataError, match=r"no city in its lists.*allowed: Chicago, NewYork"):
        vigor.read(tmp_path)
    root = write_vigor(tmp_path / "whole")
    (root / "splits/Chicago/same_area_balanced_train.txt").unlink()
    with pytest.raises(DataError, match=r"no such list.*Chicago/same_area_balanced_train.txt"):
        vigor.read(root)
    shutil.rmtree(root / "Chicago/satellite")
    with pytest.raises(DataError, match=r"no such folder \(tiles of VIGOR; satellite/Chicago is looked at as well\)"):
        vigor.read(root)


def test_published_numbers_add_up() -> None:
    tiles = [count.number for count in vigor.SOURCE.published if count.view == "satellite"]
    assert sum(tiles) == 90_618
