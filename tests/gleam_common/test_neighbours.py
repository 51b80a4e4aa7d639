"""Nearest places: equal to the definition, across every seam of the globe, and never a place that shares ground."""

from __future__ import annotations

from typing import Any
from unittest import mock

import numpy as np
import pyarrow as pa
import pytest
from gleam_common import neighbours
from gleam_common.catalog import Catalog
from gleam_common.geo import distance_m
from gleam_common.neighbours import near_table, nearest_in_plane, nearest_on_globe, places_apart, related_places
from gleam_common.pairs import make_pairs
from gleam_common.row_lists import RowLists

HERE = {
    "city": ((48.0, 48.2), (11.0, 11.3)),
    "antimeridian": ((-17.0, -16.0), (179.5, 180.5)),
    "north pole": ((89.9, 90.0), (-180.0, 180.0)),
    "south pole": ((-90.0, -89.0), (-180.0, 180.0)),
    "whole globe": ((-90.0, 90.0), (-180.0, 180.0)),
}


def lists(rows: list[list[int]]) -> RowLists:
    lengths = np.cumsum([0, *map(len, rows)])
    return RowLists(offsets=lengths.astype(np.int64), rows=np.array([row for some in rows for row in some], dtype=int))


def some_apart(places: int, rng: np.random.Generator) -> RowLists:
    return lists([sorted(set(rng.integers(0, places, rng.integers(0, 4))) - {place}) for place in range(places)])


def by_definition(metres: np.ndarray, k: int, apart: RowLists) -> np.ndarray:
    expected = np.full((len(metres), k), -1)
    for place, row in enumerate(metres):
        allowed = [other for other in np.argsort(row, kind="stable") if other != place and other not in apart[place]]
        expected[place, : len(allowed[:k])] = allowed[:k]
    return expected


@pytest.mark.parametrize("where", HERE)
@pytest.mark.parametrize(("places", "k"), [(300, 20), (7, 20), (1, 3)])
def test_the_nearest_are_those_of_all_geodesics(where: str, places: int, k: int) -> None:
    rng = np.random.default_rng(places)
    (south, north), (west, east) = HERE[where]
    lat, lon = rng.uniform(south, north, places), (rng.uniform(west, east, places) + 180) % 360 - 180
    apart = some_apart(places, rng)
    metres = distance_m(lat[:, None], lon[:, None], lat[None], lon[None])
    found = nearest_on_globe(np.stack([lat, lon], axis=1), k, apart)
    assert found.dtype == np.int64
    assert np.array_equal(found, by_definition(metres, k, apart))


def test_degrees_are_no_metres() -> None:
    """At 60 degrees north a degree of longitude is half a degree of latitude."""
    latlon = np.array([[60.0, 10.0], [60.0, 10.015], [60.01, 10.0]])
    assert nearest_on_globe(latlon, 2, lists([[], [], []]))[0].tolist() == [1, 2]


def test_places_at_one_spot_stand_by_number_and_more_places_than_a_block_are_found() -> None:
    latlon = np.repeat([[1.0, 2.0]], 5, axis=0)
    assert nearest_on_globe(latlon, 3, lists([[]] * 5)).tolist()[2] == [0, 1, 3]
    rng = np.random.default_rng(1)
    xy, apart = rng.uniform(0, 1e4, (200, 2)), some_apart(200, rng)
    metres = np.linalg.norm(xy[:, None] - xy[None], axis=2)
    with mock.patch.object(neighbours, "_BLOCK", 64):
        assert np.array_equal(nearest_in_plane(xy, 6, apart), by_definition(metres, 6, apart))


def test_a_place_with_many_overlaps_still_gets_its_neighbours() -> None:
    xy = np.stack([np.arange(200.0), np.zeros(200)], axis=1)
    apart = lists([list(range(1, 150)), *[[] for _ in range(199)]])
    assert nearest_in_plane(xy, 3, apart)[0].tolist() == [150, 151, 152]


def catalog(tiles: list[dict[str, Any]], queries: list[dict[str, Any]]) -> Catalog:
    gallery = [{"path": "x", "place_id": tile["gallery_id"], **tile} for tile in tiles]
    rows = [
        {"query_id": f"set/{n}", "path": "x", "place_id": row["positives"][0], **row} for n, row in enumerate(queries)
    ]
    return Catalog(gallery=pa.Table.from_pylist(gallery), queries=pa.Table.from_pylist(rows), root=".")


