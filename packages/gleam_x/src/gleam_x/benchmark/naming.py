"""Which things of a place its reasons name: those that both its query and its tile show, chosen once for each place.

A place is named alike whether it stands in a pair of one place or of two, so that what is said of a picture alone never
tells the verdict.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gleam_x.benchmark.landmarks import Landmark, is_the_kind

__all__ = ["Named", "choose_named", "look_frequency"]

_MOST_NAMED = 3
_MOST_COUNTED = 9  # the lexicons have numbers up to nine
_HOW_MANY = (0.25, 0.5, 0.25)
"""Odds of naming one, two or three things."""

_IN_PARTS = ("church", "tower")
"""Kinds that may be built of several items, nave and steeple; an eye counts them as one."""

Look = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Named:
    """One thing, or ``count`` alike side by side, as the query and as its own tile show it."""

    query: Landmark
    tile: Landmark
    count: int | None = None


def look_frequency(tiles: Sequence[Sequence[Landmark]]) -> Counter[Look]:
    """Return in how many tiles each kind and colour is seen."""
    return Counter(look for tile in tiles for look in {(mark.what, mark.colour) for mark in tile})


def choose_named(
    query: Sequence[Landmark], tile: Sequence[Landmark], frequency: Mapping[Look, int], rng: np.random.Generator
) -> tuple[Named, ...]:
    """Return up to three things that a query and its own tile show, rare ones more often; each look once."""
    groups = _shared_looks(query, tile)
    if not groups:
        return ()
    count = min(1 + int(rng.choice(_MOST_NAMED, p=_HOW_MANY)), len(groups))
    weight = np.array([frequency.get((group[0].tile.what, group[0].tile.colour), 1) ** -0.5 for group in groups])
    chosen = rng.choice(len(groups), count, replace=False, p=weight / weight.sum())
    return tuple(_side_by_side(groups[index], query, tile) for index in chosen.tolist())


def _shared_looks(query: Sequence[Landmark], tile: Sequence[Landmark]) -> list[list[Named]]:
    """Things in both pictures, grouped by their look, each group from the largest in the query down."""
    in_tile = {mark.item_id: mark for mark in tile if mark.is_nameable}
    groups: dict[Look, list[Named]] = {}
    for mark in query:
        other = in_tile.get(mark.item_id)
        if other is None or not mark.is_nameable or other.what != mark.what:
            continue
        colour = other.colour if mark.colour == other.colour else ""
        if mark.what == "building" and not colour:
            continue
        part = other.part if colour else ""
        pair = Named(query=replace(mark, colour=colour, part=part), tile=replace(other, colour=colour, part=part))
        groups.setdefault((mark.what, colour), []).append(pair)
    return list(groups.values())


def _side_by_side(group: Sequence[Named], query: Sequence[Landmark], tile: Sequence[Landmark]) -> Named:
    """Return the group's largest thing, counted where all things of that look stand together in both pictures."""
    first = group[0]
    alike = [{mark.item_id for mark in marks if _could_be_counted(mark, first.tile)} for marks in (query, tile)]
    is_all = alike[0] == alike[1] == {pair.query.item_id for pair in group}
    is_together = len({(pair.query.where, pair.tile.where) for pair in group}) == 1
    is_countable = 1 < len(group) <= _MOST_COUNTED and first.tile.what not in _IN_PARTS
    return replace(first, count=len(group)) if is_countable and is_together and is_all else first


def _could_be_counted(mark: Landmark, named: Landmark) -> bool:
    return is_the_kind(mark, named.what) and (not named.colour or mark.colour in ("", named.colour))
