from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from gleam_common.errors import DataError
from gleam_common.sources import map_pairs
from layouts.map_pairs import write_cvg_text, write_map_pairs


def test_a_manifest_gives_maps_and_their_tiles(tmp_path: Path) -> None:
    catalog = map_pairs.read(write_map_pairs(tmp_path, train=5, test=3))
    row = catalog.queries.to_pylist()[0]
    assert (row["query_id"], row["positives"], row["view"]) == ("map/maps/0.png", ["map/tiles/0.png"], "map")
    assert (row["lat"], row["lon"], row["area"]) == (48.0, 11.5, "Munich")
    assert len(catalog.select("test", gallery="split").gallery) == 3
    assert catalog.check_pictures() == 16


def test_cvg_text_pairs_pictures_of_one_name(tmp_path: Path) -> None:
    catalog = map_pairs.read(write_cvg_text(tmp_path, train=4, test=2))
    assert catalog.statistics()["splits"] == {"test": 4, "train": 8}
    assert catalog.statistics()["areas"] == {"Brisbane-mixed": 6, "NewYork-mixed": 6}
    for row in catalog.queries.to_pylist():
        assert row["positives"] == [row["query_id"].replace("-OSM/", "-satellite/")]
        assert f"/{row['lat']},{row['lon']}_" in row["query_id"]
    assert catalog.check_pictures() == 24


def test_neither_layout_and_broken_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"neither pairs of one's own nor CVG-Text.*query,gallery,split"):
        map_pairs.read(tmp_path)
    root = write_cvg_text(tmp_path)
    (root / "CVG-text/Brisbane-mixed/test.json").write_text(json.dumps(["a.jpg"]))
    with pytest.raises(DataError, match=r"test.json: no captions by name: 'list'"):
        map_pairs.read(root)
    (root / "CVG-text/Brisbane-mixed/test.json").unlink()
    with pytest.raises(DataError, match=r"no such list.*Brisbane-mixed/test.json"):
        map_pairs.read(root)
    shutil.rmtree(root / "Brisbane-mixed-satellite")
    with pytest.raises(DataError, match=r"no such folder.*Brisbane-mixed-satellite.*NewYork-mixed-satellite"):
        map_pairs.read(root)
