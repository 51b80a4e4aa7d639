"""The pairs of a catalog: each query with the tiles it may be trained with, and the places that must not meet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gleam_common.catalog import Catalog
from gleam_common.overlaps import overlapping_tiles
from gleam_common.row_lists import RowLists, padded
from gleam_common.views import View

__all__ = ["VIEW_CODES", "Pairs", "make_pairs"]

Ints = npt.NDArray[np.int64]

VIEW_CODES: dict[View, int] = {view: code for code, view in enumerate(View)}
"""A small number for each view, the same in every run."""


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """One pair for each query, in the catalog's order.

    ``view`` (Q,) view codes; ``place`` (Q,): pairs of one place share a place_id or a tile; ``tiles``: gallery rows to
    draw a pair's tile from; ``related`` (Q, R): gallery rows that are no negatives (positives, semi-positives,
    tiles that overlap a pair's tile), filled with -1.
    """

    view: Ints
    place: Ints
    tiles: RowLists
    related: Ints


def make_pairs(catalog: Catalog) -> Pairs:
    """Return the pairs of all queries.

    A query's tiles are its positives of the same place_id (DenseUAV has six of them), or its first positive where none
    has it: drawing from all positives of a set with dense tiles would chain its places into one.
    """
    place_names, place = np.unique(catalog.column("place_id").astype(str), return_inverse=True)
    tile_names = catalog.column("place_id", "gallery").astype(str)
    at = np.minimum(np.searchsorted(place_names, tile_names), len(place_names) - 1)
    place_of_tile = np.where(place_names[at] == tile_names, at, -1)
    tiles = _own_tiles(catalog.query_positives(), place, place_of_tile)
    view = np.array([VIEW_CODES[View(name)] for name in catalog.column("view")], dtype=np.int64)
    joined = _join(place.astype(np.int64), tiles, len(catalog.gallery))
    around = overlapping_tiles(catalog, tiles)
    related = padded(catalog.query_positives(), catalog.query_semi_positives(), around)
    return Pairs(view=view, place=joined, tiles=tiles, related=related)


def _own_tiles(positives: RowLists, place: npt.NDArray[np.intp], place_of_tile: npt.NDArray[np.intp]) -> RowLists:
    query = np.repeat(np.arange(len(positives)), positives.lengths)
    keep = place_of_tile[positives.rows] == place[query]
    without = np.bincount(query, weights=keep, minlength=len(positives)) == 0
    keep[positives.offsets[:-1][without]] = True
    lengths = np.bincount(query[keep], minlength=len(positives))
    return RowLists(offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), rows=positives.rows[keep])


def _join(place: Ints, tiles: RowLists, gallery: int) -> Ints:
    """Give pairs that share a place or a tile, directly or through others, one number: the smallest in reach."""
    owner = np.repeat(np.arange(len(place)), tiles.lengths)
    label = place.copy()
    while True:
        of_tile = np.full(gallery, len(place), dtype=np.int64)
        np.minimum.at(of_tile, tiles.rows, label[owner])
        reach = label.copy()
        np.minimum.at(reach, owner, of_tile[tiles.rows])
        of_place = np.full(int(place.max(initial=0)) + 1, len(place), dtype=np.int64)
        np.minimum.at(of_place, place, reach)
        reach = np.minimum(reach, of_place[place])
        if np.array_equal(reach, label):
            return label
        label = reach
