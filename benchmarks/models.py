"""Encoders alone, on batches that are there: pictures a second, and the share of the machine's ceiling that they reach.

    python benchmarks/models.py            # a minute on two cores; on a GPU also ConvNeXt-B at 384 and ViT-B in bf16
    python benchmarks/models.py --small    # seconds: the same code

Operations of the forward pass are counted by PyTorch's own counter, and a training step takes three times as many: the
backward pass makes two products for each of the forward's. (The counter itself overlooks the groups of a depthwise
convolution on its way back.) The share is of the matrix product measured in the same run (:mod:`ceilings`). On a GPU,
energy is that of the power meter.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from ceilings import matmul_tflops
from gleam_c.encoder import create_encoder, preset
from gleam_c.loss import InfoNCE
from gleam_common.progress import progress
from measuring import NO_GPU, spread, write_result
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True, kw_only=True)
class Case:
    """An encoder on ``pairs`` of square pictures."""

    encoder: str
    side: int
    pairs: int
    on_gpu: bool = False
    compiled: bool = False


CASES = {
    "nano 96": Case(encoder="nano", side=96, pairs=32),
    "pico 64": Case(encoder="pico", side=64, pairs=32),
    "ConvNeXt-B 384": Case(encoder="convnext_base_384", side=384, pairs=48, on_gpu=True),
    "ConvNeXt-B 384 compiled": Case(encoder="convnext_base_384", side=384, pairs=48, on_gpu=True, compiled=True),
    "ViT-B/14 224": Case(encoder="vit_base_dinov2", side=224, pairs=128, on_gpu=True),
    "ViT-B/14 224 compiled": Case(encoder="vit_base_dinov2", side=224, pairs=128, on_gpu=True, compiled=True),
}


class Trained:
    """A model, its optimizer and one batch of pairs; on a GPU in bf16."""

    def __init__(self, case: Case) -> None:
        self.device = torch.device("cuda" if case.on_gpu else "cpu")
        torch.manual_seed(1)
        encoder = create_encoder(preset(case.encoder, {"pretrained": False}))
        if case.compiled:
            encoder.backbone.compile(dynamic=False)
        model = nn.ModuleDict({"encoder": encoder, "loss": InfoNCE()})
        self.model = model.to(self.device, memory_format=torch.channels_last).train()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4, fused=True)
        shape = (case.pairs, 3, case.side, case.side)
        self.query, self.gallery = (torch.randn(shape, device=self.device) for _ in range(2))
        self.rows = torch.arange(case.pairs, device=self.device)
        self.related = torch.full((case.pairs, 1), -1, device=self.device)

    def autocast(self) -> torch.autocast:
        """bf16 on a GPU, float32 elsewhere."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda")

    def train_step(self) -> Tensor:
        """Make one step."""
        with self.autocast():
            both = self.model["encoder"].pair(self.query, self.gallery)
        loss: Tensor = self.model["loss"](*both, self.rows, self.related)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss

    def embed(self) -> Tensor:
        """Embed the tiles without a gradient."""
        with torch.no_grad(), self.autocast():
            embedded: Tensor = self.model["encoder"](self.gallery)
            return embedded


def power_w() -> float | None:
    """Return what the GPU draws now, by its own meter (through NVML); None where it does not say."""
    try:
        return torch.cuda.power_draw() / 1000
    except (ImportError, RuntimeError):  # ModuleNotFoundError: no NVML binding is installed
        return None


def timed(work: Callable[[], Tensor], pictures: int, device: torch.device, repeats: int, least_s: float) -> Any:
    """Return pictures a second, and energy a picture where a meter says; each repeat takes ``least_s`` or longer."""
    rate, watts = [], []
    for number in range(repeats + 1):
        done, started = 0, time.perf_counter()
        while done == 0 or time.perf_counter() - started < least_s:
            work()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            done += 1
        if number:
            rate.append(done * pictures / (time.perf_counter() - started))
            watts.append(power_w() if device.type == "cuda" else None)
    known = [one for one in watts if one is not None]
    joules = statistics.median(known) / statistics.median(rate) if known else None
    return {"pictures_per_s": spread(rate), "joules_per_picture": joules}


def measured(case: Case, repeats: int, least_s: float, ceiling: float) -> dict[str, Any]:
    """Return rates of training and inference, their operations, and the share of ``ceiling`` (TFLOP/s)."""
    trained = Trained(case)
    found: dict[str, Any] = {"case": vars(case)}
    if case.on_gpu:
        torch.cuda.reset_peak_memory_stats()
    counted = Trained(Case(**{**vars(case), "compiled": False, "pairs": 2}))
    with FlopCounterMode(display=False) as counter:
        counted.embed()
    forward_flops = counter.get_total_flops() / 2
    works = {"training": (Trained.train_step, 2, 3), "inference": (Trained.embed, 1, 1)}
    for name, (work, batch, passes) in works.items():
        flops = forward_flops * passes
        own = timed(lambda work=work: work(trained), batch * case.pairs, trained.device, repeats, least_s)
        share = own["pictures_per_s"]["median"] * flops / 1e12 / ceiling
        found[name] = {**own, "gflop_per_picture": flops / 1e9, "share_of_matmul": share}
    if case.on_gpu:
        found["peak_gib"] = torch.cuda.max_memory_allocated() / 2**30
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="fewer repeats: does it run?")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="folder of the result")
    parser.add_argument("--threads", type=int, default=2, help="of PyTorch")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    repeats, least_s = (2, 0.2) if options.small else (options.repeats, 2.0)
    side = 512 if options.small else 2048
    ceiling = {"cpu": matmul_tflops(torch.device("cpu"), torch.float32, side, 5)["max"]}
    if torch.cuda.is_available():
        ceiling["cuda"] = matmul_tflops(torch.device("cuda"), torch.bfloat16, 8192, 9)["max"]
    found: dict[str, Any] = {}
    for name, case in progress(CASES.items(), desc="encoders", unit="encoder"):
        if case.on_gpu and "cuda" not in ceiling:
            found[name] = {"skipped": NO_GPU}
            continue
        found[name] = measured(case, repeats, least_s, ceiling["cuda" if case.on_gpu else "cpu"])
        training = found[name]["training"]
        print(
            f"{name}: {training['pictures_per_s']['median']:.0f} pictures/s in training, "
            f"{100 * training['share_of_matmul']:.0f} % of the matrix product"
        )
    result = {"threads": options.threads, "ceiling_tflops": ceiling, "encoders": found}
    print(f"result: {write_result(options.out, 'models' + '-small' * options.small, result)}")


if __name__ == "__main__":
    main()
