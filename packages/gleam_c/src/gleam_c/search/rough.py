"""A rough copy of embeddings in 8 bits: half the bytes to read, and a bound of how far each product is off.

One query against all rows takes as long as reading them. Reading the rough copy first leaves the rows that can be among
the best: some hundred of a million where directions differ, many where the model tells tiles badly apart. Only these
are scored from float16, so that the answer is that of exact search, row for row.

The bound: with v = s c + e (codes c, scale s, rest e) and a query q alike, |q v - s_q s c_q c| is at most
|q - e_q| |e| + |e_q| |v|, and embeddings are at most ``LONGEST``.

Axes: D dimensions, N rows, C rows that can be among the best.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numkong
import numpy as np
import numpy.typing as npt

from gleam_c.search.pieces import pieces_of, shared_out

__all__ = ["LONGEST", "Rough", "possible_rows", "roughened"]

Floats = npt.NDArray[np.float32]

Rough = npt.NDArray[np.void]
"""Rows (N,) with fields ``codes`` int8 (D,), ``scale`` float32, and ``rest`` float32, the length of what is left."""

LONGEST = 1.01
"""Length of a row: 1, but for float16 and the encoder's own rounding."""
_LEVELS = 127
_ROUNDING = 1e-5
"""Of float32 sums, in either score."""


def roughened(rows_ND: npt.NDArray[np.float16]) -> Rough:
    """Return rows in 8 bits, each by its own largest number."""
    exact_ND = rows_ND.astype(np.float32)
    scale_N = np.maximum(np.abs(exact_ND).max(axis=1), np.float32(1e-30)) / np.float32(_LEVELS)
    rough = np.empty(len(rows_ND), [("codes", "i1", rows_ND.shape[1:]), ("scale", "<f4"), ("rest", "<f4")])
    rough["codes"] = np.rint(exact_ND / scale_N[:, None])
    rough["scale"] = scale_N
    rough["rest"] = np.linalg.norm(exact_ND - rough["codes"] * scale_N[:, None], axis=1)
    return rough


def possible_rows(
    segments: Sequence[Sequence[Rough]], query_D: npt.NDArray[np.float16], k: int, threads: int = 0
) -> npt.NDArray[np.int64]:
    """Return the rows (C,), rising, among which the best ``k`` by exact products are, equal ones included.

    Args:
        segments: of each, the rough copies of the same matrices; rows are numbered through all segments. A row's score
            is its best by any matrix.
        query_D: as exact search takes it.
        k: 1 or more.
        threads: 0 takes all cores.
    """
    asked = _Asked.of(query_D)
    firsts = np.cumsum([0, *(len(roughs[0]) for roughs in segments)])

    def of_pieces(pieces: Iterator[tuple[int, int, int]]) -> _Possible:
        found = _Possible.none()
        for number, start, stop in pieces:
            bounds = [asked.bounds(rough[start:stop]) for rough in segments[number]]
            least_N, most_N = (np.maximum.reduce([own[side] for own in bounds]) for side in (0, 1))
            at = np.flatnonzero(most_N >= found.bar)
            some = _Possible(row=at + firsts[number] + start, least=least_N[at], most=most_N[at], bar=found.bar)
            found = _Possible.joined([found, some], k)
        return found

    every = [
        (number, start, stop)
        for number, roughs in enumerate(segments)
        for [(start, stop)] in pieces_of([(0, len(roughs[0]))], len(query_D))
    ]
    return np.sort(_Possible.joined(shared_out(every, threads, of_pieces), k).row)


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """A query in 8 bits, its scale and rest, and its length."""

    codes_1D: npt.NDArray[np.int8]
    scale: float
    rest: float
    length: float

    @classmethod
    def of(cls, query_D: npt.NDArray[np.float16]) -> _Asked:
        rough = roughened(query_D[None])
        return cls(
            codes_1D=np.ascontiguousarray(rough["codes"]),
            scale=float(rough["scale"][0]),
            rest=float(rough["rest"][0]),
            length=float(np.linalg.norm(query_D.astype(np.float32))),
        )

    def bounds(self, rough: Rough) -> tuple[Floats, Floats]:
        """Return the least and the most that the score of each row can be."""
        product_N: npt.NDArray[Any] = np.asarray(numkong.cdist(self.codes_1D, rough["codes"], "dot"))[0]
        score_N = (product_N * self.scale).astype(np.float32) * rough["scale"]
        off_N = rough["rest"] * np.float32(self.length + self.rest) + np.float32(self.rest * LONGEST + _ROUNDING)
        return score_N - off_N, score_N + off_N


@dataclass(frozen=True, kw_only=True)
class _Possible:
    """Rows that can be among the best, each (C,), and the score that the k-th best has at least."""

    row: npt.NDArray[np.int64]
    least: Floats
    most: Floats
    bar: float

    @classmethod
    def none(cls) -> _Possible:
        nothing = np.zeros(0, np.float32)
        return cls(row=np.zeros(0, np.int64), least=nothing, most=nothing, bar=-np.inf)

    @classmethod
    def joined(cls, parts: Sequence[_Possible], k: int) -> _Possible:
        """Return those of all parts that can still be among the best ``k``."""
        row, least, most = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("row", "least", "most")
        )
        bar = max(part.bar for part in parts)
        if len(row) > k:
            bar = max(bar, float(np.partition(least, len(least) - k)[len(least) - k]))
        stays = most >= bar
        return cls(row=row[stays], least=least[stays], most=most[stays], bar=bar)
