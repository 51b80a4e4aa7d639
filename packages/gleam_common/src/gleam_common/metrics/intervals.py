"""Bootstrap intervals, resampled by place: the views of one place are easy or hard together.

Axes: R resamples, P places, Q queries.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gleam_common.errors import DataError

__all__ = ["Interval", "interval", "mean_samples", "median_samples", "place_weights"]

Floats = npt.NDArray[np.float64]
Weights = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A measured value with the 95 % interval in which it would fall again with other places of the same kind."""

    value: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float]:
        """Return ``{"value", "low", "high"}``, as it stands in results.json."""
        return {"value": self.value, "low": self.low, "high": self.high}


def place_weights(places: int, seed: int, resamples: int = 1000) -> Weights:
    """Return how often each place is drawn in each resample, float32 (R, P): P draws with replacement.

    Use the same weights for every number of one evaluation: intervals of means over views then respect that the views
    show the same places.

    Raises:
        DataError: no place or no resample.
    """
    if places < 1 or resamples < 1:
        raise DataError("bootstrap", value=(places, resamples), allowed="at least one place and one resample")
    random = np.random.default_rng([seed, 0xB007])
    weights_RP = np.empty((resamples, places), dtype=np.float32)
    for row in weights_RP:  # one at a time: 90,000 places would take a gigabyte of draws
        row[:] = np.bincount(random.integers(places, size=places, dtype=np.int32), minlength=places)
    return weights_RP


def mean_samples(values_Q: npt.ArrayLike, place_Q: npt.NDArray[np.int64], weights_RP: Weights) -> Floats:
    """Return the mean of the values in every resample, float64 (R,); NaN where a resample drew none of them.

    Args:
        values_Q: one value a query.
        place_Q: number of each query's place, 0 to P - 1.
        weights_RP: from :func:`place_weights`.
    """
    places = weights_RP.shape[1]
    sums = np.bincount(place_Q, weights=np.asarray(values_Q, dtype=np.float64), minlength=places)
    counts = np.bincount(place_Q, minlength=places)
    both_P2 = np.stack([sums, counts], axis=1)
    blocks = np.array_split(weights_RP, max(1, len(weights_RP) // 32))  # in float64 the weights would be twice as large
    sums_R2 = np.concatenate([block @ both_P2 for block in blocks])
    with np.errstate(invalid="ignore"):
        return np.asarray(sums_R2[:, 0] / sums_R2[:, 1])


def median_samples(values_Q: npt.ArrayLike, place_Q: npt.NDArray[np.int64], weights_RP: Weights) -> Floats:
    """Return the median of the values in every resample, float64 (R,); NaN where a resample drew none of them."""
    values = np.asarray(values_Q, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    values, place = values[order], place_Q[order]
    samples = np.full(len(weights_RP), np.nan)
    for row, weights_P in enumerate(weights_RP):
        cumulative = np.cumsum(weights_P[place])
        if cumulative[-1]:
            sides = (np.searchsorted(cumulative, cumulative[-1] / 2, side=side) for side in ("left", "right"))
            samples[row] = np.mean([values[side] for side in sides])
    return samples


def interval(value: float, samples_R: Floats, share_of: int = 0) -> Interval:
    """Return ``value`` with the 2.5th and 97.5th percentile of its resamples (those that are not NaN).

    Args:
        value: of all queries.
        samples_R: of every resample.
        share_of: for a share in [0, 1], of how many places: where it is exactly 0 or 1, resamples know no spread, and
            the other end is the exact binomial one (Clopper and Pearson, Biometrika 1934), 1 - 0.025^(1/places).
    """
    low, high = np.nanpercentile(samples_R, [2.5, 97.5])
    if share_of and value in (0, 1):
        reach = 1 - 0.025 ** (1 / share_of)
        low, high = (0.0, reach) if value == 0 else (1 - reach, 1.0)
    return Interval(value=float(value), low=float(low), high=float(high))
