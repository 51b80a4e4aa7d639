"""A whole run: an adapter (or two), then its calibration. Started again it goes on; finished, it says so."""

from __future__ import annotations

import logging
import shutil
import warnings
from dataclasses import asdict
from pathlib import Path

import lightning as L  # noqa: N812
import torch
import yaml
from gleam_common.artifacts import Stage, open_stage, write_atomic
from gleam_common.distributed import prepare_launch, process_number, rank
from lightning.pytorch.callbacks import Callback

from gleam_x.adapter_folder import CONFIG, WEIGHTS, make_card, save_adapter
from gleam_x.architecture import PRESETS, build_model, build_processor, save_base
from gleam_x.benchmark.folder import read_records
from gleam_x.collate import Collator
from gleam_x.lora import attach_lora
from gleam_x.module import SftModule
from gleam_x.open_base import open_base
from gleam_x.pair_data import PairSplit, SamplePlan, plan_samples, read_split
from gleam_x.panel import StepBar, ValidationPanel
from gleam_x.recipe import Recipe
from gleam_x.run_folder import AdapterCheckpoint, JsonLinesLogger, RunFolder
from gleam_x.step_loader import StepLoader, StepShape
from gleam_x.strategy import base_dtype, create_strategy, lightning_precision, on_gpu, processes
from gleam_x.tokenizer import train_tokenizer
from gleam_x.trained import calibrate
from gleam_x.vlm import Base

__all__ = ["base_source", "train"]

_NOISE = (
    ".*isinstance\\(treespec.*",  # Lightning 2.6 on torch 2.15
    ".*does not have many workers.*",  # decoded pictures need none
    ".*in eval mode.*",  # SftModule.on_train_start wakes the model
)
"""Warnings that tell a user nothing, and why."""


def train(recipe: Recipe, out: Path, *, overwrite: bool = False) -> None:
    """Run a recipe into the folder ``out``: ``adapter/``, ``config.yaml``, ``metrics.jsonl``, ``explanations.jsonl``
    and ``calibration.json``.

    Raises:
        ArtifactError: ``out`` holds a run of another recipe, unless ``overwrite``; or there is no benchmark.
        ModelError: the base cannot be had.
        DataError: the benchmark cannot be learnt from.
    """
    stage = _open_run(recipe, out, overwrite) if process_number() == 0 else None
    if stage is not None and stage.is_complete:
        print(f"finished before; adapter: {out / 'adapter'}")
        return
    _quieten(recipe)
    if process_number() == 0:
        _make_base(recipe, out)
    folders = [RunFolder(run=out, name=name) for name in recipe.adapters]
    for folder in folders:
        if not folder.is_finished:
            _train_adapter(recipe, folder)
    if stage is not None:
        _finish(recipe, out, folders, stage)


def _open_run(recipe: Recipe, out: Path, overwrite: bool) -> Stage:
    stage = open_stage(out, "gleam-x run", recipe.what_decides, overwrite)
    if not stage.is_complete:
        with write_atomic(out / "config.yaml") as file:
            file.write(yaml.safe_dump(asdict(recipe), sort_keys=False, allow_unicode=True).encode())
    return stage


def base_source(recipe: Recipe, run: Path) -> str:
    """Return the folder or hub id of a run's base: its own fresh one when the recipe names a preset."""
    return str(run / "base") if recipe.base in PRESETS else recipe.base


def _make_base(recipe: Recipe, out: Path) -> None:
    """Build the tiny base of a preset, its tokenizer learnt from the training split's explanations."""
    if recipe.base not in PRESETS or (out / "base" / "model.safetensors").is_file():
        return
    texts = [record.explanation for record in read_records(recipe.benchmark, "train")]
    tokenizer = train_tokenizer(texts)
    half = out / ".base.partial"
    save_base(
        half, build_model(PRESETS[recipe.base], tokenizer, recipe.seed), build_processor(tokenizer, recipe.budget)
    )
    shutil.rmtree(out / "base", ignore_errors=True)
    half.rename(out / "base")


