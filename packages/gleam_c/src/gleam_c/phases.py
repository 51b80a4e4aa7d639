"""One phase of training: batches, a Lightning trainer, checkpoints to go on from, weights at the end."""

from __future__ import annotations

import logging
import time
import warnings
from dataclasses import replace
from typing import Any

import lightning as L  # noqa: N812
import torch
from gleam_common.artifacts import write_atomic, write_json
from gleam_common.datamodule import DataConfig, PairDataModule
from gleam_common.distributed import prepare_launch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from safetensors.torch import save
from torch import Tensor

from gleam_c.bad_pictures import BadPictures
from gleam_c.checkpoints import PhaseCheckpoints, newest_sound
from gleam_c.encoder import Encoder, create_encoder, preset
from gleam_c.guard import FiniteSteps
from gleam_c.loss import create_loss
from gleam_c.mining import mining_callbacks
from gleam_c.module import ContrastiveModule
from gleam_c.phase_folder import PhaseFolder
from gleam_c.protocols import protocol_named
from gleam_c.recipe import PhaseConfig, Recipe
from gleam_c.run_log import JsonLinesLogger, PhaseProgress
from gleam_c.speed import tune_encoder, tune_hardware
from gleam_c.strategy import create_strategy, full_state_dict

_NOISE = (
    ".*isinstance\\(treespec.*",  # Lightning 2.6 on torch 2.15
    ".*does not have many workers.*",  # decoded pictures need none
    ".*Grad strides do not match.*",  # channels-last weights
    ".*use `sync_dist=True`.*",  # every rank logs the same validation recall
)
"""Warnings that tell a user nothing, and why."""

_LOGGED_STEPS = 10

__all__ = ["phase_data", "run_phase"]


def run_phase(
    recipe: Recipe,
    phase: PhaseConfig,
    start: dict[str, Tensor] | None,
    folder: PhaseFolder,
    callbacks: list[Callback],
    title: str,
) -> dict[str, Tensor]:
    """Train one phase from the weights ``start`` (None: from the seed) and return the weights it ends with.

    Every process calls it; rank 0 writes. A phase that was stopped goes on from its last checkpoint.

    Raises:
        KeyboardInterrupt: when it was stopped by hand.
    """
    before = newest_sound(folder.checkpoints)
    started, spent_s = time.perf_counter(), before.spent_s if before else 0.0

    def elapsed_s() -> float:
        return spent_s + time.perf_counter() - started

    module, data, total_steps = _prepare(recipe, phase, start)
    progress = PhaseProgress(title, total_steps, phase.batch_size)
    bad = BadPictures(len(data.catalog.queries), recipe.bad_share)
    prepare_launch()
    trainer = L.Trainer(
        **_hardware(recipe, phase),
        max_epochs=phase.epochs,
        max_steps=recipe.trainer.fast_dev_steps or -1,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        limit_val_batches=0,
        callbacks=[
            progress,
            bad,
            FiniteSteps(recipe.trainer.skip_non_finite),
            PhaseCheckpoints(folder.checkpoints, recipe.trainer.checkpoint_steps, elapsed_s),
            *mining_callbacks(data, phase.hard_negatives),
            *callbacks,
        ],
        logger=[
            JsonLinesLogger(folder.run / "metrics.jsonl", phase.name),
            TensorBoardLogger(folder.run, name="tensorboard", version=phase.name),
        ],
        log_every_n_steps=max(1, min(_LOGGED_STEPS, total_steps // phase.epochs)),
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    try:
        trainer.fit(module, datamodule=data, ckpt_path=before.path if before else None)
    except SystemExit:  # Lightning's answer to Ctrl-C
        raise KeyboardInterrupt from None
    weights = full_state_dict(module)
    if trainer.is_global_zero:
        took = {"wall_s": round(elapsed_s(), 1), "steps": total_steps, "bad_pictures": bad.count}
        write_json(folder.record, took)
        with write_atomic(folder.weights) as file:
            file.write(save({name: value.contiguous() for name, value in sorted(weights.items())}))
    return weights


def phase_data(recipe: Recipe, phase: PhaseConfig, encoder: Encoder) -> PairDataModule:
    """Return the training pairs of a phase, as the encoder wants to see them. No picture is opened yet."""
    hard = phase.hard_negatives
    return PairDataModule(
        DataConfig(
            catalog=recipe.catalog,
            root=recipe.root or None,
            views=tuple(phase.views),
            split=recipe.train_split,
            protocol=protocol_named(recipe.protocol).column,
            batch_size=phase.batch_size // recipe.trainer.world_size,
            workers=recipe.workers,
            sizes={str(view): size for view, size in encoder.sizes.items()},
            augment=recipe.augment,
            mean=encoder.mean,
            std=encoder.std,
            seed=recipe.seed,
            cache=recipe.cache or None,
            weights=phase.weights,
            heading_up=tuple(map(str, encoder.headings)),
            laid_out=tuple(encoder.config.laid_out),
            chained=hard.chained if hard else 0,
            neighbours=hard.neighbours if hard else 0,
        )
    )


def _prepare(
    recipe: Recipe, phase: PhaseConfig, start: dict[str, Tensor] | None
) -> tuple[ContrastiveModule, PairDataModule, int]:
    torch.manual_seed(recipe.seed)
    encoder = tune_encoder(create_encoder(preset(recipe.encoder, recipe.encoder_overrides)), recipe.trainer)
    data = phase_data(recipe, phase, encoder)
    total_steps = recipe.trainer.fast_dev_steps or phase.epochs * data.steps_per_epoch(recipe.trainer.world_size)
    optimizer = replace(recipe.optimizer, lr=phase.lr or recipe.optimizer.lr)
    module = ContrastiveModule(
        encoder,
        create_loss(recipe.loss),
        optimizer,
        total_steps,
        recipe.seed,
        recipe.loss.pairs_at_once,
        recipe.trainer.has_fused_optimizer,
    )
    if start is not None:
        module.load_state_dict(start)
    return module, data, total_steps


def _hardware(recipe: Recipe, phase: PhaseConfig) -> dict[str, Any]:
    config = recipe.trainer
    for name in ("lightning.pytorch", "lightning.fabric", "lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)
    for text in _NOISE:
        warnings.filterwarnings("ignore", text)
    torch.set_num_threads(config.threads_per_process)
    tune_hardware(config)
    return {
        "strategy": create_strategy(config, phase.batch_size // config.world_size),
        "accelerator": "gpu" if config.on_gpu else "cpu",
        "devices": config.processes,
        "num_nodes": config.nodes,
        "precision": config.precision,
        "gradient_clip_val": config.gradient_clip or None,
    }
