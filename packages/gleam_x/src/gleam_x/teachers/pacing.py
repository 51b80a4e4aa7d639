"""How fast a teacher may be asked: requests and tokens a minute, and the wait after a failure."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

__all__ = ["Pacer", "backoff_s", "retry_after_s"]


class Pacer:
    """Lets calls through evenly spaced, without bursts.

    Args:
        rpm: requests a minute.
        tpm: tokens a minute, or None.
    """

    def __init__(self, rpm: float, tpm: float | None = None) -> None:
        self.rpm, self.tpm = rpm, tpm
        self._free_at = 0.0
        self._paused_until = 0.0

    async def wait(self, tokens: int) -> None:
        """Wait for the turn of a request of so many tokens."""
        clock = asyncio.get_running_loop().time
        step = max(60 / self.rpm, 60 * tokens / self.tpm if self.tpm else 0.0)
        while True:
            turn = max(self._free_at, clock())
            self._free_at = turn + step
            while (left := turn - clock()) > 0:
                await asyncio.sleep(left)
            if clock() >= self._paused_until:
                return

    def pause(self, seconds: float) -> None:
        """Let nobody through for so long, also not those who wait: the provider asked for it, and it means all."""
        self._paused_until = max(self._paused_until, asyncio.get_running_loop().time() + seconds)
        self._free_at = max(self._free_at, self._paused_until)


def backoff_s(attempt: int, base_s: float, rng: random.Random, most_s: float = 60.0) -> float:
    """Return seconds to wait after failed ``attempt`` (from 1): anything up to a limit that doubles ("full jitter").

    M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    return rng.uniform(0, min(most_s, base_s * 2 ** (attempt - 1)))


def retry_after_s(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Return the seconds that a response asks to wait (``retry-after-ms``, or ``Retry-After`` as seconds or a date).

    None where it does not say, or not in a form that is known.
    """
    for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * unit
        except (KeyError, ValueError):
            continue
        return seconds if 0 <= seconds < float("inf") else None
    try:
        then = parsedate_to_datetime(headers["retry-after"])
    except (KeyError, ValueError, TypeError):
        return None
    return max(0.0, (then.replace(tzinfo=then.tzinfo or UTC) - (now or datetime.now(UTC))).total_seconds())
