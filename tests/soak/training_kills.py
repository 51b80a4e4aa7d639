"""50 kills over both phases of training: each run is started again until it ends, and must end as the undisturbed one.

Each kill is SIGKILL at a moment drawn from the length of an undisturbed run, so that both phases, checkpoints, weights,
evaluation and report are all hit. Every second run goes on with loader processes where the one before had none. ``OUT``
keeps one JSON file for each run: a study that was stopped goes on.

    .venv/bin/python tests/soak/training_kills.py [--small] [--out runs/soak/training_kills]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from gleam_c.recipe import Recipe
from gleam_c.run_log import read_curves
from gleam_c.train_command import parse_recipe
from gleam_c.training import train
from gleam_common.artifacts import read_json, write_json
from gleam_common.progress import progress

KILLS, SMALL_KILLS = 50, 2
MOST_KILLS_OF_ONE = 3
COMPARED = ("checkpoints/panorama.safetensors", "checkpoints/joint.safetensors", "model/model.safetensors")


def started(recipe: Recipe, out: Path) -> int:
    """Train in a child and return its process id; everything is imported already, so that it trains at once."""
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        sys.stdout = sys.stderr = said_of(out).open("w")
        try:
            train(recipe, out)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
    return child


def said_of(out: Path) -> Path:
    """Return the file of what the last child for ``out`` said."""
    return out.with_name(f"{out.name}.said")


def killed(recipe: Recipe, out: Path, after_s: float) -> bool:
    """Train in a child that is killed after a time, with its loader processes; return whether it was still running."""
    child = started(recipe, out)
    time.sleep(after_s)
    os.killpg(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit(f"a run failed by itself:\n{said_of(out).read_text()[-3000:]}")
    return os.WIFSIGNALED(status)


def finished(recipe: Recipe, out: Path) -> bool:
    """Train to the end in a child; return whether it ended well."""
    return os.waitstatus_to_exitcode(os.waitpid(started(recipe, out), 0)[1]) == 0


def losses(out: Path) -> list[tuple[str, int, float]]:
    """Return phase, step and value of every loss that the run said last."""
    return [
        (r["phase"], r["step"], r["value"]) for r in read_curves(out / "metrics.jsonl") if r["name"] == "train/loss"
    ]


def one(number: int, recipe: Recipe, out: Path, whole: Path, whole_s: float) -> dict[str, object]:
    """Kill a run up to three times, let it finish, and compare it with the undisturbed one."""
    rng, kills = np.random.default_rng([6, number]), []
    for turn in range(int(rng.integers(1, MOST_KILLS_OF_ONE + 1))):
        after_s = float(rng.uniform(0, whole_s))
        was_killed = killed(replace(recipe, workers=turn % 2), out, after_s)
        kills.append({"after_s": round(after_s, 3), "killed": was_killed})
    ended = finished(recipe, out)
    other = [name for name in COMPARED if ended and (out / name).read_bytes() != (whole / name).read_bytes()]
    return {
        "kills": kills,
        "finished": ended,
        "same_bytes": ended and not other,
        "other_bytes": other,
        "same_losses": losses(out) == losses(whole),
    }


def main() -> int:
    """Run what is missing of the study and print its result; 0 when every run ends as the undisturbed one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="two runs")
    parser.add_argument("--out", type=Path, default=Path("runs/soak/training_kills"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # a child of fork has no other threads
    count = SMALL_KILLS if arguments.small or os.environ.get("SMALL") == "1" else KILLS
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        recipe, _, _ = parse_recipe(["--config", "kill", "--out", "runs/kill", "--catalog", str(work / "world")])
        if not finished(recipe, work / "warm"):
            raise SystemExit(f"the undisturbed run failed:\n{said_of(work / 'warm').read_text()[-3000:]}")
        before_s = time.perf_counter()
        finished(recipe, work / "whole")
        whole_s = time.perf_counter() - before_s
        for number in progress(range(count), desc="kills", unit="run"):
            result = arguments.out / f"{number:03d}.json"
            if not result.exists():
                write_json(result, one(number, recipe, work / "killed", work / "whole", whole_s))
                shutil.rmtree(work / "killed", ignore_errors=True)
    results = [read_json(arguments.out / f"{number:03d}.json") for number in range(count)]
    good = sum(bool(r["finished"] and r["same_bytes"] and r["same_losses"]) for r in results)
    kills = sum(kill["killed"] for r in results for kill in r["kills"])
    print(json.dumps({"runs": count, "that_end_alike": good, "kills": kills, "run_s": round(whole_s, 2)}))
    return 0 if good == count else 1


if __name__ == "__main__":
    sys.exit(main())
