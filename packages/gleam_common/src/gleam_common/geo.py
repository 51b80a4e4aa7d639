"""Places on the globe and metres around them: WGS84 latitude and longitude, local metric frames."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from pyproj import Geod, Transformer

from gleam_common.errors import DataError

__all__ = ["Bounds", "LatLon", "LocalFrame", "ahead", "distance_m", "earth_centred_m"]

_GEOD = Geod(ellps="WGS84")


@dataclass(frozen=True, kw_only=True)
class LatLon:
    """A point on WGS84. Latitude in [-90, 90], longitude in [-180, 180], both in degrees.

    Raises:
        DataError: outside the globe, or not finite.
    """

    lat: float
    lon: float

    def __post_init__(self) -> None:
        for name, value, limit in (("latitude", self.lat, 90.0), ("longitude", self.lon, 180.0)):
            if not math.isfinite(value) or abs(value) > limit:
                raise DataError(
                    f"{name} outside the globe",
                    value=value,
                    allowed=f"-{limit:g} to {limit:g} degrees",
                    fix="check the order (latitude comes first) and the units (degrees)",
                )


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """A north-up box in degrees; ``west > east`` means that it crosses the antimeridian."""

    south: float
    west: float
    north: float
    east: float


@dataclass(frozen=True, kw_only=True)
class LocalFrame:
    """East/north metres around an origin (transverse Mercator on WGS84; under 1 mm of error within 10 km)."""

    origin: LatLon

    @cached_property
    def _transformer(self) -> Transformer:
        local = f"+proj=tmerc +lat_0={self.origin.lat!r} +lon_0={self.origin.lon!r} +k=1 +datum=WGS84 +units=m"
        return Transformer.from_crs("EPSG:4326", local, always_xy=True)

    def to_local(
        self, lat: npt.ArrayLike, lon: npt.ArrayLike
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return (x_m east, y_m north) of coordinates in degrees."""
        x, y = self._transformer.transform(np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64))
        return np.asarray(x), np.asarray(y)

    def to_latlon(
        self, x_m: npt.ArrayLike, y_m: npt.ArrayLike
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return (lat, lon) in degrees of local metres."""
        lon, lat = self._transformer.transform(
            np.asarray(x_m, dtype=np.float64), np.asarray(y_m, dtype=np.float64), direction="INVERSE"
        )
        return np.asarray(lat), np.asarray(lon)


def distance_m(
    lat1: npt.ArrayLike, lon1: npt.ArrayLike, lat2: npt.ArrayLike, lon2: npt.ArrayLike
) -> npt.NDArray[np.float64]:
    """Return the geodesic distance on WGS84 in metres, elementwise with broadcasting."""
    lat1_, lon1_, lat2_, lon2_ = np.broadcast_arrays(
        *(np.asarray(v, dtype=np.float64) for v in (lat1, lon1, lat2, lon2))
    )
    return np.asarray(_GEOD.inv(lon1_, lat1_, lon2_, lat2_)[2])


def ahead(start: LatLon, heading_deg: float, away_m: float) -> LatLon:
    """Return the point on WGS84 that lies ``away_m`` metres from ``start`` in a direction clockwise from true north."""
    lon, lat, _ = _GEOD.fwd(start.lon, start.lat, heading_deg, away_m)
    return LatLon(lat=lat, lon=lon)


def earth_centred_m(lat: npt.ArrayLike, lon: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return points on WGS84's ellipsoid in metres from the earth's centre, (N, 3): no seam, no poles."""
    phi, theta = np.radians(np.asarray(lat, dtype=np.float64)), np.radians(np.asarray(lon, dtype=np.float64))
    prime_m = _GEOD.a / np.sqrt(1 - _GEOD.es * np.sin(phi) ** 2)
    around = prime_m * np.cos(phi)
    return np.stack([around * np.cos(theta), around * np.sin(theta), prime_m * (1 - _GEOD.es) * np.sin(phi)], axis=-1)
