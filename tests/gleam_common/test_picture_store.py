from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from gleam_common.catalog import Catalog
from gleam_common.errors import DataError
from gleam_common.images import load_array
from gleam_common.picture_store import DecodedPictures, PictureStore, open_pictures
from gleam_common.transforms import resize_picture


def paths_of(catalog: Catalog, count: int = 20) -> list[Path]:
    return [catalog.picture_path("queries", row) for row in range(count)]


def test_a_store_holds_what_decoding_gives(tiny_catalog: Catalog, tmp_path: Path) -> None:
    paths = paths_of(tiny_catalog)
    store, decoded = open_pictures(paths, (24, 30), tmp_path), open_pictures(paths, (24, 30), None)
    assert isinstance(store, PictureStore)
    assert isinstance(decoded, DecodedPictures)
    assert len(store) == len(decoded) == len(paths)
    for index, path in enumerate(paths):
        expected = resize_picture(load_array(path), (24, 30))
        assert np.array_equal(store[index], expected)
        assert np.array_equal(decoded[index], expected)


def test_a_store_is_built_once_until_a_file_changes(tiny_catalog: Catalog, tmp_path: Path) -> None:
    copy = tmp_path / "a.png"
    copy.write_bytes(paths_of(tiny_catalog)[0].read_bytes())
    first = open_pictures([copy], (24, 24), tmp_path / "cache")
    built = list((tmp_path / "cache").iterdir())
    assert len(built) == 1
    before = built[0].stat().st_mtime_ns
    open_pictures([copy], (24, 24), tmp_path / "cache")
    assert built[0].stat().st_mtime_ns == before
    copy.write_bytes(paths_of(tiny_catalog)[1].read_bytes())
    os.utime(copy, ns=(1, 1))
    second = open_pictures([copy], (24, 24), tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 2
    assert not np.array_equal(first[0], second[0])


def test_a_pickled_store_carries_its_path_and_not_its_pictures(tiny_catalog: Catalog, tmp_path: Path) -> None:
    store = open_pictures(paths_of(tiny_catalog), (64, 64), tmp_path)
    packed = pickle.dumps(store)
    assert len(packed) < 1000
    assert np.array_equal(pickle.loads(packed)[3], store[3])


def test_a_store_may_keep_the_place_of_bad_pictures(tiny_catalog: Catalog, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    good = paths_of(tiny_catalog)
    paths = [good[0], bad, tmp_path / "gone.png", good[1]]
    for _ in range(2):  # built, then found
        store = open_pictures(paths, (24, 24), tmp_path / "cache", keep_bad=True)
        assert np.array_equal(store[3], resize_picture(load_array(good[1]), (24, 24)))
        with pytest.raises(DataError, match=r"bad\.png: not a picture"):
            store[1]
        with pytest.raises(DataError, match=r"gone\.png: no such picture"):
            pickle.loads(pickle.dumps(store))[2]


def test_a_broken_or_missing_picture_is_named_and_leaves_no_store(tiny_catalog: Catalog, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"bad\.png: not a picture"):
        open_pictures([*paths_of(tiny_catalog), bad], (24, 24), tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*"))
    with pytest.raises(DataError, match=r"gone\.png: no such picture"):
        open_pictures([tmp_path / "gone.png"], (24, 24), tmp_path / "cache")
