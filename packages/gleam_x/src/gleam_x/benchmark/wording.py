"""From the things that a pair names to a reason in English or Chinese, and to its claims.

A reason has four sentences, as the paper's have: what the first picture shows, what the second shows, the comparison,
the conclusion. The words are data (``lexicon_en.yaml``, ``lexicon_zh.yaml``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import yaml
from gleam_common.errors import ConfigError
from gleam_common.views import View

from gleam_x.benchmark.landmarks import Landmark
from gleam_x.benchmark.mentions import MarkedText, capitalised, marked, read_marks
from gleam_x.benchmark.pairs import Pair
from gleam_x.benchmark.schema import LANGUAGES, Claim

__all__ = ["WORDING_VERSION", "claims_of", "describe", "explain", "lexicon", "name_and_place"]

WORDING_VERSION = "synthcity-3"
"""Changes whenever the same pair would get other words; stored in each record's provenance."""

Lexicon = Mapping[str, Any]


@cache
def lexicon(language: str) -> Lexicon:
    """Return the words of a language.

    Raises:
        ConfigError: neither "en" nor "zh".
    """
    if language not in LANGUAGES:
        raise ConfigError("unknown language", value=language, allowed=LANGUAGES)
    words = yaml.safe_load(files("gleam_x.benchmark").joinpath(f"lexicon_{language}.yaml").read_text("utf-8"))
    return dict(words)


def claims_of(pair: Pair) -> tuple[Claim, ...]:
    """Return what a reason for the pair says: of one place what both show, of two what only one of them shows."""
    if pair.same_place:
        return tuple(
            _claim(mark, count, query_where=mark.where, satellite_where=other.where, shown_in="both")
            for mark, other, count in zip(pair.named_query, pair.named_tile, pair.count_query, strict=True)
        )
    of_query = [
        _claim(mark, count, query_where=mark.where, shown_in="query", relation="contradicting")
        for mark, count in zip(pair.named_query, pair.count_query, strict=True)
    ]
    of_tile = [
        _claim(mark, count, satellite_where=mark.where, shown_in="satellite", relation="contradicting")
        for mark, count in zip(pair.named_tile, pair.count_tile, strict=True)
    ]
    return (*of_query, *of_tile)


def _claim(mark: Landmark, count: int | None, **where: str) -> Claim:
    return Claim(what=mark.what, colour=mark.colour, part=mark.part, count=count, **where)


def explain(pair: Pair, language: str, rng: np.random.Generator) -> MarkedText:
    """Return a reason for the pair; ``rng`` chooses among the wordings.

    Its mentions are numbered as the things named of the query, then as those named of the tile.

    Raises:
        ConfigError: unknown language.
    """
    words = lexicon(language)
    names = {
        "query": _pick(rng, words["pictures"][str(pair.view)]),
        "tile": _pick(rng, words["pictures"][str(View.SATELLITE)]),
    }
    named = (
        _named(words, pair.named_query, pair.count_query, _places(words, pair.view), rng),
        _named(words, pair.named_tile, pair.count_tile, words["sides"], rng, len(pair.named_query)),
    )
    if pair.same_place:
        things = zip(pair.named_query, pair.count_query, strict=True)
        compared = {"the": _join(words, [_the(words, mark, count) for mark, count in things], "and")}
    else:
        bare = [[_bare(words, mark) for mark in marks] for marks in (pair.named_query, pair.named_tile)]
        compared = {key: _join(words, nouns, "or") for key, nouns in zip("xy", bare, strict=True)}
    frames = ("query", "tile", *(("both", "same") if pair.same_place else ("differ", "different")))
    fillings: tuple[dict[str, str], ...] = (named[0], named[1], compared, {})
    sentences = [
        _pick(rng, words["sentences"][frame]).format(**names, **filling)
        for frame, filling in zip(frames, fillings, strict=True)
    ]
    return read_marks(("" if language == "zh" else " ").join(sentences))


def describe(marks: Sequence[Landmark], view: View, language: str, rng: np.random.Generator) -> MarkedText:
    """Return what a reason would say of one picture: the sentence that names these things and where they are.

    Its mentions are numbered as ``marks``.

    Raises:
        ConfigError: unknown language.
    """
    words, is_tile = lexicon(language), view is View.SATELLITE
    places = words["sides"] if is_tile else _places(words, view)
    frame = "tile" if is_tile else "query"
    named = _named(words, marks, [None] * len(marks), places, rng)
    picture = {frame: _pick(rng, words["pictures"][str(view)])}
    return read_marks(_pick(rng, words["sentences"][frame]).format(**picture, **named))


