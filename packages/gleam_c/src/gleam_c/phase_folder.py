"""Where a phase of a run keeps its weights and the checkpoints that a stopped run goes on from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

__all__ = ["PhaseFolder", "read_weights"]


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
        """Lightning's (or DeepSpeed's) checkpoints of the phase, and their seals."""
        return self.run / "checkpoints" / self.name

    @property
    def is_finished(self) -> bool:
        """Whether the phase has left its weights."""
        return self.weights.is_file()


def read_weights(folder: PhaseFolder) -> dict[str, Tensor]:
    """Return encoder and loss as a finished phase left them."""
    return load_file(folder.weights)
