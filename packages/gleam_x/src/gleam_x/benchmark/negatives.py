"""Which wrong tile each query is shown with: places swap their tiles in couples.

Both places of a couple then stand with their own and with the other's tile, so that over any set of couples each query
and each tile is right as often as it is wrong, exactly: a picture alone cannot tell the verdict.

Axes: P places of one view and split; rows by their queries, columns by their tiles; K things named of a place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gleam_x.benchmark.landmarks import Landmark, is_same_look
from gleam_x.benchmark.naming import Named
from gleam_x.benchmark.schema import NEGATIVE_KINDS

__all__ = ["NEAR_M", "Couple", "couple_places", "said_of"]

Floats = npt.NDArray[np.float64]
NEAR_M = (119.0, 400.0)
"""Distance of the centres of two tiles of a near couple, metres; nearer tiles share ground."""

_PER_LOST = 10.0


@dataclass(frozen=True, kw_only=True)
class Couple:
    """Rows of two places that swap tiles, and the kind of negative."""

    first: int
    second: int
    kind: str


def said_of(
    named: Sequence[Named], other_query: Sequence[Landmark], other_tile: Sequence[Landmark]
) -> tuple[Named, ...]:
    """Return the things named of a place that neither picture of the other place shows anything like."""
    return tuple(
        thing
        for thing in named
        if not any(is_same_look(thing.query, mark) for mark in other_tile)
        and not any(is_same_look(thing.tile, mark) for mark in other_query)
    )


def couple_places(
    named: Sequence[Sequence[Named]],
    query_shows: Sequence[Sequence[Landmark]],
    tile_shows: Sequence[Sequence[Landmark]],
    distance_m_PP: Floats,
    similarity_PP: Floats,
    rng: np.random.Generator,
) -> list[Couple]:
    """Return as many couples as a greedy choice finds, the kinds in turn; no place stands twice.

    Each place of a couple has something to say that the other's pictures do not show (:func:`said_of`). Random couples
    lie anywhere, near ones ``NEAR_M`` apart, confusable ones are the most similar; none shares ground.

    Args:
        named: what each place's reasons may name; places without anything stay alone.
        query_shows: all landmarks of each query.
        tile_shows: all landmarks of each tile.
        distance_m_PP: between centres of tiles.
        similarity_PP: of queries (rows) and tiles (columns); larger is more alike.
        rng: draws the random couples.
    """
    left_PP = _left_to_say(named, query_shows, tile_shows)
    can_PP = (left_PP > 0) & (left_PP.T > 0) & (distance_m_PP >= NEAR_M[0])
    named_P = np.array([len(things) for things in named], dtype=np.float64)
    lost_PP = _PER_LOST * (named_P[:, None] + named_P[None, :] - left_PP - left_PP.T)
    drawn_PP = rng.random(can_PP.shape)
    alike_PP = _rank_share(similarity_PP)
    wishes = {
        "random": _in_order(can_PP, lost_PP + drawn_PP),
        "near": _in_order(can_PP & (distance_m_PP <= NEAR_M[1]), lost_PP + drawn_PP.T),
        "confusable": _in_order(can_PP, lost_PP + 2 * _PER_LOST * (alike_PP + alike_PP.T)),
    }
    return _in_turn({kind: wishes[kind] for kind in NEGATIVE_KINDS})


def _in_turn(wishes: dict[str, Iterator[tuple[int, int]]]) -> list[Couple]:
    """Let each kind take its best couple of places that are still free, in turn, until one finds none."""
    taken: set[int] = set()
    couples: list[Couple] = []
    while True:
        for kind, wish in wishes.items():
            free = next((pair for pair in wish if taken.isdisjoint(pair)), None)
            if free is None:
                return couples
            taken.update(free)
            couples.append(Couple(first=free[0], second=free[1], kind=kind))


def _in_order(can_PP: npt.NDArray[np.bool_], cost_PP: Floats) -> Iterator[tuple[int, int]]:
    rows, columns = np.nonzero(np.triu(can_PP, 1))
    order = np.argsort(cost_PP[rows, columns], kind="stable")
    return iter(list(zip(rows[order].tolist(), columns[order].tolist(), strict=True)))


def _left_to_say(
    named: Sequence[Sequence[Named]],
    query_shows: Sequence[Sequence[Landmark]],
    tile_shows: Sequence[Sequence[Landmark]],
) -> Floats:
    """How many things :func:`said_of` leaves of each place (row) beside each other place (column); axes L looks."""
    every = [*query_shows, *tile_shows, *([t.query for t in things] + [t.tile for t in things] for things in named)]
    marks = {(mark.what, mark.colour): mark for picture in every for mark in picture}
    position = {look: index for index, look in enumerate(marks)}
    alike_LL = np.zeros((len(marks), len(marks)), dtype=bool)
    for row, first in enumerate(marks.values()):
        alike_LL[row] = [is_same_look(first, second) for second in marks.values()]
    in_query_PL, in_tile_PL = (_shown(pictures, position) @ alike_LL for pictures in (query_shows, tile_shows))
    left_PP = np.zeros((len(named), len(named)))
    for row, things in enumerate(named):
        for thing in things:
            as_query, as_tile = (position[mark.what, mark.colour] for mark in (thing.query, thing.tile))
            left_PP[row] += ~in_tile_PL[:, as_query] & ~in_query_PL[:, as_tile]
    return left_PP


def _shown(pictures: Sequence[Sequence[Landmark]], position: dict[tuple[str, str], int]) -> npt.NDArray[np.bool_]:
    shown_PL = np.zeros((len(pictures), len(position)), dtype=bool)
    for row, picture in enumerate(pictures):
        shown_PL[row, [position[mark.what, mark.colour] for mark in picture]] = True
    return shown_PL


def _rank_share(similarity_PP: Floats) -> Floats:
    """For each row 0 for the most similar column and 1 for the least."""
    rank_PP = np.argsort(np.argsort(-similarity_PP, axis=1), axis=1)
    return np.asarray(rank_PP / max(similarity_PP.shape[1] - 1, 1))
