"""What people changed: counts, kinds of claims, examples before and after."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from gleam_x.benchmark.schema import Claim, Record
from gleam_x.review.adjudicate import Final, Reviews, gravest
from gleam_x.review.source import Benchmark, Pair
from gleam_x.review.store import DECISIONS

__all__ = ["changes_of", "markdown_of"]

EXAMPLES = 10


def changes_of(reviews: Reviews, finals: Mapping[str, Final], benchmark: Benchmark) -> dict[str, Any]:
    """Return the report as plain data: pairs by decision, claims by kind, examples in the benchmark's order."""
    reviewed = [pair for pair in benchmark.pairs if _known(pair, finals)]
    known = [record for pair in reviewed for record in _known(pair, finals)]
    return {
        "pairs": len(benchmark.pairs),
        "decisions": _count(_decision(pair, finals) for pair in benchmark.pairs),
        "by_view": {
            view: _count(_decision(pair, finals) for pair in benchmark.pairs if pair.first.view == view)
            for view in sorted({pair.first.view for pair in benchmark.pairs})
        },
        "edited_texts": _count(r.language for r in known if finals[r.record_id].review.explanation is not None),
        "adjudicated_pairs": len({r.pair_id for r in known if finals[r.record_id].adjudicated}),
        "annotators": _count(name for pair in reviewed for name in _reviewers(pair, finals)),
        "own_verdicts": _own_verdicts(reviews, benchmark),
        "claims": _claims(reviewed, finals),
        "examples": _examples(reviewed, finals),
        "rejected": [
            {
                "pair_id": pair.pair_id,
                "reviewers": _reviewers(pair, finals),
                "comment": finals[_known(pair, finals)[0].record_id].review.comment,
            }
            for pair in reviewed
            if _decision(pair, finals) == "reject"
        ],
    }


def markdown_of(report: Mapping[str, Any]) -> str:
    """Return the report for people; texts from outside are escaped."""
    lines = ["# What was changed", "", f"{report['pairs']} pairs. {report['adjudicated_pairs']} were adjudicated.", ""]
    columns = [*DECISIONS, "not reviewed"]
    rows = [("all", report["decisions"]), *report["by_view"].items()]
    lines += _table(["pairs", *columns], [[name, *(counts.get(c, 0) for c in columns)] for name, counts in rows])
    lines += _table(["reviewers", "pairs"], report["annotators"].items())
    if report["own_verdicts"]["said"]:
        own = report["own_verdicts"]
        lines += [f"Said blindly: {own['right']} of {own['said']} verdicts were right.", ""]
    lines += ["## Texts and claims", ""]
    lines += _table(["edited texts", "records"], report["edited_texts"].items())
    kinds = ("added", "removed", "changed")
    lines += _table(
        ["changed claims", *kinds], [[w, *(c.get(k, 0) for k in kinds)] for w, c in report["claims"].items()]
    )
    lines += ["## Examples", ""]
    lines += [line for example in report["examples"] for line in _example(example)] or ["No edited records.", ""]
    lines += ["## Rejected pairs", ""]
    lines += _table(["rejected pairs", "by", "comment"], [_cells(one) for one in report["rejected"]])
    return "\n".join(lines).rstrip() + "\n"


def _known(pair: Pair, finals: Mapping[str, Final]) -> list[Record]:
    return [record for record in pair.records if record.record_id in finals]


def _decision(pair: Pair, finals: Mapping[str, Final]) -> str:
    known = _known(pair, finals)
    return gravest(finals[record.record_id].review.decision for record in known) if known else "not reviewed"


def _reviewers(pair: Pair, finals: Mapping[str, Final]) -> list[str]:
    return sorted({name for record in _known(pair, finals) for name in finals[record.record_id].reviewers})


def _count(items: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(items).items()))


def _own_verdicts(reviews: Reviews, benchmark: Benchmark) -> dict[str, int]:
    """Count verdicts that were said blindly, one for each annotator and pair, and those that are true."""
    truth = {pair.pair_id: "yes" if pair.first.same_place else "no" for pair in benchmark.pairs}
    said = (review for found in reviews.values() for review in found.values() if review.own_verdict)
    right = {(review.annotator, review.pair_id): review.own_verdict == truth[review.pair_id] for review in said}
    return {"said": len(right), "right": sum(right.values())}


def _examples(pairs: list[Pair], finals: Mapping[str, Final]) -> list[dict[str, Any]]:
    """Return the first edited records, before and after."""
    edited = [
        (record, finals[record.record_id])
        for pair in pairs
        for record in _known(pair, finals)
        if _decision(pair, finals) == "edit" and finals[record.record_id].review.decision == "edit"
    ]
    return [
        {
            "record_id": record.record_id,
            "reviewers": list(final.reviewers),
            "before": {"explanation": record.explanation, "claims": list(map(asdict, record.claims))},
            "after": _after(final),
            "comment": final.review.comment,
        }
        for record, final in edited[:EXAMPLES]
    ]


def _claims(pairs: list[Pair], finals: Mapping[str, Final]) -> dict[str, dict[str, int]]:
    """Count changes of claims by what they are about; the same change in both languages of a pair counts once."""
    counts: dict[str, Counter[str]] = {}
    for pair in pairs:
        edits = {
            (record.claims, claims)
            for record in _known(pair, finals)
            if (claims := finals[record.record_id].review.claims) is not None
        }
        for before, after in edits:
            for what, kind in _claim_changes(before, after):
                counts.setdefault(what, Counter())[kind] += 1
    return {what: dict(sorted(kinds.items())) for what, kinds in sorted(counts.items())}


def _claim_changes(before: tuple[Claim, ...], after: tuple[Claim, ...]) -> list[tuple[str, str]]:
    """Return (what, added | removed | changed); one that went and one that came about the same thing is a change."""
    gone = Counter(claim.what for claim in (Counter(before) - Counter(after)).elements())
    new = Counter(claim.what for claim in (Counter(after) - Counter(before)).elements())
    changed = gone & new
    kinds = {"changed": changed, "removed": gone - changed, "added": new - changed}
    return [(what, kind) for kind, counter in kinds.items() for what in counter.elements()]


def _after(final: Final) -> dict[str, Any]:
    review = final.review
    claims = None if review.claims is None else list(map(asdict, review.claims))
    return {"explanation": review.explanation, "claims": claims}


def _table(head: list[str], rows: Iterable[Iterable[Any]]) -> list[str]:
    body = [f"| {' | '.join(map(str, row))} |" for row in rows]
    return [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}", *body, ""] if body else [f"No {head[0]}.", ""]


def _example(example: Mapping[str, Any]) -> list[str]:
    lines = [f"**{_plain(example['record_id'])}**, {', '.join(example['reviewers'])}", ""]
    if example["after"]["explanation"] is not None:
        lines += [f"- before: {_plain(example['before']['explanation'])}"]
        lines += [f"- after: {_plain(example['after']['explanation'])}"]
    if example["after"]["claims"] is not None:
        before, after = (len(example[side]["claims"]) for side in ("before", "after"))
        lines += [f"- claims: {before} before, {after} after"]
    return [*lines, *([f"- comment: {_plain(example['comment'])}"] if example["comment"] else []), ""]


def _cells(rejected: Mapping[str, Any]) -> list[str]:
    return [_plain(rejected["pair_id"]), ", ".join(rejected["reviewers"]), _plain(rejected["comment"])]


def _plain(text: str) -> str:
    """Return text that Markdown shows as it is, on one line."""
    return re.sub(r"([\\`*_{}\[\]<>|#!~&])", r"\\\1", " ".join(text.split()))
