"""Which pairs are hard to tell apart: the nearest other places on the map, and tables of pairs made of them.

A table is int64 (N, K): for each pair, pairs of other places of its view, hardest first, each place once, -1 at the
end. Places that share ground with the pair's are left out. Axes: N pairs, P places, G tiles, K neighbours.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from gleam_common.catalog import Catalog
from gleam_common.geo import distance_m, earth_centred_m
from gleam_common.pairs import Pairs
from gleam_common.row_lists import RowLists, padded

__all__ = ["near_table", "nearest_in_plane", "nearest_on_globe", "places_apart", "related_places"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_BLOCK = 1024
"""Places that are looked up at once."""


def places_apart(pairs: Pairs) -> RowLists:
    """Return for each place the other places that share ground with it, by their number in ``np.unique(pairs.place)``.

    Places do if a tile of one is related to a pair of the other (:class:`~gleam_common.pairs.Pairs`).
    """
    names, place = np.unique(pairs.place, return_inverse=True)
    tiles = 1 + max(int(pairs.tiles.rows.max(initial=-1)), int(pairs.related.max(initial=-1)))
    place_of_tile = np.full(tiles, -1, dtype=np.int64)
    place_of_tile[pairs.tiles.rows] = place[pairs.tiles.owner_and_place()[0]]
    second = np.where(pairs.related >= 0, place_of_tile[pairs.related], -1).ravel()
    first = np.repeat(place, pairs.related.shape[1])
    keep = (second >= 0) & (second != first)
    first, second = first[keep], second[keep]
    keys = np.unique(np.concatenate([first * len(names) + second, second * len(names) + first]))
    lengths = np.bincount(keys // len(names), minlength=len(names))
    return RowLists(offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), rows=keys % len(names))


def related_places(pairs: Pairs) -> Ints:
    """Return the places that each pair's place shares ground with, as in ``pairs.place``: (N, R), filled with -1."""
    names, place = np.unique(pairs.place, return_inverse=True)
    related = padded(places_apart(pairs))
    return np.where(related >= 0, names[related], -1)[place]


def nearest_on_globe(latlon_P2: Floats, k: int, apart: RowLists) -> Ints:
    """Return the ``k`` nearest other places of each by geodesic distance on WGS84, (P, k), -1 where there are fewer.

    Args:
        latlon_P2: latitude and longitude in degrees.
        k: places for each.
        apart: places to leave out for each.
    """

    def geodesic_m(first: Ints, second: Ints) -> Floats:
        return distance_m(*latlon_P2[first].transpose(2, 0, 1), *latlon_P2[second].transpose(2, 0, 1))

    return _nearest(earth_centred_m(*latlon_P2.T), k, apart, geodesic_m)


def nearest_in_plane(xy_P2: Floats, k: int, apart: RowLists) -> Ints:
    """Return the ``k`` nearest other places of each in a plane of metres; as :func:`nearest_on_globe`."""

    def straight_m(first: Ints, second: Ints) -> Floats:
        return np.asarray(np.linalg.norm(xy_P2[first] - xy_P2[second], axis=2))

    return _nearest(xy_P2, k, apart, straight_m)


def _nearest(points: Floats, k: int, apart: RowLists, apart_m: Callable[[Ints, Ints], Floats]) -> Ints:
    """Look ``points`` up by straight lines, and rank what is found by ``apart_m``; equal ones by number.

    A straight line through the earth and the geodesic rank alike but for parts in a million within 100 km, and half a
    percent around the globe, where k is no small share of all places: the spare candidates are for that.
    """
    places, tree = len(points), cKDTree(points)
    keys = apart.owner_and_place()[0] * places + apart.rows
    need = np.minimum(places, 1 + k + 8 + k // 16 + apart.lengths)
    nearest = np.full((places, k), -1, dtype=np.int64)
    order = np.argsort(need, kind="stable")
    for here in (order[start : start + _BLOCK] for start in range(0, places, _BLOCK)):
        found = tree.query(points[here], k=np.arange(1, need[here].max() + 1))[1].astype(np.int64)
        metres = apart_m(np.broadcast_to(here[:, None], found.shape), found)
        metres[(found == here[:, None]) | np.isin(here[:, None] * places + found, keys)] = np.inf
        best = np.lexsort((found, metres), axis=1)[:, :k]
        kept = np.take_along_axis(found, best, axis=1)
        kept[~np.isfinite(np.take_along_axis(metres, best, axis=1))] = -1
        nearest[here, : kept.shape[1]] = kept
    return nearest


def near_table(catalog: Catalog, pairs: Pairs, k: int) -> Ints | None:
    """Return the table of the ``k`` nearest places on the map, or None for a catalog without coordinates.

    A pair lies where its tile does, or else its query. Pairs with latitude and longitude are compared by geodesics;
    the others by ``x_m`` and ``y_m`` within their data set. Pairs without either have no neighbours.
    """
    latlon = _positions(catalog, pairs, "lat", "lon")
    flat = _positions(catalog, pairs, "x_m", "y_m")
    apart, on_globe = places_apart(pairs), ~np.isnan(latlon[:, 0])
    sources = catalog.column("source", "gallery").astype(str)[pairs.tiles.rows[pairs.tiles.offsets[:-1]]]
    set_of_pair = np.unique(sources, return_inverse=True)[1]
    frame = np.where(on_globe, -1, np.where(np.isnan(flat[:, 0]), -2, set_of_pair))
    if not (frame >= -1).any():
        return None
    table = np.full((len(pairs.place), k), -1, dtype=np.int64)
    for view, number in np.unique(np.stack([pairs.view, frame], axis=1)[frame >= -1], axis=0):
        rows = np.flatnonzero((pairs.view == view) & (frame == number))
        first, place_of_row, places = _places_among(pairs, rows)
        nearest, position = (nearest_on_globe, latlon) if number == -1 else (nearest_in_plane, flat)
        found = nearest(position[first], k, _among(apart, places))
        table[rows] = np.where(found >= 0, first[found], -1)[place_of_row]
    return table


def _places_among(pairs: Pairs, rows: Ints) -> tuple[Ints, Ints, Ints]:
    """Return of the places of some pairs: the first pair; the place's number for each pair, here and among all."""
    names, first, inverse = np.unique(pairs.place[rows], return_index=True, return_inverse=True)
    return rows[first], inverse, np.searchsorted(np.unique(pairs.place), names)


def _among(apart: RowLists, places: Ints) -> RowLists:
    """Return the lists of some places (rising numbers), of which only those are named, by their number among them."""
    some = apart.take(places)
    owner = some.owner_and_place()[0]
    at = np.minimum(np.searchsorted(places, some.rows), len(places) - 1)
    known = places[at] == some.rows
    lengths = np.bincount(owner[known], minlength=len(places))
    return RowLists(offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), rows=at[known])


def _positions(catalog: Catalog, pairs: Pairs, first: str, second: str) -> Floats:
    """Return two coordinates of each pair's first tile, or of its query where its tile has none; NaN for none."""
    tile = pairs.tiles.rows[pairs.tiles.offsets[:-1]]
    of_tile, of_query = (
        np.stack([np.asarray(catalog.column(name, which), dtype=np.float64) for name in (first, second)], axis=1)
        for which in ("gallery", "queries")
    )
    position = of_tile[tile]
    without = np.isnan(position).any(axis=1)
    position[without] = of_query[without]
    position[np.isnan(position).any(axis=1)] = np.nan
    return position
