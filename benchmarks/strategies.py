"""Plain DDP beside DeepSpeed ZeRO 0 to 3: pairs a second, and the memory of a process, on the same batches.

    python benchmarks/strategies.py            # a minute and a half
    python benchmarks/strategies.py --small    # the same code, fewer steps, three of the strategies

On a machine without a GPU two processes meet over gloo. Each strategy runs in processes of its own, on batches that
are already there; the first steps do not count.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import lightning as L  # noqa: N812
import torch
from gleam_c.encoder import create_encoder, preset
from gleam_c.loss import InfoNCE
from gleam_c.module import ContrastiveModule
from gleam_c.recipe import OptimizerConfig
from gleam_c.strategy import create_strategy
from gleam_c.trainer_config import TrainerConfig
from gleam_common.distributed import prepare_launch
from gleam_common.progress import progress
from lightning.pytorch.callbacks import Callback
from measuring import peak_memory_gib, run_alone, spread, write_result
from torch.utils.data import DataLoader
from typing_extensions import override

STRATEGIES = {"single": "single", "ddp": "ddp", **{f"ZeRO-{stage}": f"deepspeed {stage}" for stage in range(4)}}
SMALL = ("single", "ddp", "ZeRO-1")
PAIRS = 16
WARM = 3


class StepSeconds(Callback):
    """Keeps the seconds of each step."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._started = 0.0

    @override
    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self._started = time.perf_counter()

    @override
    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.strategy.root_device.type == "cuda":
            torch.cuda.synchronize()
        self.seconds.append(time.perf_counter() - self._started)


def batch(seed: int, side: int) -> dict[str, Any]:
    """Return random pairs."""
    generator = torch.Generator().manual_seed(seed)
    query, gallery = (torch.randn(PAIRS, 3, side, side, generator=generator) for _ in range(2))
    rows = torch.arange(PAIRS) + seed * PAIRS
    return {"query": query, "gallery": gallery, "gallery_row": rows, "related": rows[:, None], "view": "uav"}


def alone(strategy: str, steps: int) -> None:
    """Train some steps with one strategy and print what they took; every process runs this."""
    kind, _, stage = strategy.partition(" ")
    on_gpu = torch.cuda.is_available()
    config = TrainerConfig(strategy=kind, zero_stage=int(stage or 1), precision="bf16-mixed" if on_gpu else "32-true")
    torch.set_num_threads(config.threads_per_process)
    torch.manual_seed(1)
    name, side = ("convnext_base_384", 384) if on_gpu else ("nano", 96)
    encoder = create_encoder(preset(name, {"pretrained": False}))
    module = ContrastiveModule(encoder, InfoNCE(), OptimizerConfig(), steps)
    timer = StepSeconds()
    prepare_launch()
    trainer = L.Trainer(
        strategy=create_strategy(config, PAIRS),
        accelerator="gpu" if on_gpu else "cpu",
        devices=config.processes,
        precision=config.precision,  # type: ignore[arg-type]  # a literal of Lightning's
        max_steps=steps,
        callbacks=[timer],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    batches = [batch(seed, side) for seed in range(2)] * (steps // 2 + 1)
    trainer.fit(module, DataLoader(batches, batch_size=None))  # type: ignore[arg-type]  # a list is a dataset to it
    if trainer.is_global_zero:
        pairs = PAIRS * config.processes
        peak = torch.cuda.max_memory_allocated() / 2**30 if on_gpu else peak_memory_gib()
        rates = spread([pairs / one for one in timer.seconds[WARM:]])
        print(json.dumps({"processes": config.processes, "pairs_per_s": rates, "peak_gib_of_a_process": peak}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="fewer steps and strategies: does it run?")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="folder of the result")
    parser.add_argument("--steps", type=int, default=23)
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    options = parser.parse_args()
    steps = WARM + 2 if options.small else options.steps
    if options.alone:
        alone(options.alone, options.steps)
        return
    found: dict[str, Any] = {}
    for name in progress(SMALL if options.small else STRATEGIES, desc="strategies", unit="strategy"):
        found[name] = run_alone(__file__, "--alone", STRATEGIES[name], "--steps", str(steps))
        print(f"{name}: {found[name]['pairs_per_s']['median']:.0f} pairs/s")
    result = {"pairs_of_a_process": PAIRS, "steps": steps - WARM, "strategies": found}
    print(f"result: {write_result(options.out, 'strategies' + '-small' * options.small, result)}")


if __name__ == "__main__":
    main()
