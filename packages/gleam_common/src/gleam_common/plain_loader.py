"""A loader whose worker processes report bad data in one line, as the training process does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import cv2
import torch
from torch.utils.data import DataLoader

from gleam_common.errors import DataError

__all__ = ["PlainLoader"]

T_co = TypeVar("T_co", covariant=True)


class PlainLoader(DataLoader[T_co]):
    """A ``DataLoader`` whose workers use one thread each and whose :class:`DataError` stays one line.

    Where a GPU is, batches wait in pinned memory, from which it fetches them while it computes, and workers keep four
    batches ready each.

    Args:
        dataset: as for ``DataLoader``.
        workers: loader processes; they stay alive from one epoch to the next. 0 loads in this process.
        options: further options of ``DataLoader``.

    Raises:
        DataError: a picture could not be read.
    """

    def __init__(self, dataset: Any, *, workers: int = 0, **options: Any) -> None:
        extra: dict[str, Any] = {"persistent_workers": True, "worker_init_fn": _one_thread} if workers else {}
        if torch.cuda.is_available():
            extra |= {"pin_memory": True} | ({"prefetch_factor": 4} if workers else {})
        super().__init__(dataset, num_workers=workers, **extra, **options)

    def __iter__(self) -> Iterator[T_co]:  # type: ignore[override]  # the base promises its private iterator class
        return _plain_errors(super().__iter__())


def _plain_errors(batches: Iterator[T_co]) -> Iterator[T_co]:
    try:
        yield from batches
    except DataError as error:
        # A worker's error arrives as its whole traceback in one message, the error itself at the end.
        before, _, message = str(error).rpartition("gleam_common.errors.DataError: ")
        if not before:
            raise
        raise DataError(message.strip()) from None


def _one_thread(_worker: int) -> None:
    cv2.setNumThreads(0)
