from __future__ import annotations

from pathlib import Path

import pytest
from gleam_common.errors import DataError
from gleam_common.sources import setvl480k
from layouts.setvl480k import write_setvl480k


def test_photos_are_queries_and_sets_are_named(tmp_path: Path) -> None:
    catalog = setvl480k.read(write_setvl480k(tmp_path, train=6, test=3, photos=4))
    chosen = catalog.select("test", gallery="split")
    assert (len(chosen.queries), len(chosen.gallery)) == (12, 3)
    assert len(set(chosen.column("set_id"))) == 6
    row = chosen.queries.to_pylist()[3]
    assert (row["view"], row["heading_deg"], row["area"]) == ("ground", 270.0, "NewYork")
    assert row["positives"] == [row["place_id"]] == ["setvl480k/satellite/6.png"]
    assert catalog.statistics()["tiles_with_coordinates"] == 9
    assert catalog.check_pictures() == 9 * 5


def test_a_set_has_one_tile_and_one_split(tmp_path: Path) -> None:
    path = write_setvl480k(tmp_path) / "manifest.csv"
    whole = path.read_text()
    path.write_text(whole.replace("train,1-0,", "train,0-0,"))
    with pytest.raises(DataError, match=r"set '0-0' has photos of different tiles.*photos/0_0.jpg.*photos/1_0.jpg"):
        setvl480k.read(tmp_path)
    path.write_text(whole.replace("set_id,", "place_id,"))
    with pytest.raises(DataError, match=r"described otherwise|no photo is in a set"):
        setvl480k.read(tmp_path)


def test_photos_outside_any_set_stand_alone_but_some_set_there_must_be(tmp_path: Path) -> None:
    path = write_setvl480k(tmp_path, train=1, test=1, photos=2) / "manifest.csv"
    whole = path.read_text()
    path.write_text(whole.replace(",0-0,", ",,"))
    assert setvl480k.read(tmp_path).queries["set_id"].to_pylist() == [None, None, "1-0", "1-0"]
    path.write_text(whole.replace(",0-0,", ",,").replace(",1-0,", ",,"))
    with pytest.raises(DataError, match="no photo is in a set; add the column set_id"):
        setvl480k.read(tmp_path)


def test_without_a_manifest_its_columns_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"missing file: 'manifest.csv'; write one: query,gallery,split,set_id"):
        setvl480k.read(tmp_path)
