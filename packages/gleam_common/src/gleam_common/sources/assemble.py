"""Rows of a set -> its catalog: every id carries the set's name, so that catalogs of several sets can be joined."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa

from gleam_common.catalog import Catalog
from gleam_common.errors import DataError

__all__ = ["Row", "assemble"]

Row = dict[str, Any]
"""A tile or query under construction: columns of :mod:`gleam_common.catalog_schema`, ids as below."""


def assemble(name: str, root: Path, tiles: Iterable[Row], queries: Iterable[Row]) -> Catalog:
    """Return the catalog of a set. A picture's id is ``name/path``, a place's ``name/place_id``.

    Args:
        name: of the set, such as ``cvusa``.
        root: that paths are relative to.
        tiles: with ``path`` and ``place_id`` (the set's own), without ``gallery_id``.
        queries: with ``path``, ``view``, ``place_id`` and ``positives``, ``semi_positives`` as paths of tiles.

    Raises:
        DataError: no tile or no query, or as :class:`~gleam_common.catalog.Catalog`.
    """
    gallery = [{"gallery_id": f"{name}/{row['path']}", "source": name, **_named(name, row)} for row in tiles]
    asked = [{"query_id": f"{name}/{row['path']}", **_named(name, row)} for row in queries]
    for rows, what in ((gallery, "tiles"), (asked, "queries")):
        if not rows:
            raise DataError(f"{name}: no {what} found", value=str(root), fix="check that this is the set's folder")
    return Catalog(gallery=_table(gallery), queries=_table(asked), root=root)


def _named(name: str, row: Row) -> Row:
    lists: Row = {key: [f"{name}/{path}" for path in row[key]] for key in ("positives", "semi_positives") if key in row}
    return {**row, "place_id": f"{name}/{row['place_id']}", **lists}


def _table(rows: list[Row]) -> pa.Table:
    """Return rows as a table; a column that only some rows have is null in the others."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table({name: [row.get(name) for row in rows] for name in names})