def _quieten(recipe: Recipe) -> None:
    for name in ("lightning.pytorch", "lightning.fabric", "lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)
    for text in _NOISE:
        warnings.filterwarnings("ignore", text)
    if recipe.trainer.threads:
        torch.set_num_threads(recipe.trainer.threads)


class _Parts(L.LightningDataModule):
    """The run in parts of some steps, each an epoch to Lightning, which then saves and looks after each of them."""

    def __init__(self, recipe: Recipe, split: PairSplit, plan: SamplePlan, collator: Collator) -> None:
        super().__init__()
        self._recipe, self._split, self._plan, self._collator = recipe, split, plan, collator
        self.shape = StepShape(
            batch_size=recipe.batch_size, accumulate=recipe.accumulate, ranks=processes(recipe.trainer)
        )
        an_epoch = -(-plan.epoch_length // self.shape.samples)
        self.steps = recipe.max_steps or -(-recipe.epochs * plan.epoch_length // self.shape.samples)
        self.part = min(recipe.checkpoint_steps or an_epoch, self.steps)
        self.parts = -(-self.steps // self.part)

    def train_dataloader(self) -> StepLoader:
        first = (self.trainer.current_epoch if self.trainer else 0) * self.part
        return StepLoader(
            self._split,
            self._plan,
            self._collator,
            self.shape,
            (first, min(first + self.part, self.steps)),
            rank=rank(),
            light=self._recipe.light,
            workers=self._recipe.workers,
        )


def _train_adapter(recipe: Recipe, folder: RunFolder) -> None:
    """Train one adapter, from its last checkpoint when there is one, and write it."""
    tasks = recipe.adapters[folder.name]
    source = base_source(recipe, folder.run)
    base = open_base(source, recipe.quantise, base_dtype(recipe.trainer), recipe.budget, recipe.revision)
    torch.manual_seed(recipe.seed)
    data = _data(recipe, tasks, base)
    module = SftModule(attach_lora(base.model, recipe.lora, recipe.trainer.checkpointing), recipe, data.steps)
    prepare_launch()
    trainer = L.Trainer(
        strategy=create_strategy(recipe),
        accelerator="gpu" if on_gpu(recipe.trainer) else "cpu",
        devices=processes(recipe.trainer),
        precision=lightning_precision(recipe.trainer),
        gradient_clip_val=recipe.trainer.gradient_clip or None,
        accumulate_grad_batches=recipe.accumulate,
        max_epochs=data.parts,
        reload_dataloaders_every_n_epochs=1,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        limit_val_batches=0,
        callbacks=_callbacks(recipe, folder, base, data),
        logger=JsonLinesLogger(folder),
        log_every_n_steps=1 if data.steps <= 200 else 10,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    try:
        trainer.fit(module, datamodule=data, ckpt_path=folder.last_checkpoint, weights_only=False)
    except SystemExit:  # Lightning's answer to Ctrl-C
        raise KeyboardInterrupt from None
    if trainer.is_global_zero:
        # An adapter travels: where base and benchmark lay on this machine is nobody's business.
        settings = {key: value for key, value in recipe.what_decides.items() if key not in ("base", "benchmark")}
        card = make_card(base, recipe.lora, recipe.order, settings | {"adapter": folder.name})
        save_adapter(folder.adapter, module.model, card)


def _data(recipe: Recipe, tasks: tuple[str, ...], base: Base) -> _Parts:
    split = read_split(recipe.benchmark, "train", base.processor.image_processor)
    collator = Collator(base.processor, max_tokens=recipe.max_tokens, budget=recipe.budget)
    plan, dropped = plan_samples(split, tasks, collator, recipe.seed, recipe.order)
    if dropped and process_number() == 0:
        print(f"{dropped} of {dropped + len(plan.items)} samples are longer than {recipe.max_tokens} tokens: left out")
    return _Parts(recipe, split, plan, collator)


def _callbacks(recipe: Recipe, folder: RunFolder, base: Base, data: _Parts) -> list[Callback]:
    title = "training" if folder.name == "adapter" else f"training {folder.name}"
    callbacks: list[Callback] = [StepBar(title, data.steps, data.shape.samples, recipe.accumulate)]
    if recipe.panel:
        split = read_split(recipe.benchmark, "validation", base.processor.image_processor, recipe.panel)
        collator = Collator(base.processor, padding="left", budget=recipe.budget)
        callbacks.append(ValidationPanel(split, recipe.adapters[folder.name], collator, folder, recipe.shown))
    return [*callbacks, AdapterCheckpoint(folder)]


def _finish(recipe: Recipe, out: Path, folders: list[RunFolder], stage: Stage) -> None:
    """Calibrate on the validation split, list what the run made, and throw the checkpoints away."""
    calibrate(out, recipe.benchmark)
    shutil.rmtree(out / "checkpoints", ignore_errors=True)
    made = [folder.adapter.relative_to(out) / name for folder in folders for name in (WEIGHTS, CONFIG, "card.json")]
    stage.finish([*made, "calibration.json"])
    print(f"adapter: {out / 'adapter'}")
