"""What an explanation claims, read by rules: the words and the sentences are those of the benchmark's lexicons.

A sentence that is one of the lexicon's is read by its form. Any other is read by what it names: the picture, the things
and their places, a "no". So texts that break off, repeat themselves or change the order of sentences are read as far as
they say something; sentences that name things of no picture are counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from gleam_common.views import QUERY_VIEWS, View

from gleam_x.benchmark.schema import Claim
from gleam_x.benchmark.wording import lexicon

__all__ = ["Argued", "Said", "Statements", "as_claims", "from_claims", "read_statements"]

Argued = Literal["", "same", "different"]

_NO = {"en": r"\b(?:no|not|nor|any|without|lacks)\b", "zh": "没有|不见|没|找不到|看不|未见|并无"}
_BOTH = {"en": r"\b(?:both|two pictures|they|common|each)\b", "zh": "两张|两幅|两者|都|无论"}
_DIFFERENT = {"en": r"\b(?:different|differ|not (?:\w+ )*same|not (?:\w+ )*match)\b", "zh": "不同|不是同|不相同|并非同"}
_SAME = {"en": r"\b(?:same (?:place|location)|place is the same|(?:one|same) place)\b", "zh": "同一|相同"}
_PART = {"en": r",\s+(?=(?:and|nor|but|while)\b)|;", "zh": "[，；,;]"}
_END = {"en": r"(?<=[.!?])\s+|\n", "zh": r"(?<=[。！？!?])|\n"}


@dataclass(frozen=True, kw_only=True)
class Said:
    """One thing that a text says of one picture.

    Attributes:
        picture: "query" or "satellite".
        what: a key of ``vocabulary.KINDS``.
        colour: basic term, or empty.
        part: what has the colour, as in a claim.
        count: how many, None where the text says one or does not say.
        where: as in a claim; empty where the text does not say.
        is_there: false for "there is no ...".
    """

    picture: str
    what: str
    colour: str = ""
    part: str = ""
    count: int | None = None
    where: str = ""
    is_there: bool = True

    @property
    def look(self) -> tuple[str, str]:
        """Kind and colour."""
        return self.what, self.colour


@dataclass(frozen=True, kw_only=True)
class Statements:
    """All that a text says, each once, in the order of the text.

    Attributes:
        said: of the pictures.
        conclusions: "same" and "different", as often as the text concludes.
        comparisons: "same" for a sentence about what both show, "different" for one about what they lack.
        unread: sentences that name things without saying where they are shown.
    """

    said: tuple[Said, ...] = ()
    conclusions: tuple[Argued, ...] = ()
    comparisons: tuple[Argued, ...] = ()
    unread: int = 0

    @property
    def argued(self) -> Argued:
        """The verdict that the text ends with; empty where it comes to none."""
        return self.conclusions[-1] if self.conclusions else ""

    def contradicts(self, says_yes: bool) -> bool:
        """Return whether a conclusion or a comparison speaks against a verdict."""
        return ("different" if says_yes else "same") in (*self.conclusions, *self.comparisons)


@dataclass(frozen=True, kw_only=True)
class _Rules:
    """Compiled from a lexicon."""

    frames: tuple[tuple[str, re.Pattern[str]], ...]
    thing: re.Pattern[str]
    kinds: Mapping[str, str]
    colours: Mapping[str, str]
    numbers: Mapping[str, int]
    parts: Mapping[str, str]
    names: Mapping[str, re.Pattern[str]]


def _any_of(words: Iterable[str]) -> str:
    """Return a pattern of any of these words, the longest first."""
    return "|".join(re.escape(word) for word in sorted(set(words), key=lambda word: (-len(word), word)))


def _bounded(pattern: str, language: str) -> str:
    return pattern if language == "zh" else rf"(?<![\w-])(?:{pattern})(?![\w-])"


@cache
def _rules(language: str) -> _Rules:
    words = lexicon(language)
    names = {
        "query": _any_of(name for view in QUERY_VIEWS for name in words["pictures"][str(view)]),
        "satellite": _any_of(words["pictures"][str(View.SATELLITE)]),
    }
    kinds = {
        noun.lower(): what for what, thing in words["things"].items() for noun in (thing["bare"], thing.get("many", ""))
    }
    kinds.pop("", None)
    thing, parts = _thing_pattern(language, kinds)
    return _Rules(
        frames=tuple(
            (kind, _frame(template, names))
            for kind in ("different", "same", "differ", "both", "query", "tile")
            for template in words["sentences"][kind]
        ),
        thing=thing,
        kinds=kinds,
        colours={word.lower(): colour for colour, word in words["colours"].items()},
        numbers={str(word): number for number, word in words["numbers"].items()},
        parts=parts,
        names={name: re.compile(_bounded(pattern, language), re.I) for name, pattern in names.items()},
    )


def _frame(template: str, names: Mapping[str, str]) -> re.Pattern[str]:
    """Return the pattern of a sentence of the lexicon, without its last sign; its groups: nouns, x, y."""
    pattern = re.escape(template.rstrip(".。"))
    for field, part in {
        "query": f"(?:{names['query']})",
        "tile": f"(?:{names['satellite']})",
        "x": "(?P<x>.+?)",
        "y": "(?P<y>.+?)",
        **dict.fromkeys(("nouns", "Nouns", "clauses", "the"), "(?P<nouns>.+)"),
    }.items():
        pattern = pattern.replace(re.escape("{" + field + "}"), part)
    return re.compile(pattern, re.I)


def _thing_pattern(language: str, kinds: Mapping[str, str]) -> tuple[re.Pattern[str], dict[str, str]]:
    """Return the pattern of a number, a colour and a noun, and which part each of its colour groups is about."""
    words = lexicon(language)
    fillings = {"colour": _any_of(words["colours"].values()), "noun": _any_of(kinds), "a": "an?"}
    looks = [(key.removesuffix("_many"), look) for key, group in words["looks"].items() for look in group]
    parts, patterns = {}, []
    for number, (part, look) in enumerate([*looks, ("", "{noun}")]):
        pattern = re.escape(look).replace(r"\ ", r"\s+")
        for field, filling in fillings.items():
            pattern = pattern.replace(re.escape("{" + field + "}"), f"(?P<{field}_{number}>{filling})")
        parts[str(number)] = part
        patterns.append(pattern)
    measures = _any_of(thing["measure"] for thing in words["things"].values() if "measure" in thing)
    gap = rf"(?:{measures})" if measures else r"\s+"
    number_word = rf"(?:(?P<number>{_any_of(words['numbers'].values())}){gap})?"
    return re.compile(_bounded(number_word + f"(?:{'|'.join(patterns)})", language), re.I), parts


@cache
def _places(language: str, is_compass: bool) -> tuple[re.Pattern[str], dict[str, str]]:
    """Return the pattern of places, and what each word means; the picture's own kind of places comes first."""
    words = lexicon(language)
    groups = ("fields", "sides") if is_compass else ("sides", "fields")
    meaning = {word: where for group in groups for where, wordings in words[group].items() for word in wordings}
    return re.compile(_bounded(_any_of(meaning), language), re.I), meaning


