"""One step of gradient descent on one global batch, by any number of processes: python one_step.py N OUT STRATEGY...

A strategy is a name and a ZeRO stage, such as deepspeed2. Writes the weights after the step into OUT, for each strategy,
for both losses, whole and in pieces.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import lightning as L  # noqa: N812
import torch
from gleam_c.encoder import create_encoder
from gleam_c.loss import create_loss
from gleam_c.module import ContrastiveModule
from gleam_c.recipe import LossConfig, OptimizerConfig
from gleam_c.strategy import create_strategy, full_state_dict
from gleam_c.trainer_config import TrainerConfig
from gleam_common.distributed import prepare_launch, process_number
from torch import Tensor
from torch.utils.data import DataLoader
from typing_extensions import override

PAIRS = 8


class Descent(ContrastiveModule):
    """The module of every run, with an optimizer that takes the gradient as it is."""

    @override
    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def batch(rank: int, processes: int, dtype: torch.dtype) -> dict[str, Any]:
    """This rank's share of the pairs; two pairs of different ranks show one place."""
    generator = torch.Generator().manual_seed(11)
    pictures = [torch.randn(PAIRS, 3, 64, 64, generator=generator, dtype=torch.float64) for _ in range(2)]
    related = torch.stack([torch.arange(PAIRS), torch.full((PAIRS,), -1)], dim=1)
    related[0, 1], related[6, 1] = 5, 1
    own = slice(rank * PAIRS // processes, (rank + 1) * PAIRS // processes)
    return {
        "query": pictures[0][own].to(dtype), "gallery": pictures[1][own].to(dtype), "view": "uav",
        "gallery_row": torch.arange(PAIRS)[own], "related": related[own],
        "query_id": [str(number) for number in range(PAIRS)[own]],
    }  # fmt: skip


def stepped(config: TrainerConfig, loss: LossConfig) -> dict[str, Tensor]:
    """Return the weights after one step. DeepSpeed's ZeRO knows no float64."""
    torch.manual_seed(4)
    dtype = torch.float32 if config.strategy == "deepspeed" else torch.float64
    module = Descent(create_encoder("pico"), create_loss(loss), OptimizerConfig(), 1, 0, loss.pairs_at_once).to(dtype)
    prepare_launch()
    trainer = L.Trainer(
        accelerator="cpu", devices=config.processes, strategy=create_strategy(config, PAIRS // config.processes),
        max_steps=1, logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        use_distributed_sampler=False,
    )  # fmt: skip
    trainer.fit(module, DataLoader([batch(process_number(), config.processes, dtype)], batch_size=None))
    return full_state_dict(module)


def main(processes: str, out: str, *strategies: str) -> None:
    torch.set_num_threads(1)
    found = {}
    for name in strategies:
        config = TrainerConfig(
            strategy=name[:-1], zero_stage=int(name[-1]), devices=int(processes), accelerator="cpu", threads=1
        )
        for kind in ("infonce", "sigmoid"):
            for at_once in (0, 1):
                loss = LossConfig(kind=kind, bias=-1.0, pairs_at_once=at_once, rows_at_once=at_once)
                found[name, kind, at_once] = stepped(config, loss)
    if process_number() == 0:
        torch.save(found, Path(out))


if __name__ == "__main__":
    main(*sys.argv[1:])
