"""Which of two explanations is better, asked of models that see the pictures, in both orders of the texts.

Judges favour a place and texts of their own (arXiv 2402.04788, 2604.11589): each duel is asked twice with the texts
exchanged, and the teacher of the texts is never the only judge.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from gleam_common.errors import ConfigError, DataError

from gleam_x.benchmark.schema import LANGUAGES
from gleam_x.teachers.cache import Cache
from gleam_x.teachers.endpoint import Endpoint
from gleam_x.teachers.engine import Engine, RunStoppedError
from gleam_x.teachers.limits import Limits, check_prices
from gleam_x.teachers.registry import Teacher
from gleam_x.teachers.reply import Outcome
from gleam_x.teachers.request import Message, Picture, Request

__all__ = ["Duel", "Ruling", "check_judges", "duel_request", "hold_duels", "read_ruling"]

_SCHEMA = {
    "type": "object",
    "properties": {"reason": {"type": "string"}, "better": {"type": "integer", "enum": [0, 1, 2]}},
    "required": ["reason", "better"],
    "additionalProperties": False,
}
_MOST_TEXT = 4000


@dataclass(frozen=True, kw_only=True)
class Duel:
    """Two explanations of one pair of pictures, in one language.

    Attributes:
        duel_id: unique.
        place_id: of the query; intervals are resampled by it.
        view: of the query.
        language: of both texts, and of the question.
        same_place: the truth; judges are told.
        query_path: of the first picture.
        tile_path: of the second picture.
        text_a: of system a.
        text_b: of system b.
    """

    duel_id: str
    place_id: str
    view: str
    language: str
    same_place: bool
    query_path: Path
    tile_path: Path
    text_a: str
    text_b: str


@dataclass(frozen=True, kw_only=True)
class Ruling:
    """What one judge says of one duel: "a", "b" or "tie" for each order; None where there is no usable answer."""

    duel: Duel
    judge: str
    a_first: str | None
    b_first: str | None

    @property
    def winner(self) -> str | None:
        """Whom both orders name; a tie where they differ, since then the place has decided; None without both."""
        if self.a_first is None or self.b_first is None:
            return None
        return self.a_first if self.a_first == self.b_first else "tie"


def check_judges(judges: Sequence[Teacher], text_models: Sequence[str]) -> None:
    """Check that texts are not judged by those alone who taught or wrote them.

    Args:
        judges: who is to be asked.
        text_models: ids of the models that wrote either text, or taught the model that did.

    Raises:
        ConfigError: no judge, the same one twice, or none that is independent.
    """
    names = [judge.name for judge in judges]
    if not names or len(set(names)) != len(names):
        raise ConfigError("judges", value=names, allowed="one or more, all different")
    known = {_family(model) for model in text_models}
    if all(_family(judge.model) in known for judge in judges):
        raise ConfigError(
            "every judge is of the family that taught or wrote the texts",
            value=[judge.model for judge in judges],
            fix="models favour texts of their own kind; add a judge of another family",
        )


def _family(model: str) -> str:
    """Return what stands before the first number or sign of a model's id: gpt, doubao, qwen."""
    found = re.match(r"[a-z]+", model.lower().rsplit("/", 1)[-1])
    return found.group() if found else model.lower()


@cache
def _words() -> tuple[Mapping[str, Any], str]:
    content = files("gleam_x").joinpath("evaluation/judge.yaml").read_bytes()
    words = yaml.safe_load(content)
    return words, f"judge-{words['version']}-{hashlib.sha256(content).hexdigest()[:8]}"


def duel_request(judge: Teacher, duel: Duel, a_is_first: bool, side_px: int = 768) -> Request:
    """Return the question about a duel, with the text of a or of b first.

    Raises:
        ConfigError: unknown language.
        DataError: a text is empty or far too long, or a picture is missing.
    """
    if duel.language not in LANGUAGES:
        raise ConfigError("language of a duel", value=duel.language, allowed=LANGUAGES)
    if not all(0 < len(text.strip()) <= _MOST_TEXT for text in (duel.text_a, duel.text_b)):
        allowed = f"two texts of 1 to {_MOST_TEXT} characters"
        raise DataError(f"duel {duel.duel_id}", allowed=allowed, fix="an empty text has lost without a judge")
    every, version = _words()
    words = every[duel.language]
    first, second = (duel.text_a, duel.text_b) if a_is_first else (duel.text_b, duel.text_a)
    form = words["form"].format(
        truth=words["truth"]["same" if duel.same_place else "different"], text_1=first.strip(), text_2=second.strip()
    )
    query, tile = (Picture.of(path, side_px) for path in (duel.query_path, duel.tile_path))
    parts = (words["first"].format(view=words["views"][duel.view]), query, words["second"], tile, form)
    messages = (Message(role="system", parts=(words["system"],)), Message(role="user", parts=parts))
    return Request(teacher=judge, messages=messages, schema=_SCHEMA, prompt_version=version)


