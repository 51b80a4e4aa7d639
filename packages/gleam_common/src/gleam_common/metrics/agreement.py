"""How far several people (or judges) agree beyond chance. The papers are named at each function.

Axes: U units (what is rated), R raters, K categories. Every measure takes the same table: a row for each unit, a column
for each rater, a label in each cell, None (or NaN) where the rater did not rate the unit. Two lists of labels become
such a table with ``list(zip(first, second))``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from gleam_common.errors import DataError
from gleam_common.metrics.intervals import Interval, interval, place_weights

__all__ = [
    "Measure",
    "Ratings",
    "agreement_interval",
    "cohen_kappa",
    "fleiss_kappa",
    "gwet_ac1",
    "krippendorff_alpha",
    "ratings",
    "raw_agreement",
]

Floats = npt.NDArray[np.float64]
Rows = Sequence[Sequence[Any]]
Level = Literal["nominal", "ordinal", "interval"]


@dataclass(frozen=True, kw_only=True)
class Ratings:
    """A checked table.

    Attributes:
        codes_UR: number of each label in ``categories``, -1 where missing.
        categories: all labels; numbers are sorted.
    """

    codes_UR: npt.NDArray[np.int64]
    categories: tuple[Any, ...]

    @property
    def counts_UK(self) -> Floats:
        """How many raters gave each unit each label."""
        return np.stack([(self.codes_UR == code).sum(1) for code in range(len(self.categories))], 1).astype(float)

    def drawn(self, rows: npt.NDArray[np.int64]) -> Ratings:
        """Return the table of these units, with the same categories."""
        return Ratings(codes_UR=self.codes_UR[rows], categories=self.categories)


Measure = Callable[[Ratings], float]


def ratings(rows: Rows | Ratings, categories: Sequence[Hashable] = ()) -> Ratings:
    """Return the checked table of ``rows``.

    Args:
        rows: labels, unit by unit; all rows of one length.
        categories: the labels that raters could choose; those that occur if empty. Matters to :func:`gwet_ac1`, where
            a label that nobody chose lowers the agreement expected by chance.

    Raises:
        DataError: rows of different lengths, fewer than two raters, no unit with two ratings, or an unknown label.
    """
    if isinstance(rows, Ratings):
        return rows
    cells = [[None if label is None or label != label else label for label in row] for row in rows]  # NaN != NaN
    widths = {len(row) for row in cells}
    if len(widths) != 1 or min(widths) < 2:
        raise DataError("raters for each unit", value=sorted(widths), allowed="the same number in every row, 2 or more")
    known = tuple(dict.fromkeys(categories)) or _occurring(cells)
    unknown = {label for row in cells for label in row if label is not None} - set(known)
    if unknown:
        raise DataError("unknown label in a rating", value=sorted(map(str, unknown)), allowed=map(str, known))
    codes = {label: code for code, label in enumerate(known)} | {None: -1}
    table = np.array([[codes[label] for label in row] for row in cells], dtype=np.int64)
    if not ((table >= 0).sum(1) >= 2).any():
        raise DataError("no unit was rated by two raters", fix="let a second rater rate some of the same units")
    return Ratings(codes_UR=table, categories=known)


def raw_agreement(rows: Rows | Ratings) -> float:
    """Return the share of agreeing pairs of raters, averaged over units with two or more ratings; in [0, 1].

    For two raters this is the share of units with the same label. Source: Fleiss, Psychological Bulletin 76 (1971):
    the mean of sum_k n_uk (n_uk - 1) / (n_u (n_u - 1)), here with each unit's own number of ratings n_u.
    """
    counts_UK = ratings(rows).counts_UK
    raters_U = counts_UK.sum(1)
    rated = raters_U >= 2
    counts_UK, raters_U = counts_UK[rated], raters_U[rated]
    return _mean((counts_UK * (counts_UK - 1)).sum(1) / (raters_U * (raters_U - 1)))


def cohen_kappa(rows: Rows | Ratings) -> float:
    """Return kappa of two raters over the units that both rated; NaN where both gave one label to all.

    Source: Cohen, Educational and Psychological Measurement 20 (1960): (p_o - p_c) / (1 - p_c), with
    p_c = sum_k p_1k p_2k.

    Raises:
        DataError: not two raters.
    """
    table = ratings(rows)
    if table.codes_UR.shape[1] != 2:
        raise DataError("raters of Cohen's kappa", value=table.codes_UR.shape[1], allowed="2", fix="use fleiss_kappa")
    codes_UR = table.codes_UR[(table.codes_UR >= 0).all(1)]
    size = len(table.categories)
    first_K, second_K = (np.bincount(codes, minlength=size) / max(len(codes), 1) for codes in codes_UR.T)
    return _beyond_chance(_mean(codes_UR[:, 0] == codes_UR[:, 1]), float(first_K @ second_K))


def fleiss_kappa(rows: Rows | Ratings) -> float:
    """Return kappa of any raters, each unit rated equally often (not necessarily by the same); NaN for one label only.

    Source: Fleiss, Psychological Bulletin 76 (1971): chance agreement is sum_k p_k^2, p_k the share of label k.

    Raises:
        DataError: units were rated unequally often; the formula has no place for that.
    """
    table = ratings(rows)
    counts_UK = table.counts_UK
    often = np.unique(counts_UK.sum(1))
    if len(often) > 1:
        raise DataError(
            "units of Fleiss' kappa were rated unequally often",
            value=[int(number) for number in often],
            allowed="one number of ratings for all",
            fix="use krippendorff_alpha or gwet_ac1, or leave out the units with missing ratings",
        )
    share_K = counts_UK.sum(0) / counts_UK.sum()
    return _beyond_chance(raw_agreement(table), float(share_K @ share_K))


def gwet_ac1(rows: Rows | Ratings) -> float:
    """Return AC1, which stays near the raw agreement where almost all units get one label and kappa falls to 0.

    NaN with a single category: name the ``categories`` of :func:`ratings` where raters could have chosen others.
    Source: Gwet, British J. Math. Stat. Psychology 61 (2008): chance agreement is sum_k p_k (1 - p_k) / (K - 1), where
    p_k is the mean over units of the share of their ratings that are label k.
    """
    table = ratings(rows)
    counts_UK = table.counts_UK
    counts_UK = counts_UK[counts_UK.sum(1) > 0]
    share_K = (counts_UK / counts_UK.sum(1, keepdims=True)).mean(0)
    others = len(table.categories) - 1
    chance = float((share_K * (1 - share_K)).sum() / others) if others else 1.0
    return _beyond_chance(raw_agreement(table), chance)


def krippendorff_alpha(rows: Rows | Ratings, level: Level = "nominal") -> float:
    """Return alpha, 1 - observed / expected disagreement, for any number of raters and missing ratings.

    Units with a single rating are left out, as in the source. NaN where all ratings are the same.
    Source: Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), section C and the metrics of section D.

    Args:
        rows: the table; labels must be numbers unless ``level`` is nominal.
        level: how far apart two labels are: all alike, by rank, or by value.

    Raises:
        DataError: labels that are not numbers at the ordinal or interval level.
    """
    table = ratings(rows)
    counts_UK = table.counts_UK
    raters_U = counts_UK.sum(1, keepdims=True)
    paired = raters_U[:, 0] >= 2
    counts_UK, raters_U = counts_UK[paired], raters_U[paired]
    same_UK = counts_UK / (raters_U - 1)
    coincidences_KK = counts_UK.T @ same_UK - np.diag(same_UK.sum(0))
    total_K = counts_UK.sum(0)
    distance_KK = _distances(table.categories, total_K, level)
    expected = float(total_K @ distance_KK @ total_K) / max(total_K.sum() - 1, 1)
    return 1 - float((coincidences_KK * distance_KK).sum()) / expected if expected else float("nan")


def agreement_interval(
    measure: Measure, rows: Rows | Ratings, categories: Sequence[Hashable] = (), seed: int = 0, resamples: int = 1000
) -> Interval:
    """Return a measure with its 95 % bootstrap interval over units; NaN limits where no resample defines it.

    Args:
        measure: one of this module, for instance ``partial(krippendorff_alpha, level="ordinal")``.
        rows: the table.
        categories: as in :func:`ratings`; they stay the same in every resample.
        seed: of the resamples.
        resamples: how many.
    """
    table = ratings(rows, categories)
    units = np.arange(len(table.codes_UR))
    weights_RU = place_weights(len(units), seed, resamples).astype(np.int64)
    samples = np.array([_measured(measure, table.drawn(np.repeat(units, weights_U))) for weights_U in weights_RU])
    value = measure(table)
    if np.isnan(samples).all():
        return Interval(value=value, low=float("nan"), high=float("nan"))
    return interval(value, samples)


def _measured(measure: Measure, table: Ratings) -> float:
    return measure(table) if ((table.codes_UR >= 0).sum(1) >= 2).any() else float("nan")


def _occurring(cells: list[list[Any]]) -> tuple[Any, ...]:
    labels = tuple(dict.fromkeys(label for row in cells for label in row if label is not None))
    return tuple(sorted(labels)) if _are_numbers(labels) else labels


def _are_numbers(labels: Sequence[Any]) -> bool:
    return all(isinstance(label, int | float | np.number) for label in labels)


def _distances(categories: tuple[Any, ...], total_K: Floats, level: Level) -> Floats:
    """Return the squared distance of every two categories (Krippendorff 2011, section D)."""
    size = len(categories)
    if level == "nominal":
        return 1 - np.eye(size)
    if not _are_numbers(categories):
        raise DataError(f"labels at the {level} level", value=categories, allowed="numbers", fix="number them in order")
    if level == "ordinal":  # sum of the ratings between c and k, both ends by half
        order = np.argsort(np.argsort(categories))
        middle_K = (np.cumsum(total_K[np.argsort(categories)]) - total_K[np.argsort(categories)] / 2)[order]
        return np.asarray(np.subtract.outer(middle_K, middle_K) ** 2)
    return np.asarray(np.subtract.outer(np.array(categories, float), np.array(categories, float)) ** 2)


def _beyond_chance(observed: float, chance: float) -> float:
    return (observed - chance) / (1 - chance) if chance < 1 - 1e-12 else float("nan")


def _mean(values: npt.ArrayLike) -> float:
    values = np.asarray(values, dtype=np.float64)
    return float(values.mean()) if values.size else float("nan")
