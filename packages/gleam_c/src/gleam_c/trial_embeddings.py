"""Where the embeddings of a trial come from: an encoder that looks at the pictures, or files that anybody made."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch
from gleam_common.catalog import Catalog, Which
from gleam_common.errors import ModelError
from gleam_common.metrics.set_fusion import fuse_sets
from gleam_common.views import View
from gleam_common.window import WHOLE, Window, shown_window
from torch import Tensor

from gleam_c.embed import EmbeddingTable, PictureEncoder, device_of, embed_catalog
from gleam_c.trials import Trial

__all__ = ["EncodedTrials", "TrialEmbeddings", "fused"]


class TrialEmbeddings(Protocol):
    """Gives the embeddings of a trial."""

    def of(self, trial: Trial) -> tuple[Tensor, Tensor]:
        """Return (Q, H, D) of the queries (or of their sets) and (G, H, D) of the gallery, in the trial's order."""


def fused(trial: Trial, query_QHD: Tensor) -> Tensor:
    """Return the queries' embeddings, the photos of a set fused to one.

    Raises:
        ModelError: several embeddings of one photo, which have no mean.
    """
    if trial.set_Q is None:
        return query_QHD
    if query_QHD.shape[1] != 1:
        raise ModelError("photos of a set have several embeddings each", value=query_QHD.shape[1], allowed="one")
    return torch.as_tensor(fuse_sets(query_QHD[:, 0].cpu().numpy(), trial.set_Q)[1], device=query_QHD.device)[:, None]


class EncodedTrials:
    """Embeds the pictures of trials; pictures that were embedded for one trial are not embedded again for another.

    Args:
        encoder: with its sizes, headings and layout.
        options: of :func:`gleam_c.embed.embed_catalog`.
    """

    def __init__(self, encoder: PictureEncoder, **options: Any) -> None:
        self._encoder, self._options = encoder, options
        self._known: dict[tuple[View, float | None, Window], tuple[dict[str, int], EmbeddingTable]] = {}

    def of(self, trial: Trial) -> tuple[Tensor, Tensor]:
        """Return the embeddings of queries and gallery; tiles are turned and cut as the pictures' view asks."""
        tile_side: Which = "queries" if trial.reverse else "gallery"
        picture_side: Which = "gallery" if trial.reverse else "queries"
        tiles = self._tiles(trial.catalog, tile_side, trial.view)
        pictures = self._side(trial.catalog, picture_side, None, WHOLE)[:, None]
        queries, gallery = (tiles, pictures) if trial.reverse else (pictures, tiles)
        return fused(trial, queries), gallery

    def _tiles(self, catalog: Catalog, which: Which, view: View) -> Tensor:
        headings = self._encoder.headings.get(view, 1)
        window = shown_window(view, self._encoder.laid_out)
        turns = [None if headings == 1 else 360.0 * number / headings for number in range(headings)]
        return torch.stack([self._side(catalog, which, up_deg, window) for up_deg in turns], dim=1)

    def _side(self, catalog: Catalog, which: Which, up_deg: float | None, window: Window) -> Tensor:
        """Return the embeddings (N, D) of a table's rows; a gallery may hold several views."""
        views = [View(name) for name in dict.fromkeys(catalog.column("view", which).tolist())]
        ids = np.asarray(catalog.gallery_ids if which == "gallery" else catalog.query_ids, dtype=object)
        matrix: Tensor | None = None
        for view in views:
            own = np.flatnonzero(catalog.column("view", which) == str(view))
            part = self._table(catalog, which, (view, up_deg, window), ids[own].tolist())
            matrix = torch.empty(len(ids), part.shape[1]) if matrix is None else matrix
            matrix[own] = part
        if matrix is None:
            raise ModelError("there is no picture to embed")
        return matrix.to(device_of(self._encoder))

    def _table(self, catalog: Catalog, which: Which, key: tuple[View, float | None, Window], ids: list[str]) -> Tensor:
        rows, table = self._known.get(key, ({}, None))
        if table is None or any(one not in rows for one in ids):
            view, up_deg, window = key
            table = embed_catalog(self._encoder, catalog, which, view, up_deg=up_deg, window=window, **self._options)
            rows = {one: row for row, one in enumerate(table.ids)}
            self._known[key] = rows, table
        return torch.from_numpy(np.asarray(table.matrix, dtype=np.float32)[[rows[one] for one in ids]])
