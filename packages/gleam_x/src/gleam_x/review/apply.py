"""A new benchmark folder with what people decided: edits applied, rejected pairs left out, provenance set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from gleam_common.artifacts import (
    MANIFEST_NAME,
    Stage,
    config_hash,
    open_stage,
    read_manifest,
    sha256_file,
    write_atomic,
    write_json,
)

from gleam_x.benchmark.card import CARD_FILE
from gleam_x.benchmark.folder import KIND
from gleam_x.benchmark.schema import SCHEMA_VERSION, Record, record_of
from gleam_x.review.adjudicate import Final, check_reviews, finals
from gleam_x.review.changes import changes_of, markdown_of
from gleam_x.review.source import PICTURES, Benchmark, data_files, open_benchmark
from gleam_x.review.store import Review

__all__ = ["apply_reviews", "revised"]

_CARD_SECTION = """
## Reviewed by people

Pairs: {counts}. Edits are applied and rejected pairs are left out; numbers above are from before. See `revision.md`.
"""
_STATUS = {"accept": "accepted", "edit": "edited"}


def apply_reviews(
    reviews: Mapping[str, Mapping[str, Review]], benchmark: Benchmark, out: Path, overwrite: bool = False
) -> dict[str, Any]:
    """Write the revised benchmark and ``revision.md`` and ``revision.json``, and return the report.

    Records that nobody reviewed stay as they are. The new folder is a benchmark as the old one is: its manifest's
    configuration is the old one with what was decided, its card the old one with a section about the review.

    Raises:
        DataError: reviews of another benchmark, or a disagreement that nobody decided.
        ArtifactError: ``out`` holds something else.
    """
    check_reviews((review for found in reviews.values() for review in found.values()), benchmark)
    final = finals(reviews, benchmark)
    report = changes_of(reviews, final, benchmark)
    files = data_files(benchmark.folder)
    stage = open_stage(out, KIND, _config(benchmark.folder, files, final), overwrite)
    if stage.is_complete:
        stage.verify()
        return report
    rejected = {one.review.pair_id for one in final.values() if one.review.decision == "reject"}
    for file in files:
        _rewrite(file, stage.folder / "data" / file.name, final, rejected)
    open_benchmark(stage.folder)  # checks every record and picture of what was written
    _finish(stage, benchmark.folder, files, report)
    return report


def revised(record: Record, final: Final) -> Record:
    """Return the record as it was decided: new text and claims, and who looked at it."""
    review = final.review
    provenance = replace(
        record.provenance,
        reviewer=", ".join(final.reviewers),
        revision=record.provenance.revision + (review.decision == "edit"),
        status=_STATUS[review.decision],
    )
    explanation = record.explanation if review.explanation is None else review.explanation
    claims = record.claims if review.claims is None else review.claims
    return replace(record, explanation=explanation, claims=claims, provenance=provenance)


def _config(folder: Path, files: list[Path], final: Mapping[str, Final]) -> dict[str, Any]:
    """Return what the result depends on: how the benchmark was made, its bytes, and what was decided."""
    has_manifest = (folder / MANIFEST_NAME).is_file()
    made = read_manifest(folder).config if has_manifest else {"schema_version": SCHEMA_VERSION}
    decided = {key: [asdict(one.review), one.reviewers] for key, one in sorted(final.items())}
    reviewed = {file.name: sha256_file(file) for file in files}
    return made | {"reviewed": reviewed, "decisions": config_hash(decided)}


def _rewrite(file: Path, target: Path, final: Mapping[str, Final], rejected: set[str]) -> None:
    """Copy a file group by group, so that pictures never fill the memory."""
    parquet = pq.ParquetFile(file)
    with (
        write_atomic(target) as bytes_out,
        pq.ParquetWriter(bytes_out, parquet.schema_arrow, compression="zstd") as writer,
    ):
        for group in range(parquet.num_row_groups):
            writer.write_table(_revised_rows(parquet.read_row_group(group), final, rejected))


def _revised_rows(table: pa.Table, final: Mapping[str, Final], rejected: set[str]) -> pa.Table:
    texts = table.drop_columns(list(PICTURES))
    rows = texts.to_pylist()
    keep = [row["pair_id"] not in rejected for row in rows]
    new = [
        row | revised(record_of(row), final[row["record_id"]]).as_row() if row["record_id"] in final else row
        for row, kept in zip(rows, keep, strict=True)
        if kept
    ]
    kept_table = pa.Table.from_pylist(new, schema=texts.schema)
    for name in PICTURES:
        kept_table = kept_table.append_column(table.schema.field(name), table[name].filter(pa.array(keep, pa.bool_())))
    return kept_table.select(table.column_names).cast(table.schema)


def _finish(stage: Stage, source: Path, files: list[Path], report: dict[str, Any]) -> None:
    write_json(stage.folder / "revision.json", report)
    with write_atomic(stage.folder / "revision.md") as file:
        file.write(markdown_of(report).encode())
    written = [*(f"data/{file.name}" for file in files), "revision.json", "revision.md"]
    if (source / CARD_FILE).is_file():
        counts = ", ".join(f"{count} {decision}" for decision, count in report["decisions"].items())
        with write_atomic(stage.folder / CARD_FILE) as file:
            file.write((source / CARD_FILE).read_bytes() + _CARD_SECTION.format(counts=counts).encode())
        written.append(CARD_FILE)
    stage.finish(written)
