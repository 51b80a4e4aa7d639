"""A whole run: phases in order, then evaluation and report. Started again, it goes on; finished, it says so."""

from __future__ import annotations

import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import yaml
from gleam_common.artifacts import open_stage, write_atomic, write_json
from gleam_common.catalog import Catalog
from torch import Tensor

from gleam_c.encoder import EncoderConfig, create_encoder, preset
from gleam_c.model_folder import load_encoder, save_encoder
from gleam_c.phases import PhaseFolder, read_weights, run_phase
from gleam_c.recipe import Recipe

__all__ = ["train"]


def train(recipe: Recipe, out: Path, *, overwrite: bool = False) -> None:
    """Run a recipe into the folder ``out``; see DESIGN section 3 for what it holds afterwards.

    Every process runs this function: Lightning starts the others with the same command line. Rank 0 alone writes,
    evaluates and reports.

    Raises:
        ArtifactError: when ``out`` holds a run of another recipe, unless ``overwrite``.
        DataError: when the catalog or a split of it is missing.
    """
    started = time.perf_counter()
    catalog = Catalog.read(recipe.catalog, recipe.root or None)
    train_catalog = catalog.select(split=recipe.train_split)
    if _is_first_process():
        _open_run(recipe, out, overwrite)
    weights = _run_phases(recipe, train_catalog, catalog, out)
    if _is_first_process():
        torch.set_num_threads(recipe.trainer.processes * recipe.trainer.threads_per_process)
        _finish(recipe, catalog, out, weights, started)


def _is_first_process() -> bool:
    return int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0"))) == 0


def _open_run(recipe: Recipe, out: Path, overwrite: bool) -> None:
    config = asdict(recipe)
    open_stage(out, "gleam-c-run", config, overwrite)
    with write_atomic(out / "config.yaml") as file:
        file.write(yaml.safe_dump(config, sort_keys=False, allow_unicode=True).encode())
