"""What a survey is summed up to: how questions ended, what they cost, who agrees with whom."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from gleam_common.metrics.agreement import cohen_kappa, raw_agreement

from gleam_x.teachers.prompts import prompt_version
from gleam_x.teachers.registry import Teacher
from gleam_x.teachers.reply import Outcome, Reply
from gleam_x.teachers.survey import Question, Result, Survey

__all__ = ["summarise"]

_SORTS: dict[str, Callable[[Question], str]] = {
    "teacher": lambda question: question.teacher.name,
    "question": lambda question: "blind" if question.blind else "labelled",
    "language": lambda question: question.language,
    "label": lambda question: "same place" if question.pair.same_place else "different places",
    "view": lambda question: str(question.pair.view),
    "area": lambda question: question.pair.area,
    "split": lambda question: question.pair.split,
}


def summarise(
    survey: Survey, questions: Sequence[Question], teachers: Sequence[Teacher], paid: Sequence[Reply]
) -> dict[str, Any]:
    """Return the report of a survey.

    Args:
        survey: what came of it.
        questions: all that were to be asked.
        teachers: the first, and the second if there is one.
        paid: everything in the cache, of earlier runs too.
    """
    results = survey.results
    return {
        "complete": survey.stopped is None,
        "stopped": "" if survey.stopped is None else str(survey.stopped),
        "prompt_version": prompt_version(),
        "teachers": {teacher.name: _bill(teacher, paid) for teacher in teachers},
        "questions": len(questions),
        "not_answered_yet": len(questions) - len(results),
        "outcomes": dict(Counter(result.ending for result in results)),
        "repaired": sum(len(result.replies) > 1 and result.outcome is Outcome.OK for result in results),
        "outcomes_by": {name: _counted(results, sort) for name, sort in _SORTS.items()},
        "label_conflicts": [_name(result) for result in results if result.is_conflict],
        "blind_against_truth": {teacher.name: _against_truth(results, teacher) for teacher in teachers},
        "between_languages": {teacher.name: _between_languages(results, teacher) for teacher in teachers},
        "between_teachers": _between_teachers(results) if len(teachers) > 1 else None,
    }


def _bill(teacher: Teacher, paid: Sequence[Reply]) -> dict[str, Any]:
    """Return who a teacher is and what it has cost in this folder. The key's variable is named, the key is not."""
    own = [reply for reply in paid if reply.about.get("teacher") == teacher.name]
    usages = [reply.usage for reply in own if reply.usage is not None]
    priced = teacher.prices is not None
    return {
        "model": teacher.model,
        "base_url": teacher.base_url,
        "served_by": sorted({reply.served_by for reply in own if reply.served_by}),
        "prices_per_million_tokens": None if teacher.prices is None else vars(teacher.prices),
        "cost": round(sum(reply.cost or 0.0 for reply in own), 6) if priced else None,
        "cost_of_broken_off_attempts_at_most": round(sum(reply.uncertain_cost for reply in own), 6) if priced else None,
        "requests": len(own),
        "attempts": sum(reply.attempts for reply in own),
        "requests_without_usage": len(own) - len(usages),
        "input_tokens": sum(usage.input for usage in usages),
        "cached_tokens": sum(usage.cached for usage in usages),
        "output_tokens": sum(usage.output for usage in usages),
        "reasoning_tokens": sum(usage.reasoning for usage in usages),
    }


def _counted(results: Iterable[Result], sort: Callable[[Question], str]) -> dict[str, dict[str, int]]:
    """Return the endings of all questions of each sort: refusals of one kind of place would bias what is left."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for result in results:
        counts[sort(result.question)][result.ending] += 1
    return {name: dict(counts[name]) for name in sorted(counts)}


def _against_truth(results: Sequence[Result], teacher: Teacher) -> dict[str, Any]:
    blind = _blind(results, teacher)
    truths = ["yes" if result.question.pair.same_place else "no" for result in blind]
    rows = [(truth, _verdict(result)) for truth, result in zip(truths, blind, strict=True)]
    wrong = [_name(result) for (truth, verdict), result in zip(rows, blind, strict=True) if truth != verdict]
    return {**_agreement(rows), "wrong": wrong}


def _between_languages(results: Sequence[Result], teacher: Teacher) -> dict[str, Any]:
    verdicts = {
        (result.question.pair.pair_id, result.question.language): _verdict(result)
        for result in _blind(results, teacher)
    }
    both = [pair for pair, language in verdicts if language == "en" and (pair, "zh") in verdicts]
    return _agreement([(verdicts[pair, "en"], verdicts[pair, "zh"]) for pair in both])


def _between_teachers(results: Sequence[Result]) -> dict[str, Any]:
    """Return how far both teachers agree where both were asked blind: on verdicts, and on the things they name."""
    asked: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for result in results:
        if result.question.blind and result.outcome is Outcome.OK:
            asked[result.question.pair.pair_id, result.question.language].append(result)
    both = [(first, second) for first, second in (pair for pair in asked.values() if len(pair) == 2)]
    shared = [_overlap(_things(first), _things(second)) for first, second in both]
    return {
        **_agreement([(_verdict(first), _verdict(second)) for first, second in both]),
        "shared_things": sum(shared) / len(shared) if shared else None,
    }


def _blind(results: Iterable[Result], teacher: Teacher) -> list[Result]:
    return [
        result
        for result in results
        if result.question.blind and result.question.teacher.name == teacher.name and result.outcome is Outcome.OK
    ]


def _name(result: Result) -> str:
    return f"{result.question.pair.pair_id}/{result.question.language}"


def _verdict(result: Result) -> str:
    return "" if result.judgement is None else result.judgement.verdict


def _things(result: Result) -> set[tuple[str, str]]:
    claims = () if result.judgement is None else result.judgement.as_claims()
    return {(claim.what, claim.relation) for claim in claims}


def _overlap(first: set[tuple[str, str]], second: set[tuple[str, str]]) -> float:
    """Return the Jaccard index; two teachers that claim nothing agree."""
    return len(first & second) / len(first | second) if first | second else 1.0


def _agreement(rows: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return share of equal verdicts and Cohen's kappa, None where there is nothing to compare or kappa is NaN."""
    if not rows:
        return {"compared": 0, "agreement": None, "cohen_kappa": None}
    kappa = cohen_kappa(rows)
    return {
        "compared": len(rows),
        "agreement": raw_agreement(rows),
        "cohen_kappa": None if math.isnan(kappa) else kappa,
    }
