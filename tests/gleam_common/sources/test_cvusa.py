from __future__ import annotations

from pathlib import Path

import pytest
from gleam_common.errors import DataError
from gleam_common.sources import cvusa
from layouts.cvusa import write_cvusa


def test_each_panorama_has_its_own_tile_in_its_split(tmp_path: Path) -> None:
    catalog = cvusa.read(write_cvusa(tmp_path, train=5, val=3))
    assert catalog.statistics()["splits"] == {"train": 5, "val": 3}
    row = catalog.queries.to_pylist()[5]
    assert row["query_id"] == "cvusa/streetview/panos/0000006.jpg"
    assert row["positives"] == ["cvusa/bingmap/19/0000006.jpg"]
    assert (row["view"], row["place_id"], row["heading_deg"]) == ("panorama", "cvusa/0000006", 0.0)
    assert len(catalog.select("val", gallery="split").gallery) == 3
    assert catalog.check_pictures() == 16


def test_coordinates_are_those_of_the_number_not_of_the_line(tmp_path: Path) -> None:
    catalog = cvusa.read(write_cvusa(tmp_path, train=5, val=3))
    query, tile = catalog.queries.to_pylist()[6], catalog.gallery.to_pylist()[6]
    assert (tile["lat"], tile["lon"]) == pytest.approx((40.06, -89.94))
    assert (query["lat"], query["camera_lon"]) == pytest.approx((40.0601, -89.9401))


def test_coordinates_may_lie_at_the_root_or_be_missing(tmp_path: Path) -> None:
    write_cvusa(tmp_path)
    known = cvusa.read(tmp_path).queries
    (tmp_path / "split_locations/all.csv").rename(tmp_path / "all.csv")
    assert cvusa.read(tmp_path).queries == known
    (tmp_path / "all.csv").unlink()
    assert cvusa.read(tmp_path).statistics()["queries_with_coordinates"] == 0


def test_lists_written_on_windows_read_the_same(tmp_path: Path) -> None:
    plain, windows = cvusa.read(write_cvusa(tmp_path / "a")), write_cvusa(tmp_path / "b", end="\r\n")
    for path in (windows / "splits").iterdir():
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"/", b"\\") + b"\r\n\r\n")
    assert cvusa.read(windows).queries == plain.queries


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("splits/val-19zl.csv", "satellite,ground\n", "val-19zl.csv, line 1: no pair of CVUSA.*without a header"),
        ("splits/val-19zl.csv", "bingmap/19/0000001.jpg\n", "line 1: no pair"),
        ("splits/val-19zl.csv", "bingmap/19/0000009.jpg,streetview/panos/0000010.jpg\n", "line 1: no pair"),
        ("splits/val-19zl.csv", "bingmap/19/13.jpg,streetview/panos/13.jpg\n", "no coordinates of this number: '13'"),
        ("splits/val-19zl.csv", "bingmap/19/1.jpg,streetview/panos/1.jpg\n" * 2, "duplicate"),
        ("split_locations/all.csv", "lat,lon,lat,lon\n", "all.csv, line 1: no coordinates.*without a header"),
    ],
)
def test_a_broken_list_is_named_with_its_line(tmp_path: Path, name: str, text: str, words: str) -> None:
    (write_cvusa(tmp_path) / name).write_text(text)
    with pytest.raises(DataError, match=words):
        cvusa.read(tmp_path)


def test_a_missing_list_or_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no such folder.*splits.*found beside it: nothing"):
        cvusa.read(tmp_path)
    write_cvusa(tmp_path)
    (tmp_path / "splits/val-19zl.csv").unlink()
    with pytest.raises(DataError, match=r"no such list of the set.*val-19zl.csv"):
        cvusa.read(tmp_path)
