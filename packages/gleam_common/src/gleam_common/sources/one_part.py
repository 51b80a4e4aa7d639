"""Parts of a set, such as lines of a list: the first broken one is an error, or all of them are told in one pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from gleam_common.errors import DataError

__all__ = ["all_told", "one_part"]

_TOLD: ContextVar[list[str] | None] = ContextVar("told", default=None)


@contextmanager
def all_told() -> Iterator[list[str]]:
    """Within, a broken :func:`one_part` is left out and what is wrong with it goes into the list that is given."""
    told: list[str] = []
    token = _TOLD.set(told)
    try:
        yield told
    finally:
        _TOLD.reset(token)


@contextmanager
def one_part() -> Iterator[None]:
    """Read a part that can be left out.

    Raises:
        DataError: what is wrong with it, outside of :func:`all_told`.
    """
    try:
        yield
    except DataError as error:
        told = _TOLD.get()
        if told is None:
            raise
        told.append(str(error))
