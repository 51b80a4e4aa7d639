"""``gleam-c train`` in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def command(*words: str) -> list[str]:
    return [str(Path(sys.executable).parent / "gleam-c"), "train", "--out", "run", *words]


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in ("RANK", "LOCAL_RANK")}


def train(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*words), cwd=folder, env=environment(), capture_output=True, text=True, check=False, timeout=600
    )


def start(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    """Start a run in a process group of its own."""
    with (folder / "log.txt").open("wb") as log:
        return subprocess.Popen(
            command(*words), cwd=folder, env=environment(), stdout=log, stderr=log, start_new_session=True
        )
