"""Answers on the terminal: a line for each photo, and under it the reason."""

from __future__ import annotations

from collections.abc import Sequence

from gleam_x.pipeline.answer import Answer
from gleam_x.pipeline.found import Tile

__all__ = ["place_text", "terminal_table"]

_HEADS = ("photo", "view", "place", "verdict", "probability", "similarity", "GLEAM-X", "tile", "seconds")
_RIGHT = {"probability", "similarity", "GLEAM-X", "seconds"}


def terminal_table(answers: Sequence[Answer]) -> str:
    """Return a line for each photo with what was decided of its first candidate, and the reason below it."""
    lines = [_cells(answer) for answer in answers]
    widths = [max(map(len, column)) for column in zip(_HEADS, *lines, strict=True)]

    def row(cells: Sequence[str]) -> str:
        told = [
            cell.rjust(width) if head in _RIGHT else cell.ljust(width)
            for head, cell, width in zip(_HEADS, cells, widths, strict=True)
        ]
        return "  ".join(told).rstrip()

    told = [row(_HEADS), "-" * (sum(widths) + 2 * len(widths) - 2)]
    for answer, cells in zip(answers, lines, strict=True):
        told.append(row(cells))
        if answer.abstained:
            told.append(f"  left open: {answer.abstained}")
        if answer.explanation:
            told.append(f"  {' '.join(answer.explanation.split())}")
    return "\n".join(told)


def _cells(answer: Answer) -> tuple[str, ...]:
    best = answer.best
    return (
        answer.photo.name,
        answer.view,
        place_text(best.tile),
        answer.verdict,
        f"{answer.probability:.2f}",
        f"{best.tile.similarity:.3f}",
        f"{best.verdict.probability:.2f}",
        best.tile.gallery_id,
        f"{sum(answer.times_s.values()):.2f}",
    )


def place_text(tile: Tile) -> str:
    """Return a tile's centre for people: degrees with six decimals, or metres on the map."""
    if tile.lat is None or tile.lon is None:
        return f"{tile.x_m or 0.0:.1f}, {tile.y_m or 0.0:.1f} m"
    return f"{tile.lat:.6f}, {tile.lon:.6f}"
