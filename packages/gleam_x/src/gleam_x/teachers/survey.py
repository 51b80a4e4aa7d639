"""A survey: all questions to all teachers, asked side by side until they are answered or something stops them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from gleam_common.errors import GleamError
from gleam_common.progress import progress

from gleam_x.benchmark.schema import Language, Provenance, Record
from gleam_x.teachers.answer import Judgement, read_answer, sort_answer
from gleam_x.teachers.cache import Cache
from gleam_x.teachers.endpoint import Endpoint
from gleam_x.teachers.engine import Engine, RunStoppedError
from gleam_x.teachers.limits import Limits
from gleam_x.teachers.pairs import Pair
from gleam_x.teachers.prompts import make_request, prompt_version, repair_request
from gleam_x.teachers.registry import Teacher
from gleam_x.teachers.reply import Outcome, Reply
from gleam_x.teachers.request import Picture, Request

__all__ = ["Question", "Result", "Survey", "ask_all", "request_of"]


@dataclass(frozen=True, kw_only=True)
class Question:
    """One pair put to one teacher in one language, ``blind`` or with the label."""

    teacher: Teacher
    pair: Pair
    language: Language
    blind: bool


@dataclass(frozen=True, kw_only=True)
class Result:
    """How a question ended: after the repair turn if there was one. ``judgement`` is None unless the outcome is OK."""

    question: Question
    outcome: Outcome
    replies: tuple[Reply, ...]
    judgement: Judgement | None = None

    @property
    def is_conflict(self) -> bool:
        """Whether the teacher was told the label and answered the other verdict all the same."""
        question = self.question
        told = "yes" if question.pair.same_place else "no"
        return self.judgement is not None and not question.blind and self.judgement.verdict != told

    @property
    def ending(self) -> str:
        """What the result is counted as: its outcome, or "label_conflict"."""
        return "label_conflict" if self.is_conflict else str(self.outcome)

    def record(self) -> Record:
        """Return the benchmark record of an OK result."""
        if self.judgement is None:
            raise ValueError(f"a result without a judgement ({self.outcome}) has no record")
        question, pair = self.question, self.question.pair
        return Record(
            record_id=f"{pair.pair_id}/{question.language}",
            pair_id=pair.pair_id,
            query_id=pair.query_id,
            gallery_id=pair.gallery_id,
            place_id=pair.place_id,
            split=pair.split,
            view=str(pair.view),
            same_place=pair.same_place,
            negative_kind=pair.negative_kind,
            language=question.language,
            verdict=self.judgement.verdict,
            explanation=self.judgement.explanation,
            claims=self.judgement.as_claims(),
            provenance=Provenance(
                teacher=question.teacher.model,
                prompt_version=prompt_version(),
                status="blind" if question.blind else "made",
            ),
        )


@dataclass
class Survey:
    """What came of it: ``results`` in the order of the questions; ``stopped`` says why some are missing."""

    results: list[Result] = field(default_factory=list)
    stopped: RunStoppedError | None = None


def request_of(question: Question, side_px: int) -> Request:
    """Return the request that puts a question; its pictures are read for their hash."""
    pair = question.pair
    return make_request(
        question.teacher,
        Picture.of(pair.query_path, side_px),
        Picture.of(pair.tile_path, side_px),
        view=pair.view,
        language=question.language,
        same_place=None if question.blind else pair.same_place,
    )


async def ask_all(
    questions: Sequence[Question], keys: Mapping[str, str], cache: Path, limits: Limits, side_px: int
) -> Survey:
    """Ask everything that the cache does not know yet.

    Args:
        questions: to any teachers.
        keys: of the APIs, by the teachers' names.
        cache: the file; made if missing.
        limits: for each teacher.
        side_px: the longest side of pictures as they are sent.
    """
    teachers = {question.teacher.name: question.teacher for question in questions}
    async with AsyncExitStack() as stack:
        store = stack.enter_context(Cache(cache))
        engines = {}
        for name, teacher in teachers.items():
            endpoint = await stack.enter_async_context(Endpoint(teacher, keys[name], limits.timeout_s))
            engines[name] = Engine(endpoint, teacher, store, limits)
        if store.cut_off_bytes:
            print(f"note: {cache}: a last line of {store.cut_off_bytes} bytes, cut off by a kill, was removed")
        return await _work(questions, engines, limits.concurrency, side_px)


async def _work(questions: Sequence[Question], engines: Mapping[str, Engine], workers: int, side_px: int) -> Survey:
    survey = Survey()
    results: dict[int, Result] = {}
    waiting = iter(enumerate(questions))
    with progress(total=len(questions), desc="asking", unit="question") as bar:

        async def worker() -> None:
            for number, question in waiting:  # shared: each question goes to the next worker that is free
                try:
                    results[number] = await _ask(engines[question.teacher.name], question, side_px)
                except (RunStoppedError, GleamError) as reason:
                    # A GleamError is a broken picture. Others' answers are under way and paid for, and further ones
                    # may be in the cache.
                    stop = reason if isinstance(reason, RunStoppedError) else RunStoppedError(str(reason))
                    survey.stopped = survey.stopped or stop
                    for engine in engines.values():
                        engine.stop(survey.stopped)
                else:
                    bar.set_postfix_str(_spent(engines), refresh=False)
                    bar.update()

        await asyncio.gather(*(worker() for _ in range(min(workers, len(questions)))))
    survey.results = [results[number] for number in sorted(results)]
    return survey


async def _ask(engine: Engine, question: Question, side_px: int) -> Result:
    pair, language = question.pair, question.language
    request = await asyncio.to_thread(request_of, question, side_px)
    check = partial(sort_answer, view=pair.view, language=language)
    about = {"pair": pair.pair_id, "language": language, "question": "blind" if question.blind else "labelled"}
    replies = [await engine.ask(request, check, about | {"turn": "answer"})]
    outcome, problem = _outcome(replies[0], pair, language)
    if outcome is Outcome.SCHEMA_INVALID:
        repair = repair_request(request, replies[0].text, problem, language)
        replies.append(await engine.ask(repair, check, about | {"turn": "repair"}))
        outcome, problem = _outcome(replies[1], pair, language)
    judgement = read_answer(replies[-1].text, pair.view, language) if outcome is Outcome.OK else None
    return Result(question=question, outcome=outcome, replies=tuple(replies), judgement=judgement)


def _outcome(reply: Reply, pair: Pair, language: Language) -> tuple[Outcome, str]:
    """Return outcome and problem by today's checks: the cached ones may be of an older release."""
    if reply.outcome in (Outcome.OK, Outcome.SCHEMA_INVALID):
        return sort_answer(reply.text, pair.view, language)
    return reply.outcome, reply.problem


def _spent(engines: Mapping[str, Engine]) -> str:
    return ", ".join(f"{name} {engine.spent}" for name, engine in engines.items())
