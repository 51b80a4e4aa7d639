"""From a benchmark's folder and a folder of reviews to a session: everything is checked before the page opens."""

from __future__ import annotations

from pathlib import Path

from gleam_common.errors import ConfigError, DataError

from gleam_x.review.adjudicate import check_reviews, disagreed
from gleam_x.review.session import Session
from gleam_x.review.source import open_benchmark
from gleam_x.review.store import ADJUDICATION, ReviewStore, check_annotator, read_reviews

__all__ = ["open_session"]


def open_session(
    folder: Path, annotator: str, split: str, out: Path, blind: bool = False, adjudicate: bool = False
) -> Session:
    """Return the session of an annotator, or of an adjudicator who sees where annotators disagree.

    Raises:
        GleamError: the benchmark or a review file is wrong, speaks of another text, or there is nothing to decide.
    """
    check_annotator(annotator)
    if blind and adjudicate:
        raise ConfigError("--blind and --adjudicate exclude each other", fix="an adjudicator sees what was said")
    benchmark = open_benchmark(folder, split)
    others = {name: found for name, found in read_reviews(out).items() if name != ADJUDICATION} if adjudicate else None
    store = ReviewStore(out, ADJUDICATION if adjudicate else annotator)
    known = benchmark.records
    for found in (store.newest, *(others or {}).values()):
        check_reviews([review for review in found.values() if not split or review.record_id in known], benchmark)
    pairs = benchmark.pairs
    if others is not None:
        pairs = tuple(pair for pair in pairs if disagreed(others, pair))
    if not pairs:
        raise DataError(f"{out}: annotators disagree nowhere", fix="nothing to adjudicate: go on with `review apply`")
    return Session(benchmark=benchmark, pairs=pairs, store=store, annotator=annotator, blind=blind, others=others)
