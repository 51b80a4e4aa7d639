"""What a record of the benchmark is: two pictures, a verdict, a reason in one language, and the reason's claims."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args

from gleam_common.errors import DataError
from gleam_common.views import QUERY_VIEWS

from gleam_x.benchmark.vocabulary import COLOURS, COMPASS_SIDES, IMAGE_SIDES, KINDS

__all__ = [
    "LANGUAGES",
    "NEGATIVE_KINDS",
    "SCHEMA_VERSION",
    "Claim",
    "Language",
    "Provenance",
    "Record",
    "check_records",
    "record_of",
]

SCHEMA_VERSION = 1
"""Rises whenever a column changes its name or meaning; stored in ``provenance`` and in the data card."""

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
NEGATIVE_KINDS = ("random", "near", "confusable")
"""Another place of the split drawn at random; one 120-400 m away; one that a model takes for the right one."""

_RELATIONS = ("present", "contradicting")
_SHOWN_IN = ("both", "query", "satellite")


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One thing that a reason says, in words of a closed vocabulary, so that it can be checked.

    Attributes:
        what: a key of ``vocabulary.KINDS``: "church", "pond", "tennis_court" ...
        colour: a basic colour term of ``vocabulary.COLOURS``, or empty.
        part: what has the colour: "roof", "wall" or "surface"; empty without a colour.
        count: how many, or None where the reason does not say.
        query_where: where it is in the query: one of nine fields ("top left" ... "centre"), of a map or street level
            picture see ``vocabulary``; empty when it is not shown there.
        satellite_where: compass side in the tile, or "centre"; empty when it is not shown there.
        shown_in: "both", "query" or "satellite".
        relation: "present" speaks for the same place, "contradicting" against it.
    """

    what: str
    colour: str = ""
    part: str = ""
    count: int | None = None
    query_where: str = ""
    satellite_where: str = ""
    shown_in: str = "both"
    relation: str = "present"

    def problems(self) -> list[str]:
        """Return what is wrong with the claim by itself, in words; empty when nothing is."""
        wrong = [
            f"claims.{name} is {value!r}"
            for name, value, allowed in (
                ("what", self.what, KINDS),
                ("colour", self.colour, ("", *COLOURS)),
                ("part", self.part, ("", "roof", "wall", "surface")),
                ("query_where", self.query_where, ("", *IMAGE_SIDES, *COMPASS_SIDES)),
                ("satellite_where", self.satellite_where, ("", *COMPASS_SIDES)),
                ("shown_in", self.shown_in, _SHOWN_IN),
                ("relation", self.relation, _RELATIONS),
            )
            if value not in allowed
        ]
        if bool(self.colour) != bool(self.part):
            wrong.append("a claim's colour and part go together")
        if (self.shown_in == "satellite") == bool(self.query_where):
            wrong.append("claims.query_where must be set exactly when the query shows it")
        if (self.shown_in == "query") == bool(self.satellite_where):
            wrong.append("claims.satellite_where must be set exactly when the tile shows it")
        if self.count is not None and self.count < 1:
            wrong.append(f"claims.count is {self.count}; a claim about nothing visible")
        if (self.shown_in == "both") != (self.relation == "present"):
            wrong.append("what both pictures show is present, what one shows contradicts")
        return wrong


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Who said it.

    Attributes:
        teacher: "synthcity", or the model's id at its endpoint.
        prompt_version: of the teacher's prompt, or of the wording.
        reviewer: who last looked at it; empty for nobody.
        revision: 0 as made, one more with every change by a person.
        status: "made", "accepted", "edited", "rejected", or "blind" for a sample made without the label.
        schema_version: of this record.
    """

    teacher: str
    prompt_version: str
    reviewer: str = ""
    revision: int = 0
    status: str = "made"
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True, kw_only=True)
class Record:
    """One pair in one language. ``record_id`` is ``pair_id`` and language; the pictures are held apart from it.

    Attributes:
        record_id: unique.
        pair_id: shared by the two languages of a pair.
        query_id: in the catalog.
        gallery_id: in the catalog.
        place_id: of the query; splits are by it.
        split: train, validation or test.
        view: of the query.
        same_place: the truth.
        negative_kind: of ``NEGATIVE_KINDS``; empty when it is the same place.
        language: of the explanation.
        verdict: "yes" or "no", the same in both languages.
        explanation: what the first picture shows, what the second shows, the comparison, the conclusion.
        claims: what the explanation says, checkable.
        provenance: who said it.
    """

    record_id: str
    pair_id: str
    query_id: str
    gallery_id: str
    place_id: str
    split: str
    view: str
    same_place: bool
    negative_kind: str
    language: str
    verdict: str
    explanation: str
    claims: tuple[Claim, ...]
    provenance: Provenance = field(default_factory=lambda: Provenance(teacher="", prompt_version=""))

    def problems(self) -> list[str]:
        """Return what is wrong with the record by itself, in words; empty when nothing is."""
        wrong = [
            f"{name} is {value!r}"
            for name, value, allowed in (
                ("view", self.view, tuple(map(str, QUERY_VIEWS))),
                ("language", self.language, LANGUAGES),
                ("verdict", self.verdict, ("yes", "no")),
                ("negative_kind", self.negative_kind, ("",) if self.same_place else NEGATIVE_KINDS),
                ("split", self.split, ("train", "validation", "test")),
                ("provenance.schema_version", self.provenance.schema_version, (SCHEMA_VERSION,)),
            )
            if value not in allowed
        ]
        if not self.explanation.strip():
            wrong.append("the explanation is empty")
        return wrong + [problem for claim in self.claims for problem in claim.problems()]

    def as_row(self) -> dict[str, Any]:
        """Return a row of plain values; claims and provenance become dicts."""
        return asdict(self) | {"claims": [asdict(claim) for claim in self.claims]}


def record_of(row: Mapping[str, Any]) -> Record:
    """Return the record of a row as ``as_row`` wrote it; further columns (pictures) are left out.

    Raises:
        DataError: a column is missing or unknown in a claim.
    """
    names = {item.name for item in fields(Record)}
    try:
        values = {name: row[name] for name in names}
        values["claims"] = tuple(Claim(**claim) for claim in row["claims"])
        values["provenance"] = Provenance(**row["provenance"])
        return Record(**values)
    except (KeyError, TypeError) as error:
        raise DataError(
            "a row is no record of the benchmark", value=str(error), fix=f"its columns must be {sorted(names)}"
        ) from None


def check_records(records: Iterable[Record]) -> None:
    """Check every record, that ids are unique, and that no pair and no place stands in two splits.

    Raises:
        DataError: names the first record that is wrong and counts the others.
    """
    wrong: list[str] = []
    seen: set[str] = set()
    split_of: dict[str, str] = {}
    for record in records:
        problems = record.problems()
        if record.record_id in seen:
            problems.append("its id stands twice")
        seen.add(record.record_id)
        for key in (record.pair_id, record.place_id):
            if split_of.setdefault(key, record.split) != record.split:
                problems.append(f"{key} stands in two splits")
        if problems:
            wrong.append(f"record {record.record_id}: {'; '.join(problems)}")
    if wrong:
        more = f" (and {len(wrong) - 1} more records)" if len(wrong) > 1 else ""
        raise DataError(f"{wrong[0]}{more}", fix="correct or remove them, and build again")
