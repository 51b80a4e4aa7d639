"""Pairs of every kind of thing, colour and place, worded as the benchmark words them, without drawing a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from gleam_common.views import QUERY_VIEWS, View
from gleam_x.benchmark.landmarks import Landmark, is_same_look
from gleam_x.benchmark.pairs import Pair
from gleam_x.benchmark.schema import LANGUAGES, NEGATIVE_KINDS, Record
from gleam_x.benchmark.vocabulary import COLOURS, COMPASS_SIDES, IMAGE_SIDES, KINDS
from gleam_x.benchmark.wording import claims_of, explain
from gleam_x.evaluation.predictions import Prediction

PART = dict.fromkeys(("building", "church", "tower"), "roof") | dict.fromkeys(
    ("basketball_court", "football_pitch", "running_track", "tennis_court"), "surface"
)


def places_of(view: View) -> Sequence[str]:
    if view in (View.MAP, View.SATELLITE):
        return COMPASS_SIDES
    return IMAGE_SIDES if view is View.UAV else ("left", "centre", "right")


def draw_marks(rng: np.random.Generator, others: Sequence[Landmark] = ()) -> tuple[Landmark, ...]:
    """One to three things that look like none of the others and unlike each other."""
    marks: list[Landmark] = []
    while len(marks) < rng.integers(1, 4):
        what = str(rng.choice(KINDS))
        has_colour = what in PART and (what == "building" or rng.random() < 0.7)
        colour = str(rng.choice(COLOURS)) if has_colour else ""
        mark = Landmark(
            item_id=int(rng.integers(1 << 30)), what=what, colour=colour, part=PART[what] if colour else "",
            where="", share=0.05, is_nameable=True,
        )  # fmt: skip
        if not any(is_same_look(mark, other) for other in (*others, *marks)):
            marks.append(mark)
    return tuple(marks)


def at_places(rng: np.random.Generator, marks: Sequence[Landmark], view: View) -> tuple[Landmark, ...]:
    return tuple(replace(mark, where=str(rng.choice(places_of(view)))) for mark in marks)


def draw_pair(rng: np.random.Generator, view: View, kind: str, number: int) -> Pair:
    things = draw_marks(rng)
    other = draw_marks(rng, things) if kind else things
    counts = tuple(int(count) if count > 1 else None for count in rng.integers(-3, 10, size=3))
    return Pair(
        query_id=f"q{number}", gallery_id=f"t{number}", place_id=f"p{number // 3}", view=view, negative_kind=kind,
        named_query=at_places(rng, things, view), named_tile=at_places(rng, other, View.SATELLITE),
        count_query=counts[: len(things)], count_tile=counts[: len(other)],
    )  # fmt: skip


def record_of_pair(pair: Pair, language: str, text: str) -> Record:
    return Record(
        record_id=f"{pair.query_id}-{language}", pair_id=pair.query_id, query_id=pair.query_id,
        gallery_id=pair.gallery_id, place_id=pair.place_id, split="train", view=str(pair.view),
        same_place=pair.same_place, negative_kind=pair.negative_kind, language=language,
        verdict="yes" if pair.same_place else "no", explanation=text, claims=claims_of(pair),
    )  # fmt: skip


def make_rows(seed: int, pairs: int) -> tuple[list[Prediction], list[Record]]:
    """A model that always says the truth, and says it in the words of the reference."""
    rng = np.random.default_rng(seed)
    rows, records = [], []
    kinds = ["", NEGATIVE_KINDS[0], "", NEGATIVE_KINDS[1], "", NEGATIVE_KINDS[2]]
    for number in range(pairs):
        pair = draw_pair(rng, QUERY_VIEWS[number // 6 % len(QUERY_VIEWS)], kinds[number % 6], number)
        score = (2.0 if pair.same_place else -2.0) + float(rng.normal() * 0.1)
        for language in LANGUAGES:
            text = explain(pair, language, rng).text
            records.append(record_of_pair(pair, language, text))
            record = records[-1]
            row = Prediction(
                record_id=record.record_id, pair_id=record.pair_id, place_id=record.place_id, view=record.view,
                language=language, negative_kind=pair.negative_kind, same_place=pair.same_place, score=score,
                score_query_first=score + 0.1, score_satellite_first=score - 0.1, leftover=0.01,
                probability=0.9 if pair.same_place else 0.1, similarity_c=score / 10, fused=score, text=text,
                reference=text, claims=record.claims, query_shows=pair.named_query, satellite_shows=pair.named_tile,
            )  # fmt: skip
            rows.append(row)
    return rows, records


@pytest.fixture(scope="session")
def made() -> tuple[list[Prediction], list[Record]]:
    """240 rows of 120 pairs in all views, and their records."""
    return make_rows(1, 120)


@pytest.fixture
def rows(made: tuple[list[Prediction], list[Record]]) -> list[Prediction]:
    return list(made[0])


@pytest.fixture
def records(made: tuple[list[Prediction], list[Record]]) -> list[Record]:
    return list(made[1])


@pytest.fixture
def more_rows() -> Callable[[int, int], tuple[list[Prediction], list[Record]]]:
    return make_rows
