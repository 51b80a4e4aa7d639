"""Tiles of a gallery: what is known of each, where its corners lie, and the order that they are stored in.

Tiles are square and north-up, measured in geodesic metres on WGS84 around their own centre: no projection's metres.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyproj import Geod

__all__ = [
    "PLANNED",
    "TILES",
    "corners_of",
    "corners_of_boxes",
    "globe_points",
    "spatial_order",
    "table_points",
    "tile_table",
]

Floats = npt.NDArray[np.float64]

_GEOD = Geod(ellps="WGS84")
_MORTON_BITS = 21

TILES = pa.schema(
    [
        ("gallery_id", pa.string()),
        ("source", pa.string()),
        ("source_file", pa.string()),  # relative to the source; "" when the source is one file
        ("level", pa.int32()),  # number of the ground size, or the zoom
        ("lat", pa.float64()),  # of the centre, degrees; null when the source has no place on the globe
        ("lon", pa.float64()),
        ("corners", pa.list_(pa.float64())),  # lat, lon of NW, NE, SE, SW; null like lat
        ("x_m", pa.float64()),  # right and up from the upper left corner of a source without a place on the globe
        ("y_m", pa.float64()),
        ("width_m", pa.float64()),
        ("gsd_m", pa.float64()),  # metres of a pixel of the source
        ("rotation_deg", pa.float64()),  # heading that points up in the source, clockwise from north
        ("window", pa.list_(pa.float64())),  # column, row, width, height in pixels of the source
        ("content_sha256", pa.string()),  # of the tile's pixels as they were cut
        ("thumbnail_offset", pa.int64()),  # in thumbnails.bin
        ("thumbnail_bytes", pa.int64()),
        ("row", pa.int64()),  # in every embeddings/*.npy
    ]
)
"""Columns of ``tiles.parquet``; a source fills those up to ``window``."""

PLANNED = TILES.names[: TILES.get_field_index("content_sha256")]


def tile_table(columns: dict[str, object]) -> pa.Table:
    """Return a table of planned tiles: the columns that a source fills, absent ones null."""
    count = len(columns["gallery_id"])  # type: ignore[arg-type]
    arrays = []
    for name in PLANNED:
        kind = TILES.field(name).type
        value = columns.get(name)
        if value is None:
            arrays.append(pa.nulls(count, kind))
        elif isinstance(value, np.ndarray) and value.ndim == 2:
            offsets = np.arange(0, value.size + 1, value.shape[1], dtype=np.int32)
            arrays.append(pa.ListArray.from_arrays(offsets, value.ravel()))
        else:
            arrays.append(pa.array(value, type=kind))
    return pa.Table.from_arrays(arrays, schema=pa.schema([TILES.field(name) for name in PLANNED]))


def corners_of(lat_N: Floats, lon_N: Floats, width_m: float) -> Floats:
    """Return latitude and longitude (N, 4, 2) of the NW, NE, SE and SW corners of north-up squares.

    Geodesics leave the centre at 315, 45, 135 and 225 degrees for half a diagonal.
    """
    count = len(lat_N)
    azimuth = np.tile([315.0, 45.0, 135.0, 225.0], count)
    reach = np.full(4 * count, width_m / np.sqrt(2))
    lon, lat, _ = _GEOD.fwd(np.repeat(lon_N, 4), np.repeat(lat_N, 4), azimuth, reach)
    return np.stack([lat, lon], axis=1).reshape(count, 4, 2)


def corners_of_boxes(south_N: Floats, west_N: Floats, north_N: Floats, east_N: Floats) -> Floats:
    """Return latitude and longitude (N, 4, 2) of the NW, NE, SE and SW corners of boxes in degrees."""
    corners = [(north_N, west_N), (north_N, east_N), (south_N, east_N), (south_N, west_N)]
    return np.stack([np.stack(corner, axis=-1) for corner in corners], axis=1)


def spatial_order(points_N3: Floats) -> npt.NDArray[np.int64]:
    """Return the rows of points in Z-order (Morton) of the cube around them: near tiles get near rows.

    On the globe, points are Cartesian (:func:`globe_points`), so that neither poles nor antimeridian are special.
    """
    low, span = points_N3.min(axis=0), max(float(np.ptp(points_N3, axis=0).max()), 1e-9)
    cells_N3 = ((points_N3 - low) / span * (2**_MORTON_BITS - 1)).astype(np.uint64)
    key_N = np.zeros(len(points_N3), dtype=np.uint64)
    for axis in range(3):
        key_N |= _spread(cells_N3[:, axis]) << np.uint64(axis)
    return np.argsort(key_N, kind="stable")


def _spread(value: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Put two zero bits after each of the 21 bits."""
    for shift, mask in (
        (32, 0x1F00000000FFFF),
        (16, 0x1F0000FF0000FF),
        (8, 0x100F00F00F00F00F),
        (4, 0x10C30C30C30C30C3),
        (2, 0x1249249249249249),
    ):
        value = (value | (value << np.uint64(shift))) & np.uint64(mask)
    return value


def globe_points(lat_N: Floats, lon_N: Floats) -> Floats:
    """Return points on the unit sphere (N, 3) of degrees."""
    lat, lon = np.radians(lat_N), np.radians(lon_N)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)


def table_points(tiles: pa.Table) -> Floats:
    """Return points (N, 3) of a table of tiles for :func:`spatial_order`: on the globe, or local metres."""
    if tiles["lat"].null_count:
        flat = [np.asarray(tiles[name].to_numpy(), dtype=np.float64) for name in ("x_m", "y_m")]
        return np.stack([*flat, np.zeros(len(tiles))], axis=1)
    return globe_points(tiles["lat"].to_numpy(), tiles["lon"].to_numpy())
