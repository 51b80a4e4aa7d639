"""GeoTIFF, COG, and pictures with a world file, read by windows with rasterio; any CRS, north-up or rotated."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from gleam_common.errors import ConfigError, DataError
from gleam_common.images import MAX_PIXELS
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window

__all__ = ["Raster", "is_georeferenced"]

Picture = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

_DRIVERS = {
    b"II*\0": "GTiff",
    b"MM\0*": "GTiff",
    b"II+\0": "GTiff",
    b"MM\0+": "GTiff",
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG": "PNG",
}
"""GDAL's drivers by a file's first bytes; VRT and others would follow references to other files and addresses."""

_MERCATOR_M = 2 * math.pi * 6378137.0


class Raster:
    """An open raster.

    Args:
        path: of the file.
        crs: when the file names none; ``local`` for a picture without a place on the globe.

    Raises:
        DataError: no raster that can be read, not 8-bit, without CRS, or without transform.
        ConfigError: a CRS that PROJ does not know.
    """

    def __init__(self, path: Path, crs: str | None = None) -> None:
        self.path = path
        self._file = _open(path)
        self.width: int = self._file.width
        self.height: int = self._file.height
        self._check_samples()
        self.is_local = crs == "local"
        self.transform = self._file.transform
        if not self.is_local:
            self._to_globe = self._transformer(crs)

    def _check_samples(self) -> None:
        if set(self._file.dtypes) != {"uint8"}:
            raise DataError(
                f"{self.path}: samples that are not 8 bits",
                value=self._file.dtypes[0],
                fix="stretch it as you wish: gdal_translate -ot Byte -scale IN OUT",
            )
        block_px = self.width * self.height if self._file.driver != "GTiff" else math.prod(self._file.block_shapes[0])
        if block_px > MAX_PIXELS:
            raise DataError(
                f"{self.path}: pixels that can only be read at once",
                value=block_px,
                allowed=f"at most {MAX_PIXELS}",
                fix="store it in blocks: gdal_translate -co TILED=YES IN OUT",
            )

    def _transformer(self, crs: str | None) -> Transformer:
        found = self._file.crs
        if not found and crs is None:
            raise DataError(
                f"{self.path}: a raster without CRS",
                fix="name it (`--crs EPSG:32633`), or `--crs local --gsd-m 0.3` for a place nowhere on the globe",
            )
        if self.transform.is_identity:
            raise DataError(
                f"{self.path}: no transform from pixels to its CRS",
                fix="give it a world file or tags (gdal_translate -a_ullr, or gdalwarp for ground control points)",
            )
        try:
            self.crs = CRS.from_wkt(found.to_wkt()) if found else CRS.from_user_input(crs)
            self._period = self._period_of(self.crs)
            return Transformer.from_crs(self.crs, "EPSG:4326", always_xy=True)
        except (CRSError, ProjError) as error:
            raise ConfigError(
                f"{self.path}: a CRS that cannot be used ({error})", fix="name another with `--crs`"
            ) from error

    def _period_of(self, crs: CRS) -> float:
        """Return what a turn around the globe adds to x, 0 where x does not run round."""
        if crs.is_geographic:
            return 360.0
        return _MERCATOR_M if crs.to_epsg() == 3857 else 0.0

    def to_latlon(self, col: Floats, row: Floats) -> tuple[Floats, Floats]:
        """Return latitude and longitude in degrees, longitude in [-180, 180)."""
        x, y = _applied(self.transform, col, row)
        lon, lat = self._to_globe.transform(x, y)
        return np.asarray(lat), np.asarray((np.asarray(lon) + 180.0) % 360.0 - 180.0)

    def to_pixels(self, lat: Floats, lon: Floats) -> tuple[Floats, Floats]:
        """Return column and row."""
        x, y = self._to_globe.transform(lon, lat, direction="INVERSE")
        if self._period:  # across the antimeridian, x goes on where the raster is
            middle, _ = _applied(self.transform, self.width / 2, self.height / 2)
            x = x - self._period * np.round((x - middle) / self._period)
        return _applied(~self.transform, x, y)

    def read(self, box: tuple[int, int, int, int], size: tuple[int, int]) -> tuple[Picture, Picture]:
        """Return RGB and mask of a window at ``size``; see :class:`gleam_c.gallery.sources.cutting.Readable`."""
        left, top, right, bottom = box
        options: dict[str, Any] = {"window": Window(left, top, right - left, bottom - top)}
        interpretation = self._file.colorinterp[0]
        smooth = Resampling.nearest if interpretation is ColorInterp.palette else Resampling.average
        bands = [1, 2, 3] if self._file.count >= 3 else [1]
        try:
            samples = self._file.read(bands, out_shape=(len(bands), *size), resampling=smooth, **options)
            mask = self._file.dataset_mask(out_shape=size, resampling=Resampling.nearest, **options)
        except (RasterioError, ValueError) as error:
            raise DataError(f"{self.path}: broken raster ({error})", fix="restore the file") from error
        if interpretation is ColorInterp.palette:
            colours = self._file.colormap(1)
            table = np.array([colours.get(index, (0, 0, 0, 0))[:3] for index in range(256)], dtype=np.uint8)
            return table[samples[0]], mask
        return np.ascontiguousarray(np.broadcast_to(samples, (3, *size)).transpose(1, 2, 0)), mask


def _applied(matrix: Any, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return points moved by an affine transform (a, b, c, d, e, f, ...)."""
    a, b, c, d, e, f = matrix[:6]
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    return a * x + b * y + c, d * x + e * y + f


def _open(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            first = file.read(4)
    except OSError as error:
        raise DataError(f"{path}: no raster that can be read ({error.strerror})", fix="check the path") from error
    driver = next((name for magic, name in _DRIVERS.items() if first.startswith(magic)), None)
    if driver is None:
        raise DataError(f"{path}: not a raster", value=first, allowed="GeoTIFF, COG, JPEG or PNG with a world file")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        try:
            return rasterio.open(path, driver=driver)
        except RasterioError as error:
            raise DataError(f"{path}: broken {driver} ({error})", fix="restore the file") from error


def is_georeferenced(path: Path) -> bool:
    """Return whether a picture carries a transform: by tags or by a world file beside it."""
    try:
        return not _open(path).transform.is_identity
    except DataError:
        return False
