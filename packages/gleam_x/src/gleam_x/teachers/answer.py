"""What a teacher's answer must look like. It is untrusted text: parsed, bounded and checked, never run."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

from gleam_common.views import View
from pydantic import BaseModel, ConfigDict, ValidationError

from gleam_x.benchmark.schema import Claim, Language
from gleam_x.benchmark.vocabulary import COLOURS, COMPASS_SIDES, IMAGE_SIDES, KINDS
from gleam_x.teachers.reply import Outcome

__all__ = ["Judgement", "answer_schema", "query_sides", "read_answer", "sort_answer"]

MOST_EXPLANATION = 2000
"""Characters."""
MOST_CLAIMS = 20
_MOST_ANSWER = 20_000
_MOST_PROBLEM = 1000
_LEAST_CHINESE = 0.4
_MOST_CHINESE = 0.1

_STREET_SIDES = ("left", "centre", "right")
_REFUSAL = re.compile(
    r"(?i)\b(i'?m sorry|i am sorry|i can'?t|i cannot|i'?m unable|i am unable|as an ai)\b"
    r"|抱歉|对不起|无法(提供|回答|协助)"
)


class Judgement(BaseModel):
    """A teacher's answer. Claims are in the benchmark's own form."""

    model_config = ConfigDict(extra="forbid", strict=True)

    verdict: str
    explanation: str
    claims: list[dict[str, str | int | None]]

    def as_claims(self) -> tuple[Claim, ...]:
        """Return the claims; only of a judgement that :func:`read_answer` gave."""
        return tuple(Claim(**claim) for claim in self.claims)  # type: ignore[arg-type]


def query_sides(view: View) -> tuple[str, ...]:
    """Return the words for a place in a query picture of this view."""
    if view is View.UAV:
        return IMAGE_SIDES
    return COMPASS_SIDES if view is View.MAP else _STREET_SIDES


def answer_schema(view: View) -> dict[str, Any]:
    """Return the JSON schema of an answer about a query of this view, in the subset that strict endpoints take."""
    words: dict[str, tuple[str, ...]] = {
        "what": KINDS,
        "colour": ("", *COLOURS),
        "part": ("", "roof", "wall", "surface"),
        "query_where": ("", *query_sides(view)),
        "satellite_where": ("", *COMPASS_SIDES),
        "shown_in": ("both", "query", "satellite"),
        "relation": ("present", "contradicting"),
    }
    claim: dict[str, Any] = {name: {"type": "string", "enum": list(allowed)} for name, allowed in words.items()}
    claim["count"] = {"type": ["integer", "null"]}
    return _object(
        verdict={"type": "string", "enum": ["yes", "no"]},
        explanation={"type": "string"},
        claims={"type": "array", "items": _object(**claim)},
    )


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def sort_answer(text: str, view: View, language: Language) -> tuple[Outcome, str]:
    """Return how ``text`` is to be counted (OK, REFUSAL or SCHEMA_INVALID) and what is wrong with it."""
    try:
        read_answer(text, view, language)
    except ValueError as error:
        refused = "{" not in text and _REFUSAL.search(text[:300])
        return (Outcome.REFUSAL, "the model refused") if refused else (Outcome.SCHEMA_INVALID, str(error))
    return Outcome.OK, ""


def read_answer(text: str, view: View, language: Language) -> Judgement:
    """Return the judgement in ``text``; words around its JSON object (a code fence, thoughts) are passed over.

    Raises:
        ValueError: says what is wrong, so that the teacher can be told.
    """
    try:
        judgement = Judgement.model_validate(_find_object(text))
    except ValidationError as error:
        raise ValueError("; ".join(_line(item) for item in error.errors()[:5])[:_MOST_PROBLEM]) from None
    judgement.explanation = judgement.explanation.strip()
    problems = _problems_of_text(judgement.explanation, language)
    if judgement.verdict not in ("yes", "no"):
        problems.append('verdict must be "yes" or "no"')
    if len(judgement.claims) > MOST_CLAIMS:
        problems.append(f"{len(judgement.claims)} claims; at most {MOST_CLAIMS}")
    for number, claim in enumerate(judgement.claims[:MOST_CLAIMS]):
        problems += [f"claim {number}: {problem}" for problem in _problems_of_claim(claim, view)]
    if problems:
        raise ValueError("; ".join(problems[:8])[:_MOST_PROBLEM])
    return judgement


def _find_object(text: str) -> object:
    """Return the first JSON object in ``text`` that has a verdict."""
    if len(text) > _MOST_ANSWER:
        raise ValueError(f"the answer has {len(text)} characters; at most {_MOST_ANSWER}")
    decoder, problem = json.JSONDecoder(), "no JSON object in the answer"
    for start in [match.start() for match in re.finditer(r"\{", text)][:50]:
        try:
            found, _ = decoder.raw_decode(text, start)
        except (ValueError, RecursionError) as error:
            problem = f"the JSON cannot be read: {error}"
            continue
        if isinstance(found, dict) and "verdict" in found:
            return found
    raise ValueError(problem)


def _line(error: Any) -> str:
    return f"{'.'.join(map(str, error['loc']))}: {error['msg']}"


def _problems_of_text(text: str, language: Language) -> list[str]:
    if not 20 <= len(text) <= MOST_EXPLANATION:
        return [f"the explanation has {len(text)} characters; 20 to {MOST_EXPLANATION} are wanted"]
    # Cc: control characters; Cf: also those that turn the direction of writing; Cs, Co: no characters at all.
    odd = {char for char in text if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co")} - {"\n"}
    if odd:
        codes = ", ".join(f"U+{ord(char):04X}" for char in sorted(odd)[:5])
        return [f"the explanation has characters that are not text: {codes}"]
    letters = [char for char in text if char.isalpha()]
    chinese = sum("\u4e00" <= char <= "\u9fff" for char in letters) / max(1, len(letters))
    if (language == "zh" and chinese < _LEAST_CHINESE) or (language == "en" and chinese > _MOST_CHINESE):
        return [f"the explanation is not in the language asked for ({language})"]
    return []


def _problems_of_claim(claim: dict[str, str | int | None], view: View) -> list[str]:
    wanted = {"what", "colour", "part", "count", "query_where", "satellite_where", "shown_in", "relation"}
    if set(claim) != wanted:
        return [f"its keys must be {', '.join(sorted(wanted))}"]
    count = claim["count"]
    if any(not isinstance(claim[name], str) for name in wanted - {"count"}) or isinstance(count, str | bool):
        return ["count must be a whole number or null, all else text"]
    problems = Claim(**claim).problems()  # type: ignore[arg-type]
    if claim["query_where"] not in ("", *query_sides(view)):
        problems.append(f"query_where of this view is one of {', '.join(query_sides(view))}")
    return problems
