"""Photos of a catalog searched in its own tiles: what a calibration is fitted on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from gleam_common.catalog import Catalog
from gleam_common.errors import DataError
from gleam_common.geo import distance_m
from gleam_common.views import View, parse_view

from gleam_c.embed import PictureEncoder
from gleam_c.locate.calibration import Known, ViewCalibration, fit_view
from gleam_c.locate.posterior import NEIGHBOURS, frame_around
from gleam_c.similarity import similarity_of_view

__all__ = ["calibrate_views", "known_places", "tile_widths_m"]


def calibrate_views(encoder: PictureEncoder, catalog: Catalog, views: Sequence[str]) -> dict[View, ViewCalibration]:
    """Return the numbers of each of ``views`` that the catalog has queries of.

    Raises:
        DataError: unknown view, none of them in the catalog, tiles or queries without coordinates, or too few queries.
        ModelError: the encoder gives NaN.
    """
    wanted = [parse_view(name) for name in views]
    there = [view for view in wanted if view in catalog.views]
    if not there:
        raise DataError("views that the catalog has no queries of", value=list(views), allowed=map(str, catalog.views))
    width_m_G = tile_widths_m(catalog)
    return {
        view: fit_view(known_places(catalog, view, similarity_of_view(encoder, catalog, view), width_m_G))
        for view in there
    }


def known_places(
    catalog: Catalog, view: View, score_QG: npt.NDArray[np.float32], width_m_G: npt.NDArray[np.float64]
) -> list[Known]:
    """Return the queries of a view with the tiles that come first for them.

    Args:
        catalog: of the queries and tiles.
        view: of the queries.
        score_QG: their similarities, in the catalog's order.
        width_m_G: of the tiles on the ground.

    Raises:
        DataError: a query without coordinates.
    """
    rows = np.flatnonzero(catalog.column("view") == str(view))
    lat_Q, lon_Q = (np.asarray(catalog.column(name)[rows], dtype=np.float64) for name in ("lat", "lon"))
    if np.isnan(lat_Q).any():
        raise DataError(
            "queries without coordinates", value=int(np.isnan(lat_Q).sum()), fix="calibrate on a set that has them"
        )
    latlon_G2 = catalog.gallery_latlon()
    known = []
    for scores_G, lat, lon in zip(score_QG, lat_Q, lon_Q, strict=True):
        order = np.argsort(-scores_G, kind="stable")[:NEIGHBOURS]
        known.append(
            Known(
                scores_K=scores_G[order].astype(np.float64),
                xy_K2=frame_around(float(lat), float(lon), latlon_G2[order, 0], latlon_G2[order, 1]),
                width_m_K=width_m_G[order],
                true_xy=np.zeros(2),
            )
        )
    return known


def tile_widths_m(catalog: Catalog) -> npt.NDArray[np.float64]:
    """Return how wide the tiles of a catalog are on the ground, from their bounds.

    Raises:
        DataError: tiles without bounds.
    """
    bounds = catalog.gallery["bounds"]
    if bounds.null_count:
        raise DataError("tiles without bounds", value=bounds.null_count, fix="add `bounds` to gallery.parquet")
    south, west, north, east = np.array(bounds.to_pylist(), dtype=np.float64).T
    middle = (south + north) / 2
    return distance_m(middle, west, middle, east)
