"""Similarities of queries and tiles as a matrix, for what needs them all: mining mistakes, calibration, fusion."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
from gleam_common.catalog import Catalog
from gleam_common.views import View
from gleam_common.window import shown_window

from gleam_c.embed import PictureEncoder, embed_catalog

__all__ = ["similarity_of_view"]


def similarity_of_view(
    encoder: PictureEncoder, catalog: Catalog, view: View, **options: Any
) -> npt.NDArray[np.float32]:
    """Return the cosine of each query of ``view`` (rows) and each tile (columns), float32 (Q, G).

    A tile counts in the heading that fits the query best. The whole matrix is held in memory; ranking a gallery does
    not need it (:func:`gleam_c.evaluate.predict`).

    Args:
        encoder: with its sizes, headings and layout.
        catalog: queries of other views are left out; order of rows and columns is the catalog's.
        view: of the queries.
        options: of :func:`gleam_c.embed.embed_catalog`.
    """
    queries = embed_catalog(encoder, catalog, "queries", view, **options).matrix
    headings = encoder.headings.get(view, 1)
    window = shown_window(view, encoder.laid_out)
    best = np.full((len(queries), len(catalog.gallery)), -np.inf, dtype=np.float32)
    with TemporaryDirectory() as cache:  # tiles are decoded once, not once for each heading
        shared = {"cache": Path(cache), **options}
        for number in range(headings):
            up_deg = None if headings == 1 else 360.0 * number / headings
            tiles = embed_catalog(encoder, catalog, "gallery", up_deg=up_deg, window=window, **shared).matrix
            np.maximum(best, queries @ tiles.T, out=best)
    return best
