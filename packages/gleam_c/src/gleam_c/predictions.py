"""Predictions: where the right tiles stand for each query and which tiles come first, as a table that is kept."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from gleam_common.artifacts import write_atomic
from gleam_common.catalog import Catalog
from gleam_common.metrics.ranking import Embeddings, search

from gleam_c.tile_distance import tile_distance_m

__all__ = ["TOP", "predictions_of", "write_predictions"]

TOP = 10
"""Tiles that are kept for each query; SDM@k asks for ten."""


def predictions_of(catalog: Catalog, query_QHD: Embeddings, gallery_GHD: Embeddings) -> pa.Table:
    """Return one row for each query of ``catalog``, in order.

    Columns: ``query_id``, ``view``; ``rank`` (0-based, of the best positive), ``ranks`` (of all positives),
    ``rank_without_semi`` (of the best positive when semi-positives are taken out); ``top_ids``, ``top_scores`` of the
    first :data:`TOP` tiles; ``error_m`` from the query's ground point to the first tile's centre, null where unknown.

    Args:
        catalog: of the queries and tiles.
        query_QHD: embeddings of all queries, in the catalog's order.
        gallery_GHD: embeddings of all tiles, in the catalog's order; ranking runs where they are.
    """
    gallery = torch.as_tensor(gallery_GHD)
    query = torch.as_tensor(query_QHD, device=gallery.device)
    semi = catalog.query_semi_positives()
    found = search(query, gallery, catalog.query_positives(), semi if semi.rows.size else None, k=TOP)
    error_m = tile_distance_m(catalog, np.arange(len(catalog.queries)), found.rows[:, :1])[:, 0]
    ids = np.asarray(catalog.gallery_ids, dtype=object)
    ranks = found.ranks
    return pa.table(
        {
            "query_id": catalog.query_ids,
            "view": catalog.queries["view"],
            "rank": ranks.best,
            "ranks": pa.ListArray.from_arrays(ranks.offsets.astype(np.int32), ranks.ranks),
            "rank_without_semi": found.ranks_without.best,
            "top_ids": _lists(pa.array(ids[found.rows].ravel(), type=pa.string()), found.rows.shape),
            "top_scores": _lists(pa.array(found.scores.ravel()), found.rows.shape),
            "error_m": pa.array(error_m, mask=np.isnan(error_m)),
        }
    )


def _lists(flat: pa.Array, shape: tuple[int, ...]) -> pa.ListArray:
    return pa.ListArray.from_arrays(np.arange(shape[0] + 1, dtype=np.int32) * shape[1], flat)


def write_predictions(path: Path, predictions: pa.Table) -> None:
    """Write ``predictions`` as Parquet, atomically."""
    buffer = io.BytesIO()
    pq.write_table(predictions, buffer, compression="zstd")
    with write_atomic(path) as file:
        file.write(buffer.getvalue())
