"""The data of the benchmarks: the embedded world as it lies on disk, part of it, or at the sizes of VIGOR's files."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from gleam_common.artifacts import write_atomic
from gleam_common.catalog import Catalog
from gleam_common.images import load_array
from gleam_common.progress import progress
from gleam_common.synthcity.build import build_world, is_world_missing
from gleam_common.synthcity.world import WorldConfig

__all__ = ["enlarged", "some_places", "world"]

SEED = 1
VIGOR_SIZES = {"satellite": ((640, 640), ".png"), "panorama": ((1024, 2048), ".jpg")}
"""(height, width) and format of VIGOR's pictures (Jeff-Zilence/VIGOR, ``data/DATASET.md``)."""


def world(folder: Path, *, small: bool) -> Catalog:
    """Return the world of ``make train-c`` where it stands, else one of the same renderer made in ``folder``."""
    full = Path("data/synthcity")
    if not small and not is_world_missing(full):
        return Catalog.read(full)
    return Catalog.read(build_world(WorldConfig(seed=SEED, places=90 if small else 400), folder))


def some_places(catalog: Catalog, out: Path, count: int, views: tuple[str, ...]) -> Catalog:
    """Write into ``out`` the catalog of the first ``count`` places to learn from, seen as ``views``."""
    chosen = catalog.select("train", views, gallery="positives")
    places = list(dict.fromkeys(chosen.column("place_id").tolist()))[:count]
    keep = pc.is_in(chosen.queries["place_id"], value_set=pa.array(places))
    queries = chosen.queries.filter(keep)
    part = Catalog(gallery=chosen.gallery, queries=queries, root=chosen.root).select(gallery="positives")
    part.write(out)
    return Catalog.read(out, catalog.root)


def enlarged(catalog: Catalog, out: Path) -> Catalog:
    """Write the catalog into ``out`` with pictures as large as VIGOR's, in VIGOR's formats; the rest stay as they are.

    Enlarging leaves smooth pictures; noise of a sensor gives the files about the size that photos have.
    """
    tables = {}
    for which, table in (("gallery", catalog.gallery), ("queries", catalog.queries)):
        paths = []
        for row in progress(table.select(["path", "view"]).to_pylist(), desc=f"enlarging {which}", leave=False):
            size, suffix = VIGOR_SIZES[row["view"]]
            name = str(Path(row["path"]).with_suffix(suffix))
            paths.append(name)
            if not (out / name).exists():
                _write(out / name, load_array(catalog.root / row["path"]), size)
        column = table.column_names.index("path")
        tables[which] = table.set_column(column, "path", pa.array(paths))
    large = Catalog(**tables, root=out)
    large.write(out)
    return large


def _write(path: Path, picture: npt.NDArray[np.uint8], size: tuple[int, int]) -> None:
    large = cv2.resize(picture, size[::-1], interpolation=cv2.INTER_CUBIC)
    noise = np.random.default_rng(SEED).normal(0, 4, large.shape)
    grainy = np.clip(large + noise, 0, 255).astype(np.uint8)
    options = [cv2.IMWRITE_JPEG_QUALITY, 90] if path.suffix == ".jpg" else []
    with write_atomic(path) as file:
        file.write(cv2.imencode(path.suffix, cv2.cvtColor(grainy, cv2.COLOR_RGB2BGR), options)[1].tobytes())
