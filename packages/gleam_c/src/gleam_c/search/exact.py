"""Exact search: inner products of queries with memory-mapped float16 rows, in float32, without a copy of the rows.

A query is rounded to float16 as the rows are; products are summed in float32 (numkong's kernels). Rows are read once,
in pieces that stay in the cache, by all threads; nothing as large as the gallery is ever allocated.

Axes: Q queries, D dimensions, N rows, K best, M matrices of which the best one counts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numkong
import numpy as np
import numpy.typing as npt

__all__ = ["Best", "merge", "search_rows"]

Halves = npt.NDArray[np.float16]

_PIECE_BYTES = 4 << 20


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
    count = len(matrices[0])
    pieces = list(_pieces(runs if runs is not None else [(0, count)], matrices[0].shape[1]))
    product = _product(np.ascontiguousarray(queries_QD, dtype=np.float16))

    def of_piece(piece: tuple[int, int]) -> Best:
        return _best_of_piece(matrices, product, k, piece, rows)

    workers = min(threads or os.cpu_count() or 1, len(pieces))
    if workers <= 1:
        return merge([of_piece(piece) for piece in pieces], k, len(queries_QD))
    with ThreadPoolExecutor(workers) as pool:
        return merge(list(pool.map(of_piece, pieces)), k, len(queries_QD))


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


def _pieces(runs: Iterable[tuple[int, int]], dimension: int) -> Iterable[tuple[int, int]]:
    most = max(1, _PIECE_BYTES // (2 * dimension))
    for start, stop in runs:
        for begin in range(start, stop, most):
            yield begin, min(begin + most, stop)


def _product(queries_QD: Halves) -> Callable[[Halves], npt.NDArray[np.float32]]:
    """Return what makes scores (N, Q) of rows (N, D)."""
    if len(queries_QD) == 1:  # a packed matrix of one column takes 1.7 times as long
        return lambda rows_ND: np.asarray(numkong.cdist(queries_QD, rows_ND, "dot")).astype(np.float32).T
    packed = numkong.dots_pack(queries_QD)
    return lambda rows_ND: np.asarray(numkong.dots_packed(rows_ND, packed))


def _best_of_piece(
    matrices: Sequence[Halves],
    product: Callable[[Halves], npt.NDArray[np.float32]],
    k: int,
    piece: tuple[int, int],
    rows: npt.NDArray[np.int64] | None,
) -> Best:
    start, stop = piece
    score_NQ = product(matrices[0][start:stop])
    which_NQ = np.zeros(score_NQ.shape, dtype=np.int64)
    for number, matrix in enumerate(matrices[1:], start=1):
        other_NQ = product(matrix[start:stop])
        better_NQ = other_NQ > score_NQ
        score_NQ, which_NQ = np.where(better_NQ, other_NQ, score_NQ), np.where(better_NQ, number, which_NQ)
    row_N = np.arange(start, stop)
    if rows is not None:
        inside = rows[np.searchsorted(rows, start) : np.searchsorted(rows, stop)]
        score_NQ, which_NQ, row_N = score_NQ[inside - start], which_NQ[inside - start], inside
    kept = min(k, len(row_N))
    chosen_KQ = _top(score_NQ, kept)
    return Best(
        rows=row_N[chosen_KQ].T,
        scores=np.take_along_axis(score_NQ, chosen_KQ, axis=0).T,
        matrices=np.take_along_axis(which_NQ, chosen_KQ, axis=0).T,
    )


def _top(score_NQ: npt.NDArray[np.float32], k: int) -> npt.NDArray[np.int64]:
    """Return the places (K, Q) of the best ``k`` of each column; of equal ones at the border, the first."""
    if k == len(score_NQ):
        return np.tile(np.arange(k)[:, None], (1, score_NQ.shape[1]))
    chosen = np.argpartition(-score_NQ, k - 1, axis=0)[:k]
    border_Q = np.take_along_axis(score_NQ, chosen, axis=0).min(axis=0)
    for query in np.flatnonzero((score_NQ >= border_Q).sum(axis=0) > k):
        chosen[:, query] = np.lexsort((np.arange(len(score_NQ)), -score_NQ[:, query]))[:k]
    return np.asarray(chosen)
