"""XYZ tiles (Web Mercator, EPSG:3857) as they are, or put together and cut to a ground width in real metres."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from gleam_common.errors import ConfigError, DataError
from gleam_common.geo import distance_m
from gleam_common.images import decode_array
from gleam_common.progress import progress

from gleam_c.gallery.sources.cutting import cut, side_px_of, window_of_quad
from gleam_c.gallery.sources.source import CutOptions
from gleam_c.gallery.sources.xyz_tiles import FolderTiles, Tile, XyzTiles
from gleam_c.gallery.tiles import corners_of, corners_of_boxes, tile_table

__all__ = ["Mercator", "XyzSource", "has_xyz"]

Picture = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

_BLOCKS_KEPT = 256


def has_xyz(folder: Path) -> bool:
    """Return whether a folder holds tiles as z/x/y.png."""
    is_zoom = any(child.is_dir() and child.name.isdigit() for child in folder.iterdir())
    return is_zoom and bool(FolderTiles(folder).tiles())


class Mercator:
    """The square of Web Mercator in pixels at one zoom.

    Args:
        zoom: 0 is the whole square in one tile.
        tile_px: pixels of a tile's side.
    """

    def __init__(self, zoom: int, tile_px: int) -> None:
        self.width = self.height = tile_px * 2**zoom

    def to_latlon(self, col: Floats, row: Floats) -> tuple[Floats, Floats]:
        """Return latitude and longitude in degrees."""
        y = np.pi * (1 - 2 * np.asarray(row) / self.height)
        return np.degrees(np.arctan(np.sinh(y))), np.asarray(col) / self.width * 360.0 - 180.0

    def to_pixels(self, lat: Floats, lon: Floats) -> tuple[Floats, Floats]:
        """Return column and row."""
        y = np.arcsinh(np.tan(np.radians(lat)))
        return (np.asarray(lon) + 180.0) / 360.0 * self.width, (1 - y / np.pi) / 2 * self.height


class XyzSource:
    """XYZ tiles. Without ``widths_m`` each is a tile of the gallery; with it they are put together and cut.

    Args:
        kept: where they are.
        options: how to cut.
        name: first part of the ids.

    Raises:
        DataError: there are no tiles, or none of the zoom.
    """

    def __init__(self, kept: XyzTiles, options: CutOptions, name: str) -> None:
        if options.crs is not None:
            raise ConfigError("--crs on XYZ tiles, which are in EPSG:3857", value=options.crs, fix="leave it out")
        self.name, self.options, self._kept = name, options, kept
        there = kept.tiles()
        if not there:
            raise DataError(f"{kept.path}: no XYZ tiles", allowed="z/x/y.png, .jpg or .webp")
        zooms = sorted({zoom for zoom, _, _ in there})
        if options.zoom is not None and options.zoom not in zooms:
            raise DataError(f"{kept.path}: no tiles of zoom", value=options.zoom, allowed=", ".join(map(str, zooms)))
        deepest = zooms[-1:] if options.widths_m else zooms
        wanted = deepest if options.zoom is None else [options.zoom]
        self._tiles = [tile for tile in there if tile[0] in wanted]
        self._there = set(self._tiles)
        self._tile_px = self._block(self._tiles[0]).shape[0]
        self._block = lru_cache(_BLOCKS_KEPT)(self._block)  # type: ignore[method-assign]

    def fingerprint(self) -> str:
        """Return a hash of names, sizes and times of the files."""
        return self._kept.fingerprint()

    def plan(self) -> pa.Table:
        """Return the tiles."""
        if self.options.widths_m is None:
            return self._as_they_are()
        levels = [self._cut_level(level, width_m) for level, width_m in enumerate(self.options.widths_m)]
        tiles = pa.concat_tables(levels)
        if not len(tiles):
            raise DataError(
                f"{self._kept.path}: no tile is covered by {self.options.min_covered:.0%}",
                value=self.options.widths_m,
                fix="take smaller tiles (--widths-m), or fewer covered ones (--min-covered)",
            )
        return tiles

    def _as_they_are(self) -> pa.Table:
        zoom, x, y = (np.array(part, dtype=np.float64) for part in zip(*self._tiles, strict=True))
        side = 2.0**zoom
        south, north = (np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * at / side)))) for at in (y + 1, y))
        west, east = (at / side * 360.0 - 180.0 for at in (x, x + 1))
        lat = np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * (y + 0.5) / side))))
        width_m = distance_m(lat, west, lat, (west + east) / 2) * 2
        names = [f"{z}/{column}/{row}" for z, column, row in self._tiles]
        return tile_table(
            {
                "gallery_id": [f"{self.name}/{name}" for name in names],
                "source": [self.name] * len(names),
                "source_file": names,
                "level": zoom.astype(np.int32),
                "lat": lat,
                "lon": (west + east) / 2,
                "corners": corners_of_boxes(south, west, north, east).reshape(-1, 8),
                "width_m": width_m,
                "gsd_m": width_m / self._tile_px,
                "rotation_deg": np.zeros(len(names)),
                "window": np.stack([x, y, np.ones(len(x)), np.ones(len(x))], axis=1) * self._tile_px,
            }
        )

    def _cut_level(self, level: int, width_m: float) -> pa.Table:
        """Cut around the centres of equal parts of each tile, as many as the stride asks for."""
        zoom = self._tiles[0][0]
        mercator = Mercator(zoom, self._tile_px)
        names = ("gallery_id", "lat", "lon", "corners", "gsd_m", "window")
        columns: dict[str, list[Any]] = {name: [] for name in names}
        for tile in progress(self._tiles, desc="planning", unit="tile", delay=1, leave=False):
            lat_N, lon_N = self._centres(mercator, tile, width_m)
            corners_N42 = corners_of(lat_N, lon_N, width_m)
            quads_N42 = quads_px(mercator, corners_N42, lon_N)
            for number in np.flatnonzero(self._covered(quads_N42) >= self.options.min_covered):
                columns["gallery_id"].append(f"{self.name}/{width_m:g}m/{zoom}/{tile[1]}/{tile[2]}/{number}")
                columns["lat"].append(lat_N[number])
                columns["lon"].append(lon_N[number])
                columns["corners"].append(corners_N42[number].ravel())
                columns["gsd_m"].append(width_m / float(side_px_of(quads_N42[number])))
                columns["window"].append(window_of_quad(quads_N42[number]))
        count = len(columns["gallery_id"])
        return tile_table(
            {
                **columns,
                "source": [self.name] * count,
                "source_file": [""] * count,
                "level": [level] * count,
                "width_m": [width_m] * count,
                "rotation_deg": [0.0] * count,
            }
        )

    def _centres(self, mercator: Mercator, tile: Tile, width_m: float) -> tuple[Floats, Floats]:
        _, x, y = tile
        middle_lat, edge_lon = mercator.to_latlon(np.array([x, x + 0.5]) * self._tile_px, (y + 0.5) * self._tile_px)
        own_m = 2 * float(distance_m(middle_lat, edge_lon[0], middle_lat, edge_lon[1]))
        count = max(1, math.ceil(own_m / (width_m * (1 - self.options.overlap)) - 1e-6))
        at = (np.arange(count) + 0.5) / count
        right, down = (part.ravel() for part in np.meshgrid(at, at))
        return mercator.to_latlon((x + right) * self._tile_px, (y + down) * self._tile_px)

    def _covered(self, quads_N42: Floats) -> Floats:
        """Return the share of 81 samples of each cut that lie in tiles that there are."""
        at = (np.arange(9) + 0.5) / 9
        right, down = (part.ravel() for part in np.meshgrid(at, at))
        low, high = quads_N42.min(axis=1)[:, None], quads_N42.max(axis=1)[:, None]
        places = (low + np.stack([right, down], axis=1) * (high - low)) // self._tile_px
        zoom = self._tiles[0][0]
        there = [(zoom, int(x) % 2**zoom, int(y)) in self._there for x, y in places.reshape(-1, 2)]
        return np.asarray(np.reshape(there, places.shape[:2]).mean(axis=1))

    def read(self, tile: dict[str, Any], side_px: int) -> tuple[Picture, float]:
        """Return a tile as it is, or cut out of those around it, and the share of it that has data."""
        if tile["source_file"]:
            zoom, x, y = (int(part) for part in tile["source_file"].split("/"))
            return self._block((zoom, x, y)), 1.0
        mercator = Mercator(self._tiles[0][0], self._tile_px)
        quad = quads_px(mercator, np.asarray(tile["corners"]).reshape(1, 4, 2), np.array([tile["lon"]]))[0]
        origin = np.floor(quad.min(axis=0) / self._tile_px).astype(int)
        stop = np.ceil(quad.max(axis=0) / self._tile_px).astype(int)
        assembled = _Assembled(*self._assemble(origin, stop))
        native = max(32, math.ceil(side_px_of(quad)))
        return cut(assembled, quad - origin * self._tile_px, min(native, side_px))

    def _assemble(self, origin: npt.NDArray[Any], stop: npt.NDArray[Any]) -> tuple[Picture, Picture]:
        """Put the tiles from ``origin`` to ``stop`` (x, y) together; missing ones are masked."""
        side, zoom = self._tile_px, self._tiles[0][0]
        columns, rows = (int(v) for v in stop - origin)
        rgb = np.zeros((rows * side, columns * side, 3), dtype=np.uint8)
        mask = np.zeros(rgb.shape[:2], dtype=np.uint8)
        for row in range(rows):
            for column in range(columns):
                tile = (zoom, int(origin[0] + column) % 2**zoom, int(origin[1] + row))
                if tile in self._there:
                    at = np.s_[row * side : (row + 1) * side, column * side : (column + 1) * side]
                    rgb[at], mask[at] = self._block(tile), 255
        return rgb, mask

    def _block(self, tile: Tile) -> Picture:
        picture = decode_array(self._kept.content(tile), f"{self._kept.path}: {'/'.join(map(str, tile))}")
        side = getattr(self, "_tile_px", picture.shape[0])
        if picture.shape[:2] != (side, side):
            raise DataError(
                f"{self._kept.path}: tile {'/'.join(map(str, tile))} is of another size than the others",
                value=picture.shape[:2],
                allowed=f"{side} x {side} pixels",
            )
        return picture


def quads_px(mercator: Mercator, corners_N42: Floats, lon_N: Floats) -> Floats:
    """Return columns and rows (N, 4, 2) of corners around ``lon_N``, going on across the antimeridian."""
    east = (corners_N42[..., 1] - lon_N[:, None] + 180.0) % 360.0 - 180.0 + lon_N[:, None]
    return np.stack(mercator.to_pixels(corners_N42[..., 0], east), axis=-1)


class _Assembled:
    """A picture in memory, to be read like a raster."""

    def __init__(self, rgb: Picture, mask: Picture) -> None:
        self._rgb, self._mask = rgb, mask
        self.height, self.width = mask.shape

    def read(self, box: tuple[int, int, int, int], size: tuple[int, int]) -> tuple[Picture, Picture]:
        left, top, right, bottom = box
        rgb = cv2.resize(self._rgb[top:bottom, left:right], size[::-1], interpolation=cv2.INTER_AREA)
        mask = cv2.resize(self._mask[top:bottom, left:right], size[::-1], interpolation=cv2.INTER_NEAREST)
        return np.asarray(rgb, dtype=np.uint8), np.asarray(mask, dtype=np.uint8)
