"""The page: Gradio's components around :func:`gleam_x.demo.answering.answer`. Events are closed to API clients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gleam_common.images import open_image
from PIL import Image

from gleam_x.demo.answering import AUTO, Asked, answer, prior_of
from gleam_x.demo.shown import lead_html, note_html, waiting_html
from gleam_x.demo.state import Demo
from gleam_x.demo.uploads import RefusedError
from gleam_x.demo.words import LANGUAGE_NAMES, page_words
from gleam_x.pipeline.page_words import WORDS

__all__ = ["build_page"]

_RADIUS_M = 200.0
_EXAMPLE_PX = 240
_KEPT_S = 3600
"""Seconds after which what was dropped is deleted."""


@dataclass(frozen=True, kw_only=True)
class _Parts:
    """Components of the page."""

    lead: Any
    language: Any
    upload: Any
    examples_title: Any
    examples: Any
    example: Any
    view: Any
    locate: Any
    shown: Any
    map: Any
    prior: Any
    lat: Any
    lon: Any
    radius_m: Any
    everywhere: Any

    @property
    def asked(self) -> list[Any]:
        """What an answer depends on, in the order of :class:`Asked`."""
        return [self.upload, self.example, self.language, self.view, self.lat, self.lon, self.radius_m]

    @property
    def labelled(self) -> list[Any]:
        """What changes with the language, in the order of :func:`_labels`."""
        return [
            self.lead, self.language, self.upload, self.examples_title, self.view, self.locate, self.map, self.prior,
            self.lat, self.lon, self.radius_m, self.everywhere,
        ]  # fmt: skip


def build_page(demo: Demo) -> Any:
    """Return the page, not yet served."""
    with gr.Blocks(title="GLEAM", analytics_enabled=False, delete_cache=(600, _KEPT_S)) as page:
        parts = _lay_out(demo)
        _connect(demo, parts)
    page.queue(default_concurrency_limit=1, max_size=32, api_open=False)
    return page


def _lay_out(demo: Demo) -> _Parts:
    words = page_words("en")
    with gr.Row(equal_height=False, elem_classes="gx-top"):
        with gr.Column(scale=4, min_width=320):
            lead = gr.HTML(lead_html("en", demo.tiles))
        choices = [(name, code) for code, name in LANGUAGE_NAMES.items()]
        language = gr.Radio(choices, value="en", label=words["language"], scale=0, min_width=210)
    with gr.Row(equal_height=False):
        with gr.Column(scale=3, min_width=270):
            upload = gr.File(label=words["photo"], height=165)
            examples_title = gr.HTML(_title("en"))
            pictures = [_small(open_image(one.path)) for one in demo.examples]
            examples = gr.Gallery(
                pictures, show_label=False, columns=4, height="auto", object_fit="cover", allow_preview=False,
                buttons=[], interactive=False, format="jpeg", elem_classes="gx-examples",
            )  # fmt: skip
            view = gr.Dropdown(_views(demo, "en"), value=AUTO, label=words["view"])
            locate = gr.Button(words["locate"], variant="primary")
        with gr.Column(scale=6, min_width=320):
            shown = gr.HTML(waiting_html("en"), elem_id="answer", min_height=80)
        with gr.Column(scale=4, min_width=300):
            city = gr.Image(
                demo.city.drawn(), label=words["map"], interactive=False, format="jpeg", buttons=["fullscreen"]
            )
            with gr.Accordion(words["prior"], open=True) as prior:
                with gr.Row(elem_classes="gx-prior"):
                    lat, lon = (
                        gr.Textbox("", label=words[name], max_length=20, max_lines=1, min_width=90)
                        for name in ("lat", "lon")
                    )
                    radius_m = gr.Number(_RADIUS_M, label=words["radius_m"], min_width=90)
                everywhere = gr.Button(words["everywhere"], size="sm")
    return _Parts(
        lead=lead, language=language, upload=upload, examples_title=examples_title, examples=examples,
        example=gr.State(None), view=view, locate=locate, shown=shown, map=city, prior=prior, lat=lat, lon=lon,
        radius_m=radius_m, everywhere=everywhere,
    )  # fmt: skip


def _connect(demo: Demo, parts: _Parts) -> None:
    closed = {"api_visibility": "private"}
    quiet = {**closed, "show_progress": "hidden", "queue": False}
    shown = [parts.shown, parts.map]

    def located(*asked: Any) -> tuple[str, Image.Image]:
        names = ("upload", "example", "language", "view", "lat", "lon", "radius_m")
        found = answer(demo, Asked(**dict(zip(names, asked, strict=True))))
        return found.html, found.map

    def picked(event: gr.SelectData) -> tuple[Any, None]:
        return event.index, None

    def clicked(radius_m: Any, event: gr.SelectData) -> tuple[Any, ...]:
        return place_clicked(demo, event.index, radius_m)

    def relabelled(language: Any) -> list[Any]:
        return [gr.update(**update) for update in _labels(demo, language)]

    def relocated(*asked: Any) -> tuple[Any, Any]:
        """Answer again in the new language where there is a photo."""
        return located(*asked) if asked[0] or asked[1] is not None else (waiting_html(asked[2]), gr.skip())

    parts.upload.upload(lambda: None, None, parts.example, **quiet).then(located, parts.asked, shown, **closed)
    parts.examples.select(picked, None, [parts.example, parts.upload], **quiet).then(
        located, parts.asked, shown, **closed
    )
    parts.locate.click(located, parts.asked, shown, **closed)
    parts.map.select(clicked, parts.radius_m, [parts.lat, parts.lon, parts.radius_m, parts.map], **quiet)
    parts.everywhere.click(lambda: ("", "", demo.city.drawn()), None, [parts.lat, parts.lon, parts.map], **quiet)
    parts.language.change(relabelled, parts.language, parts.labelled, **quiet).then(
        relocated, parts.asked, shown, **closed
    )


def place_clicked(demo: Demo, pixel: Any, radius_m: Any) -> tuple[str, str, float, Image.Image]:
    """Return latitude, longitude, radius and the map for a click; nowhere for what is no pixel of the map."""
    try:
        x, y = (float(value) for value in pixel)
        lat, lon = demo.city.place(x, y)
        prior = prior_of(Asked(lat=lat, lon=lon, radius_m=radius_m or _RADIUS_M))
    except (TypeError, ValueError, RefusedError):
        return "", "", _RADIUS_M, demo.city.drawn()
    return f"{lat:.5f}", f"{lon:.5f}", prior.radius_m if prior else _RADIUS_M, demo.city.drawn(prior=prior)


def _labels(demo: Demo, language: Any) -> Sequence[dict[str, Any]]:
    words = page_words(str(language))
    return (
        {"value": lead_html(str(language), demo.tiles)},
        {"label": words["language"]},
        {"label": words["photo"]},
        {"value": _title(str(language))},
        {"label": words["view"], "choices": _views(demo, str(language))},
        {"value": words["locate"]},
        {"label": words["map"]},
        {"label": words["prior"]},
        {"label": words["lat"]},
        {"label": words["lon"]},
        {"label": words["radius_m"]},
        {"value": words["everywhere"]},
    )


def _title(language: str) -> str:
    return note_html(page_words(language)["examples"])


def _views(demo: Demo, language: str) -> list[tuple[str, str]]:
    """Return names and values of the views to choose from."""
    names = WORDS.get(language, WORDS["en"])["views"]
    return [(page_words(language)["view_auto"], AUTO), *((names[view], view) for view in demo.views)]


def _small(picture: Image.Image) -> Image.Image:
    picture.thumbnail((2 * _EXAMPLE_PX, _EXAMPLE_PX))
    return picture
