"""Does explaining cost accuracy? Verdict-first against label-only: three seeds each, equal steps, one base.

Each run is `gleam-x train` and `gleam-x evaluate --explain false` on the benchmark's test split; differences are paired
by record, with intervals by place. ``OUT`` keeps each run and its result: a study that was stopped goes on.

    .venv/bin/python tests/soak/explaining_costs.py [--small] [--epochs 3] [--out runs/soak/explaining_costs]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from gleam_common.artifacts import read_json, write_json
from gleam_common.provenance import commit, hardware
from gleam_x.evaluate import evaluate_run
from gleam_x.evaluation.compare import compare_models
from gleam_x.evaluation.predictions import PREDICTIONS_FILE, read_predictions
from gleam_x.recipe import Recipe
from gleam_x.train_command import parse_recipe
from gleam_x.training import train

sys.path.insert(0, str(Path(__file__).parents[1]))
from tiny_benchmark import write_benchmark

RECIPES = ("synthcity", "synthcity-label-only")
SEEDS = (1, 2, 3)
MEASURES = ("auroc", "accuracy", "ece")


def one(recipe: Recipe, run: Path) -> dict[str, Any]:
    """Train and judge one run, and say what came of it."""
    train(recipe, run)
    results = evaluate_run(run, Path(recipe.benchmark), explain=False)
    return {"recipe": recipe.recipe, "seed": recipe.seed, "epochs": recipe.epochs} | {
        name: results[name] for name in MEASURES
    }


def differences(out: Path, seeds: tuple[int, ...]) -> list[dict[str, Any]]:
    """Return verdict-first minus label-only for each seed."""
    found = []
    for seed in seeds:
        explaining, silent = (read_predictions(out / f"{recipe}-{seed}" / PREDICTIONS_FILE) for recipe in RECIPES)
        found.append(compare_models(silent, explaining, seed) | {"seed": seed})
    return found


def main() -> int:
    """Run what is missing of the study and print its result; 0 when explaining costs nothing that can be told."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="one seed of each recipe on a toy; proves nothing")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("runs/soak/explaining_costs"))
    arguments = parser.parse_args()
    small = arguments.small or os.environ.get("SMALL") == "1"
    with tempfile.TemporaryDirectory() as scratch:
        seeds, change = SEEDS, {"epochs": arguments.epochs}
        out = arguments.out
        if small:
            toy = Path(scratch)
            change = {"epochs": 1, "base": "nano", "benchmark": str(write_benchmark(toy / "b"))}
            seeds, out = SEEDS[:1], toy / "runs"
        for seed in seeds:
            for name in RECIPES:
                result = out / f"{name}-{seed}.json"
                if not result.exists():
                    recipe, _, _ = parse_recipe(["--config", name, "--out", str(out / f"{name}-{seed}")])
                    write_json(result, one(replace(recipe, seed=seed, **change), out / f"{name}-{seed}"))
        runs = [read_json(out / f"{name}-{seed}.json") for seed in seeds for name in RECIPES]
        paired = differences(out, seeds)
    mean = {name: float(np.mean([pair["difference"][name]["value"] for pair in paired])) for name in MEASURES}
    told = {"commit": commit(), "hardware": hardware(), "runs": runs, "paired": paired, "mean_difference": mean}
    print(json.dumps(told, indent=2))
    if not small:
        write_json(out / "result.json", told)
    costs = all(pair["difference"]["accuracy"]["high"] < 0 for pair in paired)
    return 1 if costs and not small else 0


if __name__ == "__main__":
    sys.exit(main())
