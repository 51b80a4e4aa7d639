"""``gleam-c score``: embeddings that anybody's model made, scored as ours are."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from gleam_common.artifacts import write_json
from gleam_common.catalog import Catalog
from gleam_common.commands import run_function
from gleam_common.errors import DataError
from gleam_common.report.results_table import results_table
from torch import Tensor

from gleam_c.embedding_files import read_embedding_file
from gleam_c.evaluate import outcomes_of
from gleam_c.evaluate_command import check_options, chosen_device
from gleam_c.protocols import protocol_named
from gleam_c.scoring import score_outcomes
from gleam_c.trial_embeddings import fused
from gleam_c.trials import Trial, trials_of

__all__ = ["FiledTrials", "score", "score_command"]


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


def score(
    queries: Path,
    gallery: Path,
    catalog: Path,
    protocol: str,
    out: Path | None = None,
    split: str = "",
    direction: str = "",
    device: str = "auto",
    seed: int = 0,
) -> None:
    """Score embeddings that any model made, as ``gleam-c evaluate`` scores ours; no picture is opened.

    Args:
        queries: X.npy with the embeddings of the catalog's queries, a row each of length 1 (float16 or float32), and
            X.ids.json beside it: a list of their query_ids in the same order.
        gallery: the same for the tiles, with their gallery_ids.
        catalog: folder with gallery.parquet and queries.parquet (`gleam-data import`).
        protocol: which tiles are searched and what counts; an unknown name lists them.
        out: results.json to write; printed only by default.
        split: split of the queries; the protocol's by default.
        direction: only this one, such as satellite2uav; all of the protocol's by default.
        device: to rank on: cpu, cuda, cuda:N, or auto (a GPU when there is one).
        seed: of the bootstrap.
    """
    check_options(seed, out)
    started = time.perf_counter()
    rules = protocol_named(protocol)
    whole = Catalog.read(catalog)
    trials = trials_of(whole, rules, split or rules.split, direction or None)
    outcomes = outcomes_of(trials, FiledTrials(queries, gallery, whole, chosen_device(device)))
    results = score_outcomes(outcomes, rules, seed)
    results |= {"split": split or rules.split, "wall_s": round(time.perf_counter() - started, 2)}
    print(results_table(results))
    if out is not None:
        write_json(out, results)
        print(f"results: {out}")


def score_command(words: Sequence[str]) -> None:
    """Run ``gleam-c score``."""
    run_function(score, "gleam-c score", words)
