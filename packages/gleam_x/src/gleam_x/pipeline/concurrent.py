"""Locating from asyncio: answers in the order of the photos, so many batches at once, the event loop stays free."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from gleam_common.errors import ConfigError

from gleam_x.pipeline.answer import Answer
from gleam_x.pipeline.locator import Locator, Question

__all__ = ["AsyncLocator"]


class AsyncLocator:
    """A locator whose batches run in threads.

    Args:
        locator: that answers. GLEAM-X takes one batch at a time, whatever ``at_once`` is; GLEAM-C may search meanwhile.
        at_once: batches that may be worked on at the same time; others wait for their turn.

    Raises:
        ConfigError: nothing may run.
    """

    def __init__(self, locator: Locator, at_once: int = 1) -> None:
        if at_once < 1:
            raise ConfigError("batches at once", value=at_once, allowed="1 or more")
        self._locator, self._turns = locator, asyncio.Semaphore(at_once)

    async def locate(self, photos: Sequence[Path | str], question: Question | None = None) -> list[Answer]:
        """Return the answer for each photo, in order.

        Raises:
            GleamError: see :meth:`gleam_x.pipeline.locator.Locator.stream`.
        """
        return [answer async for answer in self.stream(photos, question)]

    async def stream(self, photos: Sequence[Path | str], question: Question | None = None) -> AsyncIterator[Answer]:
        """Yield the answer for each photo, in order; whoever stops listening stops what has not begun.

        Raises:
            GleamError: see :meth:`gleam_x.pipeline.locator.Locator.stream`.
        """
        asked = question or Question()
        parts = [photos[start : start + asked.batch] for start in range(0, len(photos), asked.batch)]
        tasks = [asyncio.create_task(self._part(part, asked)) for part in parts]
        try:
            for task in tasks:
                for answer in await task:
                    yield answer
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _part(self, photos: Sequence[Path | str], question: Question) -> list[Answer]:
        async with self._turns:
            return await asyncio.to_thread(self._locator.locate, photos, question)
