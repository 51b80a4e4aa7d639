"""Answers as one page: each photo beside its tiles, bars of similarity, and a map with pins. It loads nothing."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from gleam_common.report.pictures import thumbnail
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from gleam_c.gallery.gallery import Gallery
from gleam_c.locate.located import Located
from gleam_c.locate.map_picture import draw_map, picture_uri
from gleam_c.locate.table import place_text

__all__ = ["page_of"]


def page_of(located: Sequence[Located], gallery: Gallery) -> str:
    """Return the page as HTML. All text from outside is escaped.

    Args:
        located: at least one answer.
        gallery: that the photos were looked for in; its thumbnails are the map.

    Raises:
        DataError: a photo has gone meanwhile.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    source = files("gleam_c.locate")
    template = environment.from_string(source.joinpath("page.html.j2").read_text("utf-8"))
    return template.render(
        css=Markup(source.joinpath("page.css").read_text("utf-8")),
        title=_title(located),
        model=gallery.description.model["name"],
        tiles=f"{len(gallery):,}".replace(",", " "),
        map=draw_map(located, gallery),
        answers=[_answer(number, one) for number, one in enumerate(located, start=1)],
    )


def _title(located: Sequence[Located]) -> str:
    used = sum(not one.abstained for one in located)
    photos = "1 photo" if len(located) == 1 else f"{len(located)} photos"
    return f"{photos}, {used} located" + (f", {len(located) - used} left open" if used < len(located) else "")


def _answer(number: int, one: Located) -> dict[str, Any]:
    best = max(one.candidates[0].score, 1e-6)
    return {
        "number": number,
        "name": Path(one.photo).name,
        "more": len(one.photos) - 1,
        "picture": thumbnail(Path(one.photo), 260),
        "view": str(one.view),
        "view_reason": one.view_reason,
        "place": place_text(one),
        "radius": None if one.radius_m is None else f"{one.radius_m:,.0f} m".replace(",", " "),
        "confidence": None if one.confidence is None else f"{one.confidence:.0%}",
        "abstained": one.abstained,
        "tiles": [
            {
                "id": candidate.gallery_id,
                "uri": picture_uri(candidate.thumbnail),
                "heading": candidate.heading_deg,
                "score": f"{candidate.score:.3f}",
                "bar": f"{100 * max(candidate.score, 0.0) / best:.1f}",
                "confidence": None if candidate.confidence is None else f"{candidate.confidence:.0%}",
            }
            for candidate in one.candidates
        ],
    }
