"""Where a phase keeps its weights and the checkpoint that a stopped run goes on from."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import lightning as L  # noqa: N812
from gleam_common.artifacts import read_json, write_json
from lightning.pytorch.callbacks import Checkpoint
from safetensors.torch import load_file
from torch import Tensor
from typing_extensions import override

__all__ = ["EpochCheckpoint", "PhaseFolder", "read_weights"]


@dataclass(frozen=True, kw_only=True)
class PhaseFolder:
    """Where a phase keeps its things inside a run."""

    run: Path
    name: str

    @property
    def weights(self) -> Path:
        """Encoder and loss after the phase; its presence says that the phase is finished."""
        return self.run / "checkpoints" / f"{self.name}.safetensors"

    @property
    def record(self) -> Path:
        """What the phase took, written before the weights."""
        return self.run / "checkpoints" / f"{self.name}.json"

    @property
    def checkpoints(self) -> Path:
        """Lightning's (or DeepSpeed's) checkpoints of the phase."""
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
    def spent_s(self) -> float:
        """Seconds that earlier starts of the phase took up to the newest checkpoint."""
        return float(read_json(self.newest)["spent_s"]) if self.newest.is_file() else 0.0

    @property
    def is_finished(self) -> bool:
        """Whether the phase has left its weights."""
        return self.weights.is_file()


def read_weights(folder: PhaseFolder) -> dict[str, Tensor]:
    """Return encoder and loss as a finished phase left them."""
    return load_file(folder.weights)


class EpochCheckpoint(Checkpoint):
    """Saves after every epoch beside the checkpoint before, and forgets that one when the new one is whole.

    DeepSpeed writes folders, one file a process, in place; a kill among them leaves the older checkpoint in force.

    Args:
        folder: of the phase.
        elapsed_s: returns the seconds spent on the phase so far, over all starts.
    """

    def __init__(self, folder: PhaseFolder, elapsed_s: Callable[[], float]) -> None:
        self._folder, self._elapsed_s = folder, elapsed_s

    @override
    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        path = self._folder.checkpoints / f"epoch{trainer.current_epoch + 1:04d}.ckpt"
        if trainer.is_global_zero:
            _remove(path)  # what a kill left
        trainer.strategy.barrier()
        trainer.save_checkpoint(path)  # returns when every process has written
        if not trainer.is_global_zero:
            return
        before = self._folder.last_checkpoint
        write_json(self._folder.newest, {"checkpoint": path.name, "spent_s": round(self._elapsed_s(), 1)})
        if before is not None and before != path:
            _remove(before)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
