"""Shared: one small world, one small benchmark of it, and copies of that benchmark that a test may break."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from gleam_common.synthcity.build import build_world
from gleam_common.synthcity.world import WorldConfig
from gleam_x.benchmark.build import BenchmarkConfig, build_benchmark
from gleam_x.benchmark.folder import data_file, read_records
from gleam_x.benchmark.pairs import facts_similarity
from gleam_x.benchmark.schema import Record

Row = dict[str, Any]
Rewrite = Callable[[str, Callable[[Row], None]], Path]


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """100 places in two cities. Do not write into it."""
    config = WorldConfig(seed=5, places=100, cities=("grid",))
    return build_world(config, tmp_path_factory.mktemp("world") / "w", workers=2)


@pytest.fixture(scope="session")
def benchmark(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """160 records of that world. Do not write into it."""
    out = tmp_path_factory.mktemp("benchmark") / "b"
    return build_benchmark(world, out, BenchmarkConfig(seed=2, records=160), facts_similarity, "what the pictures show")


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
