"""Couples of places: what each has left to say, how far apart they lie, and that no place stands twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
from gleam_x.benchmark.landmarks import Landmark
from gleam_x.benchmark.naming import Named
from gleam_x.benchmark.negatives import NEAR_M, Couple, _left_to_say, couple_places, said_of
from gleam_x.benchmark.schema import NEGATIVE_KINDS
from hypothesis import given, settings
from hypothesis import strategies as st

KINDS = ("pond", "building", "church", "tower", "tennis_court")
COLOURS = ("", "red", "orange", "blue", "white")
# Written out once more by hand, so that the code's own table is not its judge.
ALIKE = {("red", "orange"), ("orange", "red")}


@dataclass(frozen=True, kw_only=True)
class Town:
    """Places on a line, 60 m apart."""

    named: list[tuple[Named, ...]]
    query_shows: list[list[Landmark]]
    tile_shows: list[list[Landmark]]
    distance_m_PP: npt.NDArray[np.float64]
    similarity_PP: npt.NDArray[np.float64]

    def couples(self, seed: int = 0) -> list[Couple]:
        return couple_places(
            self.named, self.query_shows, self.tile_shows, self.distance_m_PP, self.similarity_PP,
            np.random.default_rng(seed),
        )  # fmt: skip


def town(seed: int, places: int = 14) -> Town:
    rng = np.random.default_rng(seed)

    def marks(most: int) -> list[Landmark]:
        return [
            Landmark(
                item_id=int(rng.integers(1000)), what=str(rng.choice(KINDS)), colour=str(rng.choice(COLOURS)), part="",
                where="north", share=0.02, is_nameable=True,
            )
            for _ in range(rng.integers(0, most))
        ]  # fmt: skip

    query_shows, tile_shows = ([marks(4) for _ in range(places)] for _ in range(2))
    named = [
        tuple(Named(query=query, tile=tile) for query, tile in zip(queries, tiles, strict=False))
        for queries, tiles in zip(query_shows, tile_shows, strict=True)
    ]
    x_P = 60.0 * np.arange(places)
    return Town(
        named=named, query_shows=query_shows, tile_shows=tile_shows,
        distance_m_PP=np.abs(x_P[:, None] - x_P[None, :]), similarity_PP=rng.normal(size=(places, places)),
    )  # fmt: skip


def slow_is_like(first: Landmark, second: Landmark) -> bool:
    """By the definition: one kind (a church or tower is a building too), colours that may be one."""
    kinds = (first.what, second.what)
    if first.what != second.what and kinds not in {
        ("building", "church"), ("church", "building"), ("building", "tower"), ("tower", "building")
    }:  # fmt: skip
        return False
    colours = (first.colour, second.colour)
    return "" in colours or first.colour == second.colour or colours in ALIKE


def slow_said(named: tuple[Named, ...], query: list[Landmark], tile: list[Landmark]) -> list[Named]:
    said = []
    for thing in named:
        in_tile = [mark for mark in tile if slow_is_like(thing.query, mark)]
        in_query = [mark for mark in query if slow_is_like(thing.tile, mark)]
        if not in_tile and not in_query:
            said.append(thing)
    return said


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_said_and_its_fast_count_equal_the_definition(seed: int) -> None:
    made = town(seed)
    fast_PP = _left_to_say(made.named, made.query_shows, made.tile_shows)
    for row, named in enumerate(made.named):
        for column in range(len(made.named)):
            slow = slow_said(named, made.query_shows[column], made.tile_shows[column])
            assert list(said_of(named, made.query_shows[column], made.tile_shows[column])) == slow
            assert fast_PP[row, column] == len(slow)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_couples_have_the_properties_they_promise(seed: int) -> None:
    made = town(seed)
    couples = made.couples(seed)
    ends = [place for couple in couples for place in (couple.first, couple.second)]
    assert len(set(ends)) == len(ends), "a place stands twice"
    for index, couple in enumerate(couples):
        assert couple.kind == NEGATIVE_KINDS[index % 3]
        distance_m = made.distance_m_PP[couple.first, couple.second]
        assert distance_m >= NEAR_M[0], "they share ground"
        assert couple.kind != "near" or distance_m <= NEAR_M[1]
        for own, other in ((couple.first, couple.second), (couple.second, couple.first)):
            assert slow_said(made.named[own], made.query_shows[other], made.tile_shows[other]), "nothing to say"
    assert couples == made.couples(seed)


def test_towns_of_the_properties_do_make_couples() -> None:
    kinds = Counter(couple.kind for seed in range(20) for couple in town(seed).couples())
    assert min(kinds[kind] for kind in NEGATIVE_KINDS) >= 10


def pond(item_id: int, what: str) -> Landmark:
    return Landmark(item_id=item_id, what=what, colour="", part="", where="north", share=0.02, is_nameable=True)


def varied_town() -> Town:
    """Nine places, each with a thing of its own: every couple is possible."""
    things = ("pond", "church", "river", "railway", "plaza", "parking", "bridge", "roundabout", "football_pitch")
    shows = [[pond(index, what)] for index, what in enumerate(things)]
    x_P = 200.0 * np.arange(9)
    return Town(
        named=[(Named(query=marks[0], tile=marks[0]),) for marks in shows], query_shows=shows, tile_shows=shows,
        distance_m_PP=np.abs(x_P[:, None] - x_P[None, :]), similarity_PP=np.zeros((9, 9)),
    )  # fmt: skip


def test_the_confusable_couple_is_the_most_similar_one() -> None:
    made = varied_town()
    for seed in range(20):
        taken = {place for couple in made.couples(seed)[:2] for place in (couple.first, couple.second)}
        first, second = [place for place in range(9) if place not in taken][-2:]
        similarity_PP = np.random.default_rng(seed).random((9, 9))
        np.fill_diagonal(similarity_PP, 4.0)  # all others find their own tile the most similar
        similarity_PP[[first, second], [second, first]] = 5.0
        alike = Town(**{**vars(made), "similarity_PP": similarity_PP})
        couple = next(couple for couple in alike.couples(seed) if couple.kind == "confusable")
        assert {couple.first, couple.second} == {first, second}


def test_random_couples_are_drawn_by_the_seed() -> None:
    drawn = {(couple.first, couple.second) for seed in range(30) for couple in varied_town().couples(seed)[:1]}
    assert len(drawn) > 10


@pytest.mark.parametrize("distance_m", [60.0, 118.0])
def test_places_that_share_ground_are_no_couple(distance_m: float) -> None:
    made = varied_town()
    close = Town(**{**vars(made), "distance_m_PP": np.full((9, 9), distance_m)})
    assert close.couples() == []
