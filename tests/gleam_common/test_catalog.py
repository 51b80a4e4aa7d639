from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset
from gleam_common.artifacts import sha256_file
from gleam_common.catalog import Catalog
from gleam_common.catalog_schema import GALLERY, QUERIES
from gleam_common.errors import ConfigError, DataError
from gleam_common.row_lists import RowLists, padded
from gleam_common.views import View

Rows = list[dict[str, Any]]


def tile_rows() -> Rows:
    names, areas = ("a", "b", "c"), ("north", "north", "south")
    common = {"lon": 2.0, "bounds": None}
    return [
        {"gallery_id": f"t/{name}", "path": f"{name}.png", "place_id": name, "lat": 1.0 + row, "area": area, **common}
        for row, (name, area) in enumerate(zip(names, areas, strict=True))
    ]


def query_rows() -> Rows:
    common = {"place_id": "a", "heading_deg": 90.0, "lat": 1.0, "lon": 2.0}
    links: Any = ((["t/a"], ["t/b"]), (["t/c", "t/a"], []), (["t/b"], ["t/c"]))
    where = (("uav", "train", "test", "north"), ("map", "test", "test", "south"), ("uav", "test", "train", "north"))
    return [
        {"query_id": f"q/{row}", "path": f"q{row}.png", "view": view, "positives": positives, "semi_positives": semi}
        | {"split": split, "split_official": official, "area": area, **common}
        for row, ((positives, semi), (view, split, official, area)) in enumerate(zip(links, where, strict=True))
    ]


def small(tiles: Rows | None = None, queries: Rows | None = None, root: str = ".") -> Catalog:
    return Catalog(
        gallery=pa.Table.from_pylist(tile_rows() if tiles is None else tiles),
        queries=pa.Table.from_pylist(query_rows() if queries is None else queries),
        root=root,
    )


def test_columns_are_those_of_the_design_typed_filled_and_in_order() -> None:
    catalog = small()
    assert catalog.gallery.column_names == list(GALLERY)
    assert catalog.queries.column_names == [*QUERIES, "split_official"]
    assert set(catalog.column("view", "gallery")) == {"satellite"}
    assert np.isnan(catalog.column("height_m")).all()
    assert catalog.column("source", "gallery").tolist() == ["", "", ""]
    assert catalog.gallery_latlon().tolist() == [[1, 2], [2, 2], [3, 2]]
    with pytest.raises(DataError, match=r"no such column in queries\.parquet: 'x'; allowed: .*heading_deg"):
        catalog.column("x")


def test_required_columns_are_enough() -> None:
    tiles = [{"gallery_id": "t", "path": "t.png", "place_id": "p"}]
    queries = [{"query_id": "q", "path": "q.png", "place_id": "p", "view": "uav", "positives": ["t"]}]
    catalog = small(tiles, queries)
    assert catalog.queries["semi_positives"].to_pylist() == [[]]
    assert len(catalog.select(gallery="area").gallery) == 1


def test_written_files_come_back_and_have_the_same_bytes_twice(tmp_path: Path) -> None:
    catalog = small()
    catalog.write(tmp_path / "one")
    again = Catalog.read(tmp_path / "one", root=tmp_path)
    again.write(tmp_path / "two")
    assert again.gallery.equals(catalog.gallery)
    assert again.queries.equals(catalog.queries)
    assert again.root == tmp_path
    for name in ("gallery.parquet", "queries.parquet"):
        assert sha256_file(tmp_path / "one" / name) == sha256_file(tmp_path / "two" / name)


def test_hugging_face_datasets_read_the_files_and_are_accepted(tmp_path: Path) -> None:
    small().write(tmp_path)
    both = {
        name: Dataset.from_parquet(str(tmp_path / f"{name}.parquet"), cache_dir=str(tmp_path / "cache"))
        for name in ("gallery", "queries")
    }
    assert both["queries"].features["positives"] == QUERIES["positives"]
    backwards = both["queries"].select([2, 0])
    catalog = Catalog(gallery=both["gallery"], queries=backwards, root=tmp_path)
    assert catalog.query_ids == ["q/2", "q/0"]


def test_links_become_rows() -> None:
    catalog = small()
    assert catalog.gallery_index == {"t/a": 0, "t/b": 1, "t/c": 2}
    assert [rows.tolist() for rows in catalog.query_positives()] == [[0], [2, 0], [1]]
    assert [rows.tolist() for rows in catalog.query_semi_positives()] == [[1], [], [2]]
    assert padded(catalog.query_positives(), catalog.query_semi_positives()).tolist() == [[0, 1], [2, 0], [1, 2]]


