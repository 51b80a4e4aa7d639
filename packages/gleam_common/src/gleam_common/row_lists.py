"""Lists of rows of different lengths, in compressed form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gleam_common.errors import DataError

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

    def owner_and_place(self) -> tuple[Rows, Rows]:
        """Return, for each entry, the number of its list and its place in it, both int64 (N,)."""
        owner = np.repeat(np.arange(len(self), dtype=np.int64), self.lengths)
        return owner, np.arange(len(self.rows), dtype=np.int64) - self.offsets[owner]

    def inside(self, queries: slice, gallery: slice) -> tuple[Rows, Rows]:
        """Return the entries of a block of queries that lie in a block of the gallery: both positions in the block."""
        rows = self.rows[self.offsets[queries.start] : self.offsets[queries.stop]]
        owner = np.repeat(np.arange(queries.stop - queries.start), self.lengths[queries])
        found = (rows >= gallery.start) & (rows < gallery.stop)
        return owner[found], rows[found] - gallery.start

    def take(self, queries: Rows) -> RowLists:
        """Return the lists of some queries, in their order."""
        lengths = self.lengths[queries]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
        return RowLists(offsets=offsets, rows=self.rows[np.repeat(self.offsets[queries], lengths) + within])

    def as_sets(self, queries: int, gallery: int, name: str) -> RowLists:
        """Return the lists sorted and without repeats.

        Raises:
            DataError: another number of lists than ``queries``, or a row outside 0 to ``gallery`` - 1.
        """
        if len(self) != queries:
            raise DataError(f"{name} are listed for another number of queries", value=len(self), allowed=f"{queries}")
        if self.rows.size and not (self.rows.min() >= 0 and self.rows.max() < gallery):
            shown = (int(self.rows.min()), int(self.rows.max()))
            raise DataError(f"{name} point outside the gallery", value=shown, allowed=f"rows 0 to {gallery - 1}")
        keys = np.unique(self.owner_and_place()[0] * np.int64(gallery) + self.rows)
        lengths = np.bincount(keys // gallery, minlength=queries)
        return RowLists(offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), rows=keys % gallery)


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
