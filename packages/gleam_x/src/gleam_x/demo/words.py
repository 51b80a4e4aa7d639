"""The words of the page, from words.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

__all__ = ["LANGUAGE_NAMES", "page_words"]

LANGUAGE_NAMES = {"en": "English", "zh": "中文"}


@cache
def _all_words() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(files("gleam_x.demo").joinpath("words.yaml").read_text("utf-8"))
    return found


def page_words(language: str) -> Mapping[str, Any]:
    """Return the words in a language; in English for one that is not known: the page lives on whatever it is asked."""
    known = _all_words()
    found: Mapping[str, Any] = known.get(language, known["en"])
    return found
