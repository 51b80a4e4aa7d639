"""Checkpoints that are whole or do not count: each gets a seal with the hashes of its files, written last.

A kill in the middle of writing leaves a checkpoint without a seal, which is written anew. Bytes that went bad later do
not fit their seal: the run goes on from the checkpoint before, of which one is always kept.
"""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L  # noqa: N812
from gleam_common.artifacts import read_json, sha256_file, write_json
from gleam_common.errors import ArtifactError
from lightning.pytorch.callbacks import Checkpoint
from typing_extensions import override

__all__ = ["PhaseCheckpoints", "SealedCheckpoint", "newest_sound", "seal"]

_KEPT = 2


@dataclass(frozen=True, kw_only=True)
class SealedCheckpoint:
    """A checkpoint (a file, or a folder of DeepSpeed's) whose bytes are those that were written.

    Attributes:
        path: of it.
        spent_s: seconds that the phase had taken by then, over all starts.
    """

    path: Path
    spent_s: float


def seal(path: Path, spent_s: float) -> None:
    """Say that the checkpoint at ``path`` is whole; its bytes are on the disk before that is said."""
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    for file in files:
        with file.open("rb") as written:
            os.fsync(written.fileno())
    hashes = {file.relative_to(path.parent).as_posix(): sha256_file(file) for file in files}
    write_json(_seal_of(path), {"checkpoint": path.name, "spent_s": round(spent_s, 1), "sha256": hashes})


def newest_sound(folder: Path) -> SealedCheckpoint | None:
    """Return the newest checkpoint in ``folder`` whose bytes fit its seal; warn of newer ones that do not."""
    for path in sorted(folder.glob("*.seal.json"), reverse=True):
        try:
            found = _read_seal(path)
            sealed = SealedCheckpoint(path=folder / found["checkpoint"], spent_s=float(found["spent_s"]))
            broken = next((name for name, sha256 in found["sha256"].items() if _differs(folder / name, sha256)), None)
        except (ArtifactError, KeyError, TypeError, AttributeError, ValueError, OSError):
            broken = path.name
        if broken is None:
            return sealed
        warnings.warn(f"{folder / broken} is broken; going on from the checkpoint before", stacklevel=2)
    return None


def _read_seal(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = read_json(path)
    return found


def _differs(file: Path, sha256: str) -> bool:
    return not file.is_file() or sha256_file(file) != sha256


def _seal_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.seal.json")


class PhaseCheckpoints(Checkpoint):
    """Saves at the end of every epoch and every so many steps in between, and keeps the newest two.

    Args:
        folder: of the checkpoints of a phase.
        every_steps: between two of them within an epoch; 0 for none there.
        elapsed_s: returns the seconds spent on the phase so far, over all starts.
    """

    def __init__(self, folder: Path, every_steps: int, elapsed_s: Callable[[], float]) -> None:
        self._folder, self._every_steps, self._elapsed_s = folder, every_steps, elapsed_s

    @override
    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        is_last = batch_idx + 1 >= trainer.num_training_batches
        if self._every_steps and not is_last and (batch_idx + 1) % self._every_steps == 0:
            self._save(trainer)

    @override
    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._save(trainer)

    def _save(self, trainer: L.Trainer) -> None:
        path = self._folder / f"step{trainer.global_step:08d}.ckpt"
        if trainer.is_global_zero:
            _remove(path)  # what a kill left
        trainer.strategy.barrier()
        trainer.save_checkpoint(path)  # returns when every process has written
        if trainer.is_global_zero:
            seal(path, self._elapsed_s())
            for old in sorted(self._folder.glob("*.ckpt"))[:-_KEPT]:
                _remove(old)


def _remove(path: Path) -> None:
    _seal_of(path).unlink(missing_ok=True)
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
