"""A folder of geo-referenced pictures: by a .csv, by world files, or by GeoTIFF tags."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from gleam_common.errors import ConfigError, DataError
from gleam_common.geo import LatLon, distance_m
from gleam_common.images import check_picture, load_array
from gleam_common.pair_motion import heading_up

from gleam_c.gallery.sources.raster import is_georeferenced
from gleam_c.gallery.sources.raster_source import RasterSource
from gleam_c.gallery.sources.source import CutOptions, files_fingerprint
from gleam_c.gallery.tiles import corners_of, corners_of_boxes, tile_table

__all__ = ["PicturesSource", "picture_files"]

Picture = npt.NDArray[np.uint8]

_SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff"}
_BOX = ("south", "west", "north", "east")
_WANTED = (
    "file, lat, lon, width_m (or ground_m), and rotation_deg if north is not up; or file, south, west, north, east"
)


def picture_files(folder: Path) -> list[Path]:
    """Return the pictures that lie in a folder, sorted."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES and path.is_file())


class PicturesSource:
    """Pictures as they are, or, with ``widths_m``, cut like rasters.

    Args:
        folder: of the pictures, with at most one .csv that describes them.
        options: how to cut; ``crs`` is the CRS of world files.
        name: first part of the ids.

    Raises:
        DataError: pictures without a place, or a .csv that does not say it.
        ConfigError: cutting pictures that only a .csv places.
    """

    def __init__(self, folder: Path, options: CutOptions, name: str) -> None:
        self.folder, self.options, self.name = folder, options, name
        tables = sorted(folder.glob("*.csv"))
        if len(tables) > 1:
            raise DataError(f"{folder}: several .csv files", value=[path.name for path in tables], fix="leave one")
        self._csv = tables[0] if tables else None
        if self._csv and options.widths_m:
            raise ConfigError("--widths-m on pictures that a .csv describes", fix="leave it out, or use world files")
        self._rasters = {} if self._csv else self._open_rasters()

    def _open_rasters(self) -> dict[str, RasterSource]:
        files = picture_files(self.folder)
        placed = files if self.options.crs == "local" else [path for path in files if is_georeferenced(path)]
        if len(placed) < len(files):
            missing = sorted(set(files) - set(placed))[0].name
            raise DataError(
                f"{self.folder}: {len(files) - len(placed)} of {len(files)} pictures have no place, the first is",
                value=missing,
                fix=f"add world files or GeoTIFF tags, or a .csv with {_WANTED}",
            )
        name = self.name
        return {path.name: RasterSource(path, self.options, f"{name}/{path.stem}", whole=True) for path in placed}

    def fingerprint(self) -> str:
        """Return a hash of names, sizes and times of the files."""
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        return files_fingerprint(files, self.folder)

    def plan(self) -> pa.Table:
        """Return the tiles."""
        if self._csv is not None:
            return self._plan_csv(self._csv)
        tables = []
        for file, source in self._rasters.items():
            table = source.plan()
            place = table.schema.get_field_index("source_file")
            table = table.set_column(place, "source_file", pa.array([file] * len(table)))
            source_name = table.schema.get_field_index("source")
            tables.append(table.set_column(source_name, "source", pa.array([self.name] * len(table))))
        return pa.concat_tables(tables)

    def _plan_csv(self, path: Path) -> pa.Table:
        rows = _read_csv(path)
        files = [row["file"] for row in rows]
        for file in files:
            if Path(file).is_absolute() or ".." in Path(file).parts:
                raise DataError(f"{path}: a file outside the folder", value=file, fix="give paths inside the folder")
        sides_px = np.array([check_picture(self.folder / file)[1] for file in files], dtype=np.float64)
        columns: dict[str, Any] = {
            "gallery_id": [f"{self.name}/{Path(file).with_suffix('').as_posix()}" for file in files],
            "source": [self.name] * len(rows),
            "source_file": files,
            "level": np.array([int(row.get("z") or 0) for row in rows], dtype=np.int32),
            "rotation_deg": np.array([row["rotation_deg"] for row in rows]),
        }
        if "south" in rows[0]:
            south, west, north, east = (np.array([row[name] for row in rows]) for name in _BOX)
            lat, lon = (south + north) / 2, west + ((east - west) % 360.0) / 2
            width_m = distance_m(lat, west, lat, lon) * 2
            corners = corners_of_boxes(south, west, north, east)
        else:
            lat, lon, width_m = (np.array([row[name] for row in rows]) for name in ("lat", "lon", "width_m"))
            corners = np.concatenate(
                [corners_of(lat[i : i + 1], lon[i : i + 1], float(width_m[i])) for i in range(len(rows))]
            )
        lon = (lon + 180.0) % 360.0 - 180.0
        place = {"lat": lat, "lon": lon, "corners": corners.reshape(-1, 8)}
        return tile_table({**columns, **place, "width_m": width_m, "gsd_m": width_m / sides_px})

    def read(self, tile: dict[str, Any], side_px: int) -> tuple[Picture, float]:
        """Return a tile, north-up, and the share of it that has data."""
        if self._rasters:
            return self._rasters[tile["source_file"]].read(tile, side_px)
        picture = load_array(self.folder / tile["source_file"])
        if tile["rotation_deg"]:
            side = min(picture.shape[:2])
            picture = heading_up(picture, -tile["rotation_deg"], (side, side))
        return picture, 1.0


def _read_csv(path: Path) -> list[dict[str, Any]]:
    """Return rows with ``file``, ``rotation_deg``, and (lat, lon, width_m) or the box, as numbers."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows: list[dict[str, Any]] = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: not a readable .csv ({error})", fix="write it as UTF-8") from error
    if not rows:
        raise DataError(f"{path}: no rows", allowed=_WANTED)
    present = set(rows[0])
    width = "width_m" if "width_m" in present else "ground_m"
    has_box = set(_BOX) <= present
    if "file" not in present or not (has_box or {"lat", "lon", width} <= present):
        raise DataError(f"{path}: missing columns", value=sorted(map(str, present)), allowed=_WANTED)
    names = _BOX if has_box else ("lat", "lon", width)
    for number, row in enumerate(rows, start=2):
        try:
            values = {name: float(row[name]) for name in names}
            row["rotation_deg"] = float(row.get("rotation_deg") or 0.0)
        except (TypeError, ValueError) as error:
            raise DataError(f"{path}: line {number} is not numbers ({error})", allowed=_WANTED) from error
        row |= values | ({} if has_box else {"width_m": values[width]})
        _check_row(row, has_box, f"{path}: line {number}")
    return rows


def _check_row(row: dict[str, Any], has_box: bool, where: str) -> None:
    try:
        for lat, lon in (
            ((row["south"], row["west"]), (row["north"], row["east"])) if has_box else ((row["lat"], row["lon"]),)
        ):
            LatLon(lat=lat, lon=lon)
    except DataError as error:
        raise DataError(f"{where}: {error}") from error
    if has_box and not row["south"] < row["north"]:
        raise DataError(f"{where}: south is not below north", value=(row["south"], row["north"]))
    if not has_box and not (math.isfinite(row["width_m"]) and row["width_m"] > 0):
        raise DataError(f"{where}: ground width", value=row["width_m"], allowed="metres, over 0")
