"""The lattice of overlapping tiles that covers a city, and which of them are held out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from gleam_common.errors import ConfigError

__all__ = ["MARGIN_M", "STRIDE_M", "TILE_M", "Lattice", "Split", "make_lattice", "place_splits"]

TILE_M = 120.0
STRIDE_M = 60.0
MOST_PLACES = 1024
"""Places that a city may have."""

MARGIN_M = 200.0

Split = Literal["train", "test"]


@dataclass(frozen=True, kw_only=True)
class Lattice:
    """``places`` tile centres on a near-square lattice, row-major from the north-west; the last row may be short."""

    places: int
    rows: int
    cols: int

    @property
    def half_width_m(self) -> float:
        """Half the east-west size of the whole city, margin included."""
        return (self.cols - 1) * STRIDE_M / 2 + TILE_M / 2 + MARGIN_M

    @property
    def half_height_m(self) -> float:
        """Half the north-south size of the whole city, margin included."""
        return (self.rows - 1) * STRIDE_M / 2 + TILE_M / 2 + MARGIN_M

    @property
    def row_col(self) -> npt.NDArray[np.int64]:
        """(places, 2): row and column of each place."""
        return np.stack(np.divmod(np.arange(self.places), self.cols), axis=1)

    @property
    def centres_m(self) -> npt.NDArray[np.float64]:
        """(places, 2): x east and y north of each tile's centre."""
        row, col = self.row_col.T
        return np.stack(
            [(col - (self.cols - 1) / 2) * STRIDE_M, ((self.rows - 1) / 2 - row) * STRIDE_M], axis=1
        ).astype(np.float64)


def make_lattice(places: int) -> Lattice:
    """Return the near-square lattice of ``places`` tiles.

    Raises:
        ConfigError: for fewer than one or more than 1024 places.
    """
    if not 1 <= places <= MOST_PLACES:
        raise ConfigError("number of places in a city", value=places, allowed=f"1 to {MOST_PLACES}")
    cols = math.ceil(math.sqrt(places))
    return Lattice(places=places, rows=math.ceil(places / cols), cols=cols)


def place_splits(lattice: Lattice, rng: np.random.Generator, holdout: float, split: Split) -> list[str]:
    """Return the split of each place: all "test", or "train" with about ``holdout`` of the places as "val".

    Held-out places form one compact rectangle (two in cities over 300 places), not single tiles: tiles overlap by half,
    so a lone val tile would be seen whole in its train neighbours. Inside the rectangle no val tile overlaps a train
    tile except along its rim, where at most the outer half of a rim tile was seen, always under another tile's centre.

    Raises:
        ConfigError: for a holdout outside [0, 0.5].
    """
    if not 0.0 <= holdout <= 0.5:
        raise ConfigError("share of held-out places", value=holdout, allowed="0 to 0.5")
    if split == "test":
        return ["test"] * lattice.places
    is_val = np.zeros((lattice.rows, lattice.cols), dtype=bool)
    blocks = 2 if lattice.places > 300 else 1
    wanted = round(holdout * lattice.places)
    for _ in range(blocks):
        _hold_out_rectangle(is_val, rng, wanted / blocks)
    flat = is_val.ravel()[: lattice.places]
    return ["val" if held else "train" for held in flat]


def _hold_out_rectangle(is_val: npt.NDArray[np.bool_], rng: np.random.Generator, wanted: float) -> None:
    """Mark a near-square rectangle of about ``wanted`` places, away from the (possibly short) last row if it can be."""
    if wanted < 0.5:
        return
    rows, cols = is_val.shape
    height = min(rows, max(1, round(math.sqrt(wanted))))
    width = min(cols, max(1, round(wanted / height)))
    top = int(rng.integers(0, max(1, rows - height)))
    left = int(rng.integers(0, max(1, cols - width + 1)))
    is_val[top : top + height, left : left + width] = True
