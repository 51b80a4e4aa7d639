"""Four questions to GLEAM-C on SynthCity, each arm with the same number of steps, three seeds each.

1. Is one model for four views as good as four specialists? Together they get its steps: a view has as many in both.
2. Does a first phase of panoramas help? Two phases against the joint phase alone, with equal steps in all.
3. What does a view gain that was never trained on? Three views with the steps of four, tested on the fourth.
4. Satellite tiles as the anchor of all views, or each view with all others (:mod:`all_pairs`)?

    python benchmarks/study_c.py               # 33 runs of some minutes; stopped, it goes on; then the tables
    SMALL=1 python benchmarks/study_c.py       # two runs of a tiny world: does it work?
    python benchmarks/study_c.py --arms unified two_phase --seeds 1 --threads 1

With `--threads 1` and the world made before, two shares of the arms side by side take two thirds of the time; then ask
for the whole.

Each run is ``gleam-c train`` in ``OUT/ARM-SEED``; its recall goes into ``RESULTS/study_c/ARM-SEED.json``, of which the
summary is made. What has such a file is not run again.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from all_pairs import all_pairs
from gleam_c.train_command import parse_recipe
from gleam_common.artifacts import read_json, write_atomic, write_json
from gleam_common.progress import progress
from gleam_common.synthcity.build import build_world
from measuring import write_result
from scipy.stats import t as student

VIEWS = ("uav", "map", "panorama", "ground")
EPOCHS = 6
"""Passes that the unified model makes over each view. An epoch of one view is one unit of compute."""

UNITS = EPOCHS * len(VIEWS)
FIRST_PHASE = 4
ALL_PAIRS = "all_pairs"
SMALL_ARMS = ("unified", ALL_PAIRS)

Phases = list[dict[str, Any]]


def phase(name: str, views: tuple[str, ...], epochs: int) -> dict[str, Any]:
    """Return a phase as recipes write it."""
    return {"name": name, "views": list(views), "epochs": epochs, "batch_size": 32}


def arms() -> dict[str, Phases]:
    """Return the phases of each arm."""
    found = {
        "unified": [phase("joint", VIEWS, EPOCHS)],
        ALL_PAIRS: [phase("joint", VIEWS, EPOCHS)],
        "two_phase": [
            phase("panorama", ("panorama",), FIRST_PHASE),
            phase("joint", VIEWS, (UNITS - FIRST_PHASE) // len(VIEWS)),
        ],
    }
    for view in VIEWS:
        others = tuple(other for other in VIEWS if other != view)
        found[f"specialist_{view}"] = [phase(view, (view,), EPOCHS)]
        found[f"without_{view}"] = [phase("joint", others, UNITS // len(others))]
    return found


@dataclass(frozen=True, kw_only=True)
class Study:
    """What is run.

    Args:
        out: folder of the runs.
        results: folder of one small file for each finished run.
        arms: names of :func:`arms`.
        seeds: of weights, order and augmentation; the world is that of the recipe.
        small: the smoke recipe's world and encoder, one epoch a phase.
        threads: of a run; 0 takes all cores.
    """

    out: Path
    results: Path
    arms: tuple[str, ...]
    seeds: tuple[int, ...]
    small: bool
    threads: int

    def phases(self, arm: str) -> Phases:
        """Return the phases of an arm."""
        return [{**one, "epochs": 1, "batch_size": 16} if self.small else one for one in arms()[arm]]

    def run(self, arm: str, seed: int) -> None:
        """Train and judge one arm, or go on with it, unless its result is there."""
        kept = self.results / f"{arm}-{seed}.json"
        if kept.is_file():
            return
        folder = self.out / f"{arm}-{seed}"
        overlay = self.out / f"{arm}.yaml"
        with write_atomic(overlay) as file:
            file.write(yaml.safe_dump({"phases": self.phases(arm)}).encode())
        recipe = "smoke" if self.small else "synthcity"
        words = [str(Path(sys.executable).parent / "gleam-c"), "train", "--out", str(folder), "--seed", str(seed)]
        for config in (recipe, str(overlay), "trainer/single"):
            words += ["--config", config]
        words += ["--trainer.threads", str(self.threads)]
        if arm == ALL_PAIRS:
            words += self.catalog_of_all_pairs(recipe)
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{arm}, seed {seed}: {done.stderr[-2000:]}")
        found = read_json(folder / "results.json")
        recall = {view: found["views"][view]["recall@1"] for view in VIEWS}
        about = {name: found[name] for name in ("commit", "hardware", "training_wall_s")}
        write_json(kept, {"arm": arm, "seed": seed, "recall@1": recall, **about})

    def catalog_of_all_pairs(self, recipe: str) -> list[str]:
        """Return the words that let a run learn from all pairs of views, of the recipe's world."""
        parsed = parse_recipe(["--config", recipe, "--out", str(self.out)])[0]
        world = Path(parsed.catalog)
        if parsed.world is not None:
            build_world(parsed.world, world)
        catalog, cache = all_pairs(world, self.out / ALL_PAIRS), self.out / f"{ALL_PAIRS}-cache"
        return ["--catalog", str(catalog), "--root", str(world), "--world", "null", "--cache", str(cache)]

    def recalls(self, arm: str) -> dict[str, np.ndarray[Any, np.dtype[np.float64]]]:
        """Return recall@1 of each view, one number a seed."""
        results = [read_json(self.results / f"{arm}-{seed}.json") for seed in self.seeds]
        return {view: np.array([one["recall@1"][view]["value"] for one in results]) for view in VIEWS}