def read_statements(text: str, view: str, language: str) -> Statements:
    """Return what ``text`` says.

    Args:
        text: generated or written; may be empty or broken.
        view: of the query; decides whether its places are fields or compass sides.
        language: "en" or "zh".

    Raises:
        ConfigError: unknown language.
    """
    reader = _Reader(view=view, language=language)
    for sentence in re.split(_END[language], text):
        reader.read(sentence.strip().rstrip(".。!！?？ "))
    return reader.statements()


class _Reader:
    """Reads one text, sentence by sentence."""

    def __init__(self, view: str, language: str) -> None:
        self.view, self.language, self.rules = view, language, _rules(language)
        self.said: list[Said] = []
        self.conclusions: list[Argued] = []
        self.comparisons: list[Argued] = []
        self.unread = 0

    def read(self, sentence: str) -> None:
        """Add what a sentence says."""
        for kind, frame in self.rules.frames:
            if found := frame.fullmatch(sentence):
                return self._read_frame(kind, found.groupdict())
        things = self.rules.thing.search(sentence)
        if things is None:
            return self._conclude(sentence)
        if len(self._pictures(sentence)) != 1:
            parts = re.split(_PART[self.language], sentence)
            if len(parts) > 1 and any(self._pictures(part) for part in parts):
                for part in parts:
                    self._read_part(part)
                return None
        return self._read_part(sentence)

    def _read_frame(self, kind: str, parts: Mapping[str, str]) -> None:
        if kind in ("query", "tile"):
            return self._add("query" if kind == "query" else "satellite", parts["nouns"])
        if kind == "both":
            return self._add_both(parts["nouns"])
        if kind == "differ":
            self.comparisons.append("different")
            self._add("satellite", parts["x"], is_denied=True)
            return self._add("query", parts["y"], is_denied=True)
        self.conclusions.append("same" if kind == "same" else "different")
        return None

    def _read_part(self, part: str) -> None:
        """Read a sentence, or a part of one, that is none of the lexicon's."""
        pictures = self._pictures(part)
        if len(pictures) == 1:
            self._add(pictures[0], part)
            if re.search(_NO[self.language], part, re.I):
                self.comparisons.append("different")
        elif re.search(_BOTH[self.language], part, re.I) and not re.search(_NO[self.language], part, re.I):
            self._add_both(part)
        elif self.rules.thing.search(part):
            self.unread += 1

    def _pictures(self, text: str) -> list[str]:
        return [name for name, pattern in self.rules.names.items() if pattern.search(text)]

    def _conclude(self, sentence: str) -> None:
        if re.search(_DIFFERENT[self.language], sentence, re.I):
            self.conclusions.append("different")
        elif re.search(_SAME[self.language], sentence, re.I):
            self.conclusions.append("same")

    def _add(self, picture: str, text: str, is_denied: bool = False) -> None:
        """Add the things of a text: a "no" denies those behind it, and all if it stands behind all."""
        things, no = self._things(picture, text), re.search(_NO[self.language], text, re.I)
        at = [match.start() for match in self.rules.thing.finditer(text)]
        first = -1 if is_denied else len(text) if no is None else no.start() if no.start() < max(at, default=0) else -1
        self.said += [
            replace(thing, is_there=False, where="") if start > first else thing
            for thing, start in zip(things, at, strict=True)
        ]

    def _add_both(self, text: str) -> None:
        """Add what both pictures show, where the text has not said it of a picture before."""
        self.comparisons.append("same")
        for picture in ("query", "satellite"):
            before = {said.look for said in self.said if said.picture == picture and said.is_there}
            self.said += [thing for thing in self._things(picture, text) if thing.look not in before]

    def _things(self, picture: str, text: str) -> list[Said]:
        """Return the things named in a text, each with its place: behind it in English, before it in Chinese."""
        pattern, meaning = _places(self.language, picture == "satellite" or self.view == View.MAP)
        found = list(self.rules.thing.finditer(text))
        starts, ends = [match.start() for match in found], [match.end() for match in found]
        things = []
        for index, match in enumerate(found):
            if self.language == "zh":
                places = pattern.findall(text, ends[index - 1] if index else 0, starts[index])[-1:]
            else:
                places = pattern.findall(text, ends[index], starts[index + 1] if index + 1 < len(found) else len(text))
            where = meaning[places[0].lower()] if places else ""
            things.append(replace(self._thing(picture, match), where=where))
        return things

    def _thing(self, picture: str, match: re.Match[str]) -> Said:
        groups = match.groupdict()
        noun, form = next((groups[name], name[5:]) for name in groups if name.startswith("noun_") and groups[name])
        colour = groups.get(f"colour_{form}") or ""
        count = self.rules.numbers[groups["number"].lower()] if groups["number"] else 1
        return Said(
            picture=picture,
            what=self.rules.kinds[noun.lower()],
            colour=self.rules.colours[colour.lower()] if colour else "",
            part=self.rules.parts[form],
            count=count if count > 1 else None,
        )

    def statements(self) -> Statements:
        """Return all that was read, each thing once."""
        return Statements(
            said=tuple(dict.fromkeys(self.said)),
            conclusions=tuple(self.conclusions),
            comparisons=tuple(self.comparisons),
            unread=self.unread,
        )


