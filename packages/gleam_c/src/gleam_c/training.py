"""A whole run: phases in order, then evaluation and report. Started again, it goes on; finished, it says so."""

from __future__ import annotations

import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
import yaml
from gleam_common.artifacts import Stage, open_stage, read_json, write_atomic, write_json
from gleam_common.catalog import Catalog
from gleam_common.distributed import join_cluster, process_number, wait_for_first
from gleam_common.errors import ArtifactError
from gleam_common.report.page import write_report
from gleam_common.report.results_table import results_table
from gleam_common.synthcity.baseline import colour_recall
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from gleam_c.encoder import Encoder, create_encoder, preset
from gleam_c.evaluate import evaluate_catalog
from gleam_c.model_card import model_card
from gleam_c.model_folder import load_encoder, save_encoder
from gleam_c.phase_folder import PhaseFolder, read_weights
from gleam_c.phases import phase_data, run_phase
from gleam_c.predictions import write_predictions
from gleam_c.protocols import Protocol, protocol_named
from gleam_c.recipe import Recipe
from gleam_c.run_log import read_curves
from gleam_c.validation import ValidationRecall

__all__ = ["train"]

_PRODUCTS = ("model/model.safetensors", "model/config.json", "predictions.parquet", "results.json", "report.html")


def train(recipe: Recipe, out: Path, *, overwrite: bool = False) -> None:
    """Run a recipe into the folder ``out``; see DESIGN section 3 for what it holds afterwards.

    Every process runs this function: Lightning starts the others with the same command line, or torchrun or SLURM
    starts them all. Rank 0 alone makes the world, writes, evaluates and reports.

    Raises:
        ArtifactError: when ``out`` holds a run of another recipe, unless ``overwrite``.
        DataError: when the catalog or a split of it is missing.
    """
    encoder = create_encoder(preset(recipe.encoder, {**recipe.encoder_overrides, "pretrained": False}))
    is_first, is_cluster = process_number() == 0, join_cluster(recipe.trainer.on_gpu)
    if is_first:
        _make_world(recipe)
    if is_cluster:
        wait_for_first()
    catalog = Catalog.read(recipe.catalog, recipe.root or None)
    for split in filter(None, (recipe.train_split, recipe.test_split, recipe.val_split)):
        catalog.select(split=split, protocol=_rules(recipe).column or None)
    for phase in recipe.phases:
        phase_data(recipe, phase, encoder).steps_per_epoch(recipe.trainer.world_size)
    if is_first:
        _check_pictures(recipe, catalog, encoder)
    stage = _open_run(recipe, out, overwrite) if is_first else None
    if is_cluster:
        wait_for_first()
    if stage is not None and stage.is_complete:
        print(results_table(read_json(out / "results.json")))
        print(f"finished before; report: {out / 'report.html'}")
        return
    weights = _run_phases(recipe, catalog, out)
    if stage is not None:
        torch.set_num_threads(recipe.trainer.processes * recipe.trainer.threads_per_process)
        _finish(recipe, catalog, out, weights)
        stage.finish(_PRODUCTS)


def _make_world(recipe: Recipe) -> None:
    if recipe.world is None:
        return
    from gleam_common.synthcity.build import build_world

    try:
        build_world(recipe.world, recipe.catalog)
    except ArtifactError as error:
        raise ArtifactError(
            f"the recipe's world cannot be made in {recipe.catalog} ({error})",
            fix=f"remove {recipe.catalog}, choose another folder with `--catalog`, or train on what is there with "
            "`--world null`",
        ) from error


def _check_pictures(recipe: Recipe, catalog: Catalog, encoder: Encoder) -> None:
    """Meet missing headings and bad pictures while there is one process, which can say so in one line."""
    column = _rules(recipe).column or None
    catalog.select(recipe.train_split, gallery="positives", protocol=column).check_pictures(bad_share=recipe.bad_share)
    for split in filter(None, (recipe.test_split, recipe.val_split)):
        catalog.select(split, protocol=column).check_pictures()
    for phase in recipe.phases:
        _ = phase_data(recipe, phase, encoder).dataset


def _open_run(recipe: Recipe, out: Path, overwrite: bool) -> Stage:
    config = asdict(recipe)
    # What came out of a recipe is written into it afterwards, and whoever loads the pictures, the run is the same.
    decides = {key: value for key, value in config.items() if key not in ("about", "workers")}
    stage = open_stage(out, "gleam-c run", decides, overwrite)
    if not stage.is_complete:
        with write_atomic(out / "config.yaml") as file:
            file.write(yaml.safe_dump(config, sort_keys=False, allow_unicode=True).encode())
    return stage


