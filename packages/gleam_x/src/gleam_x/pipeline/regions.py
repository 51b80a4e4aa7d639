"""Where in a picture the words of a claim point: "top left", "north-east", "left" as boxes."""

from __future__ import annotations

from gleam_common.views import View

from gleam_x.benchmark.vocabulary import COMPASS_SIDES

__all__ = ["Box", "region_of"]

Box = tuple[float, float, float, float]
"""Left, top, right, bottom as shares of the picture's width and height, 0 to 1."""

_COLUMNS = {"west": 0, "left": 0, "east": 2, "right": 2}
_ROWS = {"north": 0, "top": 0, "south": 2, "bottom": 2}


def region_of(where: str, view: str) -> Box | None:
    """Return the part of a picture that the words of a place mean: a cell of nine, or a third of a street-level one.

    Args:
        where: of a claim; empty where it names no place.
        view: of the picture, "satellite" for the tile.
    """
    if not where:
        return None
    words = where.replace("-", " ").split()
    column = next((_COLUMNS[word] for word in words if word in _COLUMNS), 1)
    left, right = column / 3, (column + 1) / 3
    if view in (View.PANORAMA, View.GROUND) and where not in COMPASS_SIDES[1:]:
        return left, 0.0, right, 1.0
    row = next((_ROWS[word] for word in words if word in _ROWS), 1)
    return left, row / 3, right, (row + 1) / 3
