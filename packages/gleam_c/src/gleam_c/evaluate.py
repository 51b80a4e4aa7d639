"""Embed, rank, score. Predictions are kept, so that they can be scored and reported again without the model."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from gleam_common.artifacts import write_atomic
from gleam_common.catalog import Catalog
from gleam_common.errors import ConfigError
from gleam_common.geo import distance_m
from gleam_common.metrics.ranking import Embeddings, positive_ranks, top_k
from gleam_common.row_lists import RowLists
from gleam_common.views import View
from gleam_common.window import Window, shown_window
from torch import Tensor

from gleam_c.embed import EmbeddingTable, PictureEncoder, device_of, embed_catalog
from gleam_c.scoring import PROTOCOLS, score

__all__ = ["TOP", "Evaluation", "evaluate_catalog", "predict", "predictions_of_view", "write_predictions"]

TOP = 5
"""Tiles that are kept for each query."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """``results`` as results.json holds them, and the ``predictions`` that they were computed from."""

    results: dict[str, Any]
    predictions: pa.Table


def evaluate_catalog(
    encoder: PictureEncoder,
    catalog: Catalog,
    *,
    split: str | None = "test",
    protocol: str = "synthcity",
    seed: int = 0,
    device: torch.device | str | None = None,
    batch_size: int = 64,
    workers: int = 0,
    cache: Path | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Evaluation:
    """Embed the gallery and the queries of ``split``, and score them under a protocol of :data:`PROTOCOLS`.

    Args:
        encoder: with the sizes per view, mean and std that it was trained with.
        catalog: the whole set; the protocol chooses the tiles.
        split: of the queries; None takes all.
        protocol: a name in :data:`PROTOCOLS`.
        seed: of the bootstrap.
        device: to embed and rank on; None is where the encoder is.
        batch_size: pictures embedded at once.
        workers: loader processes.
        cache: folder of decoded pictures.
        extra: what else belongs into the results, such as ``baseline`` (recall@1 per view of colour alone) and
            ``phase1`` (results of the first phase).

    Raises:
        ConfigError: unknown protocol.
        DataError: the split is empty, or a picture is missing or broken.
        ModelError: the encoder gives NaN.
    """
    if protocol not in PROTOCOLS:
        raise ConfigError("unknown protocol", value=protocol, allowed=PROTOCOLS)
    started = time.perf_counter()
    chosen = catalog.select(split=split, gallery=PROTOCOLS[protocol].gallery)
    options: dict[str, Any] = {"device": device, "batch_size": batch_size, "workers": workers, "cache": cache}
    predictions = predict(encoder, chosen, **options)
    results = score(predictions, chosen, protocol=protocol, seed=seed)
    wall_s = time.perf_counter() - started
    results |= {"split": split, "wall_s": round(wall_s, 2), "queries_per_s": round(len(chosen.queries) / wall_s, 1)}
    results |= dict(extra or {})
    return Evaluation(results=results, predictions=predictions)


def predict(encoder: PictureEncoder, catalog: Catalog, **options: Any) -> pa.Table:
    """Return what the encoder says of every query of ``catalog``, view after view: :func:`predictions_of_view`.

    ``options`` are those of :func:`gleam_c.embed.embed_catalog`; the gallery is embedded once for each number of
    headings that a view asks for (:attr:`gleam_c.encoder.Encoder.headings`).
    """
    galleries: dict[tuple[int, Window], Tensor] = {}
    tables = []
    for view in catalog.views:
        headings = encoder.headings.get(view, 1)
        window = shown_window(view, encoder.laid_out)
        if (headings, window) not in galleries:
            galleries[headings, window] = _embed_gallery(encoder, catalog, headings, {**options, "window": window})
        queries = embed_catalog(encoder, catalog, "queries", view, **options)
        tables.append(predictions_of_view(catalog, view, queries, galleries[headings, window]))
    return pa.concat_tables(tables)


def _embed_gallery(encoder: PictureEncoder, catalog: Catalog, headings: int, options: Mapping[str, Any]) -> Tensor:
    """Return the gallery's embeddings (G, H, D) in the catalog's order, on the encoder's device.

    A gallery may hold several views (University-1652).
    """
    views = [View(name) for name in dict.fromkeys(catalog.column("view", "gallery").tolist())]
    turned = []
    for number in range(headings):
        up_deg = None if headings == 1 else 360.0 * number / headings
        tables = [embed_catalog(encoder, catalog, "gallery", view, up_deg=up_deg, **options) for view in views]
        rows = [catalog.gallery_index[gallery_id] for table in tables for gallery_id in table.ids]
        turned.append(np.concatenate([table.matrix for table in tables])[np.argsort(rows)])
    return torch.as_tensor(np.stack(turned, axis=1), device=device_of(encoder))


def predictions_of_view(catalog: Catalog, view: View, queries: EmbeddingTable, gallery_GHD: Embeddings) -> pa.Table:
    """Return one row for each query of a view.

    Columns: ``query_id``, ``view``; ``rank`` (0-based, of the best positive), ``ranks`` (of all positives),
    ``rank_without_semi`` (of the best positive when semi-positives are taken out); ``top_ids``, ``top_scores`` of the
    first :data:`TOP` tiles; ``error_m`` from the query's ground point to the first tile's centre, null where unknown.

    Args:
        catalog: of the queries and tiles.
        view: of the queries.
        queries: embeddings of all queries of the view, in the catalog's order.
        gallery_GHD: embeddings of all tiles, in the catalog's order; ranking runs where they are.
    """
    gallery = torch.as_tensor(gallery_GHD)
    query_QD = torch.as_tensor(np.array(queries.matrix), device=gallery.device)
    of_view = np.flatnonzero(catalog.column("view") == str(view))
    positives, semi = (
        _lists_of(lists, of_view) for lists in (catalog.query_positives(), catalog.query_semi_positives())
    )
    found = positive_ranks(query_QD, gallery, positives)
    without_semi = positive_ranks(query_QD, gallery, positives, semi) if semi.rows.size else found
    rows, scores = top_k(query_QD, gallery, TOP)
    error_m = _error_m(catalog, of_view, rows[:, 0])
    return pa.table(
        {
            "query_id": queries.ids,
            "view": [str(view)] * len(of_view),
            "rank": found.best,
            "ranks": pa.ListArray.from_arrays(found.offsets.astype(np.int32), found.ranks),
            "rank_without_semi": without_semi.best,
            "top_ids": [[catalog.gallery_ids[row] for row in best] for best in rows],
            "top_scores": list(scores),
            "error_m": pa.array(error_m, mask=np.isnan(error_m)),
        }
    )


def write_predictions(path: Path, predictions: pa.Table) -> None:
    """Write ``predictions`` as Parquet, atomically."""
    buffer = io.BytesIO()
    pq.write_table(predictions, buffer, compression="zstd")
    with write_atomic(path) as file:
        file.write(buffer.getvalue())


def _lists_of(lists: RowLists, queries: npt.NDArray[np.int64]) -> RowLists:
    parts = [lists[int(query)] for query in queries]
    lengths = [len(part) for part in parts]
    rows = np.concatenate([np.empty(0, dtype=np.int64), *parts])
    return RowLists(offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), rows=rows)


def _error_m(catalog: Catalog, queries: npt.NDArray[np.int64], tiles: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return metres from each query's ground point to its tile: geodesic, else in x_m and y_m, else NaN."""
    lat_lon = (catalog.column(name)[queries] for name in ("lat", "lon"))
    tile_lat_lon = (catalog.column(name, "gallery")[tiles] for name in ("lat", "lon"))
    error_m = distance_m(*lat_lon, *tile_lat_lon)
    east_m, north_m = (
        catalog.column(name)[queries] - catalog.column(name, "gallery")[tiles] for name in ("x_m", "y_m")
    )
    return np.where(np.isnan(error_m), np.hypot(east_m, north_m), error_m)
