"""Catalogs of several sets as one, for training on all of them: each view's pictures from whichever set has it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from gleam_common.catalog import Catalog, Which
from gleam_common.errors import DataError

__all__ = ["join_catalogs"]


def join_catalogs(catalogs: Sequence[Catalog]) -> Catalog:
    """Return one catalog with the rows of all, its paths relative to the deepest folder that holds all their roots.

    Columns that only some have are null in the others' rows.

    Raises:
        DataError: fewer than two catalogs, no common folder, two with the same ids, or columns of one name that differ.
    """
    if len(catalogs) < 2:
        raise DataError("catalogs to be joined", value=len(catalogs), allowed="two or more")
    roots = [os.path.realpath(catalog.root) for catalog in catalogs]
    try:
        root = Path(os.path.commonpath(roots))
    except ValueError as error:
        raise DataError("the catalogs' pictures have no folder in common", value=roots, fix="link them") from error
    above = [Path(own).relative_to(root) for own in roots]
    gallery, queries = (_joined(catalogs, above, which) for which in ("gallery", "queries"))
    return Catalog(gallery=gallery, queries=queries, root=root)


def _joined(catalogs: Sequence[Catalog], above: Sequence[Path], which: Which) -> pa.Table:
    tables = []
    for catalog, folder in zip(catalogs, above, strict=True):
        table: pa.Table = getattr(catalog, which)
        paths = [(folder / path).as_posix() for path in table["path"].to_pylist()]
        place = table.column_names.index("path")
        tables.append(table.set_column(place, "path", pa.array(paths, type=pa.string())))
    try:
        return pa.concat_tables(tables, promote_options="default")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise DataError(f"{which}.parquet of the catalogs do not fit ({error})", fix="import them again") from error
