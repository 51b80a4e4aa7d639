"""What a training run says while it runs: one line of JSON per number, and one progress bar per phase."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

import lightning as L  # noqa: N812
from gleam_common.progress import progress
from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers.logger import Logger
from tqdm import tqdm
from typing_extensions import override

__all__ = ["JsonLinesLogger", "PhaseProgress", "read_curves"]


class JsonLinesLogger(Logger):
    """Appends ``{"phase", "step", "epoch", "name", "value"}`` lines to ``metrics.jsonl``; rank 0 only.

    A resumed run says some steps again; :func:`read_curves` keeps the last word.
    """

    def __init__(self, path: Path, phase: str) -> None:
        super().__init__()
        self._path = path
        self._phase = phase

    @property
    @override
    def name(self) -> str:
        return "gleam-c"

    @property
    @override
    def version(self) -> str:
        return self._phase

    @override
    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Nothing: the run's ``config.yaml`` holds them all."""

    @override
    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        values = dict(metrics)
        epoch = int(values.pop("epoch", 0))
        rows = [
            {"phase": self._phase, "step": step or 0, "epoch": epoch, "name": name, "value": float(value)}
            for name, value in values.items()
        ]
        with self._path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)


def read_curves(path: Path) -> list[dict[str, Any]]:
    """Return the rows of ``metrics.jsonl`` in order; where a resumed run said a step twice, the later value."""
    rows: dict[tuple[str, str, int], dict[str, Any]] = {}
    if path.is_file():
        for line in path.read_text("utf-8").splitlines():
            try:
                row = json.loads(line)
            except json.JSONDecodeError:
                continue  # a kill cut the line; the resumed run says the step again
            rows[row["phase"], row["name"], row["step"]] = row
    return list(rows.values())


class PhaseProgress(Callback):
    """One bar over all steps of a phase, with loss, pairs per second and the last recall on the validation places."""

    def __init__(self, title: str, total_steps: int, pairs_per_step: int) -> None:
        self._title = title
        self._total_steps = total_steps
        self._pairs_per_step = pairs_per_step
        self._bar: tqdm[Any] | None = None

    @override
    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._bar = progress(
            total=self._total_steps,
            initial=trainer.global_step,
            desc=self._title,
            unit="step",
            disable=not trainer.is_global_zero,
        )

    @override
    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._bar is None:
            return
        seen = {
            name.removeprefix("train/").removeprefix("val/"): f"{float(value):.3f}"
            for name, value in trainer.callback_metrics.items()
            if name in ("train/loss", "val/recall@1")
        }
        rate = self._bar.format_dict["rate"]
        if rate:
            seen["pairs/s"] = f"{rate * self._pairs_per_step:.0f}"
        self._bar.set_postfix(seen, refresh=False)
        self._bar.update(1)

    @override
    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if self._bar is not None:
            self._bar.close()
