"""Money: what was spent, what is under way, and no more than that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

__all__ = ["Budget", "BudgetSpentError"]


class BudgetSpentError(Exception):
    """The next request could cost more than is left."""


class Budget:
    """Sets money aside before a request is sent, so that many requests at once cannot overspend together.

    Args:
        most: None for no limit.
        spent: by earlier runs.
    """

    def __init__(self, most: float | None, spent: float = 0.0) -> None:
        self.most = most
        self.spent = spent
        self._aside: list[float] = []
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def set_aside(self, cost: float) -> AsyncIterator[None]:
        """Set ``cost`` aside while the block runs, which calls :meth:`pay` with what it really was.

        Requests under way mostly cost less than was set aside; so where money is short, this waits for them.

        Raises:
            BudgetSpentError: there is not enough left, and nothing under way could give some back.
        """
        async with self._changed:
            while self.most is not None and self.spent + sum(self._aside) + cost > self.most:
                if not self._aside:
                    raise BudgetSpentError
                await self._changed.wait()
            self._aside.append(cost)
        try:
            yield
        finally:
            async with self._changed:
                self._aside.remove(cost)
                self._changed.notify_all()

    def pay(self, cost: float) -> None:
        """Count money that is gone."""
        self.spent += cost
