"""What a place's reasons count: things side by side that an eye tells apart, never the parts of one."""

from __future__ import annotations

import numpy as np
import pytest
from gleam_x.benchmark.landmarks import Landmark
from gleam_x.benchmark.naming import choose_named


def marks(what: str, where: str, count: int) -> list[Landmark]:
    return [
        Landmark(item_id=number, what=what, colour="", part="", where=where, share=0.02, is_nameable=True)
        for number in range(count)
    ]


@pytest.mark.parametrize(("what", "expected"), [("tennis_court", 2), ("church", None), ("tower", None)])
def test_two_alike_side_by_side_are_counted_but_not_parts_of_one(what: str, expected: int | None) -> None:
    named = choose_named(marks(what, "left", 2), marks(what, "north", 2), {}, np.random.default_rng(0))
    assert [thing.count for thing in named] == [expected]


def test_what_one_picture_shows_more_of_is_not_counted() -> None:
    named = choose_named(marks("pond", "left", 2), marks("pond", "north", 3), {}, np.random.default_rng(0))
    assert [thing.count for thing in named] == [None]


def test_what_only_one_picture_shows_is_not_named() -> None:
    assert choose_named(marks("pond", "left", 2), [], {}, np.random.default_rng(0)) == ()
