"""Marks: they leave no trace in a text, and say which characters speak of which thing."""

from __future__ import annotations

import numpy as np
import pytest
from gleam_common.views import View
from gleam_x.benchmark.landmarks import Landmark
from gleam_x.benchmark.mentions import Mention, capitalised, marked, read_marks
from gleam_x.benchmark.pairs import Pair
from gleam_x.benchmark.wording import describe, explain


def thing(item_id: int, what: str, where: str) -> Landmark:
    return Landmark(item_id=item_id, what=what, colour="", part="", where=where, share=0.1, is_nameable=True)


def test_marks_are_read_and_gone() -> None:
    found = read_marks(f"So {marked('a pond', 2)} and {marked('池塘', 0)}.")
    assert found.text == "So a pond and 池塘."
    assert found.mentions == (Mention(number=2, start=3, stop=9), Mention(number=0, start=14, stop=16))
    assert read_marks("no marks").mentions == ()


def test_a_large_letter_stands_behind_the_mark() -> None:
    assert read_marks(capitalised(marked("a pond", 0))).text == "A pond"
    assert capitalised("a pond") == "A pond"


@pytest.mark.parametrize(("language", "nouns"), [("en", ["river", "bridge", "pond"]), ("zh", ["河", "桥", "池塘"])])
def test_mentions_of_a_reason_are_its_things_with_their_places(language: str, nouns: list[str]) -> None:
    query = (thing(1, "river", "left"), thing(2, "bridge", "top"))
    pair = Pair(
        query_id="q", gallery_id="g", place_id="p", view=View.UAV, negative_kind="near", named_query=query,
        named_tile=(thing(3, "pond", "south"),), count_query=(None, None), count_tile=(None,),
    )  # fmt: skip
    places = {"en": ["left", "top|upper", "south"], "zh": ["左", "上", "南"]}[language]
    rng = np.random.default_rng(0)
    for _ in range(40):
        reason = explain(pair, language, rng)
        said = [reason.text[mention.start : mention.stop] for mention in reason.mentions]
        assert [mention.number for mention in reason.mentions] == [0, 1, 2]
        for noun, place, words in zip(nouns, places, said, strict=True):
            assert noun in words
            assert any(one in words for one in place.split("|"))
            assert not any(other in words for other in nouns if other != noun)
        assert reason.text == read_marks(reason.text).text


def test_mentions_of_a_description_are_numbered_as_its_things() -> None:
    marks = [thing(7, "pond", "north"), thing(8, "river", "south")]
    told = describe(marks, View.SATELLITE, "en", np.random.default_rng(3))
    assert [mention.number for mention in told.mentions] == [0, 1]
    assert "river" in told.text[told.mentions[1].start : told.mentions[1].stop]
