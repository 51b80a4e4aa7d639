"""The tables of a catalog without the rows whose pictures are not there, and with the names of packed pictures."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from gleam_common.catalog import Catalog
from gleam_common.errors import DataError

__all__ = ["without_pictures"]


def without_pictures(catalog: Catalog, absent: Collection[str], names: Mapping[str, str], root: Path) -> Catalog:
    """Return the catalog with its pictures at ``names[path]`` under ``root``, without rows whose path is ``absent``.

    A tile that goes is taken out of the lists of positives and semi-positives; a query that then has no positive goes
    as well.

    Raises:
        DataError: no query is left.
    """
    missing = pa.array(sorted(absent), pa.string())
    gallery = catalog.gallery.filter(pc.invert(pc.is_in(catalog.gallery["path"], value_set=missing)))
    queries = catalog.queries.filter(pc.invert(pc.is_in(catalog.queries["path"], value_set=missing)))
    if absent:
        kept = set(gallery["gallery_id"].to_pylist())
        for name in ("positives", "semi_positives"):
            lists = [[one for one in some if one in kept] for some in queries[name].to_pylist()]
            queries = _replaced(queries, name, pa.array(lists, pa.list_(pa.string())))
        queries = queries.filter(pc.greater(pc.list_value_length(queries["positives"]), 0))
    if not len(queries):
        raise DataError("no query is left whose picture and tile can be read", fix="check the root of the pictures")
    return Catalog(gallery=_renamed(gallery, names), queries=_renamed(queries, names), root=root)


def _renamed(table: pa.Table, names: Mapping[str, str]) -> pa.Table:
    return _replaced(table, "path", pa.array([names[path] for path in table["path"].to_pylist()], pa.string()))


def _replaced(table: pa.Table, name: str, column: pa.Array) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, column)
