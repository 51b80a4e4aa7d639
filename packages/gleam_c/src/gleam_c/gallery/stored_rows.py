"""StoredRows: the rows of a gallery's matrices, over all of its segments, read through memory maps.

Axes: Q queries, D dimensions, K hits.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from gleam_c.gallery.stored_segment import Segment
from gleam_c.search.approximate import score_proposals
from gleam_c.search.exact import Best, merge, search_rows
from gleam_c.search.place_index import Candidates
from gleam_c.search.rough import Rough, possible_rows

__all__ = ["StoredRows"]

Halves = npt.NDArray[np.float16]

_GATHERED = 32 << 20
"""Numbers of rows to score that are copied at most; beyond, all rows are read where they lie."""


class StoredRows:
    """One row per tile, numbered through all segments in their order.

    Args:
        segments: of the gallery, in order.
        threads: that search; 0 takes all cores.
    """

    def __init__(self, segments: Sequence[Segment], threads: int = 0) -> None:
        self.segments, self._threads = tuple(segments), threads
        self._starts = np.cumsum([0, *(segment.tiles for segment in self.segments)])
        self._maps: dict[tuple[int, str], Halves] = {}
        self._roughs: dict[tuple[int, str], Rough] = {}

    def place_of(self, row: int) -> tuple[int, int]:
        """Return the number of the segment that holds a row, and the row counted from the segment's first."""
        number = int(np.searchsorted(self._starts, row, side="right")) - 1
        return number, row - int(self._starts[number])

    def search(
        self, names: Sequence[str], queries_QD: npt.NDArray[np.float32], k: int, found: Candidates | None = None
    ) -> Best:
        """Return the exact best rows of some matrices; of those in question when ``found`` is given."""
        if found is None and len(queries_QD) == 1:
            likely = self._possible_rows(names, queries_QD[0], k)
            if len(likely) * len(names) * queries_QD.shape[1] <= _GATHERED:
                return score_proposals(likely[None], queries_QD, k, partial(self.gather, names))
        parts = []
        for number, segment in enumerate(self.segments):
            start = int(self._starts[number])
            inside = None if found is None else _of_segment(found, start, segment)
            if inside is not None and not len(inside.rows):
                continue
            matrices = [self._matrix(number, name) for name in names]
            runs, rows = (None, None) if inside is None else (inside.runs, inside.rows)
            best = search_rows(matrices, queries_QD, k, runs, rows, self._threads)
            parts.append(Best(rows=best.rows + start, scores=best.scores, matrices=best.matrices))
        return merge(parts, k, len(queries_QD))

    def _possible_rows(self, names: Sequence[str], query_D: npt.NDArray[np.float32], k: int) -> npt.NDArray[np.int64]:
        """Return the rows among which the best are, by the rough copies: half the bytes of the matrices."""
        roughs = [[self._rough(number, name) for name in names] for number in range(len(self.segments))]
        return possible_rows(roughs, query_D.astype(np.float16), k, self._threads)

    def gather(self, names: Sequence[str], rows: npt.NDArray[np.int64]) -> list[Halves]:
        """Return some rows, given in rising order, of each matrix."""
        cuts = np.searchsorted(rows, self._starts)
        own = [rows[cuts[number] : cuts[number + 1]] - self._starts[number] for number in range(len(self.segments))]
        used = [number for number, some in enumerate(own) if len(some)] or [0]
        return [np.concatenate([self._matrix(number, name)[own[number]] for number in used]) for name in names]

    def _matrix(self, number: int, name: str) -> Halves:
        key = (number, name)
        if key not in self._maps:
            self._maps[key] = self.segments[number].matrix(name)
        return self._maps[key]

    def _rough(self, number: int, name: str) -> Rough:
        key = (number, name)
        if key not in self._roughs:
            self._roughs[key] = self.segments[number].rough(name)
        return self._roughs[key]


def _of_segment(found: Candidates, start: int, segment: Segment) -> Candidates:
    """Return the candidates of one segment, counted from its first row."""
    stop = start + segment.tiles
    rows = found.rows[np.searchsorted(found.rows, start) : np.searchsorted(found.rows, stop)] - start
    runs = tuple(
        (max(begin, start) - start, min(end, stop) - start) for begin, end in found.runs if begin < stop and end > start
    )
    return Candidates(rows=rows, runs=runs)
