"""Training pairs whose pictures cannot be read: counted over all ranks, and too many of them end the run."""

from __future__ import annotations

from typing import Any

import lightning as L  # noqa: N812
import torch
import torch.distributed as dist
from gleam_common.distributed import gather, world_size
from gleam_common.errors import DataError
from lightning.pytorch.callbacks import Callback
from typing_extensions import override

__all__ = ["BadPictures"]


class BadPictures(Callback):
    """Counts what batches say of pairs that others stand for. Every rank stops at the same step, with the same words.

    Args:
        pairs: of the phase.
        share: of them that may be bad.
    """

    def __init__(self, pairs: int, share: float) -> None:
        self._pairs, self._share = pairs, share
        self._found: set[str] = set()

    @property
    def count(self) -> int:
        """Bad pairs of all ranks so far."""
        return len(self._found)

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"found": sorted(self._found)}

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._found = set(state_dict["found"])

    @override
    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        new = sorted(set(batch["bad"]) - self._found)
        flag = torch.tensor([float(bool(new))], device=pl_module.device)
        if not bool(gather(flag, [1] * world_size()).any()):
            return
        everyone: list[list[str]] = [new]
        if world_size() > 1:
            everyone = [[] for _ in range(world_size())]
            dist.all_gather_object(everyone, new)
        self._found.update(why for words in everyone for why in words)
        if self.count > self._share * self._pairs:
            first = next(why for words in everyone for why in words)
            raise DataError(
                f"{self.count} of {self._pairs} training pairs cannot be read, more than {self._share:.1%}; {first}",
                fix="see all of them with `gleam-data check`, or raise `bad_share`",
            )
