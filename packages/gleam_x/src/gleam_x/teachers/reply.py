"""What came back for one request: how it ended, the text, what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from gleam_x.teachers.registry import Prices

__all__ = ["Outcome", "Reply", "Usage"]


class Outcome(StrEnum):
    """How a request ended."""

    OK = "ok"
    REFUSAL = "refusal"
    """The model did not want to answer."""
    CONTENT_FILTER = "content_filter"
    """The provider did not let the question or the answer pass."""
    LENGTH = "length"
    """The answer was cut off at the most tokens allowed."""
    SCHEMA_INVALID = "schema_invalid"
    """The answer was not what was asked for."""
    TRANSPORT = "transport"
    """No answer after all attempts, or an error that another attempt would not mend."""


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Tokens as the provider counted them. ``cached`` are part of ``input``, ``reasoning`` part of ``output``."""

    input: int = 0
    cached: int = 0
    output: int = 0
    reasoning: int = 0

    def cost(self, prices: Prices) -> float:
        """Return the money that the tokens cost."""
        fresh = max(0, self.input - self.cached)
        money = fresh * prices.input + self.cached * prices.cached_input + self.output * prices.output
        return money / 1_000_000


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A line of the cache.

    Attributes:
        key: of the request.
        outcome: how it ended.
        text: the model's answer or its refusal, as it came.
        problem: what is wrong with it, or why there is none.
        usage: None where the provider did not say; then ``cost`` is the estimate from above.
        cost: money; None where the teacher has no prices.
        uncertain_cost: money that attempts which broke off after they were sent may have cost on top.
        currency: of both.
        attempts: calls made, this one included.
        served_by: the model that answered, by its own account.
        finished: date and time, UTC.
        about: which teacher was asked about what, for people.
    """

    key: str
    outcome: Outcome
    text: str = ""
    problem: str = ""
    usage: Usage | None = None
    cost: float | None = None
    uncertain_cost: float = 0.0
    currency: str = ""
    attempts: int = 1
    served_by: str = ""
    finished: str = ""
    about: dict[str, str] = field(default_factory=dict)

    @property
    def is_final(self) -> bool:
        """Whether asking again would only cost again."""
        return self.outcome is not Outcome.TRANSPORT

    @property
    def most_spent(self) -> float:
        """Money that is gone at most."""
        return (self.cost or 0.0) + self.uncertain_cost

    def as_row(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Reply:
        """Return the reply that :meth:`as_row` wrote.

        Raises:
            ValueError: a value is missing, unknown or of another type.
        """
        try:
            usage = None if row["usage"] is None else Usage(**row["usage"])
            reply = cls(**{**row, "outcome": Outcome(row["outcome"]), "usage": usage})
        except (KeyError, TypeError) as error:
            raise ValueError(str(error)) from None
        texts = (reply.key, reply.text, reply.problem, reply.currency, reply.served_by, reply.finished)
        amounts = (reply.cost or 0.0, reply.uncertain_cost, reply.attempts, *(vars(usage).values() if usage else ()))
        if not all(isinstance(text, str) for text in texts) or not isinstance(reply.about, dict):
            raise ValueError("a value has another type")
        if not all(isinstance(amount, int | float) and 0 <= amount < float("inf") for amount in amounts):
            raise ValueError("an amount is no number from 0 on")
        return reply