def line(positions: list[float | None], views: list[str], **extra: Any) -> Catalog:
    """Tiles along the equator, one query of each view for each tile."""
    tiles = [
        {"gallery_id": f"t{n}", "lat": None if lon is None else 0.0, "lon": lon} for n, lon in enumerate(positions)
    ]
    queries = [{"view": view, "positives": [f"t{n}"], **extra} for view in views for n in range(len(positions))]
    return catalog(tiles, queries)


def test_a_table_names_pairs_of_the_same_view_nearest_first() -> None:
    world = line([0.0, 0.01, 0.03, 0.07], ["uav", "map"])
    table = near_table(world, make_pairs(world), 5)
    assert table is not None
    assert table[0].tolist() == [1, 2, 3, -1, -1]
    assert table[7].tolist() == [6, 5, 4, -1, -1]


def test_semi_positives_and_overlapping_tiles_are_left_out_both_ways() -> None:
    tiles = [
        {
            "gallery_id": f"t{n}",
            "lat": 0.5,
            "lon": float(n),
            "bounds": [0.0, n - (0.6 if n == 1 else 0.4), 1.0, n + 0.4],
        }
        for n in range(4)
    ]
    queries = [{"view": "uav", "positives": [f"t{n}"], "semi_positives": ["t3"] if n == 2 else []} for n in range(4)]
    world = catalog(tiles, queries)
    pairs = make_pairs(world)
    assert [rows.tolist() for rows in places_apart(pairs)] == [[], [], [3], [2]]
    overlapping = catalog([{**tile, "bounds": [0.0, n - 0.7, 1.0, n + 0.7]} for n, tile in enumerate(tiles)], queries)
    pairs = make_pairs(overlapping)
    assert [rows.tolist() for rows in places_apart(pairs)] == [[1], [0, 2], [1, 3], [2]]
    table = near_table(overlapping, pairs, 3)
    assert table is not None
    assert [sorted(set(row.tolist()) - {-1}) for row in table] == [[2, 3], [3], [0], [0, 1]]
    names = pairs.place
    assert sorted(related_places(pairs)[1].tolist()) == sorted([names[0], names[2]])


def test_several_pairs_of_a_place_share_neighbours_and_are_none_of_each_other() -> None:
    tiles = [{"gallery_id": f"t{n}", "lat": 0.0, "lon": n / 100} for n in range(3)]
    world = catalog(tiles, [{"view": "uav", "positives": [f"t{n}"]} for n in (2, 0, 0, 1, 1)])
    table = near_table(world, make_pairs(world), 4)
    assert table is not None
    assert table.tolist() == [[3, 1, -1, -1], [3, 0, -1, -1], [3, 0, -1, -1], [1, 0, -1, -1], [1, 0, -1, -1]]


def test_a_query_stands_in_for_a_tile_without_coordinates() -> None:
    tiles = [{"gallery_id": f"t{n}"} for n in range(3)]
    where = {"t0": 0.0, "t1": 5.0, "t2": 1.0}
    world = catalog(tiles, [{"view": "uav", "positives": [t], "lat": 0.0, "lon": lon} for t, lon in where.items()])
    table = near_table(world, make_pairs(world), 2)
    assert table is not None
    assert table.tolist() == [[2, 1], [2, 0], [0, 1]]


def test_pairs_without_coordinates_have_no_neighbours_and_a_catalog_without_any_no_table() -> None:
    some = line([0.0, None, 0.02], ["uav"])
    table = near_table(some, make_pairs(some), 2)
    assert table is not None
    assert table.tolist() == [[2, -1], [-1, -1], [0, -1]]
    none = line([None, None], ["uav"])
    assert near_table(none, make_pairs(none), 2) is None


def test_metres_of_another_set_are_no_neighbours() -> None:
    def tables(sources: str) -> list[list[int]]:
        tiles = [{"gallery_id": f"t{n}", "x_m": float(n), "y_m": 0.0, "source": one} for n, one in enumerate(sources)]
        queries = [{"view": "uav", "positives": [f"t{n}"], "query_id": f"q{n}"} for n in range(4)]
        world = catalog(tiles, queries)
        table = near_table(world, make_pairs(world), 2)
        assert table is not None
        found: list[list[int]] = table.tolist()
        return found

    assert tables("abab") == [[2, -1], [3, -1], [0, -1], [1, -1]]
    assert tables("aaaa")[0] == [1, 2], "one set, whatever the ids look like"
