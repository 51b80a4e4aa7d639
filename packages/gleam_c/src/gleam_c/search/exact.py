"""Exact search: inner products of queries with memory-mapped float16 rows, in float32, without a copy of the rows.

A query is rounded to float16 as the rows are; products are summed in float32 (numkong's kernels). Rows are read once,
in pieces, by all threads; nothing as large as the gallery is ever allocated.

Axes: Q queries, D dimensions, N rows, K best.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numkong
import numpy as np
import numpy.typing as npt

from gleam_c.search.pieces import Piece, pieces_of, shared_out
from gleam_c.search.running import Best, Running, Scores

__all__ = ["Best", "merge", "search_rows"]

Halves = npt.NDArray[np.float16]


def search_rows(
    matrices: Sequence[Halves],
    queries_QD: npt.NDArray[np.float32],
    k: int,
    runs: Iterable[tuple[int, int]] | None = None,
    rows: npt.NDArray[np.int64] | None = None,
    threads: int = 0,
) -> Best:
    """Return the best ``k`` rows for each query by its largest product with any of the matrices.

    Args:
        matrices: of the same N rows (N, D).
        queries_QD: of length 1.
        k: 1 or more.
        runs: (start, stop) of the rows to read; all by default.
        rows: those in the runs that count, rising; all by default.
        threads: 0 takes all cores.
    """
    count, dimension = matrices[0].shape
    product = _product(np.ascontiguousarray(queries_QD, dtype=np.float16))

    def of_pieces(pieces: Iterator[Piece]) -> Best:
        best = Running(len(queries_QD), k)
        for piece in pieces:
            row_N, at_N = _counting(piece, rows)
            scores = [_joined([product(matrix[start:stop]) for start, stop in piece]) for matrix in matrices]
            best.add([score_NQ if at_N is None else score_NQ[at_N] for score_NQ in scores], row_N)
        return best.result()

    every = list(pieces_of(runs if runs is not None else [(0, count)], dimension))
    return merge(shared_out(every, threads, of_pieces), k, len(queries_QD))


def merge(parts: Sequence[Best], k: int, queries: int) -> Best:
    """Return the best of several, whose rows are different."""
    empty = Best(
        rows=np.full((queries, 0), -1), scores=np.zeros((queries, 0), np.float32), matrices=np.zeros((queries, 0), int)
    )
    every = [empty, *parts]
    rows, scores, which = (
        np.concatenate([getattr(part, name) for part in every], axis=1) for name in ("rows", "scores", "matrices")
    )
    order = np.lexsort((rows, -scores), axis=1)[:, :k]
    return Best(
        rows=np.take_along_axis(rows, order, axis=1),
        scores=np.take_along_axis(scores, order, axis=1),
        matrices=np.take_along_axis(which, order, axis=1),
    )


def _product(queries_QD: Halves) -> Callable[[Halves], Scores]:
    """Return what makes scores (N, Q) of rows (N, D)."""
    if len(queries_QD) == 1:  # a packed matrix of one column takes 1.7 times as long
        return lambda rows_ND: np.asarray(numkong.cdist(queries_QD, rows_ND, "dot")).astype(np.float32).T
    packed = numkong.dots_pack(queries_QD)
    return lambda rows_ND: np.asarray(numkong.dots_packed(rows_ND, packed))


def _counting(
    piece: Piece, rows: npt.NDArray[np.int64] | None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64] | None]:
    """Return the rows of a piece that count, and where they stand in it; None for all."""
    every = np.concatenate([np.arange(start, stop) for start, stop in piece])
    if rows is None:
        return every, None
    own = rows[np.searchsorted(rows, piece[0][0]) : np.searchsorted(rows, piece[-1][1])]
    return own, np.searchsorted(every, own)


def _joined(parts: Sequence[Scores]) -> Scores:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
