"""From similar tiles to neighbours: own and overlapping places are left out, each place is named once."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from gleam_common.catalog import Catalog
from gleam_common.pairs import VIEW_CODES, Pairs, make_pairs
from gleam_common.similar_places import view_tiles
from gleam_common.views import View


def pairs(tiles: list[tuple[str, str]], queries: list[tuple[str, str, list[str], list[str]]]) -> Pairs:
    """Tiles as (id, place), queries as (view, place, positives, semi-positives)."""
    gallery = [{"gallery_id": tile, "path": tile, "place_id": place} for tile, place in tiles]
    names = ("view", "place_id", "positives", "semi_positives")
    rows = [{"query_id": f"q{n}", "path": "x", **dict(zip(names, row, strict=True))} for n, row in enumerate(queries)]
    return make_pairs(Catalog(gallery=pa.Table.from_pylist(gallery), queries=pa.Table.from_pylist(rows), root="."))


def test_tiles_of_a_view_know_their_first_pair_and_whom_they_are_kept_from() -> None:
    found = pairs(
        [("a1", "A"), ("b", "B"), ("a2", "A"), ("c", "C"), ("d", "D")],
        [
            ("map", "D", ["d"], []),
            ("uav", "B", ["b"], ["c"]),
            ("uav", "A", ["a1", "a2"], []),
            ("uav", "A", ["a1", "a2"], []),
            ("uav", "C", ["c"], []),
        ],
    )
    tiles = view_tiles(found, VIEW_CODES[View.UAV])
    assert tiles.pair_V.tolist() == [1, 2, 3, 4]
    assert tiles.tile_g.tolist() == [0, 1, 2, 3]
    assert tiles.pair_g.tolist() == [2, 1, 2, 4]
    assert [sorted(rows.tolist()) for rows in tiles.excluded] == [[1, 3], [0, 2], [0, 2], [1, 3]]
    assert tiles.per_place == 2
    assert view_tiles(found, VIEW_CODES[View.MAP]).tile_g.tolist() == [4]


def test_rows_of_a_table_name_a_place_once_at_its_best_tile() -> None:
    found = pairs(
        [("a1", "A"), ("a2", "A"), ("b", "B"), ("c", "C")],
        [("uav", "A", ["a1", "a2"], []), ("uav", "B", ["b"], []), ("uav", "C", ["c"], [])],
    )
    tiles = view_tiles(found, VIEW_CODES[View.UAV])
    ranked = np.array([[2, 3, -1, -1], [1, 3, 0, -1], [1, 0, 2, -1]])
    assert tiles.table_rows(ranked, 3).tolist() == [[1, 2, -1], [0, 2, -1], [0, 1, -1]]
    assert tiles.table_rows(ranked, 1).tolist() == [[1], [0], [0]]
    assert tiles.table_rows(ranked, 6)[2].tolist() == [0, 1, -1, -1, -1, -1]
