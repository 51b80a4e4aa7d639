from __future__ import annotations

import asyncio
import random
import selectors
from datetime import UTC, datetime

import pytest
from gleam_x.teachers.budget import Budget, BudgetSpentError
from gleam_x.teachers.pacing import Pacer, backoff_s, retry_after_s

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


class JumpingLoop(asyncio.SelectorEventLoop):
    """Time stands still while there is work, and jumps to whatever is waited for: a busy machine changes nothing."""

    def __init__(self) -> None:
        self.now_s = 0.0
        loop = self

        class Jumping(selectors.DefaultSelector):
            def select(self, timeout=None):
                loop.now_s += max(timeout or 0.0, 0.0)
                return super().select(0)

        super().__init__(Jumping())

    def time(self) -> float:
        return self.now_s


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": "Thu, 01 Jan 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Thu, 01 Jan 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(headers, seconds) -> None:
    assert retry_after_s(headers, NOW) == seconds


def test_waits_double_and_are_spread_over_all_of_the_span() -> None:
    rng = random.Random(0)
    for attempt, most in ((1, 2.0), (2, 4.0), (3, 8.0), (20, 60.0)):
        waits = [backoff_s(attempt, 2.0, rng) for _ in range(500)]
        assert 0 <= min(waits) < 0.05 * most
        assert 0.95 * most < max(waits) <= most


def test_a_pause_holds_those_who_already_wait() -> None:
    async def go() -> list[float]:
        pacer, clock = Pacer(rpm=6000), asyncio.get_running_loop().time
        start, passed = clock(), []

        async def one() -> None:
            await pacer.wait(0)
            passed.append(clock() - start)

        waiting = [asyncio.create_task(one()) for _ in range(3)]
        await asyncio.sleep(0)  # the first has passed
        pacer.pause(0.2)
        await asyncio.gather(*waiting)
        return passed

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        assert runner.run(go()) == pytest.approx([0.0, 0.2, 0.21], abs=1e-6)


def test_a_budget_waits_for_money_that_comes_back() -> None:
    async def go() -> float:
        budget = Budget(1.0)

        async def spend(real: float) -> None:
            async with budget.set_aside(0.6):
                await asyncio.sleep(0.01)
                budget.pay(real)

        await asyncio.gather(spend(0.1), spend(0.1), spend(0.1))
        assert budget.spent == pytest.approx(0.3)
        with pytest.raises(BudgetSpentError):
            async with budget.set_aside(0.8):
                pass
        return budget.spent

    assert asyncio.run(asyncio.wait_for(go(), 5)) == pytest.approx(0.3)
