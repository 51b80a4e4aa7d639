"""Reasons: what claims say is in the words of both languages; many wordings, good form, no verdict before its time."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from gleam_common.errors import ConfigError
from gleam_common.views import QUERY_VIEWS, View
from gleam_x.benchmark.landmarks import Landmark
from gleam_x.benchmark.pairs import Pair
from gleam_x.benchmark.schema import LANGUAGES, Claim, Record
from gleam_x.benchmark.vocabulary import COLOURS, COMPASS_SIDES, IMAGE_SIDES, KINDS
from gleam_x.benchmark.wording import claims_of, explain, lexicon

ROOFED = ("building", "church", "tower")
FRAMES = {True: ("query", "tile", "both", "same"), False: ("query", "tile", "differ", "different")}
ENDS = {"en": r"(?<=\.) ", "zh": r"(?<=。)"}


def thing(what: str = "pond", colour: str = "", where: str = "north") -> Landmark:
    part = ("roof" if what in ROOFED else "surface") if colour else ""
    return Landmark(item_id=1, what=what, colour=colour, part=part, where=where, share=0.02, is_nameable=True)


def make_pair(
    query: list[Landmark],
    tile: list[Landmark],
    kind: str = "",
    view: View = View.UAV,
    counts: tuple[int | None, ...] = (),
) -> Pair:
    return Pair(
        query_id="q", gallery_id="g", place_id="p", view=view, negative_kind=kind,
        named_query=tuple(query), named_tile=tuple(tile),
        count_query=counts or (None,) * len(query), count_tile=counts or (None,) * len(tile),
    )  # fmt: skip


def many_pairs() -> list[Pair]:
    """Every kind, colour, count, side and view; of one place and of two; one to three things."""
    rng = np.random.default_rng(0)
    pairs = []
    for what, colour, count in product(KINDS, ("", *COLOURS), (None, 2, 9)):
        if colour and what not in (*ROOFED, "tennis_court", "basketball_court", "football_pitch", "running_track"):
            continue
        view = QUERY_VIEWS[int(rng.integers(len(QUERY_VIEWS)))]
        sides = COMPASS_SIDES if view is View.MAP else IMAGE_SIDES if view is View.UAV else ("left", "centre", "right")
        more = [thing(str(rng.choice(["river", "plaza"]))) for _ in range(rng.integers(0, 3))]
        tile = [replace(mark, where=str(rng.choice(COMPASS_SIDES))) for mark in (thing(what, colour), *more)]
        query = [replace(mark, where=str(rng.choice(sides))) for mark in tile]
        counts = (count, *[None] * len(more))
        pairs.append(make_pair(query, tile, view=view, counts=counts))
        pairs.append(make_pair(query, tile, kind="near", view=view, counts=counts))
    return pairs


PAIRS = many_pairs()


def sentences_of(text: str, language: str) -> list[str]:
    return re.split(ENDS[language], text.removesuffix("\n"))[:4]


def texts(language: str, seed: int = 0) -> list[tuple[Pair, str]]:
    rng = np.random.default_rng(seed)
    return [(pair, explain(pair, language, rng).text) for pair in PAIRS]


def has_words(claim: Claim, where: str, sentence: str, language: str, view: View) -> bool:
    """Whether a sentence says a claim's thing, colour, number and place, in any order."""
    words = lexicon(language)
    noun = words["things"][claim.what]
    forms = [noun.get("many", noun["bare"])] if claim.count and claim.count > 1 else [noun["bare"]]
    places = words["sides" if view in (View.MAP, View.SATELLITE) else "fields"][where]
    lower = sentence[0].lower() + sentence[1:]
    return (
        any(form in lower for form in forms)
        and (not claim.colour or words["colours"][claim.colour] in lower)
        and (claim.count is None or f"{words['numbers'][claim.count]}" in lower)
        and any(place in lower for place in places)
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_claim_is_in_the_words(language: str) -> None:
    for pair, text in texts(language):
        query, tile = sentences_of(text, language)[:2]
        for claim in claims_of(pair):
            if claim.query_where:
                assert has_words(claim, claim.query_where, query, language, pair.view), (claim, text)
            if claim.satellite_where:
                assert has_words(claim, claim.satellite_where, tile, language, View.SATELLITE), (claim, text)


def test_every_claim_of_the_benchmark_is_in_its_words(records: list[Record]) -> None:
    for record in records:
        query, tile = sentences_of(record.explanation, record.language)[:2]
        for claim in record.claims:
            for where, sentence, view in (
                (claim.query_where, query, View(record.view)), (claim.satellite_where, tile, View.SATELLITE),
            ):  # fmt: skip
                assert not where or has_words(claim, where, sentence, record.language, view), (claim, record)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_comparison_names_what_the_claims_name(language: str) -> None:
    words = lexicon(language)
    for pair, text in texts(language):
        compared = sentences_of(text, language)[2]
        for claim in claims_of(pair):
            assert words["things"][claim.what]["bare"].rstrip("s") in compared, (claim, text)
            assert not claim.colour or words["colours"][claim.colour] in compared, (claim, text)
            if pair.same_place and claim.count:
                assert words["numbers"][claim.count] in compared, text


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_sentence_frames_are_used(language: str) -> None:
    frames = lexicon(language)["sentences"]
    used: Counter[str] = Counter()
    for seed in range(3):
        for pair, text in texts(language, seed):
            for name, sentence in zip(FRAMES[pair.same_place], sentences_of(text, language), strict=True):
                used.update(frame for frame in frames[name] if re.fullmatch(re.sub(r"\{\w+\}", ".+", frame), sentence))
    for name, wordings in frames.items():
        assert len(wordings) >= 5, name
        assert all(used[frame] > 0 for frame in wordings), (name, used)


@pytest.mark.parametrize("language", LANGUAGES)
def test_form_is_clean(language: str) -> None:
    for _, text in texts(language):
        assert len(sentences_of(text, language)) == 4
        assert not re.search(r"[，。、：；,.:;]\s*[，。、：；,.:;]", text), text
        assert "{" not in text
        assert "  " not in text
        assert "None" not in text


def test_chinese_has_its_own_punctuation_and_measure_words() -> None:
    for _, text in texts("zh"):
        assert not re.search(r"[A-Za-z0-9,.:; ]", text), text
        assert "二" not in text, text
        assert "的的" not in text, text
    for claim, measured in (("church", "两座"), ("railway", "两条"), ("building", "两栋"), ("pond", "两个")):
        pair = make_pair([thing(claim, where="left")], [thing(claim)], counts=(2,))
        text = explain(pair, "zh", np.random.default_rng(0)).text
        assert text.count(measured) == 3, "in both pictures and in the comparison"


def test_english_has_the_right_articles_and_numbers() -> None:
    everything = " ".join(text for _, text in texts("en"))
    assert not re.search(r"\b[Aa] [aeiou]", everything)
    assert not re.search(r"\b[Aa]n [^aeiou]", everything)
    assert "an orange-roofed" in everything
    assert "with an orange roof" in everything
    assert not re.search(r"\b(a|an|no|any) \w+ ?\w*(courts|ponds|churches)\b", everything)
    text = explain(make_pair([thing(where="left")], [thing()], counts=(2,)), "en", np.random.default_rng(1)).text
    assert len(re.findall(r"[Tt]wo ponds", text)) == 3, text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("sentence", [0, 1])
def test_what_is_said_of_one_picture_does_not_depend_on_the_verdict(language: str, sentence: int) -> None:
    """The query and the tile of a couple are described alike whether they stand with their own or with the other."""
    first, second = [thing("pond", where="left")], [thing("river", where="right")]
    as_tile = [thing("pond", where="north")]
    right = make_pair(first, as_tile)
    wrong = make_pair(first, [thing("river")], "near") if sentence == 0 else make_pair(second, as_tile, "near")
    rng = np.random.default_rng(0)
    drawn = [
        Counter(sentences_of(explain(pair, language, rng).text, language)[sentence] for _ in range(2000))
        for pair in (right, wrong)
    ]
    assert set(drawn[0]) == set(drawn[1])
    assert len(drawn[0]) >= 24
    expected = 2000 / len(drawn[0])
    for counts in drawn:
        assert max(abs(count - expected) for count in counts.values()) < 6 * expected**0.5 + 5


@pytest.mark.parametrize("language", LANGUAGES)
def test_lexicons_have_words_for_all_of_the_vocabulary(language: str) -> None:
    words = lexicon(language)
    for name, keys in (("things", KINDS), ("colours", COLOURS), ("fields", IMAGE_SIDES), ("sides", COMPASS_SIDES)):
        assert set(words[name]) == set(keys), name
    assert set(words["pictures"]) == set(map(str, View))
    for name in ("fields", "sides"):
        wordings = [word for options in words[name].values() for word in options]
        assert len(set(wordings)) == len(wordings), "one word for two places"
    nouns = [noun["bare"] for noun in words["things"].values()]
    assert len(set(nouns)) == len(nouns)


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown language: 'fr'; allowed: en, zh"):
        explain(make_pair([thing(where="left")], [thing()]), "fr", np.random.default_rng(0))
