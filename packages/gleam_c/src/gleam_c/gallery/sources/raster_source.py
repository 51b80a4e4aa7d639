"""A raster as a source of tiles: cut to ground widths, on the globe or without a place on it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from gleam_common.errors import ConfigError, DataError
from gleam_common.geo import distance_m

from gleam_c.gallery.sources.cutting import cut, heading_of_up, side_px_of, window_of_quad
from gleam_c.gallery.sources.grid import middle_tile, quads_px, spread, tiles_over
from gleam_c.gallery.sources.raster import Raster
from gleam_c.gallery.sources.source import RASTER_WIDTH_M, CutOptions, files_fingerprint
from gleam_c.gallery.tiles import tile_table

__all__ = ["RasterSource"]

Picture = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]


class RasterSource:
    """A raster, cut into tiles of the ground widths that are asked for.

    Args:
        path: of the raster.
        options: how to cut it.
        name: first part of the ids; the file's name without suffix if None.
        whole: without ``widths_m``, take one tile as wide as the raster instead of tiles of 120 m.

    Raises:
        DataError: as :class:`Raster`.
        ConfigError: ``crs=local`` without ``gsd_m``.
    """

    def __init__(self, path: Path, options: CutOptions, name: str | None = None, whole: bool = False) -> None:
        self.raster, self.options, self.name = Raster(path, options.crs), options, name or path.stem
        if self.raster.is_local and options.gsd_m is None:
            raise ConfigError("--crs local without --gsd-m", fix="say how many metres (or units) a pixel is wide")
        self._is_whole = whole and options.widths_m is None

    def fingerprint(self) -> str:
        """Return a hash of the file's name, size and time."""
        return files_fingerprint([self.raster.path], self.raster.path)

    def plan(self) -> pa.Table:
        """Return the tiles of every level.

        Raises:
            DataError: no tile is covered enough.
        """
        widths_m = (self._own_width_m(),) if self._is_whole else self.options.widths_m or (RASTER_WIDTH_M,)
        make = self._local_level if self.raster.is_local else self._level
        tables = [make(level, width_m) for level, width_m in enumerate(widths_m)]
        tiles = pa.concat_tables(tables)
        if not len(tiles):
            raise DataError(
                f"{self.raster.path}: no tile is covered by {self.options.min_covered:.0%}",
                value=f"{self._own_width_m():.0f} m of ground, tiles of {', '.join(f'{w:g}' for w in widths_m)} m",
                fix="take smaller tiles (--widths-m), or fewer covered ones (--min-covered)",
            )
        return tiles

    def _own_width_m(self) -> float:
        """Return the shorter side of the raster's ground."""
        raster = self.raster
        if raster.is_local:
            return min(raster.width, raster.height) * float(self.options.gsd_m or 1.0)
        middle_x, middle_y = raster.width / 2, raster.height / 2
        lat, lon = raster.to_latlon(
            np.array([0, raster.width, middle_x, middle_x]), np.array([middle_y, middle_y, 0, raster.height])
        )
        return float(np.min(distance_m(lat[::2], lon[::2], lat[1::2], lon[1::2])))

    def _level(self, level: int, width_m: float) -> pa.Table:
        options = self.options
        if self._is_whole:
            centres_N2, corners_N42 = middle_tile(self.raster, width_m)
        else:
            centres_N2, corners_N42 = tiles_over(self.raster, width_m, options.overlap, options.min_covered)
        quads = quads_px(self.raster, corners_N42)
        return tile_table(
            {
                "gallery_id": [f"{self.name}/{width_m:g}m/{number}" for number in range(len(centres_N2))],
                "source": [self.name] * len(centres_N2),
                "source_file": [""] * len(centres_N2),
                "level": np.full(len(centres_N2), level, dtype=np.int32),
                "lat": centres_N2[:, 0],
                "lon": centres_N2[:, 1],
                "corners": corners_N42.reshape(-1, 8),
                "width_m": np.full(len(centres_N2), width_m),
                "gsd_m": width_m / side_px_of(quads),
                "rotation_deg": heading_of_up(quads),
                "window": window_of_quad(quads),
            }
        )

    def _local_level(self, level: int, width_m: float) -> pa.Table:
        gsd_m, options = float(self.options.gsd_m or 1.0), self.options
        sides_m = (self.raster.width * gsd_m, self.raster.height * gsd_m)
        x, y = np.meshgrid(
            *([side / 2] if self._is_whole else spread(0, side, width_m, options.overlap) for side in sides_m)
        )
        x_m, down_m, side_px = x.ravel(), y.ravel(), width_m / gsd_m
        windows = np.stack([x_m / gsd_m - side_px / 2, down_m / gsd_m - side_px / 2], axis=1)
        windows = np.concatenate([windows, np.full((len(x_m), 2), side_px)], axis=1)
        return tile_table(
            {
                "gallery_id": [f"{self.name}/{width_m:g}m/{number}" for number in range(len(x_m))],
                "source": [self.name] * len(x_m),
                "source_file": [""] * len(x_m),
                "level": np.full(len(x_m), level, dtype=np.int32),
                "x_m": x_m,
                "y_m": -down_m,
                "width_m": np.full(len(x_m), width_m),
                "gsd_m": np.full(len(x_m), gsd_m),
                "rotation_deg": np.zeros(len(x_m)),
                "window": windows,
            }
        )

    def quad_of(self, tile: dict[str, Any]) -> Floats:
        """Return the columns and rows (4, 2) of a planned tile's corners in the raster."""
        if tile["corners"] is None:
            col, row, width, height = tile["window"]
            corners = [(col, row), (col + width, row), (col + width, row + height), (col, row + height)]
            return np.array(corners, dtype=np.float64)
        quads_142 = quads_px(self.raster, np.asarray(tile["corners"], dtype=np.float64).reshape(1, 4, 2))
        return np.asarray(quads_142[0])

    def read(self, tile: dict[str, Any], side_px: int) -> tuple[Picture, float]:
        """Return a planned tile and the share of it that has data."""
        quad = self.quad_of(tile)
        native = max(32, math.ceil(side_px_of(quad)))
        return cut(self.raster, quad, min(native, side_px))
