"""Trains a few steps on numbers, one of them bad on the last rank only: python guarded_training.py STRATEGIES OUT BAD..

STRATEGIES are names and ZeRO stages, such as ddp0,deepspeed2. Writes of each the weights after it, and after a run that
never had the bad steps, into OUT; or the error's words.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import lightning as L  # noqa: N812
import torch
from gleam_c.guard import FiniteSteps
from gleam_c.strategy import create_strategy, full_state_dict
from gleam_c.trainer_config import TrainerConfig
from gleam_common.distributed import prepare_launch, process_number
from gleam_common.errors import TrainingError
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from typing_extensions import override

STEPS, PAIRS, FEATURES = 8, 4, 6


class Numbers(Dataset[dict[str, Any]]):
    """Batch number ``step``; bad steps have a NaN on the last rank, or are left out."""

    def __init__(self, bad: list[int], *, are_there: bool, processes: int) -> None:
        self._steps = [step for step in range(STEPS) if are_there or step not in bad]
        self._bad, self._processes = bad, processes

    def __len__(self) -> int:
        return len(self._steps)

    @override
    def __getitem__(self, index: int) -> dict[str, Any]:
        step = self._steps[index]
        generator = torch.Generator().manual_seed(100 * process_number() + step)
        values = torch.randn(PAIRS, FEATURES, generator=generator)
        if step in self._bad and process_number() == self._processes - 1:
            values[2, 3] = torch.nan
        return {"values": values, "query_id": [f"rank{process_number()}/step{step}/{row}" for row in range(PAIRS)]}


class Network(L.LightningModule):
    """Two layers with running statistics between them."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.layers = nn.Sequential(nn.Linear(FEATURES, 5), nn.BatchNorm1d(5), nn.Linear(5, 1))

    @override
    def training_step(self, batch: dict[str, Any], _: int) -> Tensor:
        loss: Tensor = self.layers(batch["values"]).square().mean()
        return loss

    @override
    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=0.05)


def trained(config: TrainerConfig, data: Numbers) -> dict[str, Tensor]:
    """Return the weights and buffers after one pass."""
    network = Network()
    prepare_launch()
    trainer = L.Trainer(
        accelerator="cpu", devices=config.processes, strategy=create_strategy(config, PAIRS), max_epochs=1,
        logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        use_distributed_sampler=False, gradient_clip_val=1.0, callbacks=[FiniteSteps(2)],
    )  # fmt: skip
    trainer.fit(network, DataLoader(data, batch_size=None))
    return full_state_dict(network)


def both_runs(name: str, bad: list[int]) -> list[Any]:
    """Return the weights with the bad steps and without, or what the error says."""
    config = TrainerConfig(strategy=name[:-1], zero_stage=int(name[-1]), accelerator="cpu", threads=1)
    try:
        return [
            trained(config, Numbers(bad, are_there=are_there, processes=config.processes))
            for are_there in (True, False)
        ]
    except TrainingError as error:
        return [str(error)]


def main(strategies: str, out: str, *bad: str) -> None:
    torch.set_num_threads(1)
    found = {name: both_runs(name, list(map(int, bad))) for name in strategies.split(",")}
    if process_number() == 0:
        torch.save(found, Path(out))


if __name__ == "__main__":
    main(*sys.argv[1:])
