"""The best rows of each query while pieces of scores go by.

Axes: Q queries, N rows of a piece, K best, E entries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Best", "Running", "Scores"]

Scores = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

_FIRST = 64
"""Rows for each one to keep that are looked at for a first worst of the best."""


@dataclass(frozen=True, kw_only=True)
class Best:
    """The best rows of each query, best first; equal scores in the order of rows.

    Attributes:
        rows: (Q, K) int64; -1 where there are fewer than K candidates.
        scores: (Q, K) float32; minus infinity there.
        matrices: (Q, K) int64, which of the matrices gave the score.
    """

    rows: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float32]
    matrices: npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class _Entries:
    """Rows that were scored for a query, each (E,): query, row, score, and which matrix gave it."""

    query: Ints
    row: Ints
    score: Scores
    matrix: Ints

    def take(self, at: npt.NDArray[Any]) -> _Entries:
        return _Entries(query=self.query[at], row=self.row[at], score=self.score[at], matrix=self.matrix[at])

    @classmethod
    def joined(cls, parts: Sequence[_Entries]) -> _Entries:
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in vars(parts[0])})


class Running:
    """The k best rows of each query so far. After the first piece few scores pass the worst of them: these are sorted.

    Args:
        queries: how many.
        k: rows to keep of each, 1 or more.
    """

    def __init__(self, queries: int, k: int) -> None:
        self._queries, self._k = queries, k
        self._bar_Q = np.full(queries, -np.inf, np.float32)
        nothing = np.zeros(0, np.int64)
        self._kept = _Entries(query=nothing, row=nothing, score=np.zeros(0, np.float32), matrix=nothing)

    def add(self, scores: Sequence[Scores], row_N: Ints) -> None:
        """Look at the scores (N, Q) by each matrix of rows that rise and are larger than all before."""
        bar_Q, some = self._bar_Q, min(len(row_N), _FIRST * self._k)
        if some > self._k and np.isneginf(bar_Q).any():  # the k-th best of a few bounds that of all from below
            border_Q = np.partition(scores[0][:some], some - self._k, axis=0)[some - self._k]
            bar_Q = np.maximum(bar_Q, np.nextafter(border_Q, np.float32(-np.inf)))
        passing = [self._passing(number, score_NQ, bar_Q, row_N) for number, score_NQ in enumerate(scores)]
        if any(len(part.query) for part in passing):
            self._keep(_Entries.joined([self._kept, *passing]))

    def _passing(self, number: int, score_NQ: Scores, bar_Q: Scores, row_N: Ints) -> _Entries:
        at = np.flatnonzero(score_NQ > bar_Q)
        place, query = np.divmod(at, self._queries)
        matrix = np.full(len(at), number, np.int64)
        return _Entries(query=query, row=row_N[place], score=score_NQ[place, query], matrix=matrix)

    def _keep(self, found: _Entries) -> None:
        """Keep the best k rows of each query, sorted by query, then from the best."""
        found = found.take(np.lexsort((found.matrix, -found.score, found.row, found.query)))
        # Of a row's matrices the best one stands first.
        found = found.take(np.r_[True, (np.diff(found.query) != 0) | (np.diff(found.row) != 0)])
        found = found.take(np.lexsort((-found.score, found.query)))  # stable: equal scores stay in the order of rows
        within = _within(found.query)
        worst = found.take(within == self._k - 1)
        self._bar_Q[worst.query] = worst.score
        self._kept = found.take(within < self._k)

    def result(self) -> Best:
        """Return what was kept; -1 and minus infinity for want of rows."""
        kept, within = self._kept, _within(self._kept.query)
        shape = (self._queries, int(within.max(initial=-1)) + 1)
        best = Best(
            rows=np.full(shape, -1, np.int64),
            scores=np.full(shape, -np.inf, np.float32),
            matrices=np.zeros(shape, np.int64),
        )
        best.rows[kept.query, within] = kept.row
        best.scores[kept.query, within] = kept.score
        best.matrices[kept.query, within] = kept.matrix
        return best


def _within(query_E: Ints) -> Ints:
    """Return how many entries of the same query stand before each, of queries in rising order."""
    return np.arange(len(query_E)) - np.searchsorted(query_E, query_E)
