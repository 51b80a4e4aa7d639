"""What this machine can do at most: matrix products and copies, on its cores and on its GPU, and its memory.

    python benchmarks/ceilings.py            # half a minute
    python benchmarks/ceilings.py --small    # seconds

The other benchmarks are read beside these numbers: what share of them did the work reach?
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from gleam_common.progress import progress
from gleam_common.provenance import hardware
from measuring import NO_GPU, spread, write_result

__all__ = ["copy_gb_per_s", "matmul_tflops", "rates"]


def rates(work: Callable[[], Any], amount: float, repeats: int, device: torch.device) -> dict[str, float]:
    """Return the spread of ``amount`` per second over ``repeats`` runs of ``work`` after two to warm up."""
    found = []
    for number in range(repeats + 2):
        started = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        if number > 1:
            found.append(amount / (time.perf_counter() - started))
    return spread(found)


def matmul_tflops(device: torch.device, dtype: torch.dtype, side: int, repeats: int) -> dict[str, float]:
    """Return 10^12 floating-point operations a second of a square product; a multiplication and a sum count as two."""
    left, right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    return rates(lambda: left @ right, 2 * side**3 / 1e12, repeats, device)


def copy_gb_per_s(device: torch.device, megabytes: int, repeats: int) -> dict[str, float]:
    """Return 10^9 bytes a second that a copy moves, read and written."""
    source = torch.ones(megabytes * 250_000, device=device)
    target = torch.empty_like(source)
    return rates(lambda: target.copy_(source), 2 * source.numel() * 4 / 1e9, repeats, device)


def ceilings(device: torch.device, side: int, megabytes: int, repeats: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "copy_gb_per_s": copy_gb_per_s(device, megabytes, repeats),
        "float32_tflops": matmul_tflops(device, torch.float32, side, repeats),
        # Without instructions for it, a core multiplies bf16 hundreds of times slower than float32.
        "bfloat16_tflops": matmul_tflops(device, torch.bfloat16, side if device.type == "cuda" else 512, repeats),
    }
    if device.type == "cuda":
        found["memory_gib"] = torch.cuda.get_device_properties(device).total_memory / 2**30
    else:
        found["memory_gib"] = hardware()["memory_gib"]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="smaller products: does it run?")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="folder of the result")
    parser.add_argument("--threads", type=int, default=2, help="of PyTorch")
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    sizes = {"cpu": (512 if options.small else 2048, 32 if options.small else 256), "cuda": (8192, 2048)}
    found: dict[str, Any] = {}
    devices = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
    for name in progress(devices, desc="ceilings", unit="device"):
        found[name] = ceilings(torch.device(name), *sizes[name], options.repeats)
    found.setdefault("cuda", {"skipped": NO_GPU})
    print(
        f"matrix product: {found['cpu']['float32_tflops']['median']:.3f} TFLOP/s float32, "
        f"{found['cpu']['bfloat16_tflops']['median']:.3f} bf16; copy {found['cpu']['copy_gb_per_s']['median']:.1f} GB/s"
    )
    name = "ceilings" + "-small" * options.small
    print(f"result: {write_result(options.out, name, {'threads': options.threads, **found})}")


if __name__ == "__main__":
    main()
