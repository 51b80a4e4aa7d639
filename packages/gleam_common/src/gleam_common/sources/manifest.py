"""A set of one's own, or one without a layout of its own: a list of which picture shows which tile.

``manifest.csv`` with a header, or ``manifest.jsonl`` with an object a line; see :data:`COLUMNS`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

from gleam_common.catalog import Catalog
from gleam_common.errors import DataError
from gleam_common.progress import progress
from gleam_common.sources.assemble import Row, assemble
from gleam_common.sources.listing import numbered_lines, posix
from gleam_common.sources.one_part import one_part

__all__ = ["COLUMNS", "find_manifest", "read_manifest"]

COLUMNS: dict[str, str] = {
    "query": "path of a picture to be located; empty for a tile that nobody asks for",
    "gallery": "path of the tile that shows its place; a picture with several tiles has several rows",
    "split": "of the picture: train, val or test",
    "view": "of the picture, as in gleam_common.views",
    "place_id": "of both; the tile's path if not given",
    "set_id": "photos that are also searched together, fused",
    "semi_positives": "paths of tiles that overlap the right one, with ; between",
    "area": "of both, such as a city",
    "lat": "latitude of the ground shown, degrees",
    "lon": "longitude of the ground shown, degrees",
    "gallery_lat": "latitude of the tile's centre, degrees",
    "gallery_lon": "longitude of the tile's centre, degrees",
    "heading_deg": "clockwise from north",
    "height_m": "of the camera above the ground",
}
"""Columns of a manifest; ``query``, ``gallery`` and ``split`` are needed."""

_NEEDED = ("query", "gallery", "split")
_NUMBERS = ("lat", "lon", "gallery_lat", "gallery_lon", "heading_deg", "height_m")
_NAMES = ("manifest.csv", "manifest.jsonl")


def find_manifest(root: Path) -> Path | None:
    """Return ``root/manifest.csv`` or ``root/manifest.jsonl``, or None."""
    return next((root / name for name in _NAMES if (root / name).is_file()), None)


def read_manifest(name: str, root: Path, path: Path, defaults: Row) -> Catalog:
    """Return the catalog of a manifest.

    Args:
        name: of the set, in front of every id.
        root: that the paths in the manifest are relative to.
        path: of the manifest.
        defaults: what stands in columns that it lacks or leaves empty, such as ``{"view": "map"}``.

    Raises:
        DataError: a column is missing or unknown, a cell is no number, or rows of one picture differ.
    """
    tiles: dict[str, Row] = {}
    overlapping: dict[str, Row] = {}
    queries: dict[str, Row] = {}
    for where, cells in progress(_rows(path, defaults), desc=path.name, unit="row", delay=2):
        with one_part():
            row = {**defaults, **{column: _typed(where, column, cell) for column, cell in cells.items()}}
            _take_tile(where, row, tiles)
            for other in row.get("semi_positives", ()):
                overlapping[other] = {"path": other, "place_id": other, "split": row["split"], "area": row.get("area")}
            if "query" in row:
                _take_query(where, row, queries)
    return assemble(name, root, {**overlapping, **tiles}.values(), queries.values())


def _take_tile(where: str, row: Row, tiles: dict[str, Row]) -> None:
    for column in ("gallery", "split"):
        if column not in row:
            raise DataError(f"{where}: empty cell", value=column, fix="fill it")
    path = row["gallery"]
    place = {"place_id": row.get("place_id", path), "lat": row.get("gallery_lat"), "lon": row.get("gallery_lon")}
    known = tiles.setdefault(path, {"path": path, "split": row["split"], "area": row.get("area"), **place})
    if any(known[key] != value for key, value in place.items()):
        raise DataError(f"{where}: the tile was described otherwise before", value=path, fix="let its rows agree")


def _take_query(where: str, row: Row, queries: dict[str, Row]) -> None:
    path = row["query"]
    kept = ("split", "view", "set_id", "area", "lat", "lon", "heading_deg", "height_m")
    own = {"path": path, "place_id": row.get("place_id", row["gallery"]), **{key: row.get(key) for key in kept}}
    if own["view"] is None:
        raise DataError(f"{where}: empty cell", value="view", fix="fill it")
    known = queries.setdefault(path, {**own, "positives": [], "semi_positives": []})
    if any(known[key] != own[key] for key in kept):
        raise DataError(f"{where}: the picture was described otherwise before", value=path, fix="let its rows agree")
    for column, found in (("positives", [row["gallery"]]), ("semi_positives", row.get("semi_positives", []))):
        known[column] += [one for one in found if one not in known[column]]


def _rows(path: Path, defaults: Row) -> Iterator[tuple[str, Row]]:
    """Yield where a row stands, and its cells that are not empty."""
    rows = _csv_rows(path) if path.suffix == ".csv" else _json_rows(path)
    for where, cells in rows:
        unknown, missing = set(cells) - set(COLUMNS), set(_NEEDED) - set(cells) - set(defaults)
        if unknown or missing:
            what = "unknown" if unknown else "missing"
            raise DataError(f"{where}: {what} column", value=min(unknown or missing), allowed=COLUMNS)
        yield where, {name: cell for name, cell in cells.items() if cell not in ("", None)}


def _csv_rows(path: Path) -> Iterator[tuple[str, Row]]:
    places, lines = zip(*numbered_lines(path) or [(str(path), "")], strict=True)
    header, *rows = csv.reader(lines)
    names = [name.strip() for name in header]
    if len(rows) != len(lines) - 1:
        raise DataError(f"{path}: a cell runs over several lines", fix="write one line for each row")
    if not rows:
        raise DataError(f"{path}: no rows below the header", value=",".join(names)[:80], allowed=COLUMNS)
    for where, cells in zip(places[1:], rows, strict=True):
        if len(cells) != len(names):
            raise DataError(f"{where}: {len(names)} columns in the header, here", value=len(cells))
        yield where, dict(zip(names, map(str.strip, cells), strict=True))


def _json_rows(path: Path) -> Iterator[tuple[str, Row]]:
    for where, line in numbered_lines(path):
        try:
            cells = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{where}: no JSON ({error})", fix="write one object a line") from None
        if not isinstance(cells, dict):
            raise DataError(f"{where}: no JSON object", value=line[:80], fix="write one object a line")
        yield where, cells


def _typed(where: str, name: str, cell: object) -> object:
    if name == "semi_positives":
        parts = cell if isinstance(cell, list) else str(cell).split(";")
        return [posix(str(part)) for part in parts if str(part).strip()]
    if name not in _NUMBERS:
        return posix(str(cell)) if name in ("query", "gallery") else str(cell)
    try:
        return float(str(cell))
    except ValueError:
        raise DataError(f"{where}: {name} is no number", value=cell) from None
