"""What must hold in a catalog's two tables. Each check raises on the first row that breaks it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gleam_common.errors import DataError
from gleam_common.views import parse_view

__all__ = ["check_gallery", "check_positives", "check_queries", "floats"]

_RANGES: dict[str, tuple[float, float, str]] = {
    "lat": (-90.0, 90.0, "latitude outside the globe"),
    "lon": (-180.0, 180.0, "longitude outside the globe"),
    "camera_lat": (-90.0, 90.0, "camera latitude outside the globe"),
    "camera_lon": (-180.0, 180.0, "camera longitude outside the globe"),
    "heading_deg": (0.0, 360.0, "heading outside a turn"),
    "pitch_deg": (-90.0, 90.0, "pitch outside a quarter turn"),
    "gsd_m": (0.0, float("inf"), "negative ground sampling distance"),
}


def check_gallery(table: pa.Table) -> None:
    """Check ids, views, paths, coordinates and bounds of a gallery table.

    Raises:
        DataError: naming the id and the value.
    """
    _check_table(table, "gallery_id", "gallery.parquet")
    lengths = pc.list_value_length(table["bounds"]).to_numpy(zero_copy_only=False)
    _raise_first(table, "gallery_id", "bounds", np.isfinite(lengths) & (lengths != 4), "bounds are not four numbers")
    boxes = table["bounds"].drop_null().combine_chunks().flatten()
    _check_bounds(table, boxes.to_numpy(zero_copy_only=False).reshape(-1, 4))


def _check_bounds(table: pa.Table, boxes: npt.NDArray[np.float64]) -> None:
    south, west, north, east = boxes.T
    bad = ~((south >= -90) & (south <= north) & (north <= 90) & (np.abs(west) <= 180) & (np.abs(east) <= 180))
    if bad.any():
        owners = np.flatnonzero(table["bounds"].is_valid().to_numpy())
        rows = np.zeros(len(table), dtype=bool)
        rows[owners[bad]] = True
        _raise_first(table, "gallery_id", "bounds", rows, "bounds outside the globe or upside down")


def check_queries(table: pa.Table) -> None:
    """Check ids, views, paths, coordinates and headings of a query table.

    Raises:
        DataError: naming the id and the value.
    """
    _check_table(table, "query_id", "queries.parquet")


def check_positives(queries: pa.Table, gallery_ids: pa.ChunkedArray) -> None:
    """Check that every query has a positive and that all (semi-)positives are tiles of the gallery.

    Raises:
        DataError: naming the query and the tile.
    """
    empty = pc.list_value_length(queries["positives"]).to_numpy(zero_copy_only=False) == 0
    _raise_first(queries, "query_id", "positives", empty, "query without a positive tile")
    for column in ("positives", "semi_positives"):
        lists = queries[column].combine_chunks()
        tiles = lists.flatten()
        unknown = np.flatnonzero(~pc.is_in(tiles, value_set=gallery_ids).to_numpy(zero_copy_only=False))
        if unknown.size:
            row = pc.list_parent_indices(lists)[int(unknown[0])].as_py()
            raise DataError(
                f"queries.parquet: {column} of {queries['query_id'][row].as_py()!r} name a tile not in the gallery",
                value=tiles[int(unknown[0])].as_py(),
                fix=f"add it to gallery.parquet or take it out ({unknown.size} such entries)",
            )


def _check_table(table: pa.Table, id_column: str, name: str) -> None:
    _check_unique(table[id_column], name, id_column)
    for view in pc.unique(table["view"]).to_pylist():
        try:
            parse_view(view)
        except DataError as error:
            row = pc.index(table["view"], view).as_py()
            raise DataError(f"{name}: {table[id_column][row].as_py()!r}: {error}") from None
    outside = pc.match_substring_regex(table["path"], r"^$|^[/\\]|^[A-Za-z]:|(^|[/\\])\.\.([/\\]|$)")
    _raise_first(table, id_column, "path", outside.to_numpy(zero_copy_only=False), "path is not relative to the root")
    for column in set(table.column_names) & set(_RANGES):
        low, high, what = _RANGES[column]
        values = floats(table[column])
        known = table[column].is_valid().to_numpy()
        with np.errstate(invalid="ignore"):
            bad = known & ~((values >= low) & (values <= high))
        _raise_first(table, id_column, column, bad, what, allowed=f"{low:g} to {high:g}")
    for first, second in (("lat", "lon"), ("x_m", "y_m")):
        half = table[first].is_valid().to_numpy() != table[second].is_valid().to_numpy()
        _raise_first(table, id_column, first, half, f"only one of {first} and {second} is known")


def _check_unique(ids: pa.ChunkedArray, name: str, column: str) -> None:
    counts = pc.value_counts(ids)
    if len(counts) == len(ids):
        return
    twice = pc.filter(counts, pc.greater(counts.field("counts"), 1))[0].as_py()
    raise DataError(
        f"{name}: duplicate {column} ({twice['counts']} rows)",
        value=twice["values"],
        fix="give each row an id of its own",
    )


def _raise_first(
    table: pa.Table, id_column: str, column: str, bad: npt.NDArray[np.bool_], what: str, allowed: str = ""
) -> None:
    rows = np.flatnonzero(bad)
    if rows.size:
        row = int(rows[0])
        where = f"{id_column} {table[id_column][row].as_py()!r}: {what} ({rows.size} such rows)"
        raise DataError(where, value=table[column][row].as_py(), allowed=allowed)


def floats(array: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    """Return a numeric column as float64 with NaN for null."""
    return np.asarray(array.to_numpy(zero_copy_only=False), dtype=np.float64)
