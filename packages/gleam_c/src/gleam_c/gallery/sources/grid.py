"""Centres and corners of the tiles that cover a raster: square in geodesic metres, north-up, evenly spread.

Centres are spread in an azimuthal equidistant frame around the raster's middle, so that neither poles nor the
antimeridian are special; corners are geodesics from each centre (:func:`gleam_c.gallery.tiles.corners_of`).
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
import numpy.typing as npt
from gleam_common.errors import DataError
from pyproj import Transformer

from gleam_c.gallery.tiles import corners_of

__all__ = ["Georeference", "covered_share", "middle_tile", "quads_px", "spread", "tiles_over"]

Floats = npt.NDArray[np.float64]

_BORDER_POINTS = 65
_MOST_EXTENT_M = 5e6
_MOST_TILES = 20_000_000
_BLOCK = 100_000
_SAMPLES = 9


class Georeference(Protocol):
    """Pixels of a raster and places on the globe. Pixel (0, 0) is the upper left corner of the first pixel."""

    width: int
    height: int

    def to_latlon(self, col: Floats, row: Floats) -> tuple[Floats, Floats]:
        """Return latitude and longitude in degrees of pixel coordinates."""

    def to_pixels(self, lat: Floats, lon: Floats) -> tuple[Floats, Floats]:
        """Return column and row of latitude and longitude in degrees."""


def tiles_over(raster: Georeference, width_m: float, overlap: float, min_covered: float) -> tuple[Floats, Floats]:
    """Return latitude and longitude (N, 2) and corners (N, 4, 2) of the tiles that cover a raster.

    Neighbours are at most ``width_m * (1 - overlap)`` apart, and the outer tiles end at the raster's edges. Tiles that
    lie inside the raster by less than ``min_covered`` are left out.

    Raises:
        DataError: the raster is not on the globe, larger than 5,000 km, or asks for over 20,000,000 tiles.
    """
    frame, (west_m, south_m, east_m, north_m) = _frame_around(raster)
    x_m = spread(west_m, east_m, width_m, overlap)
    y_m = spread(south_m, north_m, width_m, overlap)[::-1]
    if len(x_m) * len(y_m) > _MOST_TILES:
        raise DataError("tiles of one raster", value=len(x_m) * len(y_m), fix="take wider tiles, or cut the raster")
    centres, corners = [], []
    rows_at_once = max(1, _BLOCK // len(x_m))
    for start in range(0, len(y_m), rows_at_once):
        x, y = np.meshgrid(x_m, y_m[start : start + rows_at_once])
        lon, lat = frame.transform(x.ravel(), y.ravel(), direction="INVERSE")
        corners_N42 = corners_of(lat, lon, width_m)
        quads_N42 = quads_px(raster, corners_N42)
        keep = covered_share(quads_N42, raster.width, raster.height) >= min_covered
        centres.append(np.stack([lat, lon], axis=1)[keep])
        corners.append(corners_N42[keep])
    return np.concatenate(centres), np.concatenate(corners)


def middle_tile(raster: Georeference, width_m: float) -> tuple[Floats, Floats]:
    """Return latitude and longitude (1, 2) and corners (1, 4, 2) of the one tile in a raster's middle.

    Raises:
        DataError: the raster is not on the globe.
    """
    lat, lon = raster.to_latlon(np.array([raster.width / 2]), np.array([raster.height / 2]))
    _check_finite(lat, lon)
    return np.stack([lat, lon], axis=1), corners_of(lat, lon, width_m)


def _frame_around(raster: Georeference) -> tuple[Transformer, tuple[float, float, float, float]]:
    """Return the metric frame around the raster's middle, and (west, south, east, north) of the raster in it."""
    ((lat, lon),) = middle_tile(raster, 1.0)[0].tolist()
    local = f"+proj=aeqd +lat_0={lat!r} +lon_0={lon!r} +datum=WGS84 +units=m"
    frame = Transformer.from_crs("EPSG:4326", local, always_xy=True)
    along = np.linspace(0, 1, _BORDER_POINTS)
    zero, one = np.zeros_like(along), np.ones_like(along)
    col = np.concatenate([along, one, along, zero]) * raster.width
    row = np.concatenate([zero, along, one, along]) * raster.height
    border_lat, border_lon = raster.to_latlon(col, row)
    _check_finite(border_lat, border_lon)
    x, y = frame.transform(border_lon, border_lat)
    box = (float(np.min(x)), float(np.min(y)), float(np.max(x)), float(np.max(y)))
    extent_m = max(box[2] - box[0], box[3] - box[1])
    if not extent_m < _MOST_EXTENT_M:
        raise DataError("extent of one raster in km", value=round(extent_m / 1000), allowed="5000", fix="cut it")
    return frame, box


def _check_finite(lat: Floats, lon: Floats) -> None:
    if not (np.isfinite(lat).all() and np.isfinite(lon).all() and (np.abs(lat) <= 90.000001).all()):
        raise DataError(
            "the raster's corners are not on the globe", fix="check its CRS and its transform; `--crs` gives another"
        )


def spread(low_m: float, high_m: float, width_m: float, overlap: float) -> Floats:
    """Return centres of intervals of ``width_m`` that cover [low, high], evenly, at most a stride apart.

    One centre in the middle where the whole is no wider than an interval.
    """
    left_m = high_m - low_m - width_m
    if left_m <= width_m * 1e-6:
        return np.array([(low_m + high_m) / 2])
    count = math.ceil(left_m / (width_m * (1 - overlap)) - 1e-6) + 1
    return np.linspace(low_m + width_m / 2, high_m - width_m / 2, count)


def quads_px(raster: Georeference, corners_N42: Floats) -> Floats:
    """Return column and row (N, 4, 2) of corners in latitude and longitude (N, 4, 2)."""
    flat = corners_N42.reshape(-1, 2)
    col, row = raster.to_pixels(flat[:, 0], flat[:, 1])
    return np.stack([col, row], axis=1).reshape(corners_N42.shape)


def covered_share(quads_N42: Floats, width: int, height: int) -> Floats:
    """Return the share of each quadrilateral of pixels (NW, NE, SE, SW) that lies inside a raster, by 81 samples."""
    at = (np.arange(_SAMPLES) + 0.5) / _SAMPLES
    right, down = (part.ravel()[None, :, None] for part in np.meshgrid(at, at))
    nw, ne, se, sw = (quads_N42[:, None, corner] for corner in range(4))
    points = (1 - down) * ((1 - right) * nw + right * ne) + down * ((1 - right) * sw + right * se)
    inside = (points >= 0).all(axis=2) & (points[..., 0] <= width) & (points[..., 1] <= height)
    return np.asarray(inside.mean(axis=1))
