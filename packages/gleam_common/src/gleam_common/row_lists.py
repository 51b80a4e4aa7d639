"""Lists of rows of different lengths, in compressed form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["RowLists", "padded"]

Rows: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class RowLists:
    """A list of gallery rows for each query, in compressed form: query i has ``rows[offsets[i]:offsets[i + 1]]``.

    ``offsets`` is int64 (Q + 1,), ``rows`` int64 (N,). Indexing and iterating give the list of one query.
    """

    offsets: Rows
    rows: Rows

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, query: int) -> Rows:
        if not 0 <= query < len(self):
            raise IndexError(query)
        return self.rows[self.offsets[query] : self.offsets[query + 1]]

    def __iter__(self) -> Iterator[Rows]:
        return (self[query] for query in range(len(self)))

    @property
    def lengths(self) -> Rows:
        """How many rows each query has, int64 (Q,)."""
        return np.diff(self.offsets)


def padded(*parts: RowLists) -> Rows:
    """Return int64 (Q, R): each query's rows of all ``parts``, in their order, filled with -1; R is 1 at least."""
    total = np.sum([part.lengths for part in parts], axis=0)
    table = np.full((len(total), int(total.max(initial=1))), -1, dtype=np.int64)
    start = np.zeros_like(total)
    for part in parts:
        query = np.repeat(np.arange(len(part)), part.lengths)
        within = np.arange(len(part.rows)) - np.repeat(part.offsets[:-1], part.lengths)
        table[query, start[query] + within] = part.rows
        start = start + part.lengths
    return table
