"""Reasons that argue against their verdict are drawn again, and only they."""

from __future__ import annotations

from collections.abc import Sequence

from gleam_x.agreeing import DRAWS, agreeing_reasons
from gleam_x.collate import Sample
from tiny_vlm import sample

SAME, OTHER = "Both pictures show the pond. So this is the same place.", "So these are different places."


def test_a_reason_against_its_verdict_is_drawn_until_it_agrees() -> None:
    samples = [sample(number, "en", verdict=None) for number in range(3)]
    asked: list[tuple[list[str], int]] = []

    def draw(some: Sequence[Sample], number: int) -> list[str]:
        asked.append(([one.name for one in some], number))
        return [SAME if one.name == "s0" or number >= 2 else OTHER for one in some]

    assert agreeing_reasons(samples, ["yes", "yes", "no"], draw) == [SAME, SAME, OTHER]
    assert asked == [(["s0", "s1", "s2"], 0), (["s1"], 1), (["s1"], 2)]


def test_the_first_reason_stays_when_none_agrees() -> None:
    numbers: list[int] = []

    def draw(some: Sequence[Sample], number: int) -> list[str]:
        numbers.append(number)
        return [f"{OTHER} {number}" for _ in some]

    assert agreeing_reasons([sample(0, "en", verdict=None)], ["yes"], draw) == [f"{OTHER} 0"]
    assert numbers == list(range(DRAWS + 1))


def test_reasons_in_chinese_are_read_too() -> None:
    found = agreeing_reasons(
        [sample(0, "zh", verdict=None)],
        ["no"],
        lambda _, number: ["因此这是同一地点。" if not number else "两地并不相同。"],
    )
    assert found == ["两地并不相同。"]
