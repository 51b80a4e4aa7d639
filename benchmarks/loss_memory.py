"""Memory of the loss and of the activations against the batch: all at once, and in pieces.

    python benchmarks/loss_memory.py            # half a minute
    python benchmarks/loss_memory.py --small    # seconds: the same code
    python benchmarks/loss_memory.py --huge     # minutes more: 8,192 and 32,768 pairs of 512 numbers, in pieces

Logits: InfoNCE on embeddings of 1024 numbers, forward and backward, by ``loss.rows_at_once``. Activations: a whole
step of an encoder, by ``loss.pairs_at_once``. Memory is the peak above what was held before.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from gleam_c.encoder import create_encoder, preset
from gleam_c.loss import InfoNCE
from gleam_common.progress import progress
from measuring import restart_with, spread, write_result
from torch.nn.functional import normalize

PIECE_ROWS, PIECE_PAIRS = 256, 32
DIMS = 1024
HUGE, HUGE_DIMS = (8192, 32_768), 512


def peak_mb(work: Callable[[], Any], device: torch.device) -> float:
    """Return the most memory in MB that ``work`` held above what there was."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        work()
        return (torch.cuda.max_memory_allocated() - before) / 1e6
    Path("/proc/self/clear_refs").write_text("5")  # Linux: the peak begins anew
    before = _status_kb("VmRSS")
    work()
    return max(0, _status_kb("VmHWM") - before) / 1000


def _status_kb(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1])


def of_logits(batch: int, rows_at_once: int, device: torch.device) -> Callable[[], Any]:
    """Return the loss of ``batch`` pairs of embeddings, forward and backward."""
    return of_embeddings(batch, rows_at_once, device, DIMS)


def of_embeddings(batch: int, rows_at_once: int, device: torch.device, dims: int) -> Callable[[], Any]:
    """Return the loss of ``batch`` pairs of embeddings of ``dims`` numbers, forward and backward."""
    generator = torch.Generator().manual_seed(1)
    query, gallery = (
        normalize(torch.randn(batch, dims, generator=generator), dim=1).to(device).requires_grad_() for _ in range(2)
    )
    loss = InfoNCE(rows_at_once=rows_at_once).to(device)
    rows, related = torch.arange(batch, device=device), torch.full((batch, 4), -1, device=device)
    return lambda: loss(query, gallery, rows, related).backward()


def of_activations(batch: int, pairs_at_once: int, device: torch.device) -> Callable[[], Any]:
    """Return a step of the encoder ``nano`` on ``batch`` pairs, forward and backward."""
    torch.manual_seed(1)
    encoder, loss = create_encoder(preset("nano")).train().to(device), InfoNCE().to(device)
    query, gallery = (torch.randn(batch, 3, 96, 96, device=device) for _ in range(2))
    rows, related = torch.arange(batch, device=device), torch.full((batch, 1), -1, device=device)
    return lambda: loss(*encoder.pair(query, gallery, pairs_at_once), rows, related).backward()


def measured(work: Callable[[], Any], device: torch.device, repeats: int) -> dict[str, Any]:
    """Return peak memory and seconds of ``work``."""
    work()
    peaks, seconds = [], []
    for _ in range(repeats):
        started = time.perf_counter()
        peaks.append(peak_mb(work, device))
        seconds.append(time.perf_counter() - started)
    return {"peak_mb": max(peaks), "seconds": spread(seconds)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="small batches: does it run?")
    parser.add_argument("--huge", action="store_true", help="also huge batches in pieces")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="folder of the result")
    parser.add_argument("--threads", type=int, default=2, help="of PyTorch")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    # An allocator that keeps nothing of what was freed: each peak begins anew.
    restart_with(MALLOC_MMAP_THRESHOLD_="1000000")
    torch.set_num_threads(options.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    works = {
        "logits": (of_logits, PIECE_ROWS, (512, 1024) if options.small else (512, 1024, 2048, 4096)),
        "activations": (of_activations, PIECE_PAIRS, (32, 64) if options.small else (32, 64, 128, 256)),
    }
    runs = [
        (name, "in pieces" if piece else "at once", piece, batch)
        for name, (_, piece_size, batches) in works.items()
        for piece in (0, piece_size)
        for batch in batches
    ]
    repeats = 1 if options.small else options.repeats
    found: dict[str, Any] = {name: {"at once": {}, "in pieces": {}} for name in works}
    for name, way, piece, batch in progress(runs, desc="memory", unit="batch"):
        found[name][way][str(batch)] = measured(works[name][0](batch, piece, device), device, repeats)
    for name, ways in found.items():
        largest = list(ways["at once"])[-1]
        print(
            f"{name} of {largest} pairs: {ways['at once'][largest]['peak_mb']:.0f} MB at once, "
            f"{ways['in pieces'][largest]['peak_mb']:.0f} MB in pieces"
        )
    result = {
        "device": device.type,
        "pieces": {"logits": PIECE_ROWS, "activations": PIECE_PAIRS},
        "dims": DIMS,
        **found,
    }
    if options.huge:
        huge = {batch: of_embeddings(batch, PIECE_ROWS, device, HUGE_DIMS) for batch in HUGE}
        result["huge"] = {"dims": HUGE_DIMS, **{str(batch): measured(work, device, 1) for batch, work in huge.items()}}
        for batch in HUGE:
            print(f"{batch} pairs in pieces of {PIECE_ROWS} rows: {result['huge'][str(batch)]['peak_mb']:.0f} MB")
    print(f"result: {write_result(options.out, 'loss_memory' + '-small' * options.small, result)}")


if __name__ == "__main__":
    main()
