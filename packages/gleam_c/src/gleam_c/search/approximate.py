"""Searching with an engine's proposals: over-fetched, scored exactly, and checked against exact search now and then."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from gleam_c.search.exact import Best, search_rows

__all__ = ["RecallWatch", "over_fetched", "score_proposals"]

_CHECKED, _LEAST_CHECKED, _LOW = 20, 5, 0.9


def over_fetched(k: int) -> int:
    """Return how many proposals to ask for, so that the best ``k`` are among them."""
    return max(4 * k, 50)


def score_proposals(
    proposals_QP: npt.NDArray[np.int64],
    queries_QD: npt.NDArray[np.float32],
    k: int,
    gather: Callable[[npt.NDArray[np.int64]], list[npt.NDArray[np.float16]]],
) -> Best:
    """Return the best ``k`` of each query's proposals.

    Args:
        proposals_QP: rows, in any order and maybe twice; -1 is none.
        queries_QD: of length 1.
        k: 1 or more.
        gather: gives rows, in rising order, of every matrix that counts.
    """
    found = []
    for query_D, proposed_P in zip(queries_QD, proposals_QP, strict=True):
        rows = np.unique(proposed_P[proposed_P >= 0])
        best = search_rows(gather(rows), query_D[None], k, threads=1)
        found.append(_padded(Best(rows=rows[best.rows], scores=best.scores, matrices=best.matrices), k))
    rows, scores, matrices = (
        np.concatenate([getattr(best, name) for best in found]) for name in ("rows", "scores", "matrices")
    )
    return Best(rows=rows, scores=scores, matrices=matrices)


def _padded(best: Best, k: int) -> Best:
    """Return one query's best with ``k`` columns; rows of -1 stand where there are fewer."""
    short = ((0, 0), (0, k - best.rows.shape[1]))
    return Best(
        rows=np.pad(best.rows, short, constant_values=-1),
        scores=np.pad(best.scores, short, constant_values=-np.inf),
        matrices=np.pad(best.matrices, short),
    )


class RecallWatch:
    """Compares every 20th query's hits with those of exact search, and warns when an engine loses many."""

    def __init__(self) -> None:
        self._asked = 0
        self._recalls: list[float] = []
        self._warned = False

    @property
    def recall(self) -> float | None:
        """Mean recall@k of the engine over the checked queries; None before the first."""
        return float(np.mean(self._recalls)) if self._recalls else None

    def due(self, queries: int) -> npt.NDArray[np.int64]:
        """Count ``queries`` more, and return which of them are to be checked."""
        numbers = np.arange(self._asked, self._asked + queries)
        self._asked += queries
        return np.flatnonzero(numbers % _CHECKED == 0)

    def compare(self, found: Best, exact: Best, which: Sequence[int]) -> None:
        """Take in the hits of some queries and those of exact search."""
        for place, query in enumerate(which):
            wanted = exact.rows[place]
            self._recalls.append(float(np.isin(wanted, found.rows[query]).mean()))
        if len(self._recalls) >= _LEAST_CHECKED and not self._warned and (self.recall or 0.0) < _LOW:
            self._warned = True
            warnings.warn(
                f"the gallery's engine finds {self.recall:.2f} of the best tiles (of {len(self._recalls)} queries that "
                "were checked); fill it again with `gleam-c gallery index`, or open the gallery with engine='exact'",
                stacklevel=4,
            )
