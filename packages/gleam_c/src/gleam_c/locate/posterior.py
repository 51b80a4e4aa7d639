"""From similarities of tiles to where the photo was taken, and how sure that is.

The tiles found are weighed by a softmax of their similarities; its temperature is what calibration fits
(:mod:`gleam_c.locate.calibration`). Axes: K tiles found, best first; positions are metres east and north (K, 2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pyproj import Geod

__all__ = ["NEIGHBOURS", "Posterior", "frame_around", "frame_back", "inside_tiles", "posterior_of"]

Floats = npt.NDArray[np.float64]

NEIGHBOURS = 100
"""Tiles that are weighed; what comes after them counts as nothing."""

MASS = 0.9
"""Share of the weights that the radius is drawn around, before it is corrected by the calibration."""

_GEOD = Geod(ellps="WGS84")


@dataclass(frozen=True, kw_only=True)
class Posterior:
    """Where the photo was taken.

    Attributes:
        weights_K: of the tiles, sum 1.
        confidence_K: that the place lies in each tile: the weights of all tiles whose centres lie in it.
        xy: the estimate: the mean of the tiles whose centres lie in the best one, by their weights.
        reach_m: around ``xy``, which holds :data:`MASS` of the weights and a quarter of a tile more.
    """

    weights_K: Floats
    confidence_K: Floats
    xy: Floats
    reach_m: float


def posterior_of(scores_K: Floats, xy_K2: Floats, width_m_K: Floats, temperature: float) -> Posterior:
    """Return the posterior of one photo.

    Args:
        scores_K: similarities, best first.
        xy_K2: centres of the tiles.
        width_m_K: of the tiles on the ground.
        temperature: above 0; the smaller, the more the best tile weighs.
    """
    weights_K = np.exp((scores_K - scores_K[0]) / temperature)
    weights_K /= weights_K.sum()
    inside_KK = inside_tiles(xy_K2, width_m_K, xy_K2)
    near_K = weights_K * inside_KK[0]
    xy = near_K @ xy_K2 / near_K.sum()
    distance_m_K = np.hypot(*(xy_K2 - xy).T)
    order = np.argsort(distance_m_K, kind="stable")
    last = order[min(int(np.searchsorted(np.cumsum(weights_K[order]), MASS)), len(order) - 1)]
    return Posterior(
        weights_K=weights_K,
        confidence_K=np.minimum(inside_KK @ weights_K, 1.0),
        xy=xy,
        reach_m=float(distance_m_K[last] + width_m_K[last] / 4),
    )


def inside_tiles(xy_K2: Floats, width_m_K: Floats, points_P2: Floats) -> npt.NDArray[np.bool_]:
    """Return which points lie in which north-up tiles, (K, P), edges included."""
    off_KP = np.abs(xy_K2[:, None] - points_P2[None]).max(axis=2)
    return np.asarray(off_KP <= width_m_K[:, None] / 2 * (1 + 1e-6))


def frame_around(lat: float, lon: float, lat_K: Floats, lon_K: Floats) -> Floats:
    """Return metres east and north (K, 2) of points around (lat, lon), true in direction and distance from there.

    Defined everywhere on the globe, for tiles may lie anywhere.
    """
    count = len(lat_K)
    azimuth, _, distance = _GEOD.inv(np.full(count, lon), np.full(count, lat), lon_K, lat_K)
    turned = np.radians(azimuth)
    return np.stack([distance * np.sin(turned), distance * np.cos(turned)], axis=1)


def frame_back(lat: float, lon: float, xy: Floats) -> tuple[float, float]:
    """Return (lat, lon) of metres east and north of (lat, lon)."""
    azimuth = np.degrees(np.arctan2(xy[0], xy[1]))
    found_lon, found_lat, _ = _GEOD.fwd(lon, lat, azimuth, float(np.hypot(*xy)))
    return float(found_lat), float(found_lon)
