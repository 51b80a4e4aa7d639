"""``gleam-x evaluate-pipeline``: both models together, measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gleam_common.commands import run_function

__all__ = ["evaluate_pipeline", "evaluate_pipeline_command"]


def evaluate_pipeline(
    run: Path = Path("runs/x-synthcity"),
    matcher: Path = Path("runs/c-synthcity/model"),
    catalog: Path = Path("data/synthcity"),
    out: Path = Path("runs/pipeline-synthcity"),
    queries: int = 225,
    val_tiles: int = 250,
    top_k: int = 5,
    timed: int = 16,
    lang: str = "en",
    seed: int = 0,
    overwrite: bool = False,
) -> None:
    """Recall of GLEAM-C alone and of both models, abstention and cost, on the held-out city of a world.

    Decides on the validation places whether and how GLEAM-X re-ranks, and keeps that as pipeline.json in RUN, where
    `gleam-x locate` finds it. Writes results.json, report.html and examples.html into OUT; stopped, it goes on.

    Args:
        run: folder of `gleam-x train`.
        matcher: a GLEAM-C model's folder.
        catalog: a world with photos whose places are known, in the splits val and test.
        out: folder of the evaluation.
        queries: places of each split, every view of them; 0 for all.
        val_tiles: tiles that photos of validation places are looked for among, those of validation places first; 0 for
            all of their cities. The held-out city is searched whole.
        top_k: candidates that are verified, each in two orders.
        timed: photos that also go through the whole pipeline one by one, with reasons, to time it.
        lang: of questions and reasons, en or zh.
        seed: of the choice of places and of the bootstrap.
        overwrite: replace an evaluation in OUT that was made otherwise.
    """
    from gleam_x.evaluate_pipeline import Settings
    from gleam_x.evaluate_pipeline import evaluate_pipeline as run_evaluation

    settings = Settings(queries=queries, val_tiles=val_tiles, top_k=top_k, timed=timed, language=lang, seed=seed)
    results = run_evaluation(run, matcher, catalog, out, settings, overwrite)
    print(_table(results))
    print(f"fusion: {run / 'pipeline.json'}\nreport: {out / 'report.html'}")


def _table(results: dict[str, Any]) -> str:
    lines = [f"{'recall@1':<10} {'GLEAM-C':>8} {'both':>8}   paired difference"]
    for view, found in [*results["views"].items(), ("mean", results["mean"])]:
        gain, plan = found["gain"], found.get("plan")
        decided = "" if plan is None else f"re-ranks {plan['top_k']}" if plan["reranks"] else "keeps the order"
        lines.append(
            f"{view:<10} {found['recall@1_c']['value']:>8.3f} {found['recall@1']['value']:>8.3f}   "
            f"{gain['value']:+.3f} [{gain['low']:+.3f} to {gain['high']:+.3f}]  {decided}".rstrip()
        )
    for name in ("accuracy", "accuracy_at_coverage_0.8", "ece"):
        found = results[name]
        lines.append(f"{name:<25} {found['value']:.3f}  [{found['low']:.3f} to {found['high']:.3f}]")
    return "\n".join([*lines, f"{'wall_ms_per_query':<25} {results['wall_ms_per_query']:.0f}"])


def evaluate_pipeline_command(arguments: Sequence[str]) -> None:
    """Run :func:`evaluate_pipeline` with ``arguments``."""
    run_function(evaluate_pipeline, "gleam-x evaluate-pipeline", arguments, first="run")
