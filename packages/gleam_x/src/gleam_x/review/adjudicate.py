"""Where annotators disagree, and what holds in the end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gleam_common.errors import DataError

from gleam_x.benchmark.schema import Record
from gleam_x.review.source import Benchmark, Pair
from gleam_x.review.store import ADJUDICATION, DECISIONS, Review, seen_of

__all__ = ["Final", "check_reviews", "disagreed", "finals", "gravest", "opinions"]

Reviews = Mapping[str, Mapping[str, Review]]


@dataclass(frozen=True, kw_only=True)
class Final:
    """What holds for a record: a review, and whose name it carries (all who agreed, or the adjudicator)."""

    review: Review
    reviewers: tuple[str, ...]
    adjudicated: bool


def opinions(reviews: Reviews, record: Record) -> list[Review]:
    """Return the annotators' reviews of a record in order of their names, without the final decision."""
    return [
        found[record.record_id]
        for name, found in sorted(reviews.items())
        if name != ADJUDICATION and record.record_id in found
    ]


def disagreed(reviews: Reviews, pair: Pair) -> bool:
    """Return whether annotators want different things for a record of the pair: decision, text or claims."""
    return any(
        len({(review.decision, review.explanation, review.claims) for review in opinions(reviews, record)}) > 1
        for record in pair.records
    )


def gravest(decisions: Iterable[str]) -> str:
    """Return what stands for a whole pair: rejected if one of its records is, else edited, else accepted."""
    return max(decisions, key=DECISIONS.index)


def finals(reviews: Reviews, benchmark: Benchmark) -> dict[str, Final]:
    """Return what holds for every record that somebody reviewed.

    Raises:
        DataError: annotators disagree and nobody decided: names the first record and counts the others.
    """
    final: dict[str, Final] = {}
    open_pairs = []
    for pair in benchmark.pairs:
        decided = [record for record in pair.records if record.record_id in reviews.get(ADJUDICATION, {})]
        if disagreed(reviews, pair) and len(decided) < len(pair.records):
            open_pairs.append(pair.pair_id)
        final |= {record.record_id: found for record in pair.records if (found := _final(reviews, record))}
    if open_pairs:
        raise DataError(
            f"annotators disagree about pair {open_pairs[0]} and nobody decided",
            value=f"{len(open_pairs)} such pairs",
            fix="decide with `gleam-x review serve --adjudicate --annotator NAME`",
        )
    return final


def check_reviews(reviews: Iterable[Review], benchmark: Benchmark) -> None:
    """Check that reviews speak of this benchmark's records as they are now.

    Raises:
        DataError: for unknown records or other texts: names the first and counts the others.
    """
    reviews, records = list(reviews), benchmark.records
    pairs = {record_id: record.pair_id for record_id, record in records.items()}
    wrong = [review for review in reviews if pairs.get(review.record_id) != review.pair_id]
    what, fix = "is not in this benchmark", "give the benchmark that was reviewed"
    if not wrong:
        wrong = [review for review in reviews if review.seen != seen_of(records[review.record_id])]
        what, fix = "has another text than the one that was reviewed", f"{fix}, or review again into a new --out folder"
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        first = wrong[0]
        raise DataError(f"record {first.record_id}, reviewed by {first.annotator}, {what}{more}", fix=fix)


def _final(reviews: Reviews, record: Record) -> Final | None:
    decided = reviews.get(ADJUDICATION, {}).get(record.record_id)
    if decided:
        return Final(review=decided, reviewers=(decided.annotator,), adjudicated=True)
    said = opinions(reviews, record)
    if not said:
        return None
    return Final(review=said[0], reviewers=tuple(review.annotator for review in said), adjudicated=False)
