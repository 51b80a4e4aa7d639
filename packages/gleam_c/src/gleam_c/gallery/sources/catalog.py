"""The tiles of a catalog, as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from gleam_common.catalog import Catalog
from gleam_common.errors import ConfigError, DataError
from gleam_common.geo import distance_m
from gleam_common.images import check_picture, load_array

from gleam_c.gallery.sources.source import CutOptions, files_fingerprint
from gleam_c.gallery.tiles import corners_of, corners_of_boxes, tile_table

__all__ = ["CatalogSource"]

Picture = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]


class CatalogSource:
    """A catalog's gallery. Ids are the catalog's own.

    Args:
        folder: holds gallery.parquet.
        options: ``widths_m`` must be None: the tiles have their size.
        name: stands in the column ``source``; the folder's name if None.

    Raises:
        DataError: no catalog, or no coordinates in it.
        ConfigError: tiles of another width are asked for.
    """

    def __init__(self, folder: Path, options: CutOptions, name: str | None = None) -> None:
        if options.widths_m:
            raise ConfigError("--widths-m on a catalog, whose tiles have their size", fix="leave it out")
        self.catalog, self.name = Catalog.read(folder), name or folder.resolve().name

    def fingerprint(self) -> str:
        """Return a hash of the table and the pictures."""
        root = self.catalog.root
        pictures = [root / path for path in self.catalog.column("path", "gallery")]
        return files_fingerprint([root / "gallery.parquet", *pictures], root)

    def plan(self) -> pa.Table:
        """Return the tiles; their width is that of their bounds, or of their pixels."""
        catalog = self.catalog
        latlon_N2, gsd_m = catalog.gallery_latlon(), catalog.column("gsd_m", "gallery")
        x_m, y_m = catalog.column("x_m", "gallery"), catalog.column("y_m", "gallery")
        has_place = bool(np.isfinite(latlon_N2).all())
        if not has_place and not (np.isfinite(x_m).all() and np.isfinite(y_m).all()):
            raise DataError(
                f"{catalog.root}: tiles without coordinates", fix="fill lat and lon, or x_m and y_m, of every tile"
            )
        paths = catalog.column("path", "gallery")
        sides_px = np.array([check_picture(catalog.root / path)[1] for path in paths], dtype=np.float64)
        width_m, corners = self._ground(latlon_N2, gsd_m * sides_px)
        columns: dict[str, Any] = {
            "gallery_id": catalog.gallery_ids,
            "source": [self.name] * len(paths),
            "source_file": paths.tolist(),
            "level": np.zeros(len(paths), dtype=np.int32),
            "width_m": pa.array(width_m, from_pandas=True),
            "gsd_m": pa.array(width_m / sides_px, from_pandas=True),
            "rotation_deg": np.zeros(len(paths)),
        }
        if has_place:
            columns |= {"lat": latlon_N2[:, 0], "lon": latlon_N2[:, 1], "corners": corners}
        else:
            columns |= {"x_m": x_m, "y_m": y_m}
        return tile_table(columns)

    def _ground(self, latlon_N2: Floats, width_m: Floats) -> tuple[Floats, pa.Array]:
        """Return widths in metres (NaN: unknown) and corners, by bounds where there are any."""
        width_m, corners = width_m.copy(), np.full((len(width_m), 8), np.nan)
        bounds = self.catalog.gallery["bounds"].to_pylist()
        has_bounds = np.array([box is not None for box in bounds])
        if has_bounds.any():
            boxes = np.array([box for box in bounds if box is not None], dtype=np.float64)
            corners[has_bounds] = corners_of_boxes(*boxes.T).reshape(-1, 8)
            middle = boxes[:, [0, 2]].mean(axis=1)
            width_m[has_bounds] = distance_m(middle, boxes[:, 1], middle, boxes[:, 3])
        for row in np.flatnonzero(~has_bounds & np.isfinite(width_m) & np.isfinite(latlon_N2[:, 0])):
            lat, lon = latlon_N2[row : row + 1].T
            corners[row] = corners_of(lat, lon, float(width_m[row])).ravel()
        known = np.isfinite(corners).all(axis=1)
        listed = [tuple(row) if ok else None for row, ok in zip(corners, known, strict=True)]
        return width_m, pa.array(listed, type=pa.list_(pa.float64()))

    def read(self, tile: dict[str, Any], side_px: int) -> tuple[Picture, float]:
        """Return the picture as it is."""
        return load_array(self.catalog.root / tile["source_file"]), 1.0
