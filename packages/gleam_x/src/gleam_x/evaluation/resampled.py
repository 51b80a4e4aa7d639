"""Numbers of results.json with their intervals: every one is resampled by place, with the same draws.

Axes: N rows, P places, R resamples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from gleam_common.errors import DataError
from gleam_common.metrics.intervals import Interval, Weights, interval, place_weights

__all__ = ["Draws", "Measured", "draws_of"]

Measured = dict[str, float | None]
"""``{"value", "low", "high"}``; all None where the rows do not define the number."""
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Draws:
    """How often each row counts in each resample. ``place_N``: number of each row's place; ``weights_RP``: draws."""

    place_N: npt.NDArray[np.int64]
    weights_RP: Weights

    def take(self, rows: npt.ArrayLike) -> Draws:
        """Return the draws of some rows, by a mask or by numbers."""
        return Draws(place_N=self.place_N[np.asarray(rows)], weights_RP=self.weights_RP)

    @property
    def places(self) -> int:
        """How many places the rows have."""
        return len(np.unique(self.place_N))

    def of(self, measure: Callable[[Floats], float], is_share: bool = False) -> Measured:
        """Return a number with its interval.

        Args:
            measure: of rows that count so often, weights (N,).
            is_share: in [0, 1], so that an exact 0 or 1 gets the exact binomial interval.
        """
        value = measure(np.ones(len(self.place_N)))
        samples = [measure(row[self.place_N]) for row in self.weights_RP.astype(np.float64) if row[self.place_N].any()]
        return self._measured(value, np.array(samples), is_share)

    def ratio(self, parts_N: npt.ArrayLike, wholes_N: npt.ArrayLike | None = None) -> Measured:
        """Return sum of parts over sum of wholes (of rows, if not given) with its interval."""
        part_N = np.asarray(parts_N, np.float64)
        whole_N = np.ones(len(part_N)) if wholes_N is None else np.asarray(wholes_N, np.float64)
        value = float(part_N.sum() / whole_N.sum()) if whole_N.sum() else math.nan
        size = self.weights_RP.shape[1]
        part_P, whole_P = (np.bincount(self.place_N, amounts, size) for amounts in (part_N, whole_N))
        with np.errstate(invalid="ignore"):
            samples_R = (self.weights_RP @ part_P) / (self.weights_RP @ whole_P)
        return self._measured(value, samples_R, is_share=bool(((part_N >= 0) & (part_N <= whole_N)).all()))

    def _measured(self, value: float, samples_R: Floats, is_share: bool) -> Measured:
        if math.isnan(value) or np.isnan(samples_R).all():
            return {"value": None, "low": None, "high": None}
        found: Interval = interval(value, samples_R, self.places if is_share else 0)
        return dict[str, float | None](found.as_dict())


def draws_of(place_ids: Sequence[Any], seed: int, resamples: int = 1000) -> Draws:
    """Return the draws of rows that belong to these places.

    Raises:
        DataError: no row.
    """
    if not len(place_ids):
        raise DataError("intervals of no row")
    _, place_N = np.unique(np.asarray(place_ids, dtype=str), return_inverse=True)
    return Draws(place_N=place_N, weights_RP=place_weights(int(place_N.max()) + 1, seed, resamples))
