"""The questions to teachers: two pictures, with the label or blind, in English or Chinese."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from gleam_common.views import View

from gleam_x.benchmark.schema import Language
from gleam_x.benchmark.vocabulary import COLOURS, COMPASS_SIDES, KINDS
from gleam_x.teachers.answer import MOST_CLAIMS, answer_schema, query_sides
from gleam_x.teachers.registry import Teacher
from gleam_x.teachers.request import Message, Picture, Request

__all__ = ["make_request", "prompt_version", "repair_request"]


@cache
def _prompts() -> tuple[Mapping[str, Any], str]:
    """Return the prompts and their version."""
    content = files("gleam_x").joinpath("teachers/prompts.yaml").read_bytes()
    prompts = yaml.safe_load(content)
    return prompts, f"teacher-{prompts['version']}-{hashlib.sha256(content).hexdigest()[:8]}"


def prompt_version() -> str:
    """Return the version that goes into records: that of the file, and a short hash of it."""
    return _prompts()[1]


def make_request(
    teacher: Teacher, query: Picture, tile: Picture, *, view: View, language: Language, same_place: bool | None
) -> Request:
    """Return the question about two pictures.

    Args:
        teacher: who is asked.
        query: the first picture.
        tile: the second picture.
        view: of the query.
        language: of the question and of the explanation.
        same_place: the label that the teacher is told, or None for a blind question.
    """
    words = _prompts()[0][language]
    told = words["blind"] if same_place is None else words["same" if same_place else "different"]
    form = words["form"].format(
        most_claims=MOST_CLAIMS,
        kinds=_listed(KINDS),
        colours=_listed(COLOURS),
        query_sides=_listed(query_sides(view)),
        satellite_sides=_listed(COMPASS_SIDES),
    )
    question: tuple[str | Picture, ...] = (
        words["first"].format(view=words["views"][str(view)]),
        query,
        words["second"],
        tile,
        f"{told}\n\n{form}",
    )
    messages = (Message(role="system", parts=(words["system"],)), Message(role="user", parts=question))
    return Request(teacher=teacher, messages=messages, schema=answer_schema(view), prompt_version=prompt_version())


def repair_request(request: Request, answer: str, problem: str, language: Language) -> Request:
    """Return the one further turn in which the teacher may correct its ``answer``."""
    return request.with_repair(answer, _prompts()[0][language]["repair"].format(problem=problem))


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(f'"{word}"' for word in words)
