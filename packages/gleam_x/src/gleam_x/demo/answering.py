"""What happens when somebody asks: checks, the pipeline, the answer as HTML, the map. No Gradio here."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gleam_common.errors import GleamError
from PIL import Image

from gleam_x.benchmark.schema import LANGUAGES
from gleam_x.demo.city_map import Prior
from gleam_x.demo.shown import answer_html, error_html
from gleam_x.demo.state import Demo
from gleam_x.demo.uploads import RefusedError, checked_upload
from gleam_x.pipeline.locator import Question

__all__ = ["Asked", "Shown", "answer", "prior_of"]

_LOG = logging.getLogger(__name__)
AUTO = "auto"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a visitor asks; everything comes from outside.

    Attributes:
        upload: path of the dropped file as Gradio gives it.
        example: number of an example, which goes before the upload; None for none.
        language: of the page and the reason.
        view: of the photo, or "auto".
        lat: where to search, with ``lon`` and ``radius_m``; everywhere where both are None or empty.
        lon: see ``lat``.
        radius_m: see ``lat``.
    """

    upload: Any = None
    example: Any = None
    language: Any = "en"
    view: Any = AUTO
    lat: Any = None
    lon: Any = None
    radius_m: Any = None


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What the page shows then."""

    html: str
    map: Image.Image


def answer(demo: Demo, asked: Asked) -> Shown:
    """Return the answer, or one sentence that says why there is none; it never raises."""
    language = asked.language if asked.language in LANGUAGES else "en"
    prior: Prior | None = None
    try:
        prior = prior_of(asked)
        return _answered(demo, asked, language, prior)
    except RefusedError as error:
        return Shown(html=error_html(language, error.reason, limit=error.limit), map=demo.city.drawn(prior=prior))
    except GleamError as error:
        reason = _without_folders(str(error), demo, asked)
        return Shown(html=error_html(language, "refused", reason=reason), map=demo.city.drawn(prior=prior))
    except Exception:  # whatever a library raises on strange bytes: the page lives, and the terminal has the details
        _LOG.exception("a photo could not be located")
        return Shown(html=error_html(language, "unknown"), map=demo.city.drawn(prior=prior))


def _answered(demo: Demo, asked: Asked, language: str, prior: Prior | None) -> Shown:
    if asked.view not in (AUTO, *demo.views):
        raise RefusedError("asked")
    photo = _photo(demo, asked)
    question = Question(
        language=language,
        view=asked.view,
        near=None if prior is None else f"{prior.lat:.7f},{prior.lon:.7f}",
        radius_m=None if prior is None else prior.radius_m,
    )
    found = demo.locator.locate([photo], question)[0]
    tiles = [candidate.tile for candidate in found.candidates]
    pins = [(tile.lat, tile.lon) for tile in tiles if tile.lat is not None and tile.lon is not None]
    html = answer_html(found, language, is_guessed=asked.view == AUTO)
    return Shown(html=html, map=demo.city.drawn(pins, prior))


def _photo(demo: Demo, asked: Asked) -> Path:
    if asked.example is None:
        return checked_upload(asked.upload, demo.uploads)
    if not isinstance(asked.example, int) or not 0 <= asked.example < len(demo.examples):
        raise RefusedError("asked")
    return demo.examples[asked.example].path


def prior_of(asked: Asked) -> Prior | None:
    """Return where to search; None for everywhere.

    Raises:
        RefusedError: half a place, one outside the globe, or no radius.
    """
    if asked.lat in (None, "") and asked.lon in (None, ""):
        return None
    try:
        lat, lon, radius_m = float(asked.lat), float(asked.lon), float(asked.radius_m)
    except (TypeError, ValueError):
        raise RefusedError("prior") from None
    # NaN fails every comparison, so it is refused too.
    if not (-90 <= lat <= 90 and -180 <= lon <= 180 and 0 < radius_m < float("inf")):
        raise RefusedError("prior")
    return Prior(lat=lat, lon=lon, radius_m=radius_m)


def _without_folders(text: str, demo: Demo, asked: Asked) -> str:
    """Return an error without this machine's folders: a visitor sees the name of the photo alone."""
    for path in (asked.upload, *(example.path for example in demo.examples)):
        if path:
            text = text.replace(str(path), Path(str(path)).name)
    for folder in (demo.uploads.resolve(), demo.uploads, Path.cwd()):
        text = text.replace(f"{folder}/", "")
    return text
