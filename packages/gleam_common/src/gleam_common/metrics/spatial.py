"""How far the first tiles lie from the truth, as DenseUAV and GTA-UAV measure it.

Axes: Q queries, K first tiles, best first.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gleam_common.errors import DataError

__all__ = ["DENSEUAV_SCALE", "EQUATOR_M", "GTA_UAV_SCALE", "degrees_apart", "mean_distance", "sdm", "sphere_m"]

Floats = npt.NDArray[np.float64]

DENSEUAV_SCALE = 5e3
"""Of SDM@k, per degree (DenseUAV ``evaluateDistance.py``)."""

GTA_UAV_SCALE = 1e-3
"""Of SDM@k, per metre (Game4Loc ``evaluate/gta.py``)."""

EQUATOR_M = 6378137.0
"""Radius of the sphere on which DenseUAV measures MA@m."""


def sdm(distance_QK: Floats, k: int, scale: float) -> Floats:
    """Return the spatial distance metric SDM@k of each query, in [0, 1]; 1 when all k tiles are at the truth.

    sum_i (k - i) exp(-scale * d_i) / sum_i (k - i) over the first tiles i = 0 ... k - 1 (Dai et al., DenseUAV, TIP
    2024, equation of SDM; Game4Loc weighs alike).

    Args:
        distance_QK: of the first tiles from the truth, in the unit of ``scale``.
        k: tiles that count.
        scale: :data:`DENSEUAV_SCALE` per degree, :data:`GTA_UAV_SCALE` per metre.

    Raises:
        DataError: fewer than ``k`` tiles, or an unknown distance.
    """
    weights_K = np.arange(k, 0, -1) / np.arange(k, 0, -1).sum()
    return np.asarray(np.exp(-scale * _first(distance_QK, k)) @ weights_K)


def mean_distance(distance_QK: Floats, k: int) -> Floats:
    """Return Dis@k of each query: the mean distance of its first ``k`` tiles (Game4Loc ``get_dis``).

    Raises:
        DataError: as :func:`sdm`.
    """
    return np.asarray(_first(distance_QK, k).mean(axis=1))


def degrees_apart(lat1: Floats, lon1: Floats, lat2: Floats, lon2: Floats) -> Floats:
    """Return the Euclidean distance in degrees, as DenseUAV's SDM takes it: a degree of longitude counts as one."""
    return np.hypot(lat1 - lat2, lon1 - lon2)


def sphere_m(lat1: Floats, lon1: Floats, lat2: Floats, lon2: Floats) -> Floats:
    """Return metres on a sphere of radius :data:`EQUATOR_M` by haversines, as DenseUAV's MA@m takes them."""
    lat1, lon1, lat2, lon2 = (np.radians(value) for value in (lat1, lon1, lat2, lon2))
    half = np.sin((lat1 - lat2) / 2) ** 2 + np.cos(lat1) * np.cos(lat2) * np.sin((lon1 - lon2) / 2) ** 2
    return np.asarray(2 * EQUATOR_M * np.arcsin(np.sqrt(half)))


def _first(distance_QK: Floats, k: int) -> Floats:
    distance = np.asarray(distance_QK, dtype=np.float64)
    if distance.ndim != 2 or not 1 <= k <= distance.shape[1]:
        raise DataError("first tiles whose distance counts", value=k, allowed=f"1 to {distance.shape[-1]}")
    unknown = np.flatnonzero(~(distance[:, :k] >= 0).all(axis=1))
    if unknown.size:
        raise DataError(
            f"distance of the first tiles is unknown for {unknown.size} queries; first row",
            value=int(unknown[0]),
            fix="give queries and tiles coordinates, or take another protocol",
        )
    return distance[:, :k]
