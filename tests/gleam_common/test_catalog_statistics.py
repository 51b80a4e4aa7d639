"""A catalog in numbers: tables that add up, ground by its definition, sizes and missing files told."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest
from gleam_common import cli
from gleam_common.catalog import Catalog
from gleam_common.catalog_statistics import count_table, described, statistics_text
from gleam_common.commands import dispatch
from gleam_common.geo import LatLon, LocalFrame
from layouts import WRITERS


def square(folder: Path, side_m: float, origin: LatLon, pictures: int = 2) -> Catalog:
    """Return a catalog of four tiles at the corners of a square, one without a picture, and their UAV pictures."""
    lat, lon = LocalFrame(origin=origin).to_latlon([0, side_m, 0, side_m], [0, 0, side_m, side_m])
    tiles, queries = [], []
    for number in range(4):
        common = {"place_id": f"t/{number}", "area": "square", "lat": lat[number], "lon": lon[number]}
        tiles.append(
            {"gallery_id": f"t/{number}", "path": f"{number}.png", "split": ["train", "test"][: number + 1], **common}
        )
        queries += [
            {"query_id": f"q/{number}/{shot}", "path": f"{number}.png", "view": "uav", "positives": [f"t/{number}"]}
            | {"split": "test" if number else "train", **common}
            for shot in range(pictures + (number == 3))
        ]
        if number:
            cv2.imwrite(str(folder / f"{number}.png"), np.zeros((20, 30, 3), np.uint8))
    for row in tiles:
        row["split_mine"] = row.pop("split")
    return Catalog(gallery=pa.Table.from_pylist(tiles), queries=pa.Table.from_pylist(queries), root=folder)


@pytest.mark.parametrize("origin", [LatLon(lat=48.1, lon=11.5), LatLon(lat=-17.8, lon=179.9999)])
def test_the_ground_is_the_hull_of_the_tiles_anywhere_on_the_globe(tmp_path: Path, origin: LatLon) -> None:
    found = described(square(tmp_path, 2000, origin))["area_km2"]
    assert found == {"square": pytest.approx(4.0, rel=1e-3)}


def test_numbers_are_those_of_the_definition(tmp_path: Path) -> None:
    found = described(square(tmp_path, 100, LatLon(lat=0, lon=0)))
    assert found["pictures_per_place"]["uav"] == {"min": 2, "median": 2.0, "max": 3}
    assert found["pictures_per_place"]["satellite"] == {"min": 1, "median": 1.0, "max": 1}
    assert found["picture_sizes"] == {"satellite": {"30 x 20": 3}, "uav": {"30 x 20": 7}}
    assert found["missing"] == {"count": 3, "first": ["0.png", "0.png", "0.png"]}


def test_a_tile_of_two_splits_counts_in_both_and_once_in_all(tmp_path: Path) -> None:
    catalog = square(tmp_path, 100, LatLon(lat=0, lon=0))
    queries = catalog.queries.append_column("split_mine", catalog.queries["split"])
    catalog = Catalog(gallery=catalog.gallery, queries=queries, root=tmp_path)
    lines = [line.split() for line in count_table(catalog, "split_mine").splitlines()]
    assert lines == [
        ["view", "\\", "split_mine", "train", "test", "all"], ["satellite", "4", "3", "4"], ["uav", "2", "7", "9"],
    ]  # fmt: skip
    assert described(catalog)["protocols"] == {"split_mine": {"test": 7, "train": 2}}


def test_rare_values_are_added_up(tmp_path: Path) -> None:
    catalog = square(tmp_path, 100, LatLon(lat=0, lon=0), pictures=5)
    cities = pa.array([f"city {row % 15}" for row in range(len(catalog.queries))])
    catalog = Catalog(gallery=catalog.gallery, queries=catalog.queries.append_column("city", cities), root=catalog.root)
    head, *rows = count_table(catalog, "city").splitlines()
    assert head.rstrip().endswith("7 others  all")
    for row in rows:
        numbers = [int(cell) for cell in row.split()[1:]]
        assert sum(numbers[:-1]) == numbers[-1]


def test_the_command_tells_it_of_a_public_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, out = WRITERS["vigor"](tmp_path / "set"), tmp_path / "catalog"
    for words in (["import", "vigor", root, "--out", out], ["stats", out, "--root", root], ["stats", out]):
        assert dispatch("gleam-data", cli.ABOUT, cli.COMMANDS, list(map(str, words))) == 0
    said = capsys.readouterr().out
    for sentence in ("split_vigor_cross", "tiles of Chicago lie within", "128 x 64 (100 %); 16 looked at"):
        assert sentence in said
    assert "all 56 pictures are there" in said
    assert "missing: 56 of 56 pictures, such as " in said
    assert "give --root DIR" in said


def test_a_broken_picture_is_counted_and_json_holds_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    catalog = square(tmp_path, 100, LatLon(lat=0, lon=0))
    (tmp_path / "0.png").write_bytes(b"<html>404</html>")
    assert "unreadable (25 %); 4 looked at" in statistics_text(catalog)
    catalog.write(tmp_path)
    assert dispatch("gleam-data", cli.ABOUT, cli.COMMANDS, ["stats", str(tmp_path), "--as-json"]) == 0
    assert json.loads(capsys.readouterr().out) == described(catalog)
