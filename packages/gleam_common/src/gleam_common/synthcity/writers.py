"""A finished world in the on-disk layouts of VIGOR and University-1652, for loaders and code written for those sets.

Sources of the layouts: Jeff-Zilence/VIGOR ``data/DATASET.md`` and its label files, tudelft-iv/SliceMatch (corrected
labels), layumi/University1652-Baseline.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from gleam_common.artifacts import write_atomic
from gleam_common.catalog import Catalog
from gleam_common.geo import LatLon, LocalFrame
from gleam_common.images import load_array
from gleam_common.progress import progress
from gleam_common.views import View

__all__ = ["LAYOUTS", "VIGOR_CITIES", "write_university", "write_vigor"]

Row = dict[str, Any]

VIGOR_CITIES = ("NewYork", "Seattle", "Chicago", "SanFrancisco")
"""The set's own cities, since code for VIGOR knows them by name; the last takes the world's held-out city."""

_VIGOR_TILE_PX = 640


# --- VIGOR ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Tile:
    """A satellite tile in VIGOR: its file name and place in local metres; ``px_per_m`` at 640 pixels a side."""

    name: str
    source: Path
    x_m: float
    y_m: float
    px_per_m: float


def write_vigor(world: str | Path, out: str | Path) -> Path:
    """Write the panoramas and tiles of a world as ``out/{city}/{panorama,satellite}`` and ``out/splits*/{city}``.

    Up to three cities to learn from become NewYork, Seattle and Chicago, the held-out city becomes SanFrancisco; more
    cities are left out. As in VIGOR, a panorama has four tiles around it, the nearest as its positive, so panoramas at
    the rim of a city, with fewer than four, are left out; and each city's places are split by halves for the
    same-area protocol, all panoramas of a place in one half. Tiles are enlarged to 640 pixels, the unit of the label
    files' deltas.

    Returns:
        ``out``.
    """
    catalog, out = Catalog.read(world), Path(out)
    cities = list(dict.fromkeys(catalog.gallery["city"].to_pylist()))
    known, held_out = cities[:-1], cities[-1]
    names = {**dict(zip(known, VIGOR_CITIES[:-1], strict=False)), held_out: VIGOR_CITIES[-1]}
    for city, name in names.items():
        _write_vigor_city(catalog, city, out, name)
    return out


def _write_vigor_city(catalog: Catalog, city: str, out: Path, name: str) -> None:
    rows = [row for row in catalog.gallery.to_pylist() if row["city"] == city]
    frame = LocalFrame(origin=LatLon(lat=rows[0]["lat"], lon=rows[0]["lon"]))
    tiles = [_vigor_tile(catalog, row, frame) for row in rows]
    for tile in progress(tiles, desc=f"{name} tiles", unit="picture", leave=False):
        large = cv2.resize(load_array(tile.source), (_VIGOR_TILE_PX, _VIGOR_TILE_PX), interpolation=cv2.INTER_CUBIC)
        _save(
            out / name / "satellite" / tile.name,
            cv2.imencode(".png", cv2.cvtColor(large, cv2.COLOR_RGB2BGR))[1].tobytes(),
        )
    lines: dict[str, list[str]] = {}
    for row in catalog.queries.to_pylist():
        if row["city"] == city and row["view"] == View.PANORAMA:
            line = _vigor_label(row, tiles, frame)
            if line is not None:
                lines.setdefault(row["place_id"], []).append(line)
                _copy(catalog.root / row["path"], out / name / "panorama" / line.split(" ")[0])
    _write_vigor_splits(out, name, [tile.name for tile in tiles], list(lines.values()))


def _vigor_tile(catalog: Catalog, row: Row, frame: LocalFrame) -> _Tile:
    x, y = frame.to_local(row["lat"], row["lon"])
    south, _, north, _ = row["bounds"]
    _, edge = frame.to_local([south, north], [row["lon"], row["lon"]])
    return _Tile(
        name=f"satellite_{row['lat']!r}_{row['lon']!r}.png",
        source=catalog.root / row["path"],
        x_m=float(x),
        y_m=float(y),
        px_per_m=_VIGOR_TILE_PX / float(edge[1] - edge[0]),
    )


def _vigor_label(row: Row, tiles: Sequence[_Tile], frame: LocalFrame) -> str | None:
    """Return a panorama's line of 13 columns, or None where it has not four tiles around it."""
    x, y = frame.to_local(row["lat"], row["lon"])
    offsets = sorted(
        ((float(x) - tile.x_m) * tile.px_per_m, (float(y) - tile.y_m) * tile.px_per_m, tile.name) for tile in tiles
    )
    half = _VIGOR_TILE_PX / 2
    around = [offset for offset in offsets if abs(offset[0]) <= half and abs(offset[1]) <= half]
    if len(around) < 4:
        return None
    around.sort(key=lambda offset: np.hypot(offset[0], offset[1]))
    name = f"{_vigor_id(row['query_id'])},{row['lat']:.6f},{row['lon']:.6f},.jpg"
    # The panorama stands at row 320 + d0, column 320 - d1: d0 grows southwards and d1 westwards. No "-0.0".
    columns = [f"{tile} {round(-north) + 0.0:.1f} {round(-east) + 0.0:.1f}" for east, north, tile in around[:4]]
    return " ".join([name, *columns])