def as_claims(statements: Statements) -> tuple[Claim, ...]:
    """Return statements as claims of the benchmark: what is said of both pictures as one, the rest as contradicting.

    A thing of unknown place makes no claim, since a claim has one.
    """
    of_tile = [said for said in statements.said if said.picture == "satellite" and said.is_there and said.where]
    both, alone = [], []
    for said in statements.said:
        if said.picture != "query" or not said.is_there or not said.where:
            continue
        look = {"what": said.what, "colour": said.colour, "part": said.part}
        twin = next((other for other in of_tile if other.look == said.look), None)
        if twin is not None and statements.argued != "different":
            of_tile.remove(twin)
            both.append(Claim(**look, count=said.count, query_where=said.where, satellite_where=twin.where))
        else:
            alone.append(_contradicting(said))
    return (*both, *alone, *(_contradicting(said) for said in of_tile))


def _contradicting(said: Said) -> Claim:
    place = "query_where" if said.picture == "query" else "satellite_where"
    look = {"what": said.what, "colour": said.colour, "part": said.part, place: said.where}
    return Claim(**look, count=said.count, shown_in=said.picture, relation="contradicting")


def from_claims(claims: Sequence[Claim]) -> Statements:
    """Return what a text with these claims says: each in its pictures, and that the other picture has none."""
    said = []
    for claim in claims:
        look = {"what": claim.what, "colour": claim.colour, "part": claim.part}
        for picture, where in (("query", claim.query_where), ("satellite", claim.satellite_where)):
            is_there = claim.shown_in in ("both", picture)
            count = claim.count if is_there else None
            said.append(Said(**look, picture=picture, count=count, where=where, is_there=is_there))
    kinds: list[Argued] = ["same" if claim.relation == "present" else "different" for claim in claims]
    argued = tuple(kinds[:1])
    return Statements(said=tuple(dict.fromkeys(said)), conclusions=argued, comparisons=argued)
