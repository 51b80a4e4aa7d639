"""Tiles that share ground: no negatives of each other's queries."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import shapely

from gleam_common.catalog import Catalog
from gleam_common.row_lists import RowLists

__all__ = ["overlapping_tiles"]

Rows = npt.NDArray[np.int64]

_EDGE = 0.01
"""Share of its side that a tile is made smaller by on each side, so that tiles that only touch do not overlap."""


def overlapping_tiles(catalog: Catalog, tiles: RowLists) -> RowLists:
    """Return for each list of gallery rows the rows of all tiles whose bounds overlap one of them.

    Tiles without bounds overlap nothing.
    """
    first, second = _overlaps(catalog)
    start = np.searchsorted(first, np.arange(len(catalog.gallery) + 1))
    count = np.diff(start)[tiles.rows]
    offset = np.repeat(np.cumsum(count) - count, count)
    neighbours = second[np.repeat(start[tiles.rows], count) + np.arange(int(count.sum())) - offset]
    per_list = np.add.reduceat(np.append(count, 0), tiles.offsets[:-1]) * (tiles.lengths > 0)
    return RowLists(offsets=np.concatenate([[0], np.cumsum(per_list)]).astype(np.int64), rows=neighbours)


def _overlaps(catalog: Catalog) -> tuple[Rows, Rows]:
    """Return all pairs of different overlapping tiles, both ways round, sorted by the first."""
    bounds = [value if value is not None else [np.nan] * 4 for value in catalog.column("bounds", "gallery")]
    south, west, north, east = np.array(bounds, dtype=np.float64).reshape(-1, 4).T
    up, right = _EDGE * (north - south), _EDGE * (east - west)
    known = np.flatnonzero(~np.isnan(south + west + north + east))
    boxes = shapely.box(west + right, south + up, east - right, north - up)[known]
    first, second = shapely.STRtree(boxes).query(boxes, predicate="intersects")
    differ = first != second
    first, second = known[first[differ]], known[second[differ]]
    order = np.lexsort((second, first))
    return first[order].astype(np.int64), second[order].astype(np.int64)
