"""Parts of the globe that a search is confined to: around a point, a box, a polygon.

Degrees on WGS84, latitude before longitude; distances are geodesic metres. Axes: N points, V vertices.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import shapely
from gleam_common.errors import DataError
from gleam_common.geo import LatLon, distance_m

__all__ = ["EARTH_RADIUS_M", "Area", "Box", "Near", "Polygon", "bounds_of"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

EARTH_RADIUS_M = 6_371_008.8
_HALF_TURN_M = 20_003_931.0
_SPHERE_ERROR = 0.007
"""By which share distances on the sphere and on WGS84 differ at most (0.56 % is the worst)."""


@dataclass(frozen=True, kw_only=True)
class Near:
    """All within ``radius_m`` metres of a point.

    Raises:
        DataError: outside the globe, or no radius.
    """

    lat: float
    lon: float
    radius_m: float

    def __post_init__(self) -> None:
        LatLon(lat=self.lat, lon=self.lon)
        if not 0 < self.radius_m < float("inf"):
            raise DataError("radius in metres", value=self.radius_m, allowed="more than 0")

    @property
    def cap(self) -> tuple[LatLon, float]:
        """A point and the metres around it that hold the whole area."""
        return LatLon(lat=self.lat, lon=self.lon), min(self.radius_m, _HALF_TURN_M)

    def holds(self, lat_N: Floats, lon_N: Floats) -> Flags:
        """Return which points lie in it; geodesics are computed for those only that the sphere leaves in doubt."""
        apart_N = _sphere_m(self.lat, self.lon, lat_N, lon_N)
        inside_N = apart_N <= self.radius_m
        doubtful = np.flatnonzero(np.abs(apart_N - self.radius_m) <= _SPHERE_ERROR * self.radius_m + 1e-3)
        if len(doubtful):
            here_lat, here_lon = np.full(len(doubtful), self.lat), np.full(len(doubtful), self.lon)
            exact = distance_m(here_lat, here_lon, lat_N[doubtful], lon_N[doubtful])
            inside_N[doubtful] = exact <= self.radius_m
        return inside_N


@dataclass(frozen=True, kw_only=True)
class Box:
    """A north-up box; ``west > east`` means that it crosses the antimeridian.

    Raises:
        DataError: outside the globe, or the south is north of the north.
    """

    south: float
    west: float
    north: float
    east: float

    def __post_init__(self) -> None:
        for lat, lon in ((self.south, self.west), (self.north, self.east)):
            LatLon(lat=lat, lon=lon)
        if self.south > self.north:
            raise DataError(
                "the box's south lies north of its north",
                value=(self.south, self.north),
                fix="give south, west, north, east in degrees",
            )

    @property
    def cap(self) -> tuple[LatLon, float]:
        """A point and the metres around it that hold the whole area."""
        width = (self.east - self.west) % 360 or (360.0 if self.east != self.west else 0.0)
        lon = (self.west + width / 2 + 180) % 360 - 180
        centre = LatLon(lat=(self.south + self.north) / 2, lon=lon)
        if width > 180:
            return centre, _HALF_TURN_M
        edge_lat = np.array([self.south, self.north, min(max(0.0, self.south), self.north)])
        reach = _sphere_m(centre.lat, centre.lon, edge_lat, np.full(3, self.west))
        return centre, float(reach.max()) * (1 + 2 * _SPHERE_ERROR)

    def holds(self, lat_N: Floats, lon_N: Floats) -> Flags:
        """Return which points lie in it, edges included."""
        if self.west <= self.east:
            in_lon_N = (lon_N >= self.west) & (lon_N <= self.east)
        else:
            in_lon_N = (lon_N >= self.west) | (lon_N <= self.east)
        return np.asarray(in_lon_N & (lat_N >= self.south) & (lat_N <= self.north))


@dataclass(frozen=True, kw_only=True)
class Polygon:
    """A polygon whose edges are straight in degrees; it may cross the antimeridian and must not hold a pole.

    Attributes:
        latlon: vertices as (lat, lon), three or more; the last is joined to the first.

    Raises:
        DataError: outside the globe, too few vertices, edges that cross each other, or a pole inside.
    """

    latlon: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        for lat, lon in self.latlon:
            LatLon(lat=lat, lon=lon)
        if len(set(self.latlon)) < 3:
            raise DataError("vertices of a polygon", value=len(set(self.latlon)), allowed="3 or more, not all the same")
        if math.fabs(self._turned[-1]) > 180:
            raise DataError("the polygon holds a pole", fix="search around a point instead: a radius in metres")
        if not self._shape.is_valid or self._shape.area == 0:
            raise DataError(
                "the polygon's edges cross each other, or it has no area",
                value=shapely.is_valid_reason(self._shape),
                fix="give its vertices in order",
            )

    @cached_property
    def _turned(self) -> Floats:
        """How far east of the first vertex each vertex lies, and the first again, when the edges are followed."""
        lon_V = np.array([lon for _, lon in (*self.latlon, self.latlon[0])])
        steps = (np.diff(lon_V) + 180) % 360 - 180
        return np.concatenate([[0.0], np.cumsum(steps)])

    @cached_property
    def _shape(self) -> shapely.Polygon:
        lats = [lat for lat, _ in self.latlon]
        found = shapely.Polygon(list(zip(self._turned[:-1].tolist(), lats, strict=True)))
        shapely.prepare(found)
        return found

    @property
    def cap(self) -> tuple[LatLon, float]:
        """A point and the metres around it that hold the whole area."""
        west, south, east, north = self._shape.bounds
        first = self.latlon[0][1]
        around = [(first + lon + 180) % 360 - 180 for lon in (west, east)]
        if east - west >= 360:
            around = [-180.0, 180.0]
        return Box(south=south, west=around[0], north=north, east=around[1]).cap

    def holds(self, lat_N: Floats, lon_N: Floats) -> Flags:
        """Return which points lie in it, edges included."""
        west = self._shape.bounds[0]
        east_N = (lon_N - self.latlon[0][1] - west) % 360 + west
        return np.asarray(shapely.intersects_xy(self._shape, east_N, lat_N))


Area = Near | Box | Polygon


def _sphere_m(lat: float, lon: float, lat_N: Floats, lon_N: Floats) -> Floats:
    """Return metres on the sphere (haversine) from a point to points."""
    phi, phi_N = math.radians(lat), np.radians(lat_N)
    half = np.sin((phi_N - phi) / 2) ** 2
    half += math.cos(phi) * np.cos(phi_N) * np.sin(np.radians(lon_N - lon) / 2) ** 2
    return np.asarray(2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0))))


def bounds_of(area: Area) -> Box:
    """Return a box that holds the whole area, for engines that filter by numbers."""
    centre, radius_m = area.cap
    arc = radius_m * (1 + 2 * _SPHERE_ERROR) / EARTH_RADIUS_M
    south, north = centre.lat - math.degrees(arc), centre.lat + math.degrees(arc)
    if south <= -90 or north >= 90:
        return Box(south=max(south, -90.0), west=-180.0, north=min(north, 90.0), east=180.0)
    reach = math.degrees(math.asin(min(1.0, math.sin(min(arc, math.pi / 2)) / math.cos(math.radians(centre.lat)))))
    west, east = ((centre.lon + side * reach + 180) % 360 - 180 for side in (-1, 1))
    return Box(south=south, west=west, north=north, east=east)
