"""What one reviewer's page asks and says, without HTTP: the list, a pair, a draft, a decision."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from gleam_common.errors import DataError

from gleam_x.benchmark.schema import Claim, Record
from gleam_x.benchmark.vocabulary import COLOURS, COMPASS_SIDES, IMAGE_SIDES, KINDS
from gleam_x.review.adjudicate import Reviews, gravest, opinions
from gleam_x.review.source import Benchmark, Pair
from gleam_x.review.store import Review, ReviewStore, now, seen_of

__all__ = ["Session"]

MAX_TEXT = 8000
"""Characters of an explanation or a comment above which a browser's request is refused."""


@dataclass(frozen=True, kw_only=True)
class Session:
    """One person at work.

    Attributes:
        benchmark: its pictures are shown.
        pairs: to review, in order.
        store: where decisions and drafts go.
        annotator: written into every review.
        blind: hide verdict, explanation and claims until the reviewer has said the own verdict.
        others: what annotators said, shown to an adjudicator; empty for an annotator.
    """

    benchmark: Benchmark
    pairs: tuple[Pair, ...]
    store: ReviewStore
    annotator: str
    blind: bool = False
    others: Reviews | None = None

    @property
    def list_name(self) -> str:
        """A name for the list that a page shows: who reviews which pairs how. Numbers of pairs mean nothing without."""
        ids = [pair.pair_id for pair in self.pairs]
        shown = json.dumps([self.annotator, self.blind, self.others is not None, ids])
        return hashlib.sha256(shown.encode()).hexdigest()[:16]

    def overview(self) -> dict[str, Any]:
        """Return what the page needs once: who, which list, and the closed vocabulary for editing claims."""
        return {
            "annotator": self.annotator,
            "list": self.list_name,
            "benchmark": self.benchmark.folder.resolve().name,
            "blind": self.blind,
            "adjudicate": self.others is not None,
            "items": self.items(),
            "vocabulary": {
                "what": KINDS,
                "colour": ("", *COLOURS),
                "part": ("", "roof", "wall", "surface"),
                "image": IMAGE_SIDES,
                "compass": COMPASS_SIDES,
            },
        }

    def items(self) -> list[dict[str, Any]]:
        """Return the state of every pair: todo, accept, edit or reject, and whether there is a comment or a draft."""
        return [
            {
                "view": pair.first.view,
                "state": self._state(pair),
                "comment": any(review.comment for review in self._mine(pair)),
                "draft": pair.pair_id in self.store.drafts,
            }
            for pair in self.pairs
        ]

    def page(self, index: int) -> dict[str, Any]:
        """Return what is shown of one pair; nothing that tells the verdict while it is hidden."""
        pair = self._pair(index)
        shown: dict[str, Any] = {"index": index, "view": pair.first.view, "state": self._state(pair)}
        own = self._own_verdict(pair)
        if self.blind and not own:
            return shown | {"hidden": True}
        draft = self.store.drafts.get(pair.pair_id, {})
        comments = [review.comment for review in self._mine(pair)]
        return shown | {
            "hidden": False,
            "pair_id": pair.pair_id,
            "verdict": pair.first.verdict,
            "truth": "yes" if pair.first.same_place else "no",
            "negative_kind": pair.first.negative_kind,
            "teacher": pair.first.provenance.teacher,
            "own_verdict": own,
            "comment": draft.get("comment", comments[0] if comments else ""),
            "seconds": draft.get("seconds", 0.0),
            "records": [self._shown(record, draft) for record in pair.records],
            "opinions": self._opinions(pair),
        }

    def say_own_verdict(self, index: int, verdict: object) -> dict[str, Any]:
        """Keep the reviewer's own verdict, which opens the pair; it cannot be changed afterwards.

        Raises:
            DataError: not yes or no, not a blind review, or said already.
        """
        pair = self._pair(index)
        if verdict not in ("yes", "no"):
            raise DataError("own verdict", value=verdict, allowed="yes, no")
        if not self.blind or self._own_verdict(pair):
            raise DataError("the verdict of this pair has been shown already")
        self.store.keep_draft(pair.pair_id, {"own_verdict": verdict})
        return self.page(index)

    def keep_draft(self, index: int, said: Mapping[str, Any]) -> None:
        """Keep what was typed so far.

        Raises:
            DataError: the request is not what the page sends.
        """
        pair = self._pair(index)
        self._check_shown(pair)
        texts = {record.record_id: self._changes(record, said) for record in pair.records}
        draft = {
            "records": {key: {"explanation": text, "claims": list(map(asdict, c))} for key, (text, c) in texts.items()},
            "comment": _text(said, "comment"),
            "seconds": _seconds(said),
            "own_verdict": self._own_verdict(pair),
        }
        self.store.keep_draft(pair.pair_id, draft)

    def decide(self, index: int, said: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Write a review of each record of a pair and return the states of all pairs.

        The page accepts or rejects; a record that is accepted with another text or other claims is an edited one.

        Raises:
            DataError: the request is not what the page sends, or an edit is no valid record.
        """
        pair = self._pair(index)
        self._check_shown(pair)
        if said.get("decision") not in ("accept", "reject"):
            raise DataError("decision", value=said.get("decision"), allowed="accept, reject")
        self.store.append([self._review(pair, record, said) for record in pair.records])
        self.store.keep_draft(pair.pair_id, None)
        return self.items()

    def _review(self, pair: Pair, record: Record, said: Mapping[str, Any]) -> Review:
        rejected = said["decision"] == "reject"
        text, claims = (record.explanation, record.claims) if rejected else self._changes(record, said)
        new_text = text if text != record.explanation else None
        new_claims = claims if claims != record.claims else None
        edited = new_text is not None or new_claims is not None
        review = Review(
            record_id=record.record_id,
            pair_id=pair.pair_id,
            annotator=self.annotator,
            decision="reject" if rejected else "edit" if edited else "accept",
            seen=seen_of(record),
            explanation=new_text,
            claims=new_claims,
            own_verdict=self._own_verdict(pair),
            comment=_text(said, "comment"),
            at=now(),
            seconds=_seconds(said),
        )
        if problems := review.problems():
            raise DataError(f"{record.language}: {'; '.join(problems)}", fix="correct it, or undo the changes")
        return review

    def _changes(self, record: Record, said: Mapping[str, Any]) -> tuple[str, tuple[Claim, ...]]:
        """Return the text and claims that the page sent for a record; a draft's claims may be half made."""
        try:
            sent = said["records"][record.record_id]
            text, claims = _text(sent, "explanation"), tuple(Claim(**claim) for claim in sent["claims"])
            hash(claims)  # a value that is a list or a dict is none that the page sends
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError("the request is not what the page sends", value=str(error), fix="reload the page") from None
        return (record.explanation if text == record.explanation.strip() else text), claims

    def _pair(self, index: int) -> Pair:
        if not 0 <= index < len(self.pairs):
            raise DataError("number of a pair", value=index, allowed=f"0 to {len(self.pairs) - 1}")
        return self.pairs[index]

    def _check_shown(self, pair: Pair) -> None:
        if self.blind and not self._own_verdict(pair):
            raise DataError("say the own verdict first: this is a blind review", allowed="yes, no")

    def _mine(self, pair: Pair) -> list[Review]:
        found = (self.store.newest.get(record.record_id) for record in pair.records)
        return [review for review in found if review]

    def _state(self, pair: Pair) -> str:
        mine = self._mine(pair)
        return gravest(review.decision for review in mine) if len(mine) == len(pair.records) else "todo"

    def _own_verdict(self, pair: Pair) -> str:
        said = [review.own_verdict for review in self._mine(pair) if review.own_verdict]
        return str(said[0] if said else self.store.drafts.get(pair.pair_id, {}).get("own_verdict", ""))

    def _shown(self, record: Record, draft: Mapping[str, Any]) -> dict[str, Any]:
        """Return the record as made, and as it stands now: drafted, edited before, or as made."""
        claims = [asdict(claim) for claim in record.claims]
        made = {"explanation": record.explanation, "claims": claims}
        mine = self.store.newest.get(record.record_id)
        edited = made if mine is None else made | _edits(mine)
        current = draft.get("records", {}).get(record.record_id, edited)
        return {"record_id": record.record_id, "language": record.language, "made": made, "current": current}

    def _opinions(self, pair: Pair) -> list[dict[str, Any]]:
        said: dict[str, list[tuple[Record, Review]]] = {}
        for record in pair.records:
            for review in opinions(self.others or {}, record):
                said.setdefault(review.annotator, []).append((record, review))
        return [
            {
                "annotator": name,
                "decision": gravest(review.decision for _, review in reviews),
                "own_verdict": reviews[0][1].own_verdict,
                "comment": reviews[0][1].comment,
                "records": {review.record_id: _edits(review) for _, review in reviews},
            }
            for name, reviews in said.items()
        ]


def _edits(review: Review) -> dict[str, Any]:
    edits: dict[str, Any] = {}
    if review.explanation is not None:
        edits["explanation"] = review.explanation
    if review.claims is not None:
        edits["claims"] = [asdict(claim) for claim in review.claims]
    return edits


def _text(said: Mapping[str, Any], key: str) -> str:
    text = said.get(key, "")
    if not isinstance(text, str) or len(text) > MAX_TEXT:
        raise DataError(f"{key} of the request", value=type(text).__name__, allowed=f"text of {MAX_TEXT} characters")
    return text.replace("\r\n", "\n").strip()


def _seconds(said: Mapping[str, Any]) -> float:
    seconds = said.get("seconds", 0.0)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < 1e6:
        raise DataError("seconds of the request", value=seconds, allowed="0 to a million")
    return round(float(seconds), 1)
