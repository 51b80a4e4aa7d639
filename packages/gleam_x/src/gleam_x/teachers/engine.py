"""The one owner of requests: looks into the cache, keeps to pace and budget, tries again, stores every ending."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from gleam_x.teachers.budget import Budget, BudgetSpentError
from gleam_x.teachers.cache import Cache
from gleam_x.teachers.endpoint import Answer, CallFailedError, Endpoint
from gleam_x.teachers.limits import Limits, check_prices, most_cost
from gleam_x.teachers.pacing import Pacer, backoff_s
from gleam_x.teachers.registry import Teacher
from gleam_x.teachers.reply import Outcome, Reply, Usage
from gleam_x.teachers.request import Request

__all__ = ["Check", "Engine", "RunStoppedError"]

Check = Callable[[str], tuple[Outcome, str]]
"""Says of an answer's text whether it is OK, a REFUSAL or SCHEMA_INVALID, and what is wrong with it."""

_FAILURES_IN_A_ROW = 5
_LONGEST_WAIT_S = 600.0


class RunStoppedError(Exception):
    """Nothing more is to be sent. ``is_failure``: not because the budget is spent, but because nothing works."""

    def __init__(self, reason: str, *, is_failure: bool = True) -> None:
        super().__init__(reason)
        self.is_failure = is_failure


@dataclass
class _Tries:
    """What one request has taken so far. ``uncertain_cost``: also that of earlier runs."""

    uncertain_cost: float
    attempts: int = 0
    may_have_cost: bool = False

    def count(self, uncertain_cost: float | None) -> None:
        """Count an attempt and the money that it may have cost though it failed, None for surely nothing."""
        self.attempts += 1
        self.uncertain_cost += uncertain_cost or 0.0
        self.may_have_cost |= uncertain_cost is not None


class Engine:
    """Asks one teacher.

    Args:
        endpoint: where it answers.
        teacher: who it is.
        cache: where replies are looked up and stored.
        limits: pace, attempts, money.
        rng: of the waits.

    Raises:
        ConfigError: a budget for a teacher without prices.
    """

    def __init__(
        self, endpoint: Endpoint, teacher: Teacher, cache: Cache, limits: Limits, rng: random.Random | None = None
    ) -> None:
        check_prices(teacher, limits)
        self._endpoint, self._teacher, self._cache, self._limits = endpoint, teacher, cache, limits
        self._pacer = Pacer(limits.rpm, limits.tpm)
        self._rng = rng or random.Random()
        self._failures_in_a_row = 0
        self._under_way: dict[str, asyncio.Task[Reply]] = {}
        self._stopped: RunStoppedError | None = None
        earlier = (reply for reply in cache.replies() if reply.about.get("teacher") == teacher.name)
        self.budget = Budget(limits.max_cost, sum(reply.most_spent for reply in earlier))

    @property
    def spent(self) -> str:
        """What the teacher has cost so far, for people."""
        return "cost unknown" if self._teacher.prices is None else f"{self._teacher.currency} {self.budget.spent:.4f}"

    def stop(self, reason: RunStoppedError) -> None:
        """Send nothing from now on; replies of the cache are still given."""
        self._stopped = reason

    async def ask(self, request: Request, check: Check, about: dict[str, str]) -> Reply:
        """Return the reply to ``request``: the cache's, or a new one, which is stored before this returns.

        Raises:
            RunStoppedError: the budget is spent, or nothing works; nothing is stored then that was not sent.
        """
        found = self._cache.find(request.key)
        if found is not None and found.is_final:
            return found
        if request.key not in self._under_way:  # two pairs may show the same two pictures
            task = asyncio.create_task(self._send(request, check, about))
            self._under_way[request.key] = task
            task.add_done_callback(lambda _: self._under_way.pop(request.key))
        return await asyncio.shield(self._under_way[request.key])

    async def _send(self, request: Request, check: Check, about: dict[str, str]) -> Reply:
        earlier = self._cache.find(request.key)
        tries = _Tries(uncertain_cost=0.0 if earlier is None else earlier.uncertain_cost)
        try:
            answer = await self._answer(request, tries)
        except RunStoppedError as stop:
            if tries.may_have_cost:
                answer = Answer(outcome=Outcome.TRANSPORT, problem=str(stop), usage=Usage())
                self._cache.add(self._reply(request, answer, check, about, tries))
            raise
        reply = self._reply(request, answer, check, about, tries)
        self._cache.add(reply)
        self._count_failures(reply)
        return reply

    async def _answer(self, request: Request, tries: _Tries) -> Answer:
        while True:
            try:
                answer = await self._call(request)
            except CallFailedError as failure:
                tries.count(most_cost(request) if failure.may_have_cost else None)
                if failure.for_all:
                    raise RunStoppedError(str(failure)) from None
                if not failure.again or tries.attempts >= self._limits.attempts:
                    return Answer(outcome=Outcome.TRANSPORT, problem=str(failure), usage=Usage())
                await self._wait(failure, tries.attempts)
            else:
                tries.count(None)
                return answer

    async def _call(self, request: Request) -> Answer:
        most = most_cost(request)
        try:
            async with self.budget.set_aside(most):
                await self._pacer.wait(request.most_input_tokens + self._teacher.answer_tokens)
                body = await asyncio.to_thread(request.body)
                if self._stopped is not None:
                    raise self._stopped
                try:
                    answer = await self._endpoint.call(body)
                except CallFailedError as failure:
                    self.budget.pay(most if failure.may_have_cost else 0.0)
                    raise
                self.budget.pay(self._cost(request, answer) or 0.0)
                return answer
        except BudgetSpentError:
            raise RunStoppedError(
                f"{self._teacher.name}: {self.spent} of {self._limits.max_cost} are spent, and the next request may "
                f"cost {most:.4f}; to go on, run the same command with a higher --max-cost",
                is_failure=False,
            ) from None

    async def _wait(self, failure: CallFailedError, attempts: int) -> None:
        if failure.wait_s is None:
            await asyncio.sleep(backoff_s(attempts, self._limits.first_wait_s, self._rng))
            return
        if failure.wait_s > _LONGEST_WAIT_S:
            raise RunStoppedError(f"{failure}; the provider asks to wait for {failure.wait_s:.0f} s")
        self._pacer.pause(failure.wait_s)

    def _reply(self, request: Request, answer: Answer, check: Check, about: dict[str, str], tries: _Tries) -> Reply:
        outcome, problem = answer.outcome, answer.problem
        if outcome is Outcome.OK:
            outcome, problem = check(answer.text)
        return Reply(
            key=request.key,
            outcome=outcome,
            text=answer.text,
            problem=problem,
            usage=answer.usage,
            cost=self._cost(request, answer),
            uncertain_cost=tries.uncertain_cost,
            currency=self._teacher.currency,
            attempts=tries.attempts,
            served_by=answer.served_by,
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            about={"teacher": self._teacher.name, "model": self._teacher.model, **about},
        )

    def _count_failures(self, reply: Reply) -> None:
        self._failures_in_a_row = self._failures_in_a_row + 1 if reply.outcome is Outcome.TRANSPORT else 0
        if self._failures_in_a_row >= _FAILURES_IN_A_ROW:
            raise RunStoppedError(f"{self._failures_in_a_row} requests failed in a row, at last: {reply.problem}")

    def _cost(self, request: Request, answer: Answer) -> float | None:
        prices = self._teacher.prices
        if prices is None:
            return None
        return most_cost(request) if answer.usage is None else answer.usage.cost(prices)
