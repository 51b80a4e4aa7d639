"""``gleam-c train`` in a process of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path


def command(*words: str) -> list[str]:
    return [str(Path(sys.executable).parent / "gleam-c"), "train", "--out", "run", *words]


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in ("RANK", "LOCAL_RANK")}


def train(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end. What it prints goes to files: a process it leaves behind holds no pipe, and is ended."""
    printed = [folder / "stdout.txt", folder / "stderr.txt"]
    with printed[0].open("wb") as out, printed[1].open("wb") as err:
        process = subprocess.Popen(
            command(*words), cwd=folder, env=environment(), stdout=out, stderr=err, start_new_session=True
        )
        try:
            process.wait(timeout=600)
        except subprocess.TimeoutExpired as expired:
            raise AssertionError(f"not ended: {printed[1].read_text('utf-8', errors='replace')[-3000:]}") from expired
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    stdout, stderr = (path.read_text("utf-8", errors="replace") for path in printed)
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def start(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    """Start a run in a process group of its own."""
    with (folder / "log.txt").open("wb") as log:
        return subprocess.Popen(
            command(*words), cwd=folder, env=environment(), stdout=log, stderr=log, start_new_session=True
        )
