"""The benchmark on disk: Parquet files with the pictures' bytes inside, and a card; plain ``load_dataset`` reads it."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Dataset, DatasetDict, Features, Image, Value
from gleam_common.artifacts import MANIFEST_NAME, read_manifest, write_atomic
from gleam_common.errors import ArtifactError, DataError

from gleam_x.benchmark.landmarks import Landmark, is_the_kind
from gleam_x.benchmark.schema import SCHEMA_VERSION, Claim, Provenance, Record, check_records, record_of

__all__ = [
    "KIND",
    "SPLITS",
    "check_benchmark",
    "data_file",
    "open_benchmark",
    "read_records",
    "read_rows",
    "write_split",
]

KIND = "gleam-x-benchmark"
SPLITS = ("train", "validation", "test")
_PICTURES = ("query_image", "satellite_image")
_SHOWS = ("query_shows", "satellite_shows")
_TYPES = {
    "str": Value("string"),
    "bool": Value("bool"),
    "int": Value("int64"),
    "int | None": Value("int64"),
    "float": Value("float64"),
}
_ROWS_PER_GROUP = 100


def _features() -> Features:
    """Columns: the pictures, a record's fields, and what each picture shows, which claims are scored against."""
    claim, mark, provenance = (
        {item.name: _TYPES[str(item.type)] for item in fields(kind)} for kind in (Claim, Landmark, Provenance)
    )
    plain = {item.name: _TYPES[str(item.type)] for item in fields(Record) if item.name not in ("claims", "provenance")}
    return Features(
        {
            **{name: Image() for name in _PICTURES},
            **plain,
            "claims": [claim],
            "provenance": provenance,
            **{name: [mark] for name in _SHOWS},
        }
    )


def data_file(split: str) -> str:
    """Return the path of a split's file, relative to the benchmark."""
    return f"data/{split}-00000-of-00001.parquet"


def write_split(folder: str | Path, split: str, records: Sequence[Record], extras: Sequence[Mapping[str, Any]]) -> None:
    """Write the records of one split; the same records give the same bytes.

    Args:
        folder: of the benchmark.
        split: train, validation or test.
        records: checked here.
        extras: for each record ``query_image`` and ``satellite_image`` as ``{"bytes", "path"}`` and ``query_shows`` and
            ``satellite_shows`` as lists of landmarks' fields.

    Raises:
        DataError: a record is not what it should be, has no picture, or claims what its pictures do not show.
    """
    check_records(records)
    _check_extras(records, extras)
    features = _features()
    rows = [{**record.as_row(), **extra} for record, extra in zip(records, extras, strict=True)]
    table = pa.Table.from_pylist([{name: row[name] for name in features} for row in rows], schema=features.arrow_schema)
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", row_group_size=_ROWS_PER_GROUP, write_page_index=True)
    with write_atomic(Path(folder) / data_file(split)) as file:
        file.write(buffer.getbuffer())


def _check_extras(records: Sequence[Record], extras: Sequence[Mapping[str, Any]]) -> None:
    wrong = []
    for record, extra in zip(records, extras, strict=True):
        problems = [f"{name} is missing" for name in _PICTURES if not (extra.get(name) or {}).get("bytes")]
        problems += [problem for claim in record.claims if (problem := _unseen(claim, extra))]
        if problems:
            wrong.append(f"record {record.record_id}: {'; '.join(problems)}")
    if wrong:
        more = f" (and {len(wrong) - 1} more records)" if len(wrong) > 1 else ""
        raise DataError(f"{wrong[0]}{more}", fix="correct or remove them, and build again")


def _unseen(claim: Claim, extra: Mapping[str, Any]) -> str:
    """Return what is wrong when a claim is about nothing that its pictures show, or nothing."""
    for picture, shows in zip(("query", "satellite"), _SHOWS, strict=True):
        is_seen = any(is_the_kind(mark, claim.what) for mark in (Landmark(**values) for values in extra[shows]))
        if claim.shown_in in ("both", picture) and not is_seen:
            return f"a claim about nothing visible: no {claim.what} in the {picture} picture"
    return ""


def open_benchmark(folder: str | Path) -> DatasetDict:
    """Open a finished benchmark, its pictures decoded when they are asked for.

    Raises:
        ArtifactError: the folder holds no finished benchmark of this version.
    """
    folder = Path(folder)
    if not (folder / MANIFEST_NAME).is_file():
        raise ArtifactError(
            "no such benchmark", value=str(folder), fix="check the path, or run `gleam-x benchmark build --out DIR`"
        )
    manifest = read_manifest(folder)
    if manifest.kind != KIND or not manifest.complete:
        raise ArtifactError(
            f"{folder} holds no finished benchmark", value=manifest.kind, fix="run `gleam-x benchmark build`"
        )
    version = manifest.config.get("schema_version")
    if version != SCHEMA_VERSION:
        fix = "build it again with `gleam-x benchmark build --overwrite`"
        raise ArtifactError(f"{folder}: version of the benchmark", value=version, allowed=str(SCHEMA_VERSION), fix=fix)
    return DatasetDict({split: Dataset(_table(folder / data_file(split))) for split in SPLITS})


def _table(path: Path) -> Any:
    from datasets.table import InMemoryTable

    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise ArtifactError(f"{path} is missing or broken ({error})", fix="build the benchmark again") from error
    return InMemoryTable(table.cast(_features().arrow_schema))


def check_benchmark(folder: str | Path) -> list[Record]:
    """Check every row of a finished benchmark as it was checked when it was written, and all splits together; return
    the records.

    Raises:
        ArtifactError: no finished benchmark of this version.
        DataError: names the first record that is wrong and counts the others.
    """
    open_benchmark(folder)
    every: list[Record] = []
    for split in SPLITS:
        rows = list(read_rows(folder, split))
        records = [record_of(row) for row in rows]
        _check_extras(records, rows)
        every += records
    check_records(every)
    return every


def read_records(folder: str | Path, split: str | None = None) -> Iterator[Record]:
    """Yield the records of a benchmark (of one split, or of all), without pictures.

    Raises:
        ArtifactError: no finished benchmark of this version.
        DataError: unknown split, or a row is no record.
    """
    benchmark = open_benchmark(folder)
    if split is not None and split not in benchmark:
        raise DataError("no such split of the benchmark", value=split, allowed=list(benchmark))
    for name, dataset in benchmark.items():
        if split in (None, name):
            for row in dataset.remove_columns([*_PICTURES, *_SHOWS]):
                yield record_of(row)


def read_rows(folder: str | Path, split: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of one split as they are written, pictures as ``{"bytes", "path"}``; also before the benchmark is
    finished.
    """
    file = pq.ParquetFile(Path(folder) / data_file(split))
    for batch in file.iter_batches(batch_size=_ROWS_PER_GROUP):
        yield from batch.to_pylist()
