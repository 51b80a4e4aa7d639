"""Shared: a tiny GLEAM-C model with a gallery of a map, photos cut from the map, and a run of GLEAM-X of two steps."""

from __future__ import annotations

from pathlib import Path

import pytest
from gleam_c.gallery.build import build_gallery
from gleam_c.gallery.gallery import Gallery
from gleam_c.gallery.sources.source import CutOptions
from gleam_x.lora import LoraSpec
from gleam_x.pixel_budget import PixelBudget
from gleam_x.recipe import Recipe, TrainerConfig
from gleam_x.training import train
from tiny_benchmark import write_benchmark
from tiny_gallery import write_map, write_model
from tiny_photos import cut_photo


@pytest.fixture(scope="session")
def pipeline_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained run. Tests that write into it remove what they wrote."""
    folder = tmp_path_factory.mktemp("x")
    write_benchmark(folder / "b")
    settings = Recipe(
        base="nano", benchmark=str(folder / "b"), max_steps=2, panel=0, lora=LoraSpec(dropout=0.0),
        budget=PixelBudget(min_pixels=784, max_pixels=7056),
        trainer=TrainerConfig(strategy="single", accelerator="cpu", threads=1),
    )  # fmt: skip
    train(settings, folder / "run")
    return folder / "run"


@pytest.fixture(scope="session")
def matcher_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("c") / "model")


@pytest.fixture(scope="session")
def gallery(tmp_path_factory: pytest.TempPathFactory, matcher_model: Path) -> Path:
    """25 tiles of a map on the globe."""
    folder = tmp_path_factory.mktemp("gallery")
    city = write_map(folder / "city.tif")
    build_gallery(city, matcher_model, folder / "G", options=CutOptions(widths_m=(120.0,)), views=("uav", "map"))
    return folder / "G"


@pytest.fixture(scope="session")
def photos(gallery: Path) -> list[Path]:
    """Photos of the tiles in rows 20, 3 and 11; the name of the second is an attack on the page."""
    opened, names = Gallery.open(gallery), ("b.png", "<img src=x onerror=alert(1)>.png", "a.png")
    return [
        cut_photo(gallery.parent / "city.tif", opened.tile(row), gallery.parent / "photos" / name)
        for row, name in zip((20, 3, 11), names, strict=True)
    ]
