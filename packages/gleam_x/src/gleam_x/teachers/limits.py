"""How hard an endpoint may be pressed, and what one call of it may cost."""

from __future__ import annotations

from dataclasses import dataclass

from gleam_common.errors import ConfigError

from gleam_x.teachers.registry import Teacher
from gleam_x.teachers.reply import Usage
from gleam_x.teachers.request import Request

__all__ = ["Limits", "check_prices", "most_cost"]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How hard an endpoint may be pressed.

    Attributes:
        concurrency: requests under way at once.
        rpm: requests a minute.
        tpm: tokens a minute, None for no limit.
        attempts: calls for one request before it is given up.
        timeout_s: seconds for one call.
        first_wait_s: the longest wait before the second attempt; it doubles with each.
        max_cost: money that all requests of one teacher in the cache may cost, None for no limit.
    """

    concurrency: int = 8
    rpm: float = 60.0
    tpm: float | None = None
    attempts: int = 6
    timeout_s: float = 180.0
    first_wait_s: float = 2.0
    max_cost: float | None = None

    def __post_init__(self) -> None:
        for name, least in (("concurrency", 1), ("attempts", 1)):
            if getattr(self, name) < least:
                raise ConfigError(name, value=getattr(self, name), allowed=f"{least} or more")
        for name in ("rpm", "tpm", "timeout_s", "max_cost"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise ConfigError(name, value=value, allowed="a number above 0")


def check_prices(teacher: Teacher, limits: Limits) -> None:
    """Check that a budget can be kept.

    Raises:
        ConfigError: there is one, and the teacher has no prices.
    """
    if limits.max_cost is not None and teacher.prices is None:
        raise ConfigError(
            "a budget needs prices, and those of this model are not known",
            value=teacher.model,
            fix="give --price-in and --price-out (--second-price-in and --second-price-out), or leave --max-cost out",
        )


def most_cost(request: Request) -> float:
    """Return the money that one call may cost, estimated from above; 0 where the teacher has no prices."""
    teacher = request.teacher
    if teacher.prices is None:
        return 0.0
    return Usage(input=request.most_input_tokens, output=teacher.answer_tokens).cost(teacher.prices)
