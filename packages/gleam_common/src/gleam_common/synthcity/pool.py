"""Rendering in several processes: each takes its own stretch of the chunks, one thread each."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np

from gleam_common.errors import DataError
from gleam_common.synthcity.photographer import Chunk, render_chunks
from gleam_common.synthcity.world import WorldConfig

__all__ = ["render_in_processes"]

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_POLL_S = 0.5

Count: TypeAlias = "Synchronized[int]"
_shared: tuple[Event, Count]
"""Of a process of the pool: set to stop it, and the pictures taken by all of them."""


def render_in_processes(
    chunks: Sequence[Chunk], config: WorldConfig, out: Path, workers: int, on_pictures: Callable[[int], object]
) -> None:
    """Render ``chunks`` with ``workers`` processes; ``on_pictures`` is told how many pictures came since last time.

    Raises:
        DataError: a process was killed, as systems do when memory runs out.
    """
    context = multiprocessing.get_context("spawn")
    stop, taken = context.Event(), context.Value("q")
    # Contiguous stretches: a process that stays in a city plans and builds it once.
    streams = [
        [chunks[index] for index in part] for part in np.array_split(np.arange(len(chunks)), workers) if len(part)
    ]
    with _one_thread_each(), ProcessPoolExecutor(len(streams), context, _begin, (stop, taken)) as pool:
        futures = [pool.submit(_work, stream, config, out) for stream in streams]
        try:
            _watch(futures, taken, on_pictures)
        except BrokenProcessPool:
            raise DataError(
                "a rendering process was killed", fix="memory may have run out: go on with fewer --workers"
            ) from None
        finally:
            stop.set()


def _watch(futures: Sequence[Future[None]], taken: Count, on_pictures: Callable[[int], object]) -> None:
    waiting, told = set(futures), 0
    while waiting:
        done, waiting = wait(waiting, timeout=_POLL_S)
        now = taken.value
        on_pictures(now - told)
        told = now
        for future in done:
            future.result()


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let processes started inside use one thread for arithmetic: they are as many as the cores."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _begin(stop: Event, taken: Count) -> None:
    global _shared
    _shared = stop, taken
    # Ctrl-C reaches the whole group; the first process tells the others to stop after their picture.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    """End this process when the first one is gone: killed, it can neither say stop nor close the queue."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(chunks: Sequence[Chunk], config: WorldConfig, out: Path) -> None:
    stop, taken = _shared

    def count() -> None:
        with taken.get_lock():
            taken.value += 1

    render_chunks(chunks, config, out, count, stop.is_set)
