"""Prompts: complete in both languages, versioned, and targets that know where their verdict stands."""

from __future__ import annotations

import hashlib
from importlib.resources import files

import pytest
from gleam_common.errors import ConfigError, DataError
from gleam_x.prompts import (
    ORDERS,
    PROMPT_VERSION,
    Prompt,
    all_prompts,
    answer_word,
    build_messages,
    build_target,
    parse_answer,
    recipe_tasks,
    user_text,
    wordings,
)

WORDS_OF_VERSION = {"1": "c9d43b244c09a01d"}


def test_a_changed_word_raises_the_version() -> None:
    found = hashlib.sha256((files("gleam_x") / "prompts.yaml").read_bytes()).hexdigest()[:16]
    assert WORDS_OF_VERSION[PROMPT_VERSION] == found, "raise `version` in prompts.yaml and add its hash here"


def test_every_prompt_differs_from_every_other_and_has_two_pictures() -> None:
    prompts = all_prompts()
    assert len(prompts) == 4 * 2 * 2 * (4 + 3)
    assert len({user_text(prompt) for prompt in prompts}) == len(prompts)
    for prompt in prompts:
        kinds = [part["type"] for part in build_messages(prompt)[1]["content"]]
        assert kinds == ["image", "image", "text"]


@pytest.mark.parametrize(("language", "tile"), [("en", "a satellite tile"), ("zh", "卫星影像")])
def test_the_text_says_which_picture_is_which(language: str, tile: str) -> None:
    first, second = (user_text(Prompt(view="uav", language=language, order=order)) for order in ORDERS)
    assert first.index("drone" if language == "en" else "无人机照片") < first.index(tile)
    assert second.index(tile) < second.index("a photo from a drone" if language == "en" else "无人机照片")


@pytest.mark.parametrize(
    ("task", "language", "text", "word"),
    [
        ("verdict_first", "en", "No. Two ponds.", "No"),
        ("verdict_first", "zh", "不是。两个池塘。", "不是"),
        ("label_only", "en", "No.", "No"),
        ("verify", "zh", "不是。", "不是"),
        ("explain_first", "en", "Two ponds.\nNo.", "No"),
        ("explain_first", "zh", "两个池塘。\n不是。", "不是"),
        ("explain", "zh", "两个池塘。", None),
    ],
)
def test_targets_know_their_verdict(task: str, language: str, text: str, word: str | None) -> None:
    prompt = Prompt(view="map", language=language, task=task)
    reason = "Two ponds." if language == "en" else "两个池塘。"
    target = build_target(prompt, "no", reason)
    assert target.text == text
    assert (target.text[slice(*target.verdict)] if target.verdict else None) == word
    verdict, explanation = parse_answer(prompt, target.text)
    assert verdict == (None if task == "explain" else "no")
    assert explanation == ("" if task in ("label_only", "verify") else reason)


def test_a_word_that_only_begins_like_an_answer_is_none() -> None:
    prompt = Prompt(view="uav", language="en")
    assert parse_answer(prompt, "Northern roofs are red.") == (None, "Northern roofs are red.")
    assert parse_answer(prompt, " Yes, a church.") == ("yes", "a church.")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_answers_differ_in_their_first_character(language: str) -> None:
    assert answer_word(language, "yes")[0] != answer_word(language, "no")[0]


def test_the_task_prefix_recipe_asks_twice_and_may_tell_the_verdict() -> None:
    assert recipe_tasks("task_prefix") == ("verify", "explain")
    told = user_text(Prompt(view="uav", language="zh", task="explain", told_verdict="no"))
    assert told.startswith("[explain] ")
    assert "不是" in told
    assert user_text(Prompt(view="uav", language="en", task="verify")).startswith("[verify] ")


def test_unknown_names_and_missing_explanations_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"language.*'de'.*en, zh"):
        Prompt(view="uav", language="de")
    with pytest.raises(ConfigError, match="view of a prompt: 'satellite'"):
        Prompt(view="satellite", language="en")
    with pytest.raises(ConfigError, match="only the task 'explain'"):
        Prompt(view="uav", language="en", told_verdict="yes")
    with pytest.raises(ConfigError, match="unknown recipe"):
        recipe_tasks("both")
    with pytest.raises(DataError, match="without an explanation"):
        build_target(Prompt(view="uav", language="en"), "yes")


def test_wordings_hold_every_answer_word_once() -> None:
    texts = wordings()
    assert len(texts) == len(set(texts))
    assert {"Yes", "No", "是", "不是"} <= set(texts)
