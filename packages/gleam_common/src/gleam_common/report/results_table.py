"""Results as a plain table for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["percent", "results_table", "view_rows"]

METRICS = ("recall@1", "recall@5", "recall@10", "recall@1%", "ap", "hit_rate", "sdm@1", "sdm@3", "ma@5m", "ma@20m")
"""Fractions in the order of the table's columns; those that a set does not have are left out."""

HEADINGS = {"ap": "AP", "hit_rate": "hit rate", "gallery_size": "gallery", **{f"sdm@{k}": f"SDM@{k}" for k in (1, 3)}}


def percent(fraction: float) -> str:
    """Return a fraction as a percentage with one decimal, without the sign: 0.6222 -> 62.2."""
    return f"{100 * fraction:.1f}"


def results_table(results: Mapping[str, Any]) -> str:
    """Return the recall per view as aligned text: percentages, with the 95 % interval of recall@1.

    Args:
        results: as in results.json (DESIGN section 3).
    """
    rows = view_rows(results)
    names = [name for name in METRICS if any(name in metrics for _, metrics in rows)]
    own_galleries = len({metrics.get("gallery_size") for metrics in results["views"].values()}) > 1
    counts = ("queries", "gallery_size") if own_galleries else ("queries",)
    headings = [HEADINGS.get(name, name) for name in (*counts, "recall@1", "[95 %]", *names[1:])]
    table = [["view", *headings, "median m"]]
    for label, metrics in rows:
        first = metrics["recall@1"]
        table.append(
            [
                label,
                *(str(metrics.get(count, "")) for count in counts),
                percent(first["value"]),
                f"[{percent(first['low'])} - {percent(first['high'])}]",
                *(percent(metrics[name]["value"]) if name in metrics else "" for name in names[1:]),
                f"{metrics['median_error_m']['value']:.1f}" if "median_error_m" in metrics else "",
            ]
        )
    chance = [results["views"][name]["chance"]["recall@1"] for name in results.get("mean_of", results["views"])]
    searched = "" if own_galleries else f", {results['gallery_size']} tiles"
    head = f"{results['protocol']}: {results['queries']} queries{searched}; numbers in %"
    return "\n".join([head, *_aligned(table), f"chance at recall@1: {100 * sum(chance) / len(chance):.2f}"])


def view_rows(results: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return (name, metrics) of every view, and of their mean where it is of several."""
    rows: list[tuple[str, Mapping[str, Any]]] = list(results["views"].items())
    return [*rows, ("mean", results["mean"])] if len(results.get("mean_of", rows)) > 1 else rows


def _aligned(table: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    lines = []
    for row in table:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return [lines[0], "-" * max(map(len, lines)), *lines[1:]]
