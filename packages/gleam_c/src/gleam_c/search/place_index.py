"""Which rows of a gallery lie in an area, without looking at every row.

Tiles are stored in spatial order, so that 64 rows in a row are neighbours: each such block lies within a small cap of
the globe, and blocks whose cap does not touch the area's are passed over.

Axes: N rows, B blocks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from gleam_common.errors import DataError

from gleam_c.gallery.tiles import globe_points
from gleam_c.search.area import EARTH_RADIUS_M, Area

__all__ = ["Candidates", "PlaceIndex"]

Floats = npt.NDArray[np.float64]

_BLOCK = 64
_MARGIN = 1.02
"""For the difference between chords on a sphere and geodesics on WGS84."""


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """Rows of a gallery that lie in an area.

    Attributes:
        rows: in rising order.
        runs: (start, stop) of the blocks that hold them, in rising order: what is read.
    """

    rows: npt.NDArray[np.int64]
    runs: tuple[tuple[int, int], ...]


class PlaceIndex:
    """Caps around blocks of rows.

    Args:
        lat_N: degrees, in the gallery's order.
        lon_N: likewise.
    """

    def __init__(self, lat_N: Floats, lon_N: Floats) -> None:
        self._lat_N, self._lon_N = lat_N, lon_N
        starts = np.arange(0, len(lat_N), _BLOCK)
        points_N3 = globe_points(lat_N, lon_N)
        counts = np.minimum(_BLOCK, len(lat_N) - starts)
        self._centre_B3 = np.add.reduceat(points_N3, starts) / counts[:, None] if len(starts) else np.zeros((0, 3))
        apart_N = np.linalg.norm(points_N3 - np.repeat(self._centre_B3, counts, axis=0), axis=1)
        self._reach_B = np.maximum.reduceat(apart_N, starts) if len(starts) else np.zeros(0)

    def rows_in(self, area: Area) -> Candidates:
        """Return the rows that lie in an area.

        Raises:
            DataError: there is none.
        """
        centre, radius_m = area.cap
        point = globe_points(np.array([centre.lat]), np.array([centre.lon]))[0]
        # The chord of an arc; the whole globe beyond a quarter turn, where chords grow slowly.
        arc = radius_m * _MARGIN / EARTH_RADIUS_M
        chord = 2.0 if arc >= np.pi / 2 else 2 * np.sin(arc / 2)
        blocks = np.flatnonzero(np.linalg.norm(self._centre_B3 - point, axis=1) <= chord + self._reach_B)
        rows = (blocks[:, None] * _BLOCK + np.arange(_BLOCK)).ravel()
        rows = rows[rows < len(self._lat_N)]
        rows = rows[area.holds(self._lat_N[rows], self._lon_N[rows])]
        if not len(rows):
            raise DataError(
                "no tile of the gallery lies in the area that is searched",
                value=area,
                allowed=self._extent(),
                fix="check the order (latitude comes first), the radius in metres, and the gallery",
            )
        return Candidates(rows=rows, runs=_runs(rows // _BLOCK, len(self._lat_N)))

    def _extent(self) -> str:
        if not len(self._lat_N):
            return "the gallery is empty"
        south, north = self._lat_N.min(), self._lat_N.max()
        west, east = self._lon_N.min(), self._lon_N.max()
        return f"latitudes {south:.5f} to {north:.5f}, longitudes {west:.5f} to {east:.5f}"


def _runs(blocks: npt.NDArray[np.int64], count: int) -> tuple[tuple[int, int], ...]:
    """Return (start, stop) in rows of blocks, given in rising order, that follow on each other."""
    cuts = np.flatnonzero(np.diff(blocks) > 1) + 1
    first, last = blocks[np.r_[0, cuts]], blocks[np.r_[cuts - 1, len(blocks) - 1]]
    return tuple(
        (int(start) * _BLOCK, min(int(stop + 1) * _BLOCK, count)) for start, stop in zip(first, last, strict=True)
    )
