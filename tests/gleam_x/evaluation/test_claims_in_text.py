"""What is read from texts: all of the reference's claims, and what broken, mixed and free texts still say."""

from __future__ import annotations

import pytest
from gleam_common.errors import ConfigError
from gleam_x.benchmark.wording import lexicon
from gleam_x.claims_in_text import Said, Statements, as_claims, from_claims, read_statements

ENGLISH = (
    "The drone picture shows a red-roofed church on the left and two ponds at the top right. "
    "The satellite tile has a church with a red roof in the north-east and two ponds in the central part. "
    "Both pictures show the red-roofed church and the two ponds. So this is the same place."
)
CHINESE = (
    "先看无人机照片：左侧有一座红色屋顶的教堂，右上方有两个池塘。"
    "卫星图中可以找到东北部的一座红色房顶的教堂和中部的两个池塘。"
    "两张图里都有这座红色屋顶的教堂和这两个池塘。因此这是同一个地方。"
)
CHURCH = {"what": "church", "colour": "red", "part": "roof"}
SAID = (
    Said(**CHURCH, picture="query", where="left"),
    Said(what="pond", count=2, picture="query", where="top right"),
    Said(**CHURCH, picture="satellite", where="north-east"),
    Said(what="pond", count=2, picture="satellite", where="centre"),
)


def test_the_reference_of_every_record_is_read_without_a_fault(more_rows) -> None:
    rows, _ = more_rows(9, 600)
    for row in rows:
        found = read_statements(row.reference, row.view, row.language)
        assert as_claims(found) == row.claims, row.reference
        assert found.argued == ("same" if row.same_place else "different"), row.reference
        assert set(found.said) == set(from_claims(row.claims).said), row.reference
        assert found.comparisons == (found.argued,), row.reference
        assert found.unread == 0
    assert {(row.view, row.language, row.negative_kind) for row in rows} >= {("map", "zh", "near"), ("uav", "en", "")}


@pytest.mark.parametrize(("text", "language"), [(ENGLISH, "en"), (CHINESE, "zh")])
def test_what_is_said_of_each_picture(text, language) -> None:
    found = read_statements(text, "uav", language)
    assert found == Statements(said=SAID, conclusions=("same",), comparisons=("same",))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_conclusion_of_the_lexicon_is_understood(language) -> None:
    for argued in ("same", "different"):
        for sentence in lexicon(language)["sentences"][argued]:
            assert read_statements(sentence, "uav", language).conclusions == (argued,), sentence


@pytest.mark.parametrize(("text", "language"), [(ENGLISH, "en"), (CHINESE, "zh")])
def test_repeated_and_turned_round_sentences_say_the_same(text, language) -> None:
    stop = "。" if language == "zh" else ". "
    sentences = [sentence for sentence in text.split(stop.strip()) if sentence.strip()]
    turned = stop.join(sentence.strip() for sentence in [*sentences[::-1], *sentences])
    found = read_statements(turned, "uav", language)
    assert set(found.said) >= set(SAID)
    assert {said.look for said in found.said} == {said.look for said in SAID}
    assert len(found.said) == len(set(found.said))
    assert found.argued == "same"


@pytest.mark.parametrize(("text", "language"), [(ENGLISH, "en"), (CHINESE, "zh")])
def test_a_text_that_breaks_off_anywhere_is_read_as_far_as_it_goes(text, language) -> None:
    for end in range(len(text)):
        found = read_statements(text[:end], "uav", language)
        right = {(said.picture, said.what) for said in SAID}
        assert {(said.picture, said.what) for said in found.said} <= right, text[:end]
        assert found.argued in ("", "same")


@pytest.mark.parametrize(
    ("text", "language", "picture", "what", "where"),
    [
        ("Well, in this map there is a pond in the west", "en", "query", "pond", "west"),
        ("the SATELLITE IMAGE clearly shows: A POND IN THE EAST", "en", "satellite", "pond", "east"),
        ("我在地图的西部看到的是西部的池塘", "zh", "query", "pond", "west"),
    ],
)
def test_a_free_sentence_is_read_by_what_it_names(text, language, picture, what, where) -> None:
    (said,) = read_statements(text, "map", language).said
    assert (said.picture, said.what, said.where, said.is_there) == (picture, what, where, True)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The satellite tile has no pond, and the map shows no church.", "en"),
        ("Sadly the satellite tile lacks any pond, and in the map I find no church.", "en"),
        ("卫星图里没有池塘，地图中也看不到教堂。", "zh"),
        ("可惜卫星图没有池塘，而地图里又看不到教堂。", "zh"),
    ],
)
def test_what_a_picture_lacks(text, language) -> None:
    found = read_statements(text, "map", language)
    assert {(said.picture, said.what, said.is_there) for said in found.said} == {
        ("satellite", "pond", False), ("query", "church", False),
    }  # fmt: skip
    assert "different" in found.comparisons
    assert found.contradicts(says_yes=True)
    assert not found.contradicts(says_yes=False)


def test_things_of_no_picture_are_counted_and_not_guessed() -> None:
    found = read_statements("There is a pond in the east. It is nice.", "map", "en")
    assert (found.said, found.unread) == ((), 1)


@pytest.mark.parametrize(
    ("text", "language", "argued"),
    [
        ("These are clearly not the same place", "en", "different"),
        ("I think it is the same location", "en", "same"),
        ("显然不是同一个地点", "zh", "different"),
        ("", "en", ""),
        ("asdf 123 ,,, ...", "zh", ""),
    ],
)
def test_free_conclusions(text, language, argued) -> None:
    found = read_statements(text, "uav", language)
    assert (found.argued, found.said) == (argued, ())


def test_the_last_conclusion_is_the_verdict_and_each_can_contradict() -> None:
    found = read_statements("So these are different places. So this is the same place.", "uav", "en")
    assert found.argued == "same"
    assert found.contradicts(says_yes=True)
    assert found.contradicts(says_yes=False)


def test_places_are_of_the_picture_and_unknown_ones_stay_empty() -> None:
    text = "The map shows a pond in the central part and a church near it."
    pond, church = read_statements(text, "map", "en").said
    assert (pond.where, church.where) == ("centre", "")
    assert as_claims(Statements(said=(church,))) == ()


def test_unknown_language() -> None:
    with pytest.raises(ConfigError, match="unknown language"):
        read_statements("x", "uav", "fr")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The map shows a church in the north and no pond or river", "en"),
        ("地图里，北部有一座教堂，没有池塘和河流。", "zh"),
    ],
)
def test_a_no_denies_what_stands_behind_it(text, language) -> None:
    said = read_statements(text, "map", language).said
    assert [(item.what, item.is_there, item.where) for item in said] == [
        ("church", True, "north"), ("pond", False, ""), ("river", False, ""),
    ]  # fmt: skip


def test_a_no_behind_all_denies_all() -> None:
    (said,) = read_statements("A pond is not to be found in the map.", "map", "en").said
    assert not said.is_there
