"""Embeddings of trials from two files that anybody's model made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from gleam_common.catalog import Catalog
from gleam_common.errors import DataError
from torch import Tensor

from gleam_c.embedding_files import read_embedding_file
from gleam_c.trial_embeddings import fused
from gleam_c.trials import Trial

__all__ = ["FiledTrials"]


class FiledTrials:
    """Gives the embeddings of trials from two files: pictures (the catalog's queries) and tiles (its gallery).

    Args:
        queries: file of the pictures' embeddings.
        gallery: file of the tiles' embeddings.
        catalog: that the ids must be of.
        device: to rank on.

    Raises:
        DataError: as :func:`gleam_c.embedding_files.read_embedding_file`, other sizes, or an id not in the catalog.
    """

    def __init__(self, queries: Path, gallery: Path, catalog: Catalog, device: torch.device) -> None:
        self._device = device
        self._pictures = _Filed(queries, catalog.query_ids, "queries")
        self._tiles = _Filed(gallery, catalog.gallery_ids, "gallery")
        sizes = (self._pictures.matrix.shape[-1], self._tiles.matrix.shape[-1])
        if sizes[0] != sizes[1]:
            raise DataError("embeddings of queries and gallery differ in size", value=sizes, fix="use one model")

    def of(self, trial: Trial) -> tuple[Tensor, Tensor]:
        """Return the embeddings of queries and gallery, each (N, H, D).

        Raises:
            DataError: one of the trial's ids is missing in its file.
        """
        queries, gallery = (self._tiles, self._pictures) if trial.reverse else (self._pictures, self._tiles)
        query_QHD = queries.rows(trial.catalog.query_ids, self._device)
        return fused(trial, query_QHD), gallery.rows(trial.catalog.gallery_ids, self._device)


class _Filed:
    def __init__(self, path: Path, known: list[str], table: str) -> None:
        ids, matrix = read_embedding_file(path)
        self._path, self.matrix = path, matrix
        unknown = sorted(set(ids) - set(known))
        if unknown:
            raise DataError(
                f"{path}: {len(unknown)} of {len(ids)} ids are not in {table}.parquet; first",
                value=unknown[0],
                fix=f"use the ids of the catalog, such as {known[0]!r}",
            )
        self._row = {one: row for row, one in enumerate(ids)}

    def rows(self, ids: list[str], device: torch.device) -> Tensor:
        missing = [one for one in ids if one not in self._row]
        if missing:
            raise DataError(
                f"{self._path}: {len(missing)} of {len(ids)} pictures have no embedding; first",
                value=missing[0],
                fix="embed them too, or choose another --split, --protocol or --direction",
            )
        order = np.array([self._row[one] for one in ids], dtype=np.int64)
        is_whole = np.array_equal(order, np.arange(len(self.matrix)))  # stays on the disk then
        part = torch.from_numpy(self.matrix if is_whole else self.matrix[order]).to(device)
        return part if part.ndim == 3 else part[:, None]
