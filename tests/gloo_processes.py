"""Real processes for tests: a function of a test file, run once per rank of a gloo group, without pytest around it."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path


def run_in_processes(function: Callable[[int, int, Path], None], world: int, folder: Path) -> None:
    """Run ``function(rank, world, folder)`` in ``world`` processes of one gloo group; fail with what they printed."""
    command = [sys.executable, __file__, function.__code__.co_filename, function.__name__, str(world), str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    processes = [
        subprocess.Popen([*command, str(rank)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for rank in range(world)
    ]
    printed = [process.communicate(timeout=240)[0].decode() for process in processes]
    failed = [text for process, text in zip(processes, printed, strict=True) if process.returncode]
    if failed:
        raise RuntimeError(f"{len(failed)} of {world} processes failed:\n{failed[0]}")


def _main(file: str, name: str, world: str, folder: str, rank: str) -> None:
    import torch.distributed as dist

    spec = importlib.util.spec_from_file_location("test_file", file)
    if spec is None or spec.loader is None:
        raise RuntimeError(f"cannot load {file}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=int(rank), world_size=int(world))
    getattr(module, name)(int(rank), int(world), Path(folder))
    dist.destroy_process_group()


if __name__ == "__main__":
    _main(*sys.argv[1:])