def _vigor_id(query_id: str) -> str:
    """Return 22 characters of A-Z, a-z, 0-9, "-" and "_", as panorama ids have."""
    return base64.urlsafe_b64encode(hashlib.sha256(query_id.encode()).digest())[:22].decode()


def _write_vigor_splits(out: Path, city: str, tiles: Iterable[str], lines: Sequence[Sequence[str]]) -> None:
    """Write the lists of a city; ``lines`` stand place by place, and no place is in both halves."""
    tables = {
        "pano_label_balanced": [line for place in lines for line in place],
        "same_area_balanced_train": [line for place in lines[::2] for line in place],
        "same_area_balanced_test": [line for place in lines[1::2] for line in place],
    }
    for folder, suffix, ending, last in (("splits", "", "\n", "\n"), ("splits__corrected", "__corrected", "\r\n", "")):
        _save(out / folder / city / "satellite_list.txt", "".join(f"{tile}\n" for tile in tiles).encode())
        for name, rows in tables.items():
            text = ending.join(rows) + (last if rows else "")
            _save(out / folder / city / f"{name}{suffix}.txt", text.encode())


# --- University-1652 --------------------------------------------------------------------------------------------------

_UNIVERSITY_FOLDERS: dict[str, tuple[str, ...]] = {
    "train": ("train/",),
    "val": ("test/gallery_",),
    "test": ("test/query_", "test/gallery_"),
}
_UNIVERSITY_VIEWS = {View.UAV: "drone", View.SATELLITE: "satellite", View.GROUND: "street"}


def write_university(world: str | Path, out: str | Path) -> Path:
    """Write UAV, satellite and ground pictures as ``out/train`` and ``out/test``, a 4-digit class for each place.

    Places of split "train" are the training classes and places of split "test" the queries; the galleries hold both
    these and the places of split "val", as the set's own galleries hold classes that nobody asks for. Ground photos of
    the training classes stand in ``train/street`` and again in ``train/google``.

    Returns:
        ``out``.
    """
    catalog, out = Catalog.read(world), Path(out)
    pictures: dict[str, list[tuple[View, str]]] = defaultdict(list)
    for table in (catalog.gallery, catalog.queries):
        for row in table.select(["place_id", "view", "path"]).to_pylist():
            if row["view"] in _UNIVERSITY_VIEWS:
                pictures[row["place_id"]].append((View(row["view"]), row["path"]))
    places = catalog.gallery.select(["place_id", "split"]).to_pylist()
    for number, place in enumerate(progress(places, desc="University-1652", unit="place"), start=1):
        for prefix in _UNIVERSITY_FOLDERS[place["split"]]:
            _write_class(catalog.root, pictures[place["place_id"]], f"{out}/{prefix}", f"{number:04d}")
        if place["split"] == "train":
            _write_google(catalog.root, pictures[place["place_id"]], out / "train/google" / f"{number:04d}")
    return out


def _write_class(root: Path, pictures: Iterable[tuple[View, str]], prefix: str, label: str) -> None:
    counts: dict[View, int] = defaultdict(int)
    for view, path in pictures:
        counts[view] += 1
        name = {
            View.SATELLITE: f"{label}.jpg",
            View.UAV: f"image-{counts[view]:02d}.jpeg",
            View.GROUND: f"{counts[view]}.jpg",
        }[view]
        _copy(root / path, Path(f"{prefix}{_UNIVERSITY_VIEWS[view]}") / label / name)


def _write_google(root: Path, pictures: Iterable[tuple[View, str]], folder: Path) -> None:
    """Write the ground photos again, where the set keeps what it found with an image search."""
    photos = [path for view, path in pictures if view is View.GROUND]
    for number, path in enumerate(photos, start=1):
        _copy(root / path, folder / f"{number}.jpg")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _save(path: Path, data: bytes) -> None:
    with write_atomic(path) as file:
        file.write(data)


LAYOUTS: dict[str, tuple[str, Callable[[Path, Path], Path]]] = {
    "vigor": ("VIGOR", write_vigor),
    "university": ("University-1652", write_university),
}
"""Name of a layout: the folder that it is written to inside a world, and what writes it."""