def test_padded_lists_equal_the_definition() -> None:
    rng = np.random.default_rng(0)
    lists = [[rng.integers(0, 9, rng.integers(0, 4)).tolist() for _ in range(20)] for _ in range(2)]
    parts = []
    for part in lists:
        offsets = np.cumsum([0, *map(len, part)])
        parts.append(RowLists(offsets=offsets, rows=np.array([row for rows in part for row in rows], dtype=np.int64)))
    joined = [first + second for first, second in zip(*lists, strict=True)]
    width = max(map(len, joined))
    assert padded(*parts).tolist() == [rows + [-1] * (width - len(rows)) for rows in joined]
    assert [rows.tolist() for rows in parts[0]] == lists[0]
    with pytest.raises(IndexError):
        parts[0][20]


def test_a_selection_keeps_the_tiles_that_it_is_searched_in() -> None:
    catalog = small()
    assert catalog.select(views=["uav"]).query_ids == ["q/0", "q/2"]
    assert catalog.select(split="test", views=[View.UAV]).query_ids == ["q/2"]
    assert catalog.select(split="test", protocol="official").query_ids == ["q/0", "q/1"]
    assert catalog.select(area="south").query_ids == ["q/1"]
    train = {kind: catalog.select(split="train", gallery=kind).gallery_ids for kind in ("all", "area", "positives")}
    assert train == {"all": ["t/a", "t/b", "t/c"], "area": ["t/a", "t/b"], "positives": ["t/a", "t/b"]}
    assert catalog.select(area="south", gallery="positives").gallery_ids == ["t/a", "t/c"]
    chosen = catalog.select(views=["map"], gallery="positives")
    assert padded(chosen.query_positives(), chosen.query_semi_positives()).tolist() == [[1, 0]]
    with pytest.raises(ConfigError, match="'most'; allowed: all, area, positives"):
        catalog.select(gallery="most")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"split": "val"}, "no query has this split: 'val'; allowed: test: 2, train: 1"),
        ({"views": ["ground"]}, "no query has this view: 'ground'; allowed: map: 1, uav: 2"),
        ({"split": "train", "area": "south"}, "no query has this area: 'south'; allowed: north: 1"),
        ({"views": ["drone"]}, "unknown view: 'drone'; allowed: ground"),
        ({"split": "x", "protocol": "mine"}, "no such column in queries.parquet: 'split_mine'"),
    ],
)
def test_an_empty_selection_says_what_there_is(wanted: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        small().select(**wanted)


def test_a_gallery_by_split_admits_tiles_by_text_or_by_list() -> None:
    tiles = [
        row | {"split": split, "split_official": admits}
        for row, split, admits in zip(
            tile_rows(), ("train", "test", None), (["test"], ["train", "test"], None), strict=True
        )
    ]
    catalog = small(tiles)
    assert catalog.select(split="test", views=["uav"], gallery="split").gallery_ids == ["t/b", "t/c"]  # a semi-positive
    assert catalog.select(split="train", gallery="split").gallery_ids == ["t/a", "t/b"]
    assert catalog.select(split="train", protocol="official", gallery="split").gallery_ids == ["t/b", "t/c"]
    with pytest.raises(DataError, match=r"no such column in gallery\.parquet: 'split_official'"):
        small().select(split="test", protocol="official", gallery="split")


def change(which: str, row: int, **values: object) -> Callable[[], Catalog]:
    tiles, queries = tile_rows(), query_rows()
    (tiles if which == "gallery" else queries)[row].update(values)
    return lambda: small(tiles, queries)


def drop(which: str, column: str) -> Callable[[], Catalog]:
    tiles, queries = tile_rows(), query_rows()
    for row in tiles if which == "gallery" else queries:
        del row[column]
    return lambda: small(tiles, queries)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (
            drop("gallery", "place_id"),
            "gallery.parquet: missing column: 'place_id'.*required: gallery_id, path, place_id",
        ),
        (drop("queries", "positives"), "queries.parquet: missing column: 'positives'"),
        (change("gallery", 1, gallery_id="t/a"), r"gallery.parquet: duplicate gallery_id \(2 rows\): 't/a'"),
        (change("queries", 2, query_id="q/0"), "queries.parquet: duplicate query_id"),
        (change("queries", 1, query_id=None), "queries.parquet: column query_id is empty in row 1"),
        (change("queries", 1, view="drone"), "queries.parquet: 'q/1': unknown view: 'drone'; allowed: ground, map"),
        (change("gallery", 0, view="moon"), "gallery.parquet: 't/a': unknown view: 'moon'"),
        (change("gallery", 2, lat=91.0), "'t/c': latitude outside the globe.*: 91.0; allowed: -90 to 90"),
        (change("queries", 0, lon=200.0), "'q/0': longitude outside the globe.*: 200.0"),
        (change("queries", 0, lat=float("nan")), "latitude outside the globe.*: nan"),
        (change("queries", 0, camera_lat=-99.0), "camera latitude outside the globe"),
        (change("queries", 1, lon=None), "'q/1': only one of lat and lon is known"),
        (change("queries", 0, heading_deg=-5.0), "heading outside a turn.*: -5.0; allowed: 0 to 360"),
        (change("gallery", 0, bounds=[1.0, 2.0]), "'t/a': bounds are not four numbers"),
        (change("gallery", 1, bounds=[1.0, 2.0, 0.0, 3.0]), "'t/b': bounds outside the globe or upside down"),
        (change("queries", 1, positives=["t/a", "t/z"]), "positives of 'q/1' name a tile not in the gallery: 't/z'"),
        (change("queries", 1, semi_positives=["t/y"]), "semi_positives of 'q/1' name a tile not in the gallery: 't/y'"),
        (change("queries", 2, positives=[]), "'q/2': query without a positive tile"),
        (change("queries", 2, positives=None), "column positives is empty in row 2"),
        (change("gallery", 0, path="/etc/passwd"), "'t/a': path is not relative to the root.*'/etc/passwd'"),
        (change("gallery", 0, path="../secret.png"), "path is not relative to the root"),
        (change("gallery", 0, path=""), "path is not relative to the root"),
    ],
)
def test_a_broken_table_is_refused_where_it_breaks(build: Callable[[], Catalog], words: str) -> None:
    with pytest.raises(DataError, match=words):
        build()


