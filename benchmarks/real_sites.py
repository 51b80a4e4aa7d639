"""Real pictures of six sites, made ready for ``gleam-data import folder``: tiles cut from maps, a manifest a site.

The pictures are those of ``GLEAM_REAL_DATA`` (by default ``../shared/data/real``, whose README says where each comes
from). They are not ours to hand on: nothing of them is kept in this repository.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from gleam_common.errors import DataError
from gleam_common.images import load_array
from gleam_common.sources.manifest import COLUMNS
from pyproj import Transformer

__all__ = ["SITES", "real_data", "write_site"]

Row = dict[str, Any]
Box = tuple[int, int, int, int]

ADM_UP_DEG = 105.0
"""Of uav_adm: what is added to the angle in its lists so that it is the heading of the picture's upper edge.

Found by turning frames onto the map until they agree best (6 frames, 3 of them clearly, within 5 degrees).
"""

ORTHO_TILE_M, ORTHO_STEP_M = 40.0, 20.0


@dataclass(frozen=True, kw_only=True)
class Site:
    """Tiles and queries of one site.

    Args:
        tiles: by path: latitude and longitude of the centre where known.
        queries: rows of the manifest, complete.
    """

    tiles: dict[str, tuple[float, float] | None]
    queries: list[Row] = field(default_factory=list)


def real_data() -> Path:
    """Return the folder of the real pictures; it need not be there."""
    beside = Path(__file__).parents[2] / "shared/data/real"
    return Path(os.environ.get("GLEAM_REAL_DATA", beside)).resolve()


def write_site(name: str, real: Path, out: Path) -> Path:
    """Write a site's tiles, links to its pictures and its manifest into ``out``, and return ``out``.

    Raises:
        DataError: ``real`` is not the folder of the real pictures.
    """
    path = real / "pairs.csv"
    if not path.is_file():
        raise DataError("no real pictures", value=str(real), fix="set GLEAM_REAL_DATA to the folder with pairs.csv")
    rows = [row for row in _table(path) if row["source"] == name]
    out.mkdir(parents=True, exist_ok=True)
    if not (out / name).exists():
        (out / name).symlink_to(real / name, target_is_directory=True)
    site = SITES[name](rows, out)
    with (out / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(COLUMNS))
        writer.writeheader()
        for tile in site.tiles:
            writer.writerow({"gallery": tile, "split": "test", **_described(name, site, tile)})
        for row in site.queries:
            writer.writerow({**row, **_described(name, site, row["gallery"])})
    return out


def _described(name: str, site: Site, tile: str) -> Row:
    latlon = site.tiles[tile]
    place = {"area": name, "place_id": tile}
    return place if latlon is None else {**place, "gallery_lat": latlon[0], "gallery_lon": latlon[1]}


def _pairs(rows: list[Row], out: Path) -> Site:
    """Return a site whose pairs name their tiles; map_berlin has further ones in its ``tiles.csv``."""
    tiles = {row["reference_path"]: (float(row["lat"]), float(row["lon"])) for row in rows}
    name = rows[0]["source"]
    if name == "map_berlin":
        for row in _table(out / name / "tiles.csv"):
            tiles.setdefault(f"{name}/{row['file']}", (float(row["lat"]), float(row["lon"])))
    site = Site(tiles=dict(tiles))
    for row in rows:
        near = [tile for tile in tiles if tile != row["reference_path"] and _overlap(tile, row["reference_path"])]
        site.queries.append(
            {**_query(row), "gallery": row["reference_path"], "semi_positives": ";".join(near)}
            | {"lat": row["lat"], "lon": row["lon"], "heading_deg": _heading(row)}
        )
    return site


def _overlap(one: str, other: str) -> bool:
    """Return whether two windows of map_kampala_oam, four tiles of zoom 21 wide and high, share ground."""
    places = [Path(path).name.split("_") for path in (one, other)]
    if not all(parts[0] == "z21" for parts in places):
        return False
    return all(abs(int(places[0][axis]) - int(places[1][axis])) < 4 for axis in (1, 2))


def _heading(row: Row) -> float | str:
    """Return the heading of a picture: maps have north up, photos their compass."""
    return 0.0 if row["query_view"] == "map" else row["heading_deg"]


def _adm(rows: list[Row], out: Path) -> Site:
    """Return uav_adm: frames of two flights over one large map without coordinates.

    Of the tiles in its ``tiles.csv``, which overlap by half, every second one each way: these do not.
    """
    corners = ("map_x0", "map_y0", "map_x1", "map_y1")
    boxes = [[int(row[key]) for key in corners] for row in _table(out / "uav_adm/tiles.csv")]
    boxes = [box for box in boxes if box[0] % 400 == box[1] % 400 == 0]
    site = _cut(rows, out, boxes, None)
    for row, query in zip(rows, site.queries, strict=True):
        query["heading_deg"] = (float(row["heading_deg"]) + ADM_UP_DEG) % 360
    return site


def _ortho(rows: list[Row], out: Path) -> Site:
    """Return a site whose one reference is a map in metres (UTM), cut into tiles that overlap by half."""
    about = json.loads((out / rows[0]["source"] / "ortho.json").read_text("utf-8"))
    side, step = (round(metres / about["gsd"]) for metres in (ORTHO_TILE_M, ORTHO_STEP_M))
    corners = [[*range(0, about[key] - side, step), about[key] - side] for key in ("w", "h")]
    boxes = [(x, y, x + side, y + side) for y in corners[1] for x in corners[0]]
    to_lonlat = Transformer.from_crs(f"EPSG:{about['epsg']}", "EPSG:4326", always_xy=True)

    def latlon(x_px: float, y_px: float) -> tuple[float, float]:
        lon, lat = to_lonlat.transform(about["x0"] + x_px * about["gsd"], about["y1"] - y_px * about["gsd"])
        return lat, lon

    site = _cut(rows, out, boxes, latlon)
    for row, query in zip(rows, site.queries, strict=True):
        # The GPS of uav_caliterra is 15 m off, the pixels are not.
        lat, lon = latlon(float(row["ref_px_x"]), float(row["ref_px_y"]))
        query |= {"lat": lat, "lon": lon, "height_m": row["height_m"]}
    return site


def _cut(
    rows: list[Row], out: Path, boxes: list[Any], latlon: Callable[[float, float], tuple[float, float]] | None
) -> Site:
    """Cut the reference into tiles; a query's own has the nearest centre, others that show its place overlap."""
    reference = load_array(out / rows[0]["reference_path"])
    name, tiles = rows[0]["source"], {}
    (out / "tiles" / name).mkdir(parents=True, exist_ok=True)
    box_G4 = np.array(boxes)
    centre_G2 = (box_G4[:, :2] + box_G4[:, 2:]) / 2
    for (left, top, right, bottom), (x, y) in zip(box_G4, centre_G2, strict=True):
        path = f"tiles/{name}/{left:04d}_{top:04d}.jpg"
        cv2.imwrite(str(out / path), reference[top:bottom, left:right, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
        tiles[path] = None if latlon is None else latlon(float(x), float(y))
    site, names = Site(tiles=tiles), list(tiles)
    for row in rows:
        point_2 = np.array([float(row["ref_px_x"]), float(row["ref_px_y"])])
        own = int(np.abs(centre_G2 - point_2).max(axis=1).argmin())
        near = [names[tile] for tile in np.flatnonzero(_shown(box_G4, point_2)) if tile != own]
        site.queries.append({**_query(row), "gallery": names[own], "semi_positives": ";".join(near)})
    return site


def _shown(box_G4: npt.NDArray[np.int64], point_2: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    inside: npt.NDArray[np.bool_] = ((box_G4[:, :2] <= point_2) & (point_2 < box_G4[:, 2:])).all(axis=1)
    return inside


def _query(row: Row) -> Row:
    return {"query": row["query_path"], "split": row["split"], "view": row["query_view"]}


def _table(path: Path) -> list[Row]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


SITES: dict[str, Callable[[list[Row], Path], Site]] = {
    "uav_adm": _adm,
    "uav_brighton_beach": _ortho,
    "uav_caliterra": _ortho,
    "map_kampala_oam": _pairs,
    "map_berlin": _pairs,
    "ground_cvh3d": _pairs,
}
"""What makes a site out of its pairs."""