def read_ruling(text: str) -> int:
    """Return 1, 2 or 0 (neither) from a judge's answer; words around its JSON object are passed over.

    Raises:
        ValueError: there is none.
    """
    decoder = json.JSONDecoder()
    for start in [match.start() for match in re.finditer(r"\{", text[:_MOST_TEXT])]:
        try:
            found, _ = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict) and type(found.get("better")) is int and found["better"] in (0, 1, 2):
            return int(found["better"])
    raise ValueError('no JSON object with "better" 0, 1 or 2')


def _sort_answer(text: str) -> tuple[Outcome, str]:
    try:
        read_ruling(text)
    except ValueError as error:
        return Outcome.SCHEMA_INVALID, str(error)
    return Outcome.OK, ""


def hold_duels(
    duels: Sequence[Duel],
    judges: Sequence[Teacher],
    keys: Mapping[str, str],
    cache_path: Path,
    limits: Limits,
    text_models: Sequence[str],
    side_px: int = 768,
) -> tuple[list[Ruling], str]:
    """Ask every judge about every duel in both orders; return the rulings, and why asking stopped early, if it did.

    Args:
        duels: each with an id of its own.
        judges: who is asked.
        keys: of the APIs, by the judges' names.
        cache_path: where answers are kept; a second run asks only what is missing.
        limits: for each judge: pace, attempts, money.
        text_models: see :func:`check_judges`.
        side_px: the longest side of pictures as they are sent.

    Raises:
        ConfigError: see :func:`check_judges`; or a budget for a judge without prices.
        DataError: duels share an id, or a duel cannot be asked.
    """
    check_judges(judges, text_models)
    for judge in judges:
        check_prices(judge, limits)
    if len({duel.duel_id for duel in duels}) != len(duels):
        raise DataError("duels share an id", fix="name each after its record and the two systems")
    asked = [(judge, duel, is_first) for judge in judges for duel in duels for is_first in (True, False)]
    requests = [duel_request(judge, duel, is_first, side_px) for judge, duel, is_first in asked]
    answers, stopped = asyncio.run(_ask(asked, requests, keys, cache_path, limits))
    rulings = [
        Ruling(duel=duel, judge=judge.name, a_first=_named(first, "a", "b"), b_first=_named(second, "b", "a"))
        for (judge, duel, _), first, second in zip(asked[::2], answers[::2], answers[1::2], strict=True)
    ]
    return rulings, stopped


def _named(better: int | None, first: str, second: str) -> str | None:
    return None if better is None else ("tie", first, second)[better]


async def _ask(
    asked: Sequence[tuple[Teacher, Duel, bool]],
    requests: Sequence[Request],
    keys: Mapping[str, str],
    cache_path: Path,
    limits: Limits,
) -> tuple[list[int | None], str]:
    async with AsyncExitStack() as stack:
        store = stack.enter_context(Cache(cache_path))
        engines: dict[str, Engine] = {}
        for judge in {judge.name: judge for judge, _, _ in asked}.values():
            endpoint = await stack.enter_async_context(Endpoint(judge, keys[judge.name], limits.timeout_s))
            engines[judge.name] = Engine(endpoint, judge, store, limits)
        turns, stops = asyncio.Semaphore(limits.concurrency), list[str]()

        async def one(judge: Teacher, duel: Duel, a_is_first: bool, request: Request) -> int | None:
            about = {"pair": duel.duel_id, "question": "duel", "first": "a" if a_is_first else "b"}
            async with turns:
                try:
                    reply = await engines[judge.name].ask(request, _sort_answer, about)
                except RunStoppedError as stop:
                    engines[judge.name].stop(stop)
                    stops.append(str(stop))
                    return None
            return read_ruling(reply.text) if reply.outcome is Outcome.OK else None

        answers = await asyncio.gather(*(one(*what, request) for what, request in zip(asked, requests, strict=True)))
    return answers, stops[0] if stops else ""
