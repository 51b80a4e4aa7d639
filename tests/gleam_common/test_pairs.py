from __future__ import annotations

import numpy as np
import pyarrow as pa
from gleam_common.catalog import Catalog
from gleam_common.pairs import VIEW_CODES, make_pairs
from gleam_common.views import View


def catalog(tiles: list[tuple[str, str]], queries: list[tuple[str, list[str]]]) -> Catalog:
    """Tiles as (id, place), queries as (place, positives)."""
    gallery = [{"gallery_id": tile, "path": tile, "place_id": place} for tile, place in tiles]
    rows = [
        {"query_id": str(row), "path": str(row), "view": "uav", "place_id": place, "positives": positives}
        for row, (place, positives) in enumerate(queries)
    ]
    return Catalog(gallery=pa.Table.from_pylist(gallery), queries=pa.Table.from_pylist(rows), root=".")


def test_one_pair_for_each_query_of_its_own_place() -> None:
    pairs = make_pairs(catalog([("a", "A"), ("b", "B")], [("B", ["b"]), ("A", ["a"]), ("B", ["b"])]))
    assert [tiles.tolist() for tiles in pairs.tiles] == [[1], [0], [1]]
    assert pairs.place[0] == pairs.place[2] != pairs.place[1]
    assert pairs.view.tolist() == [VIEW_CODES[View.UAV]] * 3
    assert pairs.related.tolist() == [[1], [0], [1]]


def test_tiles_of_the_same_place_are_drawn_from_and_others_are_only_no_negatives() -> None:
    tiles = [("a1", "A"), ("a2", "A"), ("b", "B")]
    pairs = make_pairs(catalog(tiles, [("A", ["b", "a1", "a2"]), ("B", ["b"])]))
    assert [rows.tolist() for rows in pairs.tiles] == [[0, 1], [2]]
    assert pairs.place[0] != pairs.place[1]
    assert sorted(pairs.related[0].tolist()) == [0, 1, 2]


def test_explicit_positives_outrank_the_place_and_shared_tiles_join_places() -> None:
    pairs = make_pairs(catalog([("a", "A"), ("b", "B")], [("X", ["b", "a"]), ("B", ["b"]), ("A", ["a"]), ("X", ["b"])]))
    assert [rows.tolist() for rows in pairs.tiles] == [[1], [1], [0], [1]]
    assert pairs.place[0] == pairs.place[1] == pairs.place[3]
    assert pairs.place[2] != pairs.place[0]


def test_joining_equals_the_connected_components_of_the_definition() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        places, tiles = rng.integers(0, 12, 30), rng.integers(0, 12, 30)
        queries = [(f"p{place}", [f"t{tile}"]) for place, tile in zip(places, tiles, strict=True)]
        named = catalog([(f"t{number}", "none") for number in range(12)], queries)
        expected = np.arange(30)
        for _round in range(30):
            for a in range(30):
                for b in range(30):
                    if places[a] == places[b] or tiles[a] == tiles[b]:
                        expected[a] = expected[b] = min(expected[a], expected[b])
        found = make_pairs(named).place
        assert np.array_equal(found[:, None] == found, expected[:, None] == expected)


def test_tiles_that_overlap_are_no_negatives_and_tiles_that_touch_are() -> None:
    """Four tiles of 2 x 2 cells: the first three half over each other in a row, the last beside the third."""
    west = [0.0, 1.0, 2.0, 4.0]
    tiles = [
        {"gallery_id": str(n), "path": str(n), "place_id": str(n), "bounds": [50.0, w, 52.0, w + 2.0]}
        for n, w in enumerate(west)
    ] + [{"gallery_id": "x", "path": "x", "place_id": "x", "bounds": None}]
    queries = [
        {"query_id": str(n), "path": str(n), "view": "uav", "place_id": place, "positives": [place]}
        for n, place in enumerate(["0", "1", "2", "3", "x"])
    ]
    made = Catalog(gallery=pa.Table.from_pylist(tiles), queries=pa.Table.from_pylist(queries), root=".")
    related = [set(row[row >= 0].tolist()) for row in make_pairs(made).related]
    assert related == [{0, 1}, {0, 1, 2}, {1, 2}, {3}, {4}]
