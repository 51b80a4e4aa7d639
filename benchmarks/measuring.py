"""What every benchmark here needs: interleaved timing, spread, and a result file that names machine and commit."""

from __future__ import annotations

import json
import os
import re
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gleam_common.artifacts import write_json
from gleam_common.provenance import commit, hardware, versions

__all__ = [
    "NO_GPU",
    "interleaved_s",
    "machine_slug",
    "peak_memory_gib",
    "restart_with",
    "run_alone",
    "spread",
    "write_result",
]

NO_GPU = "no GPU on this machine"
"""Why a row is empty."""


def interleaved_s(
    works: Mapping[str, Callable[[], Any]], repeats: int
) -> tuple[dict[str, list[float]], dict[str, Any]]:
    """Return the wall seconds of each work, run in turn ``repeats`` times after one warm-up round, and its last answer.

    On a shared machine works that alternate meet the same load; compare their ratios.
    """
    seconds: dict[str, list[float]] = {name: [] for name in works}
    answers: dict[str, Any] = {}
    for number in range(repeats + 1):
        for name, work in works.items():
            started = time.perf_counter()
            answers[name] = work()
            if number:
                seconds[name].append(time.perf_counter() - started)
    return seconds, answers


def run_alone(script: str, *words: str, timeout_s: float = 600) -> dict[str, Any]:
    """Run a benchmark's script in a process of its own and return the JSON of its last line: peaks are then its own.

    Raises:
        RuntimeError: it failed; holds the end of what it said.
    """
    done = subprocess.run(
        [sys.executable, script, *words], capture_output=True, text=True, timeout=timeout_s, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{Path(script).name} {' '.join(words)}: {done.stderr[-1500:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def restart_with(**environment: str) -> None:
    """Start this program again with variables that libraries read when they are loaded, unless they are set."""
    missing = {name: value for name, value in environment.items() if name not in os.environ}
    if missing:
        sys.stdout.flush()
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **missing})


def peak_memory_gib() -> float:
    """Return the most memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def spread(values: list[float]) -> dict[str, float]:
    """Return median, least and largest of the values."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def machine_slug() -> str:
    """Return the machine as the names of result files have it: its first GPU, or its processor and cores."""
    machine = hardware()
    device = machine["gpus"][0] if machine["gpus"] else f"{machine['cpu']} {machine['cores']} cores"
    return re.sub(r"[^a-z0-9]+", "-", device.lower()).strip("-")


def write_result(folder: Path, name: str, result: Mapping[str, Any]) -> Path:
    """Write ``<name>_<hardware>_<yyyymm>.json`` into ``folder`` and return its path."""
    now = datetime.now(UTC)
    path = folder / f"{name}_{machine_slug()}_{now:%Y%m}.json"
    about = {"benchmark": name, "date": f"{now:%Y-%m-%d}", "commit": commit(), "hardware": hardware()}
    write_json(path, {**about, "versions": versions(), **result})
    return path
