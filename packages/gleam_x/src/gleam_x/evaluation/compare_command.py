"""``gleam-x compare``: two evaluated runs on the same records."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gleam_common.commands import run_function
from gleam_common.errors import ConfigError

__all__ = ["compare", "compare_command"]


def compare(first: Path, second: Path, out: Path | None = None, seed: int = 0) -> None:
    """Compare two runs that were evaluated on one benchmark: `gleam-x compare RUN OTHER`.

    Prints how much the second's numbers differ from the first's, with 95 % intervals by place from paired draws, and
    McNemar's exact test of their verdicts.

    Args:
        first: a run with predictions.parquet, from `gleam-x evaluate`.
        second: another.
        out: a JSON file for the comparison.
        seed: of the bootstrap; 0 or more.
    """
    from gleam_common.artifacts import write_json

    from gleam_x.evaluation.compare import compare_models
    from gleam_x.evaluation.predictions import PREDICTIONS_FILE, read_predictions

    if seed < 0:
        raise ConfigError("seed of the bootstrap", value=seed, allowed="0 or more")
    rows, other_rows = (read_predictions(run / PREDICTIONS_FILE) for run in (first, second))
    found = compare_models(rows, other_rows, seed)
    found |= {"first": first.name, "second": second.name}
    print(_told(found))
    if out is not None:
        write_json(out, found)


def _told(found: dict[str, Any]) -> str:
    lines = [f"{found['second']} minus {found['first']}, {found['records']} records of {found['places']} places"]
    for name, difference in found["difference"].items():
        if difference["value"] is not None:
            lines.append(
                f"{name:<20} {difference['value']:+.3f}  [{difference['low']:+.3f} to {difference['high']:+.3f}]"
            )
    test = found["mcnemar"]
    lines.append(
        f"McNemar: of {test['pairs']} pairs only {found['first']} is right on {test['only_a_right']}, "
        f"only {found['second']} on {test['only_b_right']}; p = {test['p']:.3g}"
    )
    return "\n".join(lines)


def compare_command(arguments: Sequence[str]) -> None:
    """Run :func:`compare` with ``arguments``."""
    run_function(compare, "gleam-x compare", arguments, first=("first", "second"))
