"""What made a result: the code's commit, the versions of what it stands on, and the machine. Never a path or a name."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

__all__ = ["commit", "hardware", "versions"]

_PACKAGES = ("gleam-common", "gleam-c", "gleam-x", "torch", "lightning", "timm", "deepspeed", "numpy", "datasets")


def versions() -> dict[str, str]:
    """Return the versions of Python, ours and the libraries that decide numbers; absent ones are left out."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def hardware() -> dict[str, Any]:
    """Return the machine: ``cpu`` model, ``cores`` this process may use, ``memory_gib``, ``gpus`` by name."""
    has_affinity = hasattr(os, "sched_getaffinity")
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1,
        "memory_gib": _memory_gib(),
        "gpus": [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())],
        "system": f"{platform.system()} {platform.machine()}",
    }


def commit(folder: Path | None = None) -> str | None:
    """Return the commit of the code (or of ``folder``), with ``-dirty`` when files differ; None outside git."""
    if folder is None:
        # Installed into somebody's project, git would name that project's commit.
        if _git(Path(__file__).parent, "ls-files", "--error-unmatch", Path(__file__).name) is None:
            return None
        folder = Path(__file__).parent
    return _git(folder, "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*")


def _git(folder: Path, *words: str) -> str | None:
    try:
        found = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None


def _cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    except OSError:
        pass  # not Linux: the next line knows less, but something
    return platform.processor() or platform.machine()


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, OSError, ValueError):
        return None
