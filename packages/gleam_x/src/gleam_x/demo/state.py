"""What the page works on: the pipeline, the city's map, photos to try."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from gleam_common.artifacts import MANIFEST_NAME, sha256_file
from gleam_common.catalog import GALLERY_FILE, Catalog
from gleam_common.errors import ModelError

from gleam_x.demo.city_map import CityMap
from gleam_x.evaluate_pipeline_world import Area, area_of
from gleam_x.pipeline.locator import Locator

__all__ = ["Demo", "Example", "open_demo"]

_EXAMPLES_OF_A_VIEW = 2


@dataclass(frozen=True, kw_only=True)
class Example:
    """A photo of the city that can be picked."""

    path: Path
    view: str


@dataclass(frozen=True, kw_only=True)
class Demo:
    """What the page works on.

    Attributes:
        locator: the pipeline on the city's gallery.
        city: its map.
        tiles: in the gallery.
        views: that photos may be of.
        examples: to pick from.
        uploads: folder that dropped files lie in; no other file is opened for a visitor.
    """

    locator: Locator
    city: CityMap
    tiles: int
    views: tuple[str, ...]
    examples: tuple[Example, ...]
    uploads: Path


def open_demo(run: Path, matcher: Path, world: Path, gallery: Path, uploads: Path) -> Demo:
    """Open both models and the gallery of the world's held-out city, which is built where it is absent.

    Raises:
        ModelError: a model or the world is not there; it names the make target that makes it.
        GleamError: a model that cannot be opened, a gallery of another model.
    """
    _require(matcher / "model.safetensors", "GLEAM-C model", "make train-c")
    _require(world / GALLERY_FILE, "world", "make train-c")
    _require(run / "adapter", "GLEAM-X model", "make train-x")
    area = area_of(Catalog.read(world), "test", places=0, tiles=0, seed=0)
    folder, tiles = area.build(gallery / _key(matcher / "model.safetensors", world), matcher)
    return Demo(
        locator=Locator.open(folder, run, matcher, tiles=tiles),
        city=CityMap.of(area.catalog),
        tiles=len(area.catalog.gallery),
        views=tuple(area.views),
        examples=examples_of(area),
        uploads=uploads,
    )


def examples_of(area: Area) -> tuple[Example, ...]:
    """Return photos of every view, spread over the city."""
    found = []
    for number, view in enumerate(area.views):
        photos = area.photos(view)
        # Another start for every view: the examples are then of different places.
        shares = (np.arange(_EXAMPLES_OF_A_VIEW) + (number + 1) / (len(area.views) + 1)) / _EXAMPLES_OF_A_VIEW
        rows = dict.fromkeys((shares * len(photos)).astype(int).tolist())
        found += [Example(path=photos[row].path, view=view) for row in rows]
    return tuple(found)


def _key(weights: Path, world: Path) -> str:
    """Return the name of the gallery of a model and a world: another of either gets a gallery of its own."""
    made_of = (weights, world / GALLERY_FILE, world / MANIFEST_NAME)
    return hashlib.sha256("".join(sha256_file(path) for path in made_of if path.is_file()).encode()).hexdigest()[:12]


def _require(path: Path, what: str, target: str) -> None:
    if not path.exists():
        raise ModelError(
            f"there is no {what} yet", value=str(path), fix=f"run `{target}`, or `make demo` for all of it"
        )
