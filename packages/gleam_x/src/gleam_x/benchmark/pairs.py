"""Pairs of a world: places in couples, each once with its own tile and once with the other's.

Axes: P places of one view and split.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from gleam_common.catalog import Catalog
from gleam_common.errors import DataError
from gleam_common.geo import distance_m
from gleam_common.synthcity.build import FACTS_FILE
from gleam_common.views import View

from gleam_x.benchmark.landmarks import Landmark, landmarks_of
from gleam_x.benchmark.naming import Named, choose_named, look_frequency
from gleam_x.benchmark.negatives import couple_places, said_of
from gleam_x.benchmark.schema import NEGATIVE_KINDS

__all__ = ["CATALOG_SPLITS", "Pair", "Pool", "Similarity", "facts_similarity", "make_pool", "read_landmarks"]

CATALOG_SPLITS = {"train": "train", "validation": "val", "test": "test"}
"""The catalog's split that each split of the benchmark is drawn from."""

Floats = npt.NDArray[np.float64]
Similarity = Callable[[Catalog, View, Sequence[Sequence[Landmark]], Sequence[Sequence[Landmark]]], Floats]
"""How alike each query (row) and each tile (column) of a catalog of one view and split are; see ``facts_similarity``"""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A query and a tile. ``named_query`` and ``named_tile`` are what the reason says of each, ``count_*`` how many of
    each there are (None: not said); of a pair of one place they are the same things in the same order.
    """

    query_id: str
    gallery_id: str
    place_id: str
    view: View
    negative_kind: str
    named_query: tuple[Landmark, ...]
    named_tile: tuple[Landmark, ...]
    count_query: tuple[int | None, ...]
    count_tile: tuple[int | None, ...]

    @property
    def same_place(self) -> bool:
        """Whether the tile is the query's own."""
        return not self.negative_kind


@dataclass(frozen=True, kw_only=True)
class Pool:
    """All couples of places of a view and split that swap tiles, by kind of negative: each is four pairs, two right and
    two wrong.
    """

    couples: dict[str, list[tuple[Pair, ...]]]

    def most(self, first: int = 0) -> int:
        """The most couples that :meth:`take` can give."""
        counts = [len(self.couples[kind]) for kind in _kinds_from(first)]
        return min(len(NEGATIVE_KINDS) * count + index for index, count in enumerate(counts))

    def take(self, couples: int, first: int = 0) -> list[Pair]:
        """Return the pairs of so many couples, the kinds of negatives in turn; ``first`` is where the turn begins."""
        chosen: list[Pair] = []
        for index, kind in enumerate(_kinds_from(first)):
            count = (couples + len(NEGATIVE_KINDS) - 1 - index) // len(NEGATIVE_KINDS)
            chosen += [pair for couple in self.couples[kind][:count] for pair in couple]
        return chosen


def _kinds_from(first: int) -> tuple[str, ...]:
    turn = first % len(NEGATIVE_KINDS)
    return (*NEGATIVE_KINDS[turn:], *NEGATIVE_KINDS[:turn])


def make_pool(
    world: Catalog,
    shows: Mapping[str, list[Landmark]],
    split: str,
    view: View,
    similarity: Similarity,
    rng: np.random.Generator,
) -> Pool:
    """Return the right and wrong pairs of a split and view of a SynthCity world.

    Args:
        world: its catalog.
        shows: the landmarks of every picture, from :func:`read_landmarks`.
        split: train, validation or test.
        view: of the queries.
        similarity: decides which tiles are confusable.
        rng: draws names, kinds and order.

    Raises:
        DataError: nothing in the split.
    """
    catalog = world.select(split=CATALOG_SPLITS[split], views=[view], gallery="positives")
    catalog = _one_query_for_each_place(catalog)
    places = _places(catalog, shows, rng)
    lat, lon = catalog.gallery_latlon()[catalog.query_positives().rows].T
    apart_m_PP = distance_m(lat[:, None], lon[:, None], lat[None, :], lon[None, :])
    query_shows, tile_shows = [place.query_shows for place in places], [place.tile_shows for place in places]
    similarity_PP = similarity(catalog, view, query_shows, tile_shows)
    named = [place.named for place in places]
    couples = couple_places(named, query_shows, tile_shows, apart_m_PP, similarity_PP, rng)
    found: dict[str, list[tuple[Pair, ...]]] = {kind: [] for kind in NEGATIVE_KINDS}
    for index in rng.permutation(len(couples)).tolist():
        couple = couples[index]
        found[couple.kind].append(_four_pairs(places[couple.first], places[couple.second], view, couple.kind))
    return Pool(couples=found)


