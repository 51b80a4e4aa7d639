"""Small public sets in memory, with embeddings drawn for them: for tests of protocols, where no picture is opened."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from gleam_common.catalog import Catalog
from gleam_common.reverse import DISTRACTOR

__all__ = ["draw_embeddings", "university_toy", "vigor_toy"]

Vectors = dict[str, npt.NDArray[np.float32]]


def university_toy(places: int = 5, distractors: int = 3, pictures: int = 4, height_m: float = 150.0) -> Catalog:
    """Test places with drone pictures from one height and one ground photo each, distractors, and a training place."""
    names = [(f"{number:04d}", "test") for number in range(places)]
    names += [(f"{number:04d}", DISTRACTOR) for number in range(places, places + distractors)]
    names.append(("9999", "train"))
    tiles, queries = [], []
    for number, (name, split) in enumerate(names):
        place, tile = f"toy/{name}", f"toy/{name}/satellite"
        spot = {"place_id": place, "split": split, "lat": 30 + number * 1e-4, "lon": 120.0}
        tiles.append({**spot, "gallery_id": tile, "path": f"s/{name}.jpg", "split": split.replace(DISTRACTOR, "test")})
        shots = [("uav", f"{shot:02d}", height_m) for shot in range(pictures)]
        for view, shot, height in [*shots, *([("ground", "g", None)] if split == "test" else [])]:
            row = {"query_id": f"toy/{name}/{view}/{shot}", "path": f"q/{name}-{shot}.jpg", "view": view}
            queries.append({**spot, **row, "positives": [tile], "height_m": height})
    return Catalog(gallery=pa.Table.from_pylist(tiles), queries=pa.Table.from_pylist(queries), root=".")


def vigor_toy(tiles: int = 30, queries: int = 20) -> Catalog:
    """Two cities of overlapping tiles; the second is held out in ``vigor_cross`` and shared in ``vigor_same``."""
    gallery, asking = [], []
    for number in range(tiles):
        city = "A" if number < tiles // 2 else "B"
        cross = ["train", "val"] if city == "A" else ["test"]
        row = {"gallery_id": f"toy/{number}", "path": f"{number}.png", "place_id": f"toy/{number}", "area": city}
        gallery.append({**row, "split_vigor_same": ["train", "test"], "split_vigor_cross": cross})
    for number in range(queries):
        tile = number * tiles // queries
        near = [f"toy/{other}" for other in (tile - 1, tile + 1, tile + 2) if 0 <= other < tiles]
        row = {"query_id": f"toy/q{number}", "path": f"q{number}.jpg", "place_id": f"toy/{tile}", "view": "panorama"}
        row |= {"positives": [f"toy/{tile}"], "semi_positives": near, "split": "test"}
        cross = "train" if tile < tiles // 2 else "test"
        asking.append({**row, "split_vigor_same": "test" if number % 2 else "train", "split_vigor_cross": cross})
    return Catalog(gallery=pa.Table.from_pylist(gallery), queries=pa.Table.from_pylist(asking), root=".")


def draw_embeddings(catalog: Catalog, dims: int = 6, noise: float = 0.8, seed: int = 0) -> Vectors:
    """Return a vector of length 1 for each id: a query's is near its first positive's."""
    random = np.random.default_rng(seed)
    vectors = {one: random.normal(size=dims) for one in catalog.gallery_ids}
    for query_id, positives in zip(catalog.query_ids, catalog.queries["positives"].to_pylist(), strict=True):
        vectors[query_id] = vectors[positives[0]] + noise * random.normal(size=dims)
    return {one: (vector / np.linalg.norm(vector)).astype(np.float32) for one, vector in vectors.items()}