def test_ids_are_text() -> None:
    tiles = pa.Table.from_pylist(tile_rows())
    numbers = tiles.set_column(0, "gallery_id", pa.array([1, 2, 3]))
    with pytest.raises(DataError, match=r"column gallery_id has type int64.*write column gallery_id as string"):
        Catalog(gallery=numbers, queries=pa.Table.from_pylist(query_rows()), root=".")


def test_a_missing_folder_root_or_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no such catalog folder: '.*nowhere'"):
        Catalog.read(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"not a catalog: missing file: 'gallery\.parquet'"):
        Catalog.read(tmp_path)
    small().write(tmp_path)
    with pytest.raises(DataError, match=r"no such root folder of the pictures: '.*gone'"):
        Catalog.read(tmp_path, root=tmp_path / "gone")
    (tmp_path / "queries.parquet").write_bytes(b"PAR1 but no more")
    with pytest.raises(DataError, match=r"queries\.parquet: not a Parquet file"):
        Catalog.read(tmp_path)


def test_pictures_are_checked_and_a_missing_one_is_named(tiny_catalog: Catalog, tmp_path: Path) -> None:
    assert tiny_catalog.check_pictures() == len(tiny_catalog.gallery) + len(tiny_catalog.queries)
    assert tiny_catalog.check_pictures(limit=3) == 6
    shutil.copytree(tiny_catalog.root, tmp_path, dirs_exist_ok=True)
    (tmp_path / "images/uav/51.png").unlink()
    moved = Catalog.read(tmp_path)
    with pytest.raises(DataError, match=r"images/uav/51\.png: no such picture"):
        moved.check_pictures()


def test_statistics_count(tiny_catalog: Catalog) -> None:
    numbers = tiny_catalog.statistics()
    assert numbers["gallery"] == numbers["places"] == 52
    assert numbers["views"] == {"ground": 52, "map": 52, "panorama": 52, "uav": 52}
    assert numbers["splits"] == {"test": 48, "train": 128, "val": 32}
    assert numbers["areas"] == {"cross": 48, "same": 160}
    assert numbers["positives_per_query"] == 1
    assert numbers["tiles_with_coordinates"] == 52


def test_a_held_out_city_is_searched_whole_and_alone(tiny_catalog: Catalog) -> None:
    test = tiny_catalog.select(split="test")
    assert set(test.column("area", "gallery")) == {"cross"}
    assert len(test.gallery) == 12
    assert len(tiny_catalog.select(split="val").gallery) == 40


def test_a_large_catalog_is_checked_in_a_moment(tmp_path: Path) -> None:
    names = [f"s/{number}" for number in range(100_000)]
    tiles = pa.table({"gallery_id": names, "path": names, "place_id": names})
    views = ["uav"] * len(names)
    queries = tiles.rename_columns(["query_id", "path", "place_id"]).append_column("view", pa.array(views))
    queries = queries.append_column("positives", pa.array([[name] for name in names]))
    catalog = Catalog(gallery=tiles, queries=queries, root=tmp_path)
    assert padded(catalog.query_positives(), catalog.query_semi_positives())[:, 0].tolist() == list(range(100_000))
    catalog.write(tmp_path)
    assert pq.read_metadata(tmp_path / "gallery.parquet").num_row_groups == 2
