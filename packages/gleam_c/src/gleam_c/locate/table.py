"""Answers as rows: on the terminal, as CSV, and for maps of other programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gleam_c.locate.located import Located

__all__ = ["candidate_rows", "csv_text", "place_text", "terminal_table"]


def candidate_rows(located: Sequence[Located]) -> list[dict[str, Any]]:
    """Return one flat row for each candidate of each photo, in order."""
    rows = []
    for one in located:
        told = one.to_json()
        about = {name: told[name] for name in ("photo", "view")}
        answer = {f"place_{name}": told[name] for name in told if name in ("lat", "lon", "x_m", "y_m")}
        answer |= {"radius_m": told["radius_m"], "abstained": told["abstained"]}
        for rank, candidate in enumerate(told["candidates"], start=1):
            rows.append({**about, "rank": rank, **candidate, **answer})
    return rows


def csv_text(located: Sequence[Located]) -> str:
    """Return :func:`candidate_rows` as CSV with a header."""
    rows = candidate_rows(located)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def terminal_table(located: Sequence[Located]) -> str:
    """Return a line for each photo: view, place, radius, confidence, similarity, first tile; why where abstained."""
    heads = ("photo", "view", "place", "radius m", "confidence", "score", "tile")
    lines = [_cells(one) for one in located]
    widths = [max(map(len, column)) for column in zip(heads, *lines, strict=True)]
    right = {"radius m", "confidence", "score"}

    def row(cells: Sequence[str]) -> str:
        told = [
            cell.rjust(width) if head in right else cell.ljust(width)
            for head, cell, width in zip(heads, cells, widths, strict=True)
        ]
        return "  ".join(told).rstrip()

    told = [row(heads), "-" * len(row(heads).ljust(sum(widths) + 2 * len(widths) - 2))]
    for one, cells in zip(located, lines, strict=True):
        told.append(row(cells))
        if one.abstained:
            told.append(f"  abstained: {one.abstained}")
    return "\n".join(told)


def _cells(one: Located) -> tuple[str, ...]:
    return (
        Path(one.photo).name + (f" and {len(one.photos) - 1} more" if len(one.photos) > 1 else ""),
        str(one.view),
        place_text(one),
        "-" if one.radius_m is None else f"{one.radius_m:.0f}",
        "-" if one.confidence is None else f"{one.confidence:.2f}",
        f"{one.candidates[0].score:.3f}",
        one.candidates[0].gallery_id,
    )


def place_text(one: Located) -> str:
    """Return coordinates for people: degrees with six decimals, or metres on the map."""
    place = one.place
    if place.lat is None or place.lon is None:
        return f"{place.x_m or 0.0:.1f}, {place.y_m or 0.0:.1f} m"
    return f"{place.lat:.6f}, {place.lon:.6f}"
