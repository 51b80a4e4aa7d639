"""The measures of distance that DenseUAV and GTA-UAV are reported with, one value a query."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from gleam_common.catalog import Catalog
from gleam_common.metrics.spatial import DENSEUAV_SCALE, GTA_UAV_SCALE, degrees_apart, mean_distance, sdm, sphere_m

from gleam_c.tile_distance import coordinates_of, tile_distance_m

__all__ = ["spatial_values"]

Rows = npt.NDArray[np.int64]
Values = dict[str, npt.NDArray[np.float64]]

DENSEUAV_KS, MA_RADII_M = (1, 3, 5, 10), (3, 5, 10, 20, 30, 50, 100)
GTA_KS = (1, 3, 5)


def spatial_values(kind: str, catalog: Catalog, query_Q: Rows, top_ids: pa.ChunkedArray) -> Values:
    """Return the measures of ``kind``: ``denseuav`` (SDM@k, MA@m), ``gta-uav`` (SDM@k, Dis@k in metres) or none.

    Args:
        kind: as in :attr:`gleam_c.protocols.Protocol.spatial`.
        catalog: of the queries and tiles.
        query_Q: rows of the queries.
        top_ids: ids of the first tiles of each query, best first, as many for each.

    Raises:
        DataError: a query or one of its first tiles has no coordinates.
    """
    if not kind:
        return {}
    flat = top_ids.combine_chunks().flatten().to_pylist()
    tile_QK = np.array([catalog.gallery_index[gallery_id] for gallery_id in flat]).reshape(len(query_Q), -1)
    return _denseuav(catalog, query_Q, tile_QK) if kind == "denseuav" else _gta_uav(catalog, query_Q, tile_QK)


def _denseuav(catalog: Catalog, query_Q: Rows, tile_QK: Rows) -> Values:
    lat, lon, tile_lat, tile_lon = coordinates_of(catalog, ("lat", "lon"), query_Q, tile_QK)
    degrees_QK = degrees_apart(lat, lon, tile_lat, tile_lon)
    values = {f"sdm@{k}": sdm(degrees_QK, k, DENSEUAV_SCALE) for k in DENSEUAV_KS if k <= tile_QK.shape[1]}
    error_m = sphere_m(lat, lon, tile_lat, tile_lon)[:, 0]
    return values | {f"ma@{radius}m": (error_m < radius).astype(np.float64) for radius in MA_RADII_M}


def _gta_uav(catalog: Catalog, query_Q: Rows, tile_QK: Rows) -> Values:
    distance_m = tile_distance_m(catalog, query_Q, tile_QK)
    ks = [k for k in GTA_KS if k <= tile_QK.shape[1]]
    values = {f"sdm@{k}": sdm(distance_m, k, GTA_UAV_SCALE) for k in ks}
    return values | {f"dis@{k}_m": mean_distance(distance_m, k) for k in ks}
