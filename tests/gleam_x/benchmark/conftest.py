"""Shared: the records of the small benchmark, and copies of it that a test may break."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from gleam_x.benchmark.folder import data_file, read_records
from gleam_x.benchmark.schema import Record

Row = dict[str, Any]
Rewrite = Callable[[str, Callable[[Row], None]], Path]


@pytest.fixture(scope="session")
def records(benchmark: Path) -> list[Record]:
    return list(read_records(benchmark))


@pytest.fixture
def rewrite(benchmark: Path, tmp_path: Path) -> Iterator[Rewrite]:
    """Copy the benchmark and change every row of a split; returns the copy."""
    copy = tmp_path / "copy"

    def change_rows(split: str, change: Callable[[Row], None]) -> Path:
        if not copy.exists():
            shutil.copytree(benchmark, copy)
        table = pq.read_table(copy / data_file(split))
        rows = table.to_pylist()
        for row in rows:
            change(row)
        pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), copy / data_file(split))
        return copy

    yield change_rows
    shutil.rmtree(copy, ignore_errors=True)
