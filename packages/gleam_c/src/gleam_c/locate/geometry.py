"""Shapes of an answer on the globe as RFC 7946 wants them: longitude first, rings anticlockwise, cut at 180 degrees."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from pyproj import Geod
from shapely.affinity import translate
from shapely.geometry.base import BaseGeometry

__all__ = ["circle", "line", "quadrangle"]

_GEOD = Geod(ellps="WGS84")
_SIDES = 72


def circle(lat: float, lon: float, radius_m: float) -> BaseGeometry:
    """Return the geodesic circle around a point as a polygon of 72 sides."""
    azimuth = np.arange(_SIDES) * (360.0 / _SIDES)
    lon_S, lat_S, _ = _GEOD.fwd(np.full(_SIDES, lon), np.full(_SIDES, lat), azimuth, np.full(_SIDES, radius_m))
    return quadrangle(list(zip(lat_S.tolist(), lon_S.tolist(), strict=True)))


def quadrangle(latlon: Sequence[tuple[float, float]]) -> BaseGeometry:
    """Return the polygon of corners (lat, lon) in either direction; none of them may hold a pole."""
    polygon = shapely.Polygon(_unwrapped(latlon))
    return _cut(shapely.orient_polygons(polygon))


def line(latlon: Sequence[tuple[float, float]]) -> BaseGeometry:
    """Return the line through points (lat, lon)."""
    return _cut(shapely.LineString(_unwrapped(latlon)))


def _unwrapped(latlon: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return (lon, lat) with longitudes that go on beyond 180 degrees where the shape crosses the antimeridian."""
    lon = np.unwrap([lon for _, lon in latlon], period=360.0)
    return [(float(x), lat) for x, (lat, _) in zip(lon, latlon, strict=True)]


def _cut(shape: BaseGeometry) -> BaseGeometry:
    west, _, east, _ = shape.bounds
    if west >= -180.0 and east <= 180.0:
        return shape
    parts: list[BaseGeometry] = []
    for turns in (-1, 0, 1):
        inside = shape.intersection(shapely.box(360.0 * turns - 180.0, -90.0, 360.0 * turns + 180.0, 90.0))
        moved = translate(inside, xoff=-360.0 * turns)
        parts += [part for part in shapely.get_parts(moved) if part.length]
    joined: BaseGeometry = shapely.union_all(parts)
    return shapely.orient_polygons(joined)
