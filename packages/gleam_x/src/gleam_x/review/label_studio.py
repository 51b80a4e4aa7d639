"""Label Studio's side of the exchange: a task for each record, an annotation for each review.

The form of tasks and annotations is that of Label Studio's JSON import and export (its guide, "Import data" and
"Export annotations"). What Label Studio has no place for (record, fingerprint, version) stands in the
task's ``data``, which it keeps.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from gleam_common.errors import DataError

from gleam_x.benchmark.schema import Claim, Record
from gleam_x.review.source import PICTURES, Benchmark, Pair
from gleam_x.review.store import REVIEW_VERSION, Review, review_of, seen_of

__all__ = ["labelling_setup", "read_tasks", "tasks_of"]

_DOMAIN = "gleam.invalid"  # Label Studio names people by e-mail addresses; this domain can never receive mail
_CHOICES = ("decision", "own_verdict")
_TEXTS = ("explanation", "claims", "comment")


def labelling_setup(pictures: bool) -> str:
    """Return the labelling set-up for the tasks of :func:`tasks_of`."""
    images = "".join(f'  <Image name="{name}_view" value="${name}" zoom="true"/>\n' for name in PICTURES)
    return (
        "<View>\n" + (images if pictures else "") + '  <Header value="$verdict"/>\n'
        '  <Text name="shown" value="$explanation"/>\n'
        '  <Text name="shown_claims" value="$claims"/>\n'
        '  <Choices name="decision" toName="shown" choice="single" required="true">\n'
        '    <Choice value="accept" hotkey="a"/><Choice value="edit" hotkey="e"/><Choice value="reject" hotkey="r"/>\n'
        "  </Choices>\n"
        '  <TextArea name="explanation" toName="shown" maxSubmissions="1" placeholder="the new explanation"/>\n'
        '  <TextArea name="claims" toName="shown" maxSubmissions="1" placeholder="the new claims, one JSON a line"/>\n'
        '  <TextArea name="comment" toName="shown" maxSubmissions="1" placeholder="comment"/>\n'
        "</View>\n"
    )


def tasks_of(benchmark: Benchmark, said: list[tuple[Review, bool]], pictures: bool) -> list[dict[str, Any]]:
    """Return a task for each record, with its reviews (and whether each is final) as annotations."""
    by_record: dict[str, list[dict[str, Any]]] = {}
    for review, final in said:
        by_record.setdefault(review.record_id, []).append(_annotation(review, final))
    return [
        {
            "data": _data(record) | (_pictures(benchmark, pair) if pictures else {}),
            "annotations": by_record.get(record.record_id, []),
        }
        for pair in benchmark.pairs
        for record in pair.records
    ]


def read_tasks(tasks: Any, where: str) -> Iterator[tuple[Review, bool]]:
    """Return the reviews in Label Studio's tasks, and whether each is final; cancelled annotations are left out.

    Raises:
        DataError: not tasks that ``tasks_of`` made, or an annotation that is no valid review; names the task.
    """
    if not isinstance(tasks, list):
        raise DataError(f"{where}: not a list of Label Studio's tasks", fix="export from Label Studio as JSON")
    for number, task in enumerate(tasks, 1):
        place = f"{where}, task {number}"
        try:
            for annotation in task["annotations"]:
                if not annotation.get("was_cancelled"):
                    yield _review(task["data"], annotation, place), bool(annotation.get("ground_truth"))
        except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
            raise DataError(
                f"{place}: not a task of `review export` ({type(error).__name__}: {error})",
                fix="import what Label Studio exports as JSON for tasks that `review export` made",
            ) from None


def _data(record: Record) -> dict[str, Any]:
    return {
        "record_id": record.record_id,
        "pair_id": record.pair_id,
        "language": record.language,
        "view": record.view,
        "verdict": record.verdict,
        "explanation": record.explanation,
        "claims": _claims_text(record.claims),
        "seen": seen_of(record),
        "review_version": REVIEW_VERSION,
    }


def _pictures(benchmark: Benchmark, pair: Pair) -> dict[str, str]:
    uris: dict[str, str] = {}
    for which in PICTURES:
        data, kind = benchmark.picture(pair, which)
        uris[which] = f"data:{kind};base64,{base64.b64encode(data).decode()}"
    return uris


def _annotation(review: Review, final: bool) -> dict[str, Any]:
    said: dict[str, str | None] = {
        "decision": review.decision,
        "own_verdict": review.own_verdict or None,
        "explanation": review.explanation,
        "claims": None if review.claims is None else _claims_text(review.claims),
        "comment": review.comment or None,
    }
    return {
        "completed_by": {"email": f"{review.annotator}@{_DOMAIN}"},
        "created_at": review.at,
        "lead_time": review.seconds,
        "ground_truth": final,
        "was_cancelled": False,
        "result": [_result(name, text) for name, text in said.items() if text is not None],
    }


def _result(name: str, text: str) -> dict[str, Any]:
    kind = "choices" if name in _CHOICES else "textarea"
    value = {"choices": [text]} if name in _CHOICES else {"text": [text]}
    return {"from_name": name, "to_name": "shown", "type": kind, "value": value}


def _review(data: dict[str, Any], annotation: dict[str, Any], place: str) -> Review:
    said = {result["from_name"]: _said(result["value"]) for result in annotation["result"]}
    unknown = set(said) - {*_CHOICES, *_TEXTS}
    if unknown:
        raise DataError(f"{place}: unknown field", value=sorted(unknown), allowed=[*_CHOICES, *_TEXTS])
    claims = None if "claims" not in said else [asdict(claim) for claim in _claims(said["claims"], place)]
    line = {
        "record_id": data["record_id"],
        "pair_id": data["pair_id"],
        "annotator": _person(annotation["completed_by"]),
        "decision": said.get("decision", ""),
        "seen": data["seen"],
        "explanation": said.get("explanation"),
        "claims": claims,
        "own_verdict": said.get("own_verdict", ""),
        "comment": said.get("comment", ""),
        "at": re.sub(r"\.\d+Z$", "Z", annotation["created_at"]),
        "seconds": annotation["lead_time"],
        "version": data["review_version"],
    }
    return review_of(line, place)


def _said(value: dict[str, Any]) -> str:
    texts = value["choices"] if "choices" in value else value["text"]
    return str(texts if isinstance(texts, str) else texts[0])


def _person(completed_by: Any) -> str:
    """Return the annotator's name: what stands before the @, or Label Studio's number of a person."""
    return f"user{completed_by}" if isinstance(completed_by, int) else str(completed_by["email"]).partition("@")[0]


def _claims_text(claims: tuple[Claim, ...]) -> str:
    """Return a line of JSON for each claim, without what is not set."""
    filled = ({key: value for key, value in asdict(claim).items() if value not in ("", None)} for claim in claims)
    return "\n".join(json.dumps(claim) for claim in filled)


def _claims(text: str, place: str) -> list[Claim]:
    try:
        return [Claim(**json.loads(line)) for line in text.splitlines() if line.strip()]
    except (ValueError, TypeError) as error:
        raise DataError(f"{place}: claims are not one JSON object a line ({error})", fix="correct them") from None
