"""How far tiles lie from what a query shows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from gleam_common.catalog import Catalog
from gleam_common.geo import distance_m

__all__ = ["coordinates_of", "tile_distance_m"]

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def tile_distance_m(catalog: Catalog, query_Q: Rows, tile_QK: Rows) -> Floats:
    """Return metres from each query's ground point to the centres of its tiles, float64 (Q, K).

    Geodesic where both have latitude and longitude, else in ``x_m`` and ``y_m``, else NaN.

    Args:
        catalog: of the queries and tiles.
        query_Q: rows of queries.
        tile_QK: rows of tiles for each of them.
    """
    geodesic_m = distance_m(*coordinates_of(catalog, ("lat", "lon"), query_Q, tile_QK))
    y_m, x_m, tile_y_m, tile_x_m = coordinates_of(catalog, ("y_m", "x_m"), query_Q, tile_QK)
    return np.where(np.isnan(geodesic_m), np.hypot(x_m - tile_x_m, y_m - tile_y_m), geodesic_m)


def coordinates_of(catalog: Catalog, names: tuple[str, str], query_Q: Rows, tile_QK: Rows) -> tuple[Floats, ...]:
    """Return two columns of the queries, each (Q, 1), and of the tiles, each (Q, K)."""
    query = [catalog.column(name)[query_Q][:, None] for name in names]
    return (*query, *(catalog.column(name, "gallery")[tile_QK] for name in names))