def name_and_place(mark: Landmark, view: View, language: str, rng: np.random.Generator) -> tuple[str, str]:
    """Return what a thing is called and where it is, as in a reason: "a pond", "in the north"; "一个池塘", "北部".

    Raises:
        ConfigError: unknown language.
    """
    words = lexicon(language)
    places = words["sides"] if view is View.SATELLITE else _places(words, view)
    return _one(words, mark, None, rng), _pick(rng, places[mark.where])


def _pick(rng: np.random.Generator, wordings: Sequence[str]) -> str:
    return wordings[int(rng.integers(len(wordings)))]


def _places(words: Lexicon, view: View) -> Mapping[str, Sequence[str]]:
    places: Mapping[str, Sequence[str]] = words["sides" if view is View.MAP else "fields"]
    return places


def _named(
    words: Lexicon,
    marks: Sequence[Landmark],
    counts: Sequence[int | None],
    places: Mapping[str, Sequence[str]],
    rng: np.random.Generator,
    first: int = 0,
) -> dict[str, str]:
    """Return the list of things with their places, as nouns ("a pond in the east") and as clauses (Chinese).

    Each is marked with its number, from ``first`` up.
    """
    things = [_one(words, mark, count, rng) for mark, count in zip(marks, counts, strict=True)]
    wheres = [_pick(rng, places[mark.where]) for mark in marks]
    if "measure" not in words["things"]["church"]:
        nouns = _join(words, _numbered("{1} {0}", wheres, things, first), "and")
        return {"nouns": nouns, "Nouns": capitalised(nouns)}
    return {
        "nouns": _join(words, _numbered("{0}的{1}", wheres, things, first), "and"),
        "clauses": "，".join(_numbered("{0}有{1}", wheres, things, first)),
    }


def _numbered(form: str, wheres: Sequence[str], things: Sequence[str], first: int) -> list[str]:
    pairs = zip(wheres, things, strict=True)
    return [marked(form.format(where, thing), first + number) for number, (where, thing) in enumerate(pairs)]


def _one(words: Lexicon, mark: Landmark, count: int | None, rng: np.random.Generator) -> str:
    """Return "a pond", "two blue tennis courts", "一座教堂"."""
    noun, measure = _noun(words, mark, count, rng), words["things"][mark.what].get("measure")
    if measure:
        return f"{words['numbers'][count or 1]}{measure}{noun}"
    return f"{words['numbers'][count]} {noun}" if _is_many(count) else f"{_article(noun)} {noun}"


def _is_many(count: int | None) -> bool:
    return count is not None and count > 1


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


def _noun(words: Lexicon, mark: Landmark, count: int | None, rng: np.random.Generator | None = None) -> str:
    """Return "pond", "blue tennis courts", "building with an orange roof"; without ``rng`` the first wording."""
    thing = words["things"][mark.what]
    noun = str(thing.get("many", thing["bare"]) if _is_many(count) else thing["bare"])
    if not mark.colour:
        return noun
    looks = words["looks"]["roof_many" if _is_many(count) and mark.part == "roof" else mark.part]
    look, colour = looks[0] if rng is None else _pick(rng, looks), words["colours"][mark.colour]
    return str(look).format(a=_article(colour), colour=colour, noun=noun)


def _bare(words: Lexicon, mark: Landmark) -> str:
    return _noun(words, mark, None)


def _the(words: Lexicon, mark: Landmark, count: int | None) -> str:
    """Return "the pond", "the two ponds", "这座教堂", "这两座教堂"."""
    noun, measure = _noun(words, mark, count), words["things"][mark.what].get("measure")
    number = words["numbers"][count] if _is_many(count) else ""
    return f"这{number}{measure}{noun}" if measure else " ".join(filter(None, ("the", number, noun)))


def _join(words: Lexicon, items: Sequence[str], last: str) -> str:
    if len(items) < 2:
        return "".join(items)
    lists: Mapping[str, str] = words["lists"]
    return f"{lists['comma'].join(items[:-1])}{lists[last]}{items[-1]}"