@dataclass(frozen=True, kw_only=True)
class _Place:
    query_id: str
    tile_id: str
    query_shows: list[Landmark]
    tile_shows: list[Landmark]
    named: tuple[Named, ...]


def _places(catalog: Catalog, shows: Mapping[str, list[Landmark]], rng: np.random.Generator) -> list[_Place]:
    """Return the places of a catalog's queries, and what may be named of each."""
    tile_ids = [catalog.gallery_ids[row] for row in catalog.query_positives().rows.tolist()]
    frequency = look_frequency([shows.get(tile_id, []) for tile_id in tile_ids])
    places = []
    for query_id, tile_id in zip(catalog.query_ids, tile_ids, strict=True):
        query, tile = shows.get(query_id, []), shows.get(tile_id, [])
        named = choose_named(query, tile, frequency, rng)
        places.append(_Place(query_id=query_id, tile_id=tile_id, query_shows=query, tile_shows=tile, named=named))
    return places


def _four_pairs(first: _Place, second: _Place, view: View, kind: str) -> tuple[Pair, ...]:
    """Return each query of a couple with its own tile and with the other's."""
    ends = (first, second)
    said = [
        said_of(own.named, other.query_shows, other.tile_shows) for own, other in ((first, second), (second, first))
    ]
    return tuple(
        _pair(
            said[own],
            said[other],
            query_id=ends[own].query_id,
            place_id=ends[own].tile_id,
            gallery_id=ends[other].tile_id,
            view=view,
            negative_kind="" if own == other else kind,
        )
        for own in (0, 1)
        for other in (0, 1)
    )


def _pair(of_query: Sequence[Named], of_tile: Sequence[Named], **ids: Any) -> Pair:
    return Pair(
        named_query=tuple(thing.query for thing in of_query),
        named_tile=tuple(thing.tile for thing in of_tile),
        count_query=tuple(thing.count for thing in of_query),
        count_tile=tuple(thing.count for thing in of_tile),
        **ids,
    )


def _one_query_for_each_place(catalog: Catalog) -> Catalog:
    """Keep the first query of each place; worlds with more shots have several."""
    first: dict[str, int] = {}
    for row, place_id in enumerate(catalog.column("place_id")):
        first.setdefault(place_id, row)
    return Catalog(gallery=catalog.gallery, queries=catalog.queries.take(list(first.values())), root=catalog.root)


def read_landmarks(world: Catalog) -> dict[str, list[Landmark]]:
    """Return the landmarks of every picture of a world, by gallery_id and query_id.

    Raises:
        DataError: the world has no facts.
    """
    path = world.root / FACTS_FILE
    if not path.is_file():
        raise DataError("no facts of the pictures", value=str(path), fix="make the world with `gleam-data synth`")
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in pq.read_table(path).to_pylist():
        rows[row["picture_id"]].append(row)
    return {picture_id: landmarks_of(facts, View(facts[0]["view"])) for picture_id, facts in rows.items()}


def facts_similarity(
    catalog: Catalog, view: View, query_shows: Sequence[Sequence[Landmark]], tile_shows: Sequence[Sequence[Landmark]]
) -> Floats:
    """Return how alike pictures are by what they show: cosine of the shares of each kind and colour, (P, P)."""
    marks = {(mark.what, mark.colour) for picture in (*query_shows, *tile_shows) for mark in picture}
    position = {look: index for index, look in enumerate(sorted(marks))}
    tables = []
    for pictures in (query_shows, tile_shows):
        table_PL = np.zeros((len(pictures), max(len(marks), 1)))
        for row, picture in enumerate(pictures):
            for mark in picture:
                table_PL[row, position[mark.what, mark.colour]] += mark.share**0.5
        tables.append(table_PL / np.maximum(np.linalg.norm(table_PL, axis=1, keepdims=True), 1e-9))
    return np.asarray(tables[0] @ tables[1].T)
