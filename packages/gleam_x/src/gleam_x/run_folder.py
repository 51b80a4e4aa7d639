"""What a fine-tuning run keeps on disk: checkpoints to go on from, adapters, curves, explanations."""

from __future__ import annotations

import json
import shutil
from argparse import Namespace
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L  # noqa: N812
from gleam_common.artifacts import read_json, write_json
from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.loggers.logger import Logger
from typing_extensions import override

from gleam_x.adapter_folder import CARD

__all__ = ["AdapterCheckpoint", "JsonLinesLogger", "RunFolder", "append_rows"]


@dataclass(frozen=True, kw_only=True)
class RunFolder:
    """Where a run keeps the things of one adapter."""

    run: Path
    name: str

    @property
    def adapter(self) -> Path:
        """The finished adapter: ``adapter``, or ``adapter/verify`` and ``adapter/explain`` where there are two."""
        return self.run / "adapter" if self.name == "adapter" else self.run / "adapter" / self.name

    @property
    def checkpoints(self) -> Path:
        """Lightning's (or DeepSpeed's) checkpoints."""
        return self.run / "checkpoints" / self.name

    @property
    def newest(self) -> Path:
        """Names the newest whole checkpoint; written last, so a checkpoint that it names is complete."""
        return self.checkpoints / "newest.json"

    @property
    def last_checkpoint(self) -> Path | None:
        """The newest whole checkpoint to go on from."""
        return self.checkpoints / str(read_json(self.newest)["checkpoint"]) if self.newest.is_file() else None

    @property
    def is_finished(self) -> bool:
        """Whether the adapter is there; its card is written last."""
        return (self.adapter / CARD).is_file()


class AdapterCheckpoint(Checkpoint):
    """Saves after every part of the run beside the checkpoint before, and forgets that one when the new one is whole.

    DeepSpeed writes folders, one file a process, in place; a kill among them leaves the older checkpoint in force.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder

    @override
    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        path = self._folder.checkpoints / f"step{trainer.global_step:06d}.ckpt"
        if trainer.is_global_zero:
            _remove(path)  # what a kill left
        trainer.strategy.barrier()
        trainer.save_checkpoint(path)  # returns when every process has written
        if not trainer.is_global_zero:
            return
        before = self._folder.last_checkpoint
        write_json(self._folder.newest, {"checkpoint": path.name})
        if before is not None and before != path:
            _remove(before)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def append_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Add one line of JSON per row to ``path``. A resumed run says some steps again: the later line holds."""
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


class JsonLinesLogger(Logger):
    """Appends ``{"adapter", "step", "name", "value"}`` lines to ``metrics.jsonl``; rank 0 only."""

    def __init__(self, folder: RunFolder) -> None:
        super().__init__()
        self._folder = folder

    @property
    @override
    def name(self) -> str:
        return "gleam-x"

    @property
    @override
    def version(self) -> str:
        return self._folder.name

    @override
    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Nothing: the run's ``config.yaml`` holds them all."""

    @override
    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        rows = [
            {"adapter": self._folder.name, "step": step or 0, "name": name, "value": float(value)}
            for name, value in metrics.items()
            if name != "epoch"
        ]
        append_rows(self._folder.run / "metrics.jsonl", rows)
