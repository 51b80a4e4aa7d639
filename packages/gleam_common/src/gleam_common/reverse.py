"""The other direction of a set: its tiles as queries, its pictures as the gallery."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from gleam_common.catalog import Catalog
from gleam_common.errors import DataError
from gleam_common.row_lists import RowLists
from gleam_common.views import View

__all__ = ["DISTRACTOR", "reverse_catalog"]

DISTRACTOR = "distractor"
"""Split of pictures that no tile asks for: in the reverse direction they are searched, they never are queries."""

_SHARED = ("path", "view", "place_id", "lat", "lon", "x_m", "y_m", "split", "area")


def reverse_catalog(catalog: Catalog, view: View, distractors: pa.Table | None = None) -> Catalog:
    """Return a catalog that searches the pictures of ``view`` with the tiles that they were to be found in.

    A tile's positives are the pictures whose positive it is; a tile that is nobody's positive asks nothing.

    Args:
        catalog: pictures as queries and tiles as gallery.
        view: of the pictures.
        distractors: rows of a query table, more pictures to be searched; what they show has no say.

    Raises:
        DataError: the catalog has no picture of this view.
    """
    pictures = catalog.queries.filter(pa.array(catalog.column("view") == str(view)))
    if not len(pictures):
        raise DataError("no picture of this view to search", value=str(view), allowed=[str(v) for v in catalog.views])
    part = Catalog(gallery=catalog.gallery, queries=pictures, root=catalog.root)
    positives, semi = (_turned(lists, len(part.gallery)) for lists in _links(part))
    asking = np.flatnonzero(positives.lengths)
    tiles = part.gallery.take(asking)
    ids = part.query_ids
    queries = _renamed(tiles, "gallery_id", "query_id")
    for name, lists in (("positives", positives), ("semi_positives", semi)):
        found = [[ids[row] for row in lists[int(tile)]] for tile in asking]
        queries = queries.append_column(name, pa.array(found, type=pa.list_(pa.string())))
    gallery = _renamed(pictures, "query_id", "gallery_id")
    if distractors is not None:
        gallery = pa.concat_tables(
            [gallery, _renamed(distractors, "query_id", "gallery_id")], promote_options="default"
        )
    return Catalog(gallery=gallery, queries=queries, root=catalog.root)


def _links(catalog: Catalog) -> Sequence[RowLists]:
    return catalog.query_positives(), catalog.query_semi_positives()


def _turned(lists: RowLists, tiles: int) -> RowLists:
    """Return, for each tile, the queries that list it."""
    owner, _ = lists.owner_and_place()
    order = np.argsort(lists.rows, kind="stable")
    lengths = np.bincount(lists.rows, minlength=tiles)
    return RowLists(offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), rows=owner[order])


def _renamed(table: pa.Table, old: str, new: str) -> pa.Table:
    columns = [old, *(name for name in _SHARED if name in table.column_names)]
    return table.select(columns).rename_columns([new, *columns[1:]])
