"""Matrices too large to hold are read in pieces, which threads share among them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["Piece", "pieces_of", "shared_out"]

Share = TypeVar("Share")
Found = TypeVar("Found")

Piece = list[tuple[int, int]]
"""Runs of rows, (start, stop), in rising order."""

_NUMBERS = 8 << 20
"""Small enough for two threads to share a search in an area, large enough for calls from Python not to count."""


def pieces_of(runs: Iterable[tuple[int, int]], dimension: int) -> Iterator[Piece]:
    """Yield runs of rows, cut and put together to about the size of a piece, in rising order."""
    most = max(1, _NUMBERS // dimension)
    piece: Piece = []
    room = most
    for start, stop in runs:
        while start < stop:
            end = min(stop, start + room)
            piece.append((start, end))
            start, room = end, room - (end - start)
            if not room:
                yield piece
                piece, room = [], most
    if piece:
        yield piece


def shared_out(pieces: Sequence[Share], threads: int, work: Callable[[Iterator[Share]], Found]) -> list[Found]:
    """Return what each thread found in the pieces that it took; whoever is free takes the next one.

    Args:
        pieces: in the order in which they are taken.
        threads: 0 takes all cores.
        work: takes pieces until there are none.
    """
    shared = iter(pieces)
    workers = min(threads or os.cpu_count() or 1, len(pieces))
    if workers <= 1:
        return [work(shared)]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(lambda _: work(shared), range(workers)))
