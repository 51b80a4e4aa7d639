"""Shared: one small world and one small benchmark of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from gleam_common.synthcity.build import build_world
from gleam_common.synthcity.world import WorldConfig
from gleam_x.benchmark.build import BenchmarkConfig, build_benchmark
from gleam_x.benchmark.pairs import facts_similarity


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
