"""A catalog that aligns all views with each other and not only with satellite tiles: for one arm of ``study_c.py``.

Every train picture is drawn as a north-up tile of its place, as far as it shows the ground: a map is one, a panorama is
laid out, a UAV picture and a ground photo are spread over the ground and turned by their heading. A train query's tiles
are then the satellite's and those of its place's other views; each epoch draws one of them. What is validated and
tested stays as it was.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from gleam_common.artifacts import write_atomic
from gleam_common.catalog import Catalog
from gleam_common.images import load_array
from gleam_common.layout import lay_out
from gleam_common.pair_motion import PairMotion, move_tile
from gleam_common.progress import progress
from gleam_common.views import View
from gleam_common.window import Rectangle, unit_grid, window_of

__all__ = ["all_pairs", "as_tile"]

SIDE_PX = 256
Picture = npt.NDArray[np.uint8]


def as_tile(picture: Picture, view: View, heading_deg: float) -> Picture:
    """Return what a picture shows of the ground as a north-up tile; what it does not see is black."""
    size = (SIDE_PX, SIDE_PX)
    if view is View.MAP:
        return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    ahead_up = _on_the_ground(lay_out(picture, view, size), view)
    if view is View.PANORAMA:  # its middle is north already
        return ahead_up
    return move_tile(ahead_up, PairMotion(turn_deg=heading_deg, flip=False), np.eye(2, 3), size)


def _on_the_ground(laid_out: Picture, view: View) -> Picture:
    """Put a picture laid out like its window of a tile where the window is in the tile."""
    u, v = unit_grid((SIDE_PX, SIDE_PX))
    window = window_of(view)
    if isinstance(window, Rectangle):
        column, row = u / window.scale, v / window.scale
    else:
        distance = (np.hypot(u, v) - window.near) / (window.far - window.near)
        column = np.arctan2(u, -v) / math.radians(window.width_deg / 2)
        row = 1 - 2 * np.where(distance >= 0, np.abs(distance) ** (1 / window.power), 9.0)
    pixels = [((at + 1) * SIDE_PX / 2 - 0.5).astype(np.float32) for at in (column, row)]
    return np.asarray(cv2.remap(laid_out, *pixels, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT), np.uint8)


def all_pairs(world: Path, out: Path) -> Path:
    """Write the catalog into ``out`` and return it; pictures lie under ``world``, new ones in a folder beside its own.

    A catalog that is there stays.
    """
    if (out / "queries.parquet").is_file():
        return out
    catalog = Catalog.read(world)
    tile_of = {row["gallery_id"]: row for row in catalog.gallery.to_pylist()}
    queries, tiles = catalog.queries.to_pylist(), list(tile_of.values())
    of_place: dict[str, list[dict[str, Any]]] = {}
    train = [row for row in queries if row["split"] == "train"]
    for row in progress(train, desc="pictures as tiles", unit="picture"):
        tile = _tile_row(row, tile_of[row["positives"][0]])
        of_place.setdefault(row["place_id"], []).append(tile | {"of": row["query_id"]})
        _draw(world / row["path"], world / tile["path"], row)
    for row in train:
        others = [tile["gallery_id"] for tile in of_place[row["place_id"]] if tile["of"] != row["query_id"]]
        row["positives"] = [*row["positives"], *others]
    for drawn in of_place.values():
        tiles += [{name: value for name, value in tile.items() if name != "of"} for tile in drawn]
    tables = {
        name: pa.Table.from_pylist(rows, schema=table.schema)
        for name, rows, table in (("gallery", tiles, catalog.gallery), ("queries", queries, catalog.queries))
    }
    Catalog(**tables, root=world).write(out)
    return out


def _tile_row(row: dict[str, Any], tile: dict[str, Any]) -> dict[str, Any]:
    """Return the gallery row of a query drawn as a tile: where its tile is, in no gallery that is searched."""
    name = f"as-tile-{row['query_id']}"
    return {**tile, "gallery_id": name, "path": f"as_tiles/{name}.png", "area": f"{tile['area']} as tiles"}


def _draw(source: Path, target: Path, row: dict[str, Any]) -> None:
    if target.is_file():
        return
    picture = as_tile(load_array(source), View(row["view"]), float(row["heading_deg"] or 0.0))
    with write_atomic(target) as file:
        file.write(cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes())
