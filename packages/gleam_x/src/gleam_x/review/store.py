"""Reviews on disk: append-only JSON lines, one file for each annotator, the newest line of a record counts."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from gleam_common.artifacts import read_json, write_json
from gleam_common.errors import ConfigError, DataError

from gleam_x.benchmark.schema import Claim, Record

__all__ = [
    "ADJUDICATION",
    "DECISIONS",
    "REVIEW_VERSION",
    "Review",
    "ReviewStore",
    "check_annotator",
    "now",
    "read_reviews",
    "review_of",
    "seen_of",
]

REVIEW_VERSION = 1
"""Rises whenever a key of a line changes its name or meaning."""

Decision = Literal["accept", "edit", "reject"]
DECISIONS: tuple[Decision, ...] = get_args(Decision)
ADJUDICATION = "adjudication"
"""Name of the file of final decisions; no annotator may have it."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


@dataclass(frozen=True, kw_only=True)
class Review:
    """What one person said about one record.

    Attributes:
        record_id: of the benchmark.
        pair_id: of the record.
        annotator: who said it.
        decision: accept, edit or reject.
        seen: fingerprint of the explanation and claims that were shown (:func:`seen_of`).
        explanation: the new text; None where it stays.
        claims: the new claims; None where they stay.
        own_verdict: "yes" or "no", said before the record's verdict was shown; empty outside blind reviews.
        comment: free text.
        at: UTC, ISO 8601.
        seconds: looked at the pair, with the page in front.
        version: of this form.
    """

    record_id: str
    pair_id: str
    annotator: str
    decision: str
    seen: str
    explanation: str | None = None
    claims: tuple[Claim, ...] | None = None
    own_verdict: str = ""
    comment: str = ""
    at: str = ""
    seconds: float = 0.0
    version: int = REVIEW_VERSION

    def problems(self) -> list[str]:
        """Return what is wrong with the review by itself, in words; empty when nothing is."""
        wrong = [] if self.decision in DECISIONS else [f"decision is {self.decision!r}"]
        if (self.decision == "edit") != (self.explanation is not None or self.claims is not None):
            wrong.append("explanation or claims are new exactly when the decision is edit")
        if self.explanation is not None and not self.explanation.strip():
            wrong.append("the explanation is empty")
        if self.own_verdict not in ("", "yes", "no"):
            wrong.append(f"own_verdict is {self.own_verdict!r}")
        return wrong + [problem for claim in self.claims or () for problem in claim.problems()]

    def as_line(self) -> str:
        """Return the review as one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False, allow_nan=False) + "\n"


def review_of(data: Any, where: str) -> Review:
    """Return the review of a parsed line.

    Raises:
        DataError: another version, unknown or missing keys, or values that are not allowed; says ``where``.
    """
    if not isinstance(data, dict) or "version" not in data:
        raise DataError(f"{where}: not a review", fix="remove the line, or import a file that `review export` wrote")
    if data["version"] != REVIEW_VERSION:
        raise DataError(
            f"{where}: a review of another version",
            value=data["version"],
            allowed=str(REVIEW_VERSION),
            fix="export it with the GLEAM that wrote it",
        )
    types = {"seconds": (int, float), "explanation": (str, type(None)), "claims": (list, type(None)), "version": (int,)}
    try:
        values = {item.name: data[item.name] for item in fields(Review)}
        unlike = [name for name, value in values.items() if not isinstance(value, types.get(name, (str,)))]
        if unlike or set(data) != set(values):
            raise TypeError(f"keys {sorted(unlike) or sorted(set(data) - set(values))}")
        values["claims"] = None if values["claims"] is None else tuple(Claim(**claim) for claim in values["claims"])
        review = Review(**values)
        problems = review.problems()
    except (KeyError, TypeError) as error:
        raise DataError(f"{where}: not a review ({error})", fix="remove the line") from None
    if problems:
        raise DataError(f"{where}: {'; '.join(problems)}", fix="correct or remove the line")
    return review


def seen_of(record: Record) -> str:
    """Return a fingerprint of what a reviewer of ``record`` sees, so that a review is never applied to another text."""
    shown = [record.verdict, record.explanation, [asdict(claim) for claim in record.claims]]
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()[:16]


def now() -> str:
    """Return the time in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def check_annotator(name: str) -> str:
    """Return the name of an annotator, which becomes a file's name.

    Raises:
        ConfigError: it is not fit for that.
    """
    if not _NAME.fullmatch(name) or name.lower() == ADJUDICATION:
        raise ConfigError(
            "name of an annotator",
            value=name,
            allowed=f"1 to 40 of A-Z a-z 0-9 . _ -, a letter or digit first, not {ADJUDICATION!r}",
        )
    return name


class ReviewStore:
    """One annotator's reviews (or the final decisions), and drafts of pairs that are not decided.

    Args:
        folder: of all reviews.
        name: the annotator's, or ``ADJUDICATION``.

    Raises:
        DataError: the file is of another version or has a broken line; names it.
    """

    def __init__(self, folder: str | Path, name: str) -> None:
        self.path = Path(folder) / f"{name}.jsonl"
        self._drafts_path = self.path.with_suffix(".drafts.json")
        self.newest: dict[str, Review] = {review.record_id: review for review in _lines(self.path)}
        self.drafts: dict[str, Any] = read_json(self._drafts_path) if self._drafts_path.is_file() else {}

    def append(self, reviews: Iterable[Review]) -> None:
        """Add reviews, in one write that is on the disk when this returns."""
        reviews = list(reviews)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.write("".join(review.as_line() for review in reviews).encode())
            file.flush()
            os.fsync(file.fileno())
        self.newest |= {review.record_id: review for review in reviews}

    def keep_draft(self, pair_id: str, draft: Mapping[str, Any] | None) -> None:
        """Keep what was typed for a pair; None forgets it."""
        if draft is None and pair_id not in self.drafts:
            return
        self.drafts.pop(pair_id, None)
        if draft is not None:
            self.drafts[pair_id] = dict(draft)
        write_json(self._drafts_path, self.drafts)


def read_reviews(folder: str | Path) -> dict[str, dict[str, Review]]:
    """Return the newest reviews by annotator and record; final decisions stand under ``ADJUDICATION``.

    Raises:
        DataError: no such folder, nobody's reviews in it, or a file that is broken.
    """
    files = sorted(Path(folder).glob("*.jsonl"))
    if not files:
        raise DataError(
            f"{folder}: no reviews (*.jsonl)", fix="review with `gleam-x review serve`, or correct --reviews"
        )
    return {file.stem: ReviewStore(folder, file.stem).newest for file in files}


def _lines(path: Path) -> Iterator[Review]:
    if not path.is_file():
        return
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            data = json.loads(line)
        except ValueError:
            fix = "a killed process may have cut it off: remove the line and review its pair again"
            raise DataError(f"{path}, line {number}: not JSON", fix=fix) from None
        yield review_of(data, f"{path}, line {number}")
