"""Answers as one page: each photo beside its tile, what was decided and why, all candidates. It loads nothing."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from gleam_common.report.pictures import Thumbnail, thumbnail
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from gleam_x.benchmark.schema import Claim
from gleam_x.benchmark.wording import lexicon
from gleam_x.pipeline.answer import Answer, Candidate
from gleam_x.pipeline.page_words import WORDS
from gleam_x.pipeline.regions import Box, region_of
from gleam_x.pipeline.table import place_text

__all__ = ["page_of"]

_PHOTO_PX = 420


@dataclass(frozen=True, kw_only=True)
class _Mark:
    """Where claims point in a picture, in percent of its width and height; ``numbers`` of the claims."""

    left: float
    top: float
    width: float
    height: float
    numbers: tuple[int, ...]


def page_of(answers: Sequence[Answer]) -> str:
    """Return the page as HTML, in the language of the first answer. All text from outside is escaped.

    Args:
        answers: at least one.

    Raises:
        DataError: a photo has gone meanwhile.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    own = files("gleam_x.pipeline")
    common = files("gleam_common.report").joinpath("page.css").read_text("utf-8")
    words = WORDS[answers[0].language]
    used = sum(not answer.abstained for answer in answers)
    return environment.from_string(own.joinpath("page.html.j2").read_text("utf-8")).render(
        css=Markup(common + own.joinpath("page.css").read_text("utf-8")),
        language="zh-Hans" if answers[0].language == "zh" else "en",
        words=words,
        title=words["title"].format(photos=len(answers), located=used, open=len(answers) - used),
        answers=[_shown(number, answer, words) for number, answer in enumerate(answers, start=1)],
    )


def _shown(number: int, answer: Answer, words: Mapping[str, Any]) -> dict[str, Any]:
    picture: Thumbnail = thumbnail(answer.photo, _PHOTO_PX)
    best = answer.best
    highest = max(candidate.tile.similarity for candidate in answer.candidates)
    return {
        "number": number,
        "name": answer.photo.name,
        "view": words["views"][answer.view],
        "view_reason": words["view_reasons"].get(answer.view_reason, answer.view_reason),
        "wide": answer.view == "panorama",
        "picture": picture,
        "tile": {"id": best.tile.gallery_id, "uri": _uri(best.tile.picture), "place": place_text(best.tile)},
        "verdict": answer.verdict,
        "probability": _percent(answer.probability),
        "percent": f"{100 * answer.probability:.1f}",
        "probability_of": words["fused" if answer.is_fused else "alone"],
        "abstained": bool(answer.abstained),
        "explanation": answer.explanation,
        "lang": "zh-Hans" if answer.language == "zh" else "en",
        "claims": [_chip(claim, answer.language) for claim in answer.claims],
        "photo_marks": _marks([region_of(claim.query_where, answer.view) for claim in answer.claims]),
        "tile_marks": _marks([region_of(claim.satellite_where, "satellite") for claim in answer.claims]),
        "candidates": [_row(candidate, highest) for candidate in answer.candidates],
        "times": [(words["steps"][name], f"{1000 * seconds:,.0f} ms") for name, seconds in answer.times_s.items()],
    }


def _row(candidate: Candidate, highest: float) -> dict[str, Any]:
    tile = candidate.tile
    return {
        "id": tile.gallery_id,
        "uri": _uri(tile.picture),
        "rank_c": candidate.rank_c,
        "probability": None if candidate.probability is None else _percent(candidate.probability),
        "probability_bar": f"{100 * (candidate.probability or 0.0):.1f}",
        "verdict": _percent(candidate.verdict.probability),
        "verdict_bar": f"{100 * candidate.verdict.probability:.1f}",
        "similarity": f"{tile.similarity:.3f}",
        "similarity_bar": f"{100 * max(tile.similarity, 0.0) / max(highest, 1e-6):.1f}",
    }


def _percent(share: float) -> str:
    if 0.005 <= share < 0.995:
        return f"{100 * share:.0f}\u00a0%"
    return "<\u00a01\u00a0%" if share < 0.5 else ">\u00a099\u00a0%"


def _uri(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def _chip(claim: Claim, language: str) -> str:
    """Return a claim in few words: colour, kind, number, and where it is in either picture."""
    words = WORDS[language]
    known = lexicon(language) if language == "zh" else {}
    colour, kind = claim.colour, claim.what.replace("_", " ")
    if known:
        colour, kind = known["colours"].get(colour, ""), known["things"][claim.what]["bare"]
    thing = ("" if known else " ").join(filter(None, (colour, kind))) + (f" × {claim.count}" if claim.count else "")
    where = [
        f"{words[picture]}: {_where(place, known)}"
        for picture, place in (("photo", claim.query_where), ("tile", claim.satellite_where))
        if place
    ]
    return f"{thing} ({'; '.join(where)})" if where else thing


def _where(place: str, known: Mapping[str, Any]) -> str:
    """Return a place in the page's language; ``known`` is empty for English."""
    if not known:
        return place
    said: str = known["fields" if place in known["fields"] else "sides"][place][0]
    return said


def _marks(boxes: Sequence[Box | None]) -> list[_Mark]:
    """Return each part of a picture that claims point at, once, with the numbers of those claims."""
    numbers: dict[Box, list[int]] = {}
    for number, box in enumerate(boxes, start=1):
        if box is not None:
            numbers.setdefault(box, []).append(number)
    return [
        _Mark(
            left=round(100 * left, 2),
            top=round(100 * top, 2),
            width=round(100 * (right - left), 2),
            height=round(100 * (bottom - top), 2),
            numbers=tuple(own),
        )
        for (left, top, right, bottom), own in numbers.items()
    ]