def _run_phases(recipe: Recipe, catalog: Catalog, out: Path) -> dict[str, Tensor]:
    """Train what is not finished yet; return the last phase's weights."""
    folders = [PhaseFolder(run=out, name=phase.name) for phase in recipe.phases]
    pending = [not folder.is_finished for folder in folders]
    weights: dict[str, Tensor] | None = None
    for number, (phase, folder) in enumerate(zip(recipe.phases, folders, strict=True), start=1):
        if pending[number - 1]:
            title = f"phase {number}/{len(folders)} {phase.name}"
            weights = run_phase(recipe, phase, weights, folder, _callbacks(recipe, catalog, phase.views), title)
        else:
            weights = read_weights(folder)
    if weights is None:
        raise RuntimeError("a recipe without phases cannot be built")
    return weights


def _callbacks(recipe: Recipe, catalog: Catalog, views: list[str]) -> list[Callback]:
    if not recipe.val_split or recipe.trainer.fast_dev_steps:
        return []
    protocol = _rules(recipe).column or None
    chosen = catalog.select(recipe.val_split, views, gallery="positives", protocol=protocol)
    return [ValidationRecall(chosen, recipe.val_every, _cache(recipe))]


def _rules(recipe: Recipe) -> Protocol:
    """Return the recipe's protocol, of which a run takes pictures that look for tiles, one by one."""
    return replace(protocol_named(recipe.protocol), directions=("forward",), sets=False)


def _cache(recipe: Recipe) -> Path | None:
    return Path(recipe.cache) if recipe.cache else None


def _encoder(recipe: Recipe, weights: dict[str, Tensor]) -> Encoder:
    encoder = create_encoder(preset(recipe.encoder, {**recipe.encoder_overrides, "pretrained": False}))
    encoder.load_state_dict({name[8:]: value for name, value in weights.items() if name.startswith("encoder.")})
    return encoder.eval()


def _evaluate(recipe: Recipe, catalog: Catalog, encoder: Encoder, views: list[str] | None, **extra: Any) -> Any:
    chosen = catalog if views is None else catalog.select(views=views, gallery="all")
    return evaluate_catalog(
        encoder,
        chosen,
        split=recipe.test_split,
        protocol=_rules(recipe),
        seed=recipe.seed,
        device="cuda" if recipe.trainer.on_gpu else None,
        cache=_cache(recipe),
        extra=extra,
    )


def _first_phase(recipe: Recipe, catalog: Catalog, out: Path) -> dict[str, Any]:
    """Return the results after the first phase, on its own views."""
    first = recipe.phases[0]
    encoder = _encoder(recipe, read_weights(PhaseFolder(run=out, name=first.name)))
    results: dict[str, Any] = _evaluate(recipe, catalog, encoder, first.views).results
    return results


def _finish(recipe: Recipe, catalog: Catalog, out: Path, weights: dict[str, Tensor]) -> None:
    """Write the model, the results and the report, and say where they are."""
    encoder = _encoder(recipe, weights)
    folders = [PhaseFolder(run=out, name=phase.name) for phase in recipe.phases]
    extra: dict[str, Any] = {"recipe_seed": recipe.seed}
    if recipe.world is not None:  # what colour alone finds is a question to our world
        extra["baseline"] = colour_recall(catalog, recipe.test_split)
    if len(recipe.phases) > 1:
        extra["phase1"] = _first_phase(recipe, catalog, out)
    evaluation = _evaluate(recipe, catalog, encoder, None, **extra)
    evaluation.results["training_wall_s"] = round(sum(read_json(folder.record)["wall_s"] for folder in folders), 1)
    state = {name[8:]: value for name, value in weights.items() if name.startswith("encoder.")}
    seen = catalog.select(split=recipe.train_split, protocol=_rules(recipe).column or None).gallery_latlon()
    save_encoder(out / "model", encoder.config, state, model_card(recipe, evaluation.results, seen))
    load_encoder(out / "model")
    write_predictions(out / "predictions.parquet", evaluation.predictions)
    write_json(out / "results.json", evaluation.results)
    report = write_report(out, evaluation.results, evaluation.predictions, catalog, read_curves(out / "metrics.jsonl"))
    for phase in recipe.phases:
        shutil.rmtree(out / "checkpoints" / phase.name, ignore_errors=True)
    print(results_table(evaluation.results))
    print(f"report: {report}")