def interval(values: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, Any]:
    """Return the mean over seeds and its 95 % interval (Student); none of a single seed."""
    mean, half = float(values.mean()), None
    if len(values) > 1:
        half = float(student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5)
    return {"mean": mean, "half_width": half, "seeds": values.tolist()}


def summary(study: Study) -> dict[str, Any]:
    """Return recall@1 of each arm and view, and of each question the differences, paired by seed."""
    found = {arm: study.recalls(arm) for arm in study.arms}
    pairs = {f"two phases less one: {view}": ("two_phase", "unified", view) for view in VIEWS}
    pairs |= {f"unified less specialist: {view}": ("unified", f"specialist_{view}", view) for view in VIEWS}
    pairs |= {f"satellite as anchor less all pairs: {view}": ("unified", ALL_PAIRS, view) for view in VIEWS}
    pairs |= {f"trained on less never seen: {view}": ("unified", f"without_{view}", view) for view in VIEWS}
    return {
        "recall@1": {arm: {view: interval(values) for view, values in own.items()} for arm, own in found.items()},
        "differences": {
            what: interval(found[one][view] - found[other][view])
            for what, (one, other, view) in pairs.items()
            if {one, other} <= set(found)
        },
    }


def shown(result: dict[str, Any]) -> str:
    """Return the tables in per cent, mean and half width of the interval."""
    lines = ["| recall@1, % | " + " | ".join(VIEWS) + " |", "|---|" + "---|" * len(VIEWS)]
    lines += [
        f"| {arm} | {' | '.join(_cell(own[view]) for view in VIEWS)} |" for arm, own in result["recall@1"].items()
    ]
    lines += ["", "| difference, points | |", "|---|---|"]
    lines += [f"| {what} | {_cell(own, sign='+')} |" for what, own in result["differences"].items()]
    return "\n".join(lines)


def _cell(own: dict[str, Any], sign: str = "") -> str:
    half = "" if own["half_width"] is None else f" ± {100 * own['half_width']:.1f}"
    return f"{100 * own['mean']:{sign}.1f}{half}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="a tiny world, two runs (as SMALL=1)")
    parser.add_argument("--arms", nargs="+", choices=list(arms()), help="all by default")
    parser.add_argument("--seeds", nargs="+", type=int, help="1 2 3 by default")
    parser.add_argument("--threads", type=int, default=0, help="of a run; all cores by default")
    parser.add_argument("--out", type=Path, help="folder of the runs, runs/study by default")
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results", help="of the summary")
    options = parser.parse_args()
    small = options.small or os.environ.get("SMALL") == "1"
    name = f"study_c{'-small' if small else ''}"
    study = Study(
        out=options.out or Path("runs/study-small" if small else "runs/study"),
        results=options.results / name,
        arms=tuple(options.arms or (SMALL_ARMS if small else arms())),
        seeds=tuple(options.seeds or ((1,) if small else (1, 2, 3))),
        small=small,
        threads=options.threads,
    )
    study.out.mkdir(parents=True, exist_ok=True)
    runs = [(arm, seed) for seed in study.seeds for arm in study.arms]
    for arm, seed in progress(runs, desc="runs", unit="run"):
        study.run(arm, seed)
    result = summary(study)
    print(shown(result))
    units = {arm: sum(one["epochs"] * len(one["views"]) for one in study.phases(arm)) for arm in study.arms}
    about = {"unit": "an epoch of one view's training pairs", "units": units}
    print(f"result: {write_result(options.results, name, {**about, **result})}")


if __name__ == "__main__":
    main()
