"""What the model is asked and what it shall answer, in English and Chinese; the words stand in ``prompts.yaml``.

A target knows by construction where its verdict stands, so that no text is ever searched for an answer word.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

import yaml
from gleam_common.errors import ConfigError, DataError
from gleam_common.views import View

from gleam_x.benchmark.schema import LANGUAGES

__all__ = [
    "ORDERS",
    "PROMPT_VERSION",
    "RECIPES",
    "TASKS",
    "Order",
    "Prompt",
    "Recipe",
    "Target",
    "Task",
    "all_prompts",
    "answer_word",
    "answer_words",
    "build_messages",
    "build_target",
    "parse_answer",
    "recipe_tasks",
    "user_text",
    "wordings",
]

Recipe = Literal["verdict_first", "label_only", "explain_first", "task_prefix"]
RECIPES: tuple[Recipe, ...] = get_args(Recipe)
Task = Literal["verdict_first", "label_only", "explain_first", "verify", "explain"]
TASKS: tuple[Task, ...] = get_args(Task)
Order = Literal["query_first", "satellite_first"]
ORDERS: tuple[Order, ...] = get_args(Order)

_TEXT: dict[str, Any] = yaml.safe_load((files("gleam_x") / "prompts.yaml").read_text("utf-8"))
PROMPT_VERSION: str = _TEXT["version"]
"""Rises with every change of a word of ``prompts.yaml``; stored with every adapter."""

_TASKS_OF: dict[str, tuple[Task, ...]] = {
    "verdict_first": ("verdict_first",),
    "label_only": ("label_only",),
    "explain_first": ("explain_first",),
    "task_prefix": ("verify", "explain"),
}


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """What decides the words of a prompt; the pictures do not.

    Attributes:
        view: of the query: uav, map, panorama or ground.
        language: "en" or "zh".
        task: one of ``TASKS``.
        order: which picture stands first, said in the text.
        told_verdict: "yes" or "no" to tell the answer in the task "explain"; empty otherwise.
    """

    view: str
    language: str
    task: str = "verdict_first"
    order: str = "query_first"
    told_verdict: str = ""

    def __post_init__(self) -> None:
        """Refuse names that are not known.

        Raises:
            ConfigError: names the first unknown one.
        """
        views = tuple(_TEXT["question"]["en"])
        _require("view of a prompt", str(self.view), views)
        _require("language of a prompt", self.language, LANGUAGES)
        _require("task of a prompt", self.task, TASKS)
        _require("picture order of a prompt", self.order, ORDERS)
        _require("verdict told in a prompt", self.told_verdict, ("", "yes", "no"))
        if self.told_verdict and self.task != "explain":
            raise ConfigError("only the task 'explain' may be told the verdict", value=self.task)


@dataclass(frozen=True, kw_only=True)
class Target:
    """What the model shall answer. ``verdict`` is (start, end) of the answer word in ``text``, None when it has none.

    All other characters are explanation, the full stops and the end of the turn too.
    """

    text: str
    verdict: tuple[int, int] | None


def _require(what: str, value: str, allowed: Iterable[str]) -> None:
    if value not in tuple(allowed):
        raise ConfigError(f"unknown {what}", value=value, allowed=[name or "(empty)" for name in allowed])


def recipe_tasks(recipe: str) -> tuple[Task, ...]:
    """Return the tasks for which a recipe makes one sample each of every record.

    Raises:
        ConfigError: for an unknown recipe.
    """
    _require("recipe", recipe, RECIPES)
    return _TASKS_OF[recipe]


def answer_word(language: str, verdict: str) -> str:
    """Return the word that says ``verdict`` ("yes" or "no") in ``language``: "Yes", "不是" ..."""
    _require("language of an answer", language, LANGUAGES)
    _require("verdict", verdict, ("yes", "no"))
    return str(_TEXT["answer"][language][verdict])


def answer_words(language: str, verdict: str) -> tuple[str, ...]:
    """Return the answer word and the other words that mean it, the answer word first."""
    return (answer_word(language, verdict), *_TEXT["also"][language][verdict])


@cache
def user_text(prompt: Prompt) -> str:
    """Return the text under the two pictures."""
    language, task = prompt.language, prompt.task
    names = _TEXT["picture"][language]
    pair = (names[str(prompt.view)], names[str(View.SATELLITE)])
    first, second = pair if prompt.order == "query_first" else pair[::-1]
    told = prompt.told_verdict and answer_word(language, prompt.told_verdict)
    parts = (
        _TEXT["order"][language].format(first=first, second=second),
        _TEXT["question"][language][str(prompt.view)],
        _TEXT["instruction"][language]["explain_told" if told else task].format(answer=told),
    )
    return str(_TEXT["prefix"].get(task, "") + _TEXT["gap"][language].join(parts))


def build_messages(prompt: Prompt, answer: str | None = None) -> list[dict[str, Any]]:
    """Return the chat: system line, two picture places and the question, and the answer when there is one.

    Pictures come before text, as Qwen-VL was trained; which picture goes where follows from ``prompt.order``.
    """
    pictures = [{"type": "image"}, {"type": "image"}]
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": [{"type": "text", "text": _TEXT["system"][prompt.language]}]},
        {"role": "user", "content": [*pictures, {"type": "text", "text": user_text(prompt)}]},
    ]
    if answer is not None:
        messages.append({"role": "assistant", "content": [{"type": "text", "text": answer}]})
    return messages


def build_target(prompt: Prompt, verdict: str, explanation: str = "") -> Target:
    """Return what the model shall answer to ``prompt``.

    Args:
        prompt: its language and task decide the form.
        verdict: "yes" or "no".
        explanation: in the prompt's language; not used by the tasks "label_only" and "verify".

    Raises:
        DataError: a task that explains got no explanation.
    """
    word, stop = answer_word(prompt.language, verdict), str(_TEXT["stop"][prompt.language])
    explanation = explanation.strip()
    if prompt.task in ("label_only", "verify"):
        return Target(text=word + stop, verdict=(0, len(word)))
    if not explanation:
        raise DataError(f"a target of the task {prompt.task!r} without an explanation", fix="give its record one")
    if prompt.task == "explain":
        return Target(text=explanation, verdict=None)
    if prompt.task == "verdict_first":
        return Target(text=word + stop + str(_TEXT["gap"][prompt.language]) + explanation, verdict=(0, len(word)))
    # On a line of its own, so that it is the same token as at the beginning of an answer.
    start = len(explanation) + 1
    return Target(text=f"{explanation}\n{word}{stop}", verdict=(start, start + len(word)))


def parse_answer(prompt: Prompt, text: str) -> tuple[str | None, str]:
    """Return verdict ("yes", "no", or None where the model gave none) and explanation of a generated answer."""
    text = text.strip()
    if prompt.task == "explain":
        return None, text
    head, _, tail = text.rpartition("\n") if prompt.task == "explain_first" else ("", "", text)
    for verdict in ("no", "yes"):
        word = answer_word(prompt.language, verdict)
        after = tail[len(word) :]
        # "No" must not be found in "Northern".
        if tail.startswith(word) and not (prompt.language == "en" and after[:1].isalpha()):
            return verdict, head.strip() or after.lstrip(".。,， ")
    return None, text


def all_prompts() -> list[Prompt]:
    """Return every prompt that can be built: views x languages x tasks x orders, with and without a told verdict."""
    return [
        Prompt(view=view, language=language, task=task, order=order, told_verdict=told)
        for view in _TEXT["question"]["en"]
        for language in LANGUAGES
        for task in TASKS
        for order in ORDERS
        for told in (("", "yes", "no") if task == "explain" else ("",))
    ]


def wordings() -> list[str]:
    """Return every text of the prompts and every answer word: what a tokenizer must know besides the explanations."""
    texts = [str(_TEXT["system"][language]) for language in LANGUAGES] + [user_text(p) for p in all_prompts()]
    words = [answer_word(language, verdict) for language in LANGUAGES for verdict in ("yes", "no")]
    return list(dict.fromkeys(texts + words))
