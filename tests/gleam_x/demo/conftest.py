"""Shared: a demo of stand-in models on a tiny city with bounds."""

from __future__ import annotations

import math
from pathlib import Path

import pyarrow as pa
import pytest
from conftest import write_tiny_catalog
from gleam_common.catalog import Catalog
from gleam_x.demo.city_map import CityMap
from gleam_x.demo.state import Demo, examples_of
from gleam_x.evaluate_pipeline_world import Area, area_of
from gleam_x.lora import LoraSpec
from gleam_x.pipeline.locator import Locator
from gleam_x.pixel_budget import PixelBudget
from gleam_x.recipe import Recipe, TrainerConfig
from gleam_x.training import train
from stand_in_pipeline import StandInFinder, StandInJudge
from tiny_benchmark import write_benchmark
from tiny_gallery import write_model

HALF_M = 60.0


def with_bounds(catalog: Catalog) -> Catalog:
    """Give every tile of a catalog 120 m."""
    bounds = []
    for row in catalog.gallery.to_pylist():
        lat = HALF_M / 111_320
        lon = lat / math.cos(math.radians(row["lat"]))
        bounds.append([row["lat"] - lat, row["lon"] - lon, row["lat"] + lat, row["lon"] + lon])
    names = [name for name in catalog.gallery.column_names if name != "bounds"]
    tiles = catalog.gallery.select(names).append_column("bounds", pa.array(bounds))
    return Catalog(gallery=tiles, queries=catalog.queries, root=catalog.root)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo-world")
    with_bounds(write_tiny_catalog(folder, train=2, val=2, test=6)).write(folder)
    return folder


@pytest.fixture(scope="session")
def area(world: Path) -> Area:
    return area_of(Catalog.read(world), "test", 0, 0, 0)


@pytest.fixture
def demo(area: Area, tmp_path: Path) -> Demo:
    """Its reason is an attack on the page."""
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    reason = StandInJudge().reason + " <script>alert(2)</script> ${alert(3)} {{constructor}}"
    return Demo(
        locator=Locator(StandInFinder(), StandInJudge(reason=reason)),
        city=CityMap.of(area.catalog),
        tiles=len(area.catalog.gallery),
        views=tuple(area.views),
        examples=examples_of(area),
        uploads=uploads,
    )


@pytest.fixture(scope="session")
def matcher_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("demo-c") / "model")


@pytest.fixture(scope="session")
def pipeline_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of GLEAM-X of two steps."""
    folder = tmp_path_factory.mktemp("demo-x")
    write_benchmark(folder / "b")
    settings = Recipe(
        base="nano", benchmark=str(folder / "b"), max_steps=2, panel=0, lora=LoraSpec(dropout=0.0),
        budget=PixelBudget(min_pixels=784, max_pixels=7056),
        trainer=TrainerConfig(strategy="single", accelerator="cpu", threads=1),
    )  # fmt: skip
    train(settings, folder / "run")
    return folder / "run"
