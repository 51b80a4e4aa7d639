"""``gleam-x evaluate``: a trained model on the benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gleam_common.commands import run_function
from gleam_common.errors import ConfigError

__all__ = ["evaluate", "evaluate_command"]

_HEADLINE = (
    "auroc",
    "accuracy",
    "yes_rate",
    "ece",
    "auroc_c",
    "auroc_fused",
    "claim_precision",
    "claim_recall",
    "hallucination_rate",
    "contradiction_rate",
)


def evaluate(
    run: Path,
    benchmark: Path = Path("data/benchmark"),
    split: str = "test",
    matcher: Path | None = None,
    catalog: Path = Path("data/synthcity"),
    seed: int = 0,
    explain: bool = True,
) -> None:
    """Verdicts, explanations and their claims on a split of the benchmark, with 95 % intervals by place.

    Writes predictions.parquet, results.json and report.html into the run.

    Args:
        run: folder of `gleam-x train`.
        benchmark: folder of `gleam-x benchmark build`.
        split: train, validation or test.
        matcher: a GLEAM-C model's folder: also measure its similarity, alone and fused with the verdict.
        catalog: that the benchmark was built from; read only with a GLEAM-C model.
        seed: of the bootstrap; 0 or more.
        explain: also generate explanations and probe them; `--explain false` judges verdicts alone, in a tenth of the
            time.
    """
    from gleam_x.evaluate import evaluate_run
    from gleam_x.matcher import Matcher

    if seed < 0:
        raise ConfigError("seed of the bootstrap", value=seed, allowed="0 or more")
    door = None if matcher is None else Matcher(matcher)
    results = evaluate_run(run, benchmark, split, door, catalog, seed, explain)
    print(_table(results))
    print(f"report: {run / 'report.html'}")


def _table(results: dict[str, Any]) -> str:
    rows = []
    for name in _HEADLINE:
        found = results[name]
        if found["value"] is not None:
            rows.append(f"{name:<20} {found['value']:.3f}  [{found['low']:.3f} - {found['high']:.3f}]")
    return "\n".join(rows)


def evaluate_command(arguments: Sequence[str]) -> None:
    """Run :func:`evaluate` with ``arguments``."""
    run_function(evaluate, "gleam-x evaluate", arguments, first="run")
