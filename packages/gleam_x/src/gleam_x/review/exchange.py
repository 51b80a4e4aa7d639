"""Reviews as one file, there and back: JSON lines of our own, or tasks and annotations of Label Studio."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from gleam_common.artifacts import write_atomic, write_json
from gleam_common.errors import DataError

from gleam_x.review.adjudicate import check_reviews
from gleam_x.review.label_studio import labelling_setup, read_tasks, tasks_of
from gleam_x.review.source import Benchmark
from gleam_x.review.store import ADJUDICATION, Review, ReviewStore, check_annotator, review_of

__all__ = ["FORMATS", "Said", "export_reviews", "import_reviews"]

Format = Literal["jsonl", "label-studio"]
FORMATS: tuple[Format, ...] = get_args(Format)


@dataclass(frozen=True, kw_only=True)
class Said:
    """A review, and whether it is the final decision of an adjudicator."""

    review: Review
    final: bool

    @property
    def store_name(self) -> str:
        """Name of the file that it belongs to."""
        return ADJUDICATION if self.final else self.review.annotator


def export_reviews(
    reviews: Mapping[str, Mapping[str, Review]], benchmark: Benchmark, form: Format, out: Path, pictures: bool = False
) -> int:
    """Write the newest reviews in the order of the benchmark and return how many.

    Args:
        reviews: by file name and record, as ``read_reviews`` returns them.
        benchmark: that they are of; Label Studio gets a task for every record.
        form: "jsonl", or "label-studio" (tasks; ``out`` with the suffix ``.xml`` is the labelling set-up to paste).
        out: file.
        pictures: put both pictures into each task.

    Raises:
        DataError: a review is of another record or text.
    """
    check_reviews((review for found in reviews.values() for review in found.values()), benchmark)
    order = {record_id: number for number, record_id in enumerate(benchmark.records)}
    said = [
        Said(review=review, final=name == ADJUDICATION)
        for name, found in sorted(reviews.items())
        for review in sorted(found.values(), key=lambda review: order[review.record_id])
    ]
    if form == "jsonl":
        lines = (json.dumps(asdict(one.review) | {"final": one.final}, ensure_ascii=False) + "\n" for one in said)
        with write_atomic(out) as file:
            file.writelines(line.encode() for line in lines)
        return len(said)
    write_json(out, tasks_of(benchmark, [(one.review, one.final) for one in said], pictures))
    with write_atomic(out.with_suffix(".xml")) as file:
        file.write(labelling_setup(pictures).encode())
    return len(said)


def import_reviews(path: Path, form: Format, benchmark: Benchmark, out: Path) -> dict[str, int]:
    """Add the reviews of a file to a folder of reviews and return how many were new, by the name of their file.

    Reviews that are there already in the same words are left alone, so that the same file may be imported twice.

    Raises:
        DataError: the file is not what an export writes or is of another version, a review is of another record or
            text, or somebody's review of the record is there and says something else: the first is named.
    """
    said = [Said(review=review, final=final) for review, final in _read(path, form)]
    check_reviews((one.review for one in said), benchmark)
    by_store: dict[str, list[Review]] = {}
    for one in said:
        check_annotator(one.review.annotator)
        by_store.setdefault(one.store_name, []).append(one.review)
    stores = {name: ReviewStore(out, name) for name in by_store}
    fresh = {name: _fresh(stores[name], found) for name, found in by_store.items()}
    for name, found in fresh.items():
        stores[name].append(found)
    return {name: len(found) for name, found in fresh.items()}


def _read(path: Path, form: Format) -> Iterable[tuple[Review, bool]]:
    try:
        text = path.read_text("utf-8")
        tasks = json.loads(text) if form == "label-studio" else None
    except ValueError as error:  # also broken UTF-8
        raise DataError(f"{path}: not readable as {form} ({error})", allowed=FORMATS, fix="check --format") from None
    return read_tasks(tasks, str(path)) if form == "label-studio" else _read_lines(text, path)


def _read_lines(text: str, path: Path) -> Iterable[tuple[Review, bool]]:
    for number, line in enumerate(filter(None, text.split("\n")), 1):
        where = f"{path}, line {number}"
        try:
            data: Any = json.loads(line)
        except ValueError:
            raise DataError(f"{where}: not JSON", allowed=FORMATS, fix="check --format") from None
        final = data.pop("final", None) if isinstance(data, dict) else None
        if not isinstance(final, bool):
            raise DataError(f"{where}: not a line of `review export`", fix="import a file that it wrote")
        yield review_of(data, where), final


def _fresh(store: ReviewStore, reviews: list[Review]) -> list[Review]:
    there = [review for review in reviews if store.newest.get(review.record_id) not in (None, review)]
    if there:
        more = f" (and {len(there) - 1} more)" if len(there) > 1 else ""
        first = f"{store.path}: another review of record {there[0].record_id} is there{more}"
        raise DataError(first, fix="import into a new --out folder")
    return [review for review in reviews if review.record_id not in store.newest]
