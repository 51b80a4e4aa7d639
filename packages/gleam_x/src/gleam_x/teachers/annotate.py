"""Annotation of a catalog by teachers: which questions, what they may cost, and the files that come of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gleam_common.artifacts import write_atomic, write_json
from gleam_common.errors import ArtifactError, ConfigError

from gleam_x.benchmark.schema import Language, check_records
from gleam_x.teachers.cache import read_replies
from gleam_x.teachers.limits import Limits, check_prices, most_cost
from gleam_x.teachers.pairs import Pair, check_pictures, sample
from gleam_x.teachers.registry import Teacher, read_key
from gleam_x.teachers.reply import Outcome
from gleam_x.teachers.summary import summarise
from gleam_x.teachers.survey import Question, Result, Survey, ask_all, request_of

__all__ = ["CACHE_FILE", "Plan", "annotate_pairs", "estimate"]

CACHE_FILE = "cache.jsonl"
REPORT_FILE = "report.json"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be asked.

    Attributes:
        pairs: all of them are put to the first teacher with their label.
        teacher: the first.
        second_teacher: asked blind about the overlap sample, or None.
        languages: one question each.
        blind_share: of the pairs that the first teacher is also asked blind about.
        overlap_share: of the pairs that both teachers are asked blind about.
        seed: of the samples.
        side_px: the longest side of pictures as they are sent.
    """

    pairs: tuple[Pair, ...]
    teacher: Teacher
    second_teacher: Teacher | None = None
    languages: tuple[Language, ...] = ("en", "zh")
    blind_share: float = 0.1
    overlap_share: float = 0.1
    seed: int = 1
    side_px: int = 768

    def __post_init__(self) -> None:
        for name in ("blind_share", "overlap_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(name, value=getattr(self, name), allowed="0 to 1")
        if not 64 <= self.side_px <= 4096:
            raise ConfigError("longest side of pictures in pixels", value=self.side_px, allowed="64 to 4096")
        if self.second_teacher is not None and self.second_teacher.name == self.teacher.name:
            raise ConfigError("both teachers are the same", value=self.teacher.name, fix="name two different models")

    @property
    def teachers(self) -> tuple[Teacher, ...]:
        """The first, and the second if there is one."""
        return (self.teacher,) if self.second_teacher is None else (self.teacher, self.second_teacher)

    def questions(self) -> list[Question]:
        """Return all questions, pair by pair, so that a run that stops early leaves whole pairs behind."""
        overlap = sample(self.pairs, self.overlap_share, self.seed) if self.second_teacher else []
        blind = {pair.pair_id for pair in [*sample(self.pairs, self.blind_share, self.seed), *overlap]}
        both = {pair.pair_id for pair in overlap}
        questions = []
        for pair in self.pairs:
            asked = [(self.teacher, False)]
            if pair.pair_id in blind:
                asked.append((self.teacher, True))
            if self.second_teacher is not None and pair.pair_id in both:
                asked.append((self.second_teacher, True))
            questions += [
                Question(teacher=teacher, pair=pair, language=language, blind=is_blind)
                for teacher, is_blind in asked
                for language in self.languages
            ]
        return questions


def estimate(plan: Plan, out: Path) -> dict[str, Any]:
    """Return by teacher how many questions are not in the cache and what one call for each costs at most.

    Raises:
        DataError: a picture cannot be read.
        ArtifactError: the cache is broken.
    """
    check_pictures(plan.pairs)
    replies, _ = read_replies(out / CACHE_FILE)
    counts: dict[str, Any] = {}
    for teacher in plan.teachers:
        requests = [request_of(question, plan.side_px) for question in plan.questions() if question.teacher == teacher]
        new = [request for request in requests if request.key not in replies or not replies[request.key].is_final]
        counts[teacher.name] = {
            "questions": len(requests),
            "to_be_asked": len(new),
            "input_tokens_at_most": sum(request.most_input_tokens for request in new),
            "output_tokens_at_most": len(new) * teacher.answer_tokens,
            "cost_at_most": round(sum(map(most_cost, new)), 4) if teacher.prices else None,
            "currency": teacher.currency,
        }
    return counts


def annotate_pairs(plan: Plan, out: Path, limits: Limits) -> dict[str, Any]:
    """Ask what the cache in ``out`` does not know, write records and report, and return the report.

    ``records.jsonl`` has what the first teacher says with the label, ``blind.jsonl`` what it says without, and
    ``overlap.jsonl`` what the second teacher says without. Answers that contradict the label they were told are
    counted and left out.

    Raises:
        ConfigError: no key, or a budget without prices.
        DataError: a picture cannot be read.
        ArtifactError: the cache is broken or in use, or ``out`` holds something else.
    """
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / CACHE_FILE).is_file())):
        raise ArtifactError(f"{out} holds something else (no {CACHE_FILE})", fix="choose a new or empty folder")
    for teacher in plan.teachers:
        check_prices(teacher, limits)
    keys = {teacher.name: read_key(teacher) for teacher in plan.teachers}
    check_pictures(plan.pairs)
    questions = plan.questions()
    survey = asyncio.run(ask_all(questions, keys, out / CACHE_FILE, limits, plan.side_px))
    report = summarise(survey, questions, plan.teachers, list(read_replies(out / CACHE_FILE)[0].values()))
    _write_records(out, plan, survey)
    write_json(out / REPORT_FILE, report)
    return report | {"failed": survey.stopped is not None and survey.stopped.is_failure}


def _write_records(out: Path, plan: Plan, survey: Survey) -> None:
    good = [result for result in survey.results if result.outcome is Outcome.OK and not result.is_conflict]
    first = [result for result in good if result.question.teacher == plan.teacher]
    _write_jsonl(out / "records.jsonl", [result for result in first if not result.question.blind])
    _write_jsonl(out / "blind.jsonl", [result for result in first if result.question.blind])
    second = [result for result in good if result.question.teacher != plan.teacher]
    if plan.second_teacher is not None:
        _write_jsonl(out / "overlap.jsonl", second)


def _write_jsonl(path: Path, results: Sequence[Result]) -> None:
    records = [result.record() for result in results]
    check_records(records)
    with write_atomic(path) as file:
        file.write(_lines(record.as_row() for record in records))


def _lines(rows: Iterable[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
