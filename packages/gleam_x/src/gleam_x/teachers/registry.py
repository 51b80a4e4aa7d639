"""Which teachers there are: where they answer, what they cost, and which variable of the environment has the key."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

import yaml
from gleam_common.errors import ConfigError

__all__ = ["PictureTokens", "Prices", "Teacher", "find_teacher", "known_teachers", "read_key"]

AnswerFormat = Literal["json_schema", "json_object", "text"]
ANSWER_FORMATS: tuple[AnswerFormat, ...] = get_args(AnswerFormat)


@dataclass(frozen=True, kw_only=True)
class Prices:
    """Money per million tokens. ``cached_input``: tokens that the provider had in its own cache; ``as_of``: a date."""

    currency: str
    input: float
    cached_input: float
    output: float
    as_of: str


@dataclass(frozen=True, kw_only=True)
class PictureTokens:
    """What a picture costs in tokens: ``base`` and ``per_tile`` for every started tile of ``tile_px`` squared."""

    base: int
    per_tile: int
    tile_px: int

    def of(self, width: int, height: int) -> int:
        """Return the tokens of a picture of ``width`` x ``height`` pixels."""
        return self.base + self.per_tile * math.ceil(width / self.tile_px) * math.ceil(height / self.tile_px)


@dataclass(frozen=True, kw_only=True)
class Teacher:
    """A model at an endpoint.

    Attributes:
        name: in the registry, or the model's id.
        base_url: of the OpenAI-compatible API, without a key in it.
        model: its id at the endpoint.
        key_env: name of the variable of the environment that holds the key; never the key.
        answer_format: how the endpoint is told the form of the answer.
        answer_tokens: the most that an answer may have, thoughts included.
        answer_tokens_name: the parameter that says so.
        parameters: further ones of the request.
        picture_tokens: to estimate costs.
        prices: None where they are not known; then costs are not counted.
    """

    name: str
    base_url: str
    model: str
    key_env: str
    answer_format: AnswerFormat = "text"
    answer_tokens: int = 1500
    answer_tokens_name: str = "max_tokens"
    parameters: dict[str, Any] = field(default_factory=dict)
    picture_tokens: PictureTokens = PictureTokens(base=85, per_tile=170, tile_px=512)
    prices: Prices | None = None

    @property
    def currency(self) -> str:
        """Of the prices; empty where they are not known."""
        return "" if self.prices is None else self.prices.currency


@cache
def known_teachers() -> Mapping[str, Teacher]:
    """Return the teachers of ``registry.yaml`` by name."""
    rows = yaml.safe_load(files("gleam_x").joinpath("teachers/registry.yaml").read_text("utf-8"))
    return {name: _teacher(name, row) for name, row in rows.items()}


def _teacher(name: str, row: dict[str, Any]) -> Teacher:
    prices = Prices(**row["prices"] | {"as_of": str(row["prices"]["as_of"])})  # YAML makes a date of it
    return Teacher(**row | {"name": name, "prices": prices, "picture_tokens": PictureTokens(**row["picture_tokens"])})


def find_teacher(name: str, model: str = "", key_env: str = "", prices: Prices | None = None) -> Teacher:
    """Return the teacher called ``name``, or the one that answers at the URL ``name``.

    Args:
        name: of the registry, or the base URL of an OpenAI-compatible API.
        model: its id at the endpoint; needed with a URL, otherwise instead of the registry's.
        key_env: the variable with the key; needed with a URL, otherwise instead of the registry's.
        prices: instead of the registry's; those of a model that the registry does not price.

    Raises:
        ConfigError: unknown name, or a URL without a model, without a variable, or that would let the key be seen.
    """
    if "://" not in name:
        teacher = known_teachers().get(name)
        if teacher is None:
            raise ConfigError(
                "unknown teacher", value=name, allowed=[*known_teachers(), "the URL of an OpenAI-compatible API"]
            )
        if model not in ("", teacher.model):
            teacher = replace(teacher, name=model, model=model, prices=None)
        return replace(teacher, key_env=key_env or teacher.key_env, prices=prices or teacher.prices)
    for option, value in (("--model NAME", model), ("--key-env VARIABLE", key_env)):
        if not value:
            raise ConfigError("a teacher that is a URL needs more", value=_without_secrets(name), fix=f"add {option}")
    return Teacher(name=model, base_url=_checked_url(name), model=model, key_env=key_env, prices=prices)


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    shown = _without_secrets(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError("not the URL of a teacher", value=shown, allowed="https, a host and a path")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigError(
            "a teacher's URL is written into records and must hold no key",
            value=shown,
            fix="leave out what stands before @ or behind ?, and name the key's variable with --key-env",
        )
    if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise ConfigError("the key would be sent unencrypted", value=shown, allowed="https, or http to this machine")
    return url.rstrip("/")


def _without_secrets(url: str) -> str:
    return re.sub(r"//[^/@]*@", "//", re.split(r"[?#]", url)[0])


def read_key(teacher: Teacher) -> str:
    """Return the teacher's key from the environment.

    Raises:
        ConfigError: the variable has no usable name, is unset or empty, or holds what no key can be. The value is
            never shown.
    """
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,99}", teacher.key_env):
        # Somebody may have typed the key itself, so that the value is not repeated.
        raise ConfigError("--key-env is not the name of a variable", allowed="such as MY_API_KEY; never the key itself")
    key = os.environ.get(teacher.key_env, "").strip()
    if not key:
        raise ConfigError(
            f"no key for teacher {teacher.name}: the variable is unset or empty",
            value=teacher.key_env,
            fix=f"export {teacher.key_env}=... in the shell that runs this",
        )
    if not re.fullmatch(r"[!-~]{8,}", key):
        raise ConfigError(
            f"${teacher.key_env} holds no key", allowed="8 or more printable ASCII characters without spaces"
        )
    return key
