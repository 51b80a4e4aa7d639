"""From similar tiles to a table of neighbours: which tiles a view's pairs are searched among, and whose they are.

Axes: V pairs of a view, P places, g tiles of the view's pairs, K neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gleam_common.neighbours import places_apart
from gleam_common.pairs import Pairs
from gleam_common.row_lists import RowLists

__all__ = ["ViewTiles", "view_tiles"]

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class ViewTiles:
    """The tiles that the pairs of a view are searched among.

    ``pair_V`` pairs of the view; ``tile_g`` rows of their tiles in the gallery, rising; ``pair_g`` for each tile the
    first pair of its place; ``excluded`` for each pair the tiles (by their number in ``tile_g``) of its own place and
    of those that share ground with it; ``per_place`` tiles of a place on average, rounded up.
    """

    pair_V: Ints
    tile_g: Ints
    pair_g: Ints
    excluded: RowLists
    per_place: int

    def table_rows(self, found_VM: Ints, k: int) -> Ints:
        """Return the rows of a table (V, k): pairs of the places of the tiles that were found, each place once."""
        pair = np.where(found_VM >= 0, self.pair_g[found_VM], -1)
        order = np.argsort(pair, axis=1, kind="stable")
        ranked = np.take_along_axis(pair, order, axis=1)
        again = np.zeros(pair.shape, dtype=bool)
        np.put_along_axis(again, order[:, 1:], ranked[:, 1:] == ranked[:, :-1], axis=1)
        pair[again] = -1
        kept = np.take_along_axis(pair, np.argsort(pair < 0, axis=1, kind="stable"), axis=1)[:, :k]
        return np.pad(kept, ((0, 0), (0, k - kept.shape[1])), constant_values=-1)


def view_tiles(pairs: Pairs, view: int) -> ViewTiles:
    """Return the tiles of the pairs of a view (its code)."""
    names, place_of_pair = np.unique(pairs.place, return_inverse=True)
    pair_V = np.flatnonzero(pairs.view == view)
    own = pairs.tiles.take(pair_V)
    tile_g, first = np.unique(own.rows, return_index=True)
    place_g = place_of_pair[pair_V][own.owner_and_place()[0][first]]
    first_pair_P = np.full(len(names), -1, dtype=np.int64)
    first_pair_P[place_of_pair[pair_V[::-1]]] = pair_V[::-1]  # the first pair is written last
    count_P = np.bincount(place_g, minlength=len(names))
    by_place = RowLists(offsets=_offsets(count_P), rows=np.argsort(place_g, kind="stable"))
    return ViewTiles(
        pair_V=pair_V,
        tile_g=tile_g,
        pair_g=first_pair_P[place_g],
        excluded=_with_those_of(by_place, places_apart(pairs)).take(place_of_pair[pair_V]),
        per_place=-(-len(tile_g) // max(1, int((count_P > 0).sum()))),
    )


def _with_those_of(lists: RowLists, others: RowLists) -> RowLists:
    """Return each list joined with those that ``others`` names for it."""
    owner = np.concatenate([np.arange(len(lists)), others.owner_and_place()[0]])
    named = np.concatenate([np.arange(len(lists)), others.rows])
    order = np.argsort(owner, kind="stable")
    joined = lists.take(named[order])
    lengths = np.bincount(owner[order], weights=joined.lengths, minlength=len(lists)).astype(np.int64)
    return RowLists(offsets=_offsets(lengths), rows=joined.rows)


def _offsets(lengths: npt.NDArray[np.integer]) -> Ints:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
