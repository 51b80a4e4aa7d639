"""One call of an OpenAI-compatible endpoint: sent once, and whatever comes back sorted into what it means."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from openai import APIConnectionError, APIStatusError, APITimeoutError, AsyncOpenAI
from pydantic import BaseModel, Field, ValidationError

from gleam_x.teachers.pacing import retry_after_s
from gleam_x.teachers.registry import Teacher
from gleam_x.teachers.reply import Outcome, Usage

__all__ = ["Answer", "CallFailedError", "Endpoint"]

_AGAIN = (408, 409, 429)
_FOR_ALL = (401, 402, 403, 404)
_FILTERS = ("content_filter", "content_policy", "content_management", "sensitivecontent", "data_inspection")
_MOST_TEXT = 60_000
"""Characters of an answer or a message that are kept; the rest is of no use and could be endless."""


class CallFailedError(Exception):
    """No answer.

    Args:
        problem: why.
        again: another attempt may help.
        for_all: every other request would fail in the same way.
        wait_s: seconds that the provider asks to wait.
        may_have_cost: it broke off after the request was sent.
    """

    def __init__(
        self,
        problem: str,
        *,
        again: bool = False,
        for_all: bool = False,
        wait_s: float | None = None,
        may_have_cost: bool = False,
    ) -> None:
        super().__init__(problem)
        self.again, self.for_all, self.wait_s, self.may_have_cost = again, for_all, wait_s, may_have_cost


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a model answered. ``outcome`` is OK where it is still to be seen whether the text is what was asked for."""

    outcome: Outcome
    text: str = ""
    problem: str = ""
    usage: Usage | None = None
    served_by: str = ""


class _Details(BaseModel):
    cached_tokens: int | None = Field(None, ge=0)
    reasoning_tokens: int | None = Field(None, ge=0)


class _Usage(BaseModel):
    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(ge=0)
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Completion(BaseModel):
    choices: list[_Choice] = Field(min_length=1)
    usage: Any = None  # read apart: an answer that was paid for is not thrown away for a slip in its bill
    model: str = ""


class Endpoint:
    """A teacher's endpoint. Use it in an ``async with`` block.

    Args:
        teacher: who is asked.
        key: of the API. It is taken out of everything that comes back, should the endpoint repeat it.
        timeout_s: seconds from sending to the last byte of the answer.
    """

    def __init__(self, teacher: Teacher, key: str, timeout_s: float) -> None:
        self._teacher, self._key, self._timeout_s = teacher, key, timeout_s
        # The engine alone tries again; two owners would multiply their attempts.
        self._client = AsyncOpenAI(api_key=key, base_url=teacher.base_url, max_retries=0, timeout=timeout_s)

    async def __aenter__(self) -> Endpoint:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.close()

    async def call(self, body: dict[str, Any]) -> Answer:
        """Send ``body`` and return the answer.

        Raises:
            CallFailedError: there is none.
        """
        try:
            # The client's own limit is for each read; an endpoint that sends a byte now and then would never end.
            async with asyncio.timeout(self._timeout_s):
                text = await self._client.post("/chat/completions", cast_to=str, body=body)
        except (TimeoutError, APITimeoutError):
            problem = f"no whole answer after {self._timeout_s:g} s"
            raise CallFailedError(problem, again=True, may_have_cost=True) from None
        except APIStatusError as error:
            return self._of_status(error)
        except APIConnectionError as error:
            cause = type(error.__cause__).__name__
            sent = cause not in ("ConnectError", "ConnectTimeout")  # of httpx; by name, since its package changes names
            raise CallFailedError(f"no connection ({cause})", again=True, may_have_cost=sent) from None
        return self._of_text(text)

    def _of_status(self, error: APIStatusError) -> Answer:
        """Return the answer of a filter; raise for everything else."""
        status, code = error.status_code, str(error.code or "")
        problem = self._clean(f"HTTP {status} {code}: {error.message}")[:500]
        if status in (400, 422) and any(word in problem.lower() for word in _FILTERS):
            return Answer(outcome=Outcome.CONTENT_FILTER, problem=problem, usage=Usage())
        if code == "insufficient_quota" or status in _FOR_ALL:
            raise CallFailedError(problem, for_all=True) from None
        again = status in _AGAIN or status >= 500
        raise CallFailedError(problem, again=again, wait_s=retry_after_s(error.response.headers)) from None

    def _of_text(self, text: str) -> Answer:
        try:
            completion = _Completion.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            problem = f"the endpoint's answer has not the form of the API ({first['msg']})"
            cut_off = first["type"] == "json_invalid"  # another form would come again, and cost again
            raise CallFailedError(self._clean(problem), again=cut_off, may_have_cost=True) from None
        choice = completion.choices[0]
        message = choice.message
        outcome, problem = _outcome(choice)
        return Answer(
            outcome=outcome,
            text=self._clean(message.refusal or message.content or "")[:_MOST_TEXT],
            problem=problem,
            usage=_usage(completion.usage),
            served_by=self._clean(completion.model)[:200],
        )

    def _clean(self, text: str) -> str:
        return text.replace(self._key, "[key]")


def _outcome(choice: _Choice) -> tuple[Outcome, str]:
    if choice.finish_reason == "content_filter":
        return Outcome.CONTENT_FILTER, "the provider's filter stopped the answer"
    if choice.message.refusal:
        return Outcome.REFUSAL, "the model refused"
    if choice.finish_reason == "length":
        return Outcome.LENGTH, "the answer was cut off at the most tokens allowed"
    return Outcome.OK, ""


def _usage(bill: Any) -> Usage | None:
    try:
        usage = _Usage.model_validate(bill)
    except ValidationError:
        return None
    cached, thought = usage.prompt_tokens_details, usage.completion_tokens_details
    return Usage(
        input=usage.prompt_tokens,
        output=usage.completion_tokens,
        cached=(cached.cached_tokens if cached else None) or 0,
        reasoning=(thought.reasoning_tokens if thought else None) or 0,
    )
