"""Catalog: a gallery of tiles and the queries to be found in it, as two Parquet tables with string ids.

The columns are those of :mod:`gleam_common.catalog_schema`. Paths are relative to a root that is never stored.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from datasets import Dataset

from gleam_common.artifacts import write_atomic
from gleam_common.catalog_checks import check_gallery, check_positives, check_queries, floats
from gleam_common.catalog_schema import GALLERY, GALLERY_REQUIRED, QUERIES, QUERIES_REQUIRED, conform
from gleam_common.errors import ConfigError, DataError
from gleam_common.images import check_picture
from gleam_common.progress import progress
from gleam_common.row_lists import RowLists
from gleam_common.views import View, parse_view

__all__ = ["GALLERY_FILE", "QUERIES_FILE", "Catalog", "RowLists", "Which"]

GALLERY_FILE = "gallery.parquet"
QUERIES_FILE = "queries.parquet"

Which = Literal["gallery", "queries"]
"""One of the two tables of a catalog."""


class Catalog:
    """Tiles and queries. Immutable: :meth:`select` gives a new one.

    Args:
        gallery: rows of tiles; see :data:`gleam_common.catalog_schema.GALLERY`.
        queries: rows of queries; see :data:`gleam_common.catalog_schema.QUERIES`.
        root: the folder that picture paths are relative to.

    Raises:
        DataError: as :meth:`validate`, or a column is missing or has another type.
    """

    def __init__(self, *, gallery: pa.Table | Dataset, queries: pa.Table | Dataset, root: str | Path) -> None:
        self.gallery: pa.Table = conform(gallery, GALLERY, GALLERY_REQUIRED, GALLERY_FILE)
        self.queries: pa.Table = conform(queries, QUERIES, QUERIES_REQUIRED, QUERIES_FILE)
        self.root = Path(root)
        self.validate()

    @classmethod
    def read(cls, folder: str | Path, root: str | Path | None = None) -> Catalog:
        """Read ``gallery.parquet`` and ``queries.parquet`` of ``folder``; pictures lie under ``root`` (or ``folder``).

        Raises:
            DataError: the folder, the root or a file is missing or broken, or the tables do not hold together.
        """
        folder = Path(folder)
        root = folder if root is None else Path(root)
        for path, what in ((folder, "catalog folder"), (root, "root folder of the pictures")):
            if not path.is_dir():
                raise DataError(f"no such {what}", value=str(path), fix="check the path, or build the data first")
        return cls(gallery=_read_table(folder / GALLERY_FILE), queries=_read_table(folder / QUERIES_FILE), root=root)

    def write(self, folder: str | Path) -> None:
        """Write both tables into ``folder``, atomically: same rows, same bytes. Pictures are not copied."""
        for table, name in ((self.gallery, GALLERY_FILE), (self.queries, QUERIES_FILE)):
            with write_atomic(Path(folder) / name) as file:
                pq.write_table(table.combine_chunks(), file, compression="zstd", row_group_size=65536)

    def validate(self) -> None:
        """Check that both tables hold together, without opening a picture (see :meth:`check_pictures`).

        Raises:
            DataError: duplicate id, unknown view, absolute path, coordinates outside the globe, a query without a
                positive, or a positive that is not in the gallery.
        """
        check_gallery(self.gallery)
        check_queries(self.queries)
        check_positives(self.queries, self.gallery["gallery_id"])

    def check_pictures(self, limit: int | None = None, bad_share: float = 0.0) -> int:
        """Open the header of every picture, or of ``limit`` spread evenly over each table; return how many are good.

        Args:
            limit: of each table; None for all.
            bad_share: share of the pictures that may be bad, of which a warning tells.

        Raises:
            DataError: more than that are missing, too large or no pictures; says what the first one is.
        """
        checked, bad = 0, []
        for which in ("gallery", "queries"):
            count = len(self._table(which))
            rows = (
                range(count) if limit is None else np.unique(np.linspace(0, count - 1, min(limit, count)).astype(int))
            )
            for row in progress(rows, desc=f"checking {which}", unit="picture", disable=len(rows) < 1000):
                checked += 1
                try:
                    check_picture(self.picture_path(which, int(row)))
                except DataError as error:
                    bad.append(error)
                    if len(bad) > bad_share * (len(self.gallery) + len(self.queries)):
                        raise
        if bad:
            warnings.warn(f"{len(bad)} of {checked} pictures cannot be read; the first: {bad[0]}", stacklevel=2)
        return checked - len(bad)

    def picture_path(self, which: Which, row: int) -> Path:
        """Return the path of the picture in ``row`` of a table."""
        return self.root / str(self._table(which)["path"][row])

    def column(self, name: str, which: Which = "queries") -> npt.NDArray[Any]:
        """Return a column as an array: float64 with NaN for null, or objects (text with "" for null, lists).

        Raises:
            DataError: there is no such column.
        """
        table = self._table(which)
        if name not in table.column_names:
            raise DataError(f"no such column in {which}.parquet", value=name, allowed=table.column_names)
        array = table[name]
        if pa.types.is_string(array.type):
            array = pc.fill_null(array, "")
        if pa.types.is_floating(array.type):
            return floats(array)
        return np.asarray(array.to_numpy(zero_copy_only=False))

    @cached_property
    def gallery_ids(self) -> list[str]:
        """The ids of the tiles, in order."""
        return list(self.gallery["gallery_id"].to_pylist())

    @cached_property
    def query_ids(self) -> list[str]:
        """The ids of the queries, in order."""
        return list(self.queries["query_id"].to_pylist())

    @cached_property
    def gallery_index(self) -> dict[str, int]:
        """The row of each tile by its id."""
        return {gallery_id: row for row, gallery_id in enumerate(self.gallery_ids)}

    @property
    def views(self) -> tuple[View, ...]:
        """The views of the queries, in the order of :class:`~gleam_common.views.View`."""
        present = set(pc.unique(self.queries["view"]).to_pylist())
        return tuple(view for view in View if view in present)

    def query_positives(self) -> RowLists:
        """Return the gallery rows of each query's positives."""
        return self._row_lists("positives")

    def query_semi_positives(self) -> RowLists:
        """Return the gallery rows of each query's semi-positives (overlapping tiles)."""
        return self._row_lists("semi_positives")

    def gallery_latlon(self) -> npt.NDArray[np.float64]:
        """Return float64 (G, 2): latitude and longitude of each tile's centre in degrees, NaN where unknown."""
        return np.stack([self.column("lat", "gallery"), self.column("lon", "gallery")], axis=1)

    def select(
        self,
        split: str | None = None,
        views: Iterable[str] | None = None,
        area: str | None = None,
        *,
        gallery: Literal["all", "area", "positives", "split"] = "area",
        protocol: str | None = None,
    ) -> Catalog:
        """Return the catalog of some of the queries, in order, and the tiles to search them in.

        Args:
            split: keep queries of this split; ``protocol`` names the column ``split_<protocol>`` instead of ``split``.
            views: keep queries of these views.
            area: keep queries of this area.
            gallery: ``all`` tiles; the tiles of the ``area``s that the kept queries are in (a held-out city is
                searched whole, and alone); the tiles whose own ``split`` column (text, or a list of texts) has a split
                of the kept queries; or only the ``positives`` and semi-positives of the kept queries.
            protocol: one of the set's own ways to split it.

        Raises:
            DataError: unknown view, no such protocol, or nothing left (lists the splits, views and areas there are).
        """
        column = "split" if protocol is None else f"split_{protocol}"
        names = None if views is None else {str(parse_view(str(view))) for view in views}
        keep = np.ones(len(self.queries), dtype=bool)
        for name, wanted in ((column, None if split is None else {split}), ("view", names), ("area", area and {area})):
            if wanted:
                here = keep & np.isin(self.column(name), sorted(wanted))
                missing = sorted(wanted - set(self.column(name)[here].tolist()))
                if missing:
                    raise self._empty(name, missing, keep)
                keep = here
        return self._with_queries(pa.array(keep), gallery, column)

    def statistics(self) -> dict[str, Any]:
        """Return counts for people and for JSON: tiles, queries, places, by view, split and area."""
        positives, semi = self.query_positives().lengths, self.query_semi_positives().lengths
        return {
            "gallery": len(self.gallery),
            "queries": len(self.queries),
            "places": len(pc.unique(self.queries["place_id"])),
            "views": _counts(self.queries["view"]),
            "splits": _counts(self.queries["split"]),
            "areas": _counts(self.queries["area"]),
            "gallery_areas": _counts(self.gallery["area"]),
            "positives_per_query": float(positives.mean()) if len(positives) else 0.0,
            "semi_positives_per_query": float(semi.mean()) if len(semi) else 0.0,
            "queries_with_coordinates": int(np.isfinite(self.column("lat")).sum()),
            "tiles_with_coordinates": int(np.isfinite(self.column("lat", "gallery")).sum()),
        }

    def _table(self, which: Which) -> pa.Table:
        return self.gallery if which == "gallery" else self.queries

    def _row_lists(self, column: str) -> RowLists:
        lists = self.queries[column].combine_chunks()
        lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False).astype(np.int64)
        rows = pc.index_in(lists.flatten(), value_set=self.gallery["gallery_id"]).to_numpy(zero_copy_only=False)
        return RowLists(offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), rows=rows.astype(np.int64))

    def _with_queries(self, keep: pa.Array, gallery: str, split_column: str) -> Catalog:
        queries = self.queries.filter(keep)
        needed = pc.is_in(
            self.gallery["gallery_id"],
            value_set=pa.concat_arrays(
                [queries[c].combine_chunks().flatten() for c in ("positives", "semi_positives")]
            ),
        )
        if gallery == "all":
            tiles = self.gallery
        elif gallery == "positives":
            tiles = self.gallery.filter(needed)
        elif gallery == "area":
            same = pc.is_in(self.gallery["area"], value_set=pc.unique(queries["area"]))
            tiles = self.gallery.filter(pc.or_(same, needed))
        elif gallery == "split":
            admitted = self._admitted(split_column, set(pc.unique(queries[split_column]).to_pylist()))
            tiles = self.gallery.filter(pc.or_(pa.array(admitted), needed))
        else:
            allowed = ["all", "area", "positives", "split"]
            raise ConfigError("unknown gallery of a selection", value=gallery, allowed=allowed)
        return Catalog(gallery=tiles, queries=queries, root=self.root)

    def _admitted(self, column: str, splits: set[str]) -> npt.NDArray[np.bool_]:
        """Return, for each tile, whether its own column (text, or a list of texts) has one of the splits."""
        own = self.column(column, "gallery")
        return np.array([not splits.isdisjoint(_texts(one)) for one in own])

    def _empty(self, column: str, wanted: list[str], keep: npt.NDArray[np.bool_]) -> DataError:
        there = ", ".join(
            f"{name or '(none)'}: {count}"
            for name, count in _counts(self.queries[column].filter(pa.array(keep))).items()
        )
        return DataError(
            f"no query has this {column}", value=", ".join(wanted), allowed=there or "nothing: the selection is empty"
        )


def _texts(cell: str | Iterable[str] | None) -> Iterable[str]:
    return (cell,) if isinstance(cell, str) else () if cell is None else cell


def _counts(array: pa.ChunkedArray) -> dict[str, int]:
    """Return how often each text stands in a column ("" for null), sorted by text."""
    pairs = pc.value_counts(pc.fill_null(array, "")).to_pylist()
    return {pair["values"]: pair["counts"] for pair in sorted(pairs, key=lambda pair: str(pair["values"]))}


def _read_table(path: Path) -> pa.Table:
    if not path.is_file():
        raise DataError(
            f"{path.parent} is not a catalog: missing file", value=path.name, fix="build or import it first"
        )
    try:
        return pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{path}: not a Parquet file ({error})", fix="build or import the catalog again") from error
