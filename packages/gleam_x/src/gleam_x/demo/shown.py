"""An answer as a part of the page. Everything from outside is escaped."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from gleam_common.report.pictures import thumbnail
from jinja2 import Environment, StrictUndefined

from gleam_x.benchmark.schema import Claim
from gleam_x.benchmark.wording import lexicon
from gleam_x.demo.words import page_words
from gleam_x.pipeline.answer import Answer, Candidate
from gleam_x.pipeline.page_words import WORDS
from gleam_x.pipeline.regions import region_of
from gleam_x.pipeline.table import place_text

__all__ = ["answer_html", "error_html", "lead_html", "note_html", "waiting_html"]

_PHOTO_PX = 480


def answer_html(answer: Answer, language: str, is_guessed: bool) -> str:
    """Return an answer.

    Args:
        answer: of one photo, which is still there.
        language: of the labels.
        is_guessed: whether the view was guessed, not given.

    Raises:
        DataError: the photo has gone meanwhile.
    """
    words, own = WORDS[language], page_words(language)
    reason = words["view_reasons"].get(answer.view_reason, answer.view_reason)
    why = own["view_guessed"].format(reason=reason) if is_guessed else own["view_given"]
    return _rendered(
        "answer.html.j2",
        words=words,
        own=own,
        answer=answer,
        picture=thumbnail(Path(answer.photo), _PHOTO_PX),
        is_wide=answer.view == "panorama",
        view=words["views"].get(answer.view, answer.view),
        view_why=why,
        best=_tile(answer.candidates[0], 1),
        lang="zh-Hans" if answer.language == "zh" else "en",
        claims=[_claim(claim, answer.view, answer.language) for claim in answer.claims],
        candidates=[_tile(candidate, rank) for rank, candidate in enumerate(answer.candidates, start=1)],
        times=[(words["steps"][name], f"{seconds:.2f} s") for name, seconds in answer.times_s.items()],
        total=f"{sum(answer.times_s.values()):.2f} s",
    )


def error_html(language: str, name: str, **details: object) -> str:
    """Return the one sentence of an error; ``name`` is its key in words.yaml."""
    return _rendered("error.html.j2", text=page_words(language)["errors"][name].format(**details))


def waiting_html(language: str) -> str:
    """Return what stands where the answer will be."""
    return _rendered("waiting.html.j2", text=page_words(language)["waiting"])


def note_html(text: str) -> str:
    """Return a line that stands above a component."""
    return _rendered("note.html.j2", text=text)


def lead_html(language: str, tiles: int) -> str:
    """Return title and first sentence of the page."""
    own = page_words(language)
    return _rendered("lead.html.j2", title=own["title"], text=own["lead"].format(tiles=tiles))


def _rendered(name: str, **values: Any) -> str:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    source = files("gleam_x.demo").joinpath(name).read_text("utf-8")
    html = environment.from_string(source).render(**values)
    # Gradio's HTML component knows templates of its own, ${...} and {{...}}: text from outside must be none of them.
    return html.replace("{", "&#123;").replace("$", "&#36;")


def _tile(candidate: Candidate, rank: int) -> dict[str, Any]:
    tile, chance = candidate.tile, candidate.probability
    return {
        "rank": rank,
        "id": tile.gallery_id,
        "uri": f"data:image/jpeg;base64,{base64.b64encode(tile.picture).decode()}",
        "place": place_text(tile),
        "rank_c": candidate.rank_c,
        "chance": None if chance is None else percent(chance),
        "verdict": percent(candidate.verdict.probability),
        "verdict_bar": f"{100 * candidate.verdict.probability:.1f}",
        "similarity": f"{tile.similarity:.3f}",
    }


def percent(share: float) -> str:
    """Return a share for people, with a space that does not break."""
    return f"{100 * share:.0f}\u00a0%"


def _claim(claim: Claim, view: str, language: str) -> dict[str, Any]:
    """Return a claim: what, and where it is in either picture, with the boxes in percent."""
    known = lexicon(language) if language == "zh" else {}
    colour, kind = claim.colour, claim.what.replace("_", " ")
    if known:
        colour, kind = known["colours"].get(colour, ""), known["things"][claim.what]["bare"]
    thing = ("" if known else " ").join(filter(None, (colour, kind)))
    boxes = region_of(claim.query_where, view), region_of(claim.satellite_where, "satellite")
    return {
        "text": f"{thing} × {claim.count}" if claim.count else thing,
        "photo_where": _where(claim.query_where, known),
        "tile_where": _where(claim.satellite_where, known),
        "photo_box": _style(boxes[0]),
        "tile_box": _style(boxes[1]),
    }


def _where(place: str, known: Mapping[str, Any]) -> str:
    """Return a place in the language of a lexicon, which is empty for English."""
    if not known or not place:
        return place
    said: str = known["fields" if place in known["fields"] else "sides"][place][0]
    return said


def _style(box: tuple[float, float, float, float] | None) -> str:
    if box is None:
        return ""
    left, top, right, bottom = (100 * edge for edge in box)
    return f"left:{left:.1f}%;top:{top:.1f}%;width:{right - left:.1f}%;height:{bottom - top:.1f}%"
