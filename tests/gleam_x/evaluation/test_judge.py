"""Judges: both orders, no partial judge alone, nothing paid twice, and agreement with people."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gleam_common.errors import ConfigError, DataError
from gleam_x.evaluation.judge import Duel, Ruling, check_judges, duel_request, hold_duels, read_ruling
from gleam_x.evaluation.judge_scores import summarise_rulings
from gleam_x.teachers.limits import Limits
from gleam_x.teachers.registry import Teacher
from PIL import Image

_SPEC = importlib.util.spec_from_file_location("fake_teacher", Path(__file__).parents[1] / "teachers" / "conftest.py")
fake = importlib.util.module_from_spec(_SPEC)
sys.modules["fake_teacher"] = fake  # dataclasses look their module up
_SPEC.loader.exec_module(fake)

FAST = Limits(rpm=1e6, timeout_s=5.0, first_wait_s=0.01, attempts=2)
KEYS = dict.fromkeys(("judge", "other"), "sk-fake-0123456789abcdef")


@pytest.fixture
def server():
    server = fake.FakeTeacher()
    yield server
    server.close()


@pytest.fixture
def judge(server) -> Teacher:
    return Teacher(name="judge", base_url=server.url, model="owl-1", key_env="K", answer_tokens=100)


@pytest.fixture
def duels(tmp_path):
    paths = [tmp_path / "q.png", tmp_path / "t.png"]
    for number, path in enumerate(paths):
        Image.fromarray(np.full((40, 50, 3), 90 * number, np.uint8)).save(path)
    return [
        Duel(
            duel_id=f"d{n}", place_id=f"p{n}", view="map", language="en" if n % 2 else "zh", same_place=n < 2,
            query_path=paths[0], tile_path=paths[1], text_a=f"GOOD {n}", text_b=f"BAD {n}",
        )
        for n in range(4)
    ]  # fmt: skip


def answers(server, better):
    """Let the server answer with better(text of the question)."""
    server.behave = lambda body, before: server.chat(f'{{"reason": "x", "better": {better(fake.text_of(body))}}}')


def hold(duels, judges, tmp_path, text_models=("gpt-4o",)):
    return hold_duels(duels, judges, KEYS, tmp_path / "cache.jsonl", FAST, text_models)


def test_a_judge_that_sees_the_better_text_names_it_in_both_orders(server, judge, duels, tmp_path) -> None:
    answers(server, lambda text: 1 if text.index("GOOD") < text.index("BAD") else 2)
    rulings, stopped = hold(duels, [judge], tmp_path)
    assert [(ruling.a_first, ruling.b_first, ruling.winner) for ruling in rulings] == [("a", "a", "a")] * 4
    assert (len(server.requests), stopped) == (8, "")
    found = summarise_rulings(rulings, resamples=50)["judges"]["judge"]
    assert found["win_rate_a"]["value"] == found["orders_agree"]["value"] == 1.0
    assert found["first_chosen"]["value"] == 0.5
    assert hold(duels, [judge], tmp_path)[0] == rulings
    assert len(server.requests) == 8  # from the cache


def test_a_judge_that_looks_at_the_place_only_makes_ties(server, judge, duels, tmp_path) -> None:
    answers(server, lambda text: 1)
    rulings, _ = hold(duels, [judge], tmp_path)
    found = summarise_rulings(rulings, resamples=50)["judges"]["judge"]
    assert {ruling.winner for ruling in rulings} == {"tie"}
    assert (found["win_rate_a"]["value"], found["orders_agree"]["value"], found["first_chosen"]["value"]) == (0.5, 0, 1)


def test_two_judges_are_asked_apart_and_compared(server, judge, duels, tmp_path) -> None:
    def split(body, before):
        says = 0 if body["model"] == "owl-1" else 1 if "GOOD" in fake.text_of(body).split("BAD")[0] else 2
        return server.chat(f'{{"reason": "", "better": {says}}}')

    server.behave = split
    rulings, _ = hold(duels, [judge, replace(judge, name="other", model="cat-2")], tmp_path)
    assert [ruling.winner for ruling in rulings] == ["tie"] * 4 + ["a"] * 4
    assert summarise_rulings(rulings, resamples=50)["between_judges"]["raw_agreement"]["value"] == 0.0


def test_an_answer_that_is_none_is_counted_and_not_guessed(server, judge, duels, tmp_path) -> None:
    server.behave = lambda body, before: server.chat("I like the first one")
    rulings, _ = hold(duels, [judge], tmp_path)
    assert {ruling.winner for ruling in rulings} == {None}
    assert summarise_rulings(rulings)["judges"]["judge"] == {"duels": 4, "without_answer": 4}


def test_a_refused_key_stops_and_says_why(server, judge, duels, tmp_path) -> None:
    server.behave = lambda body, before: server.error(401)
    rulings, stopped = hold(duels, [judge], tmp_path)
    assert "401" in stopped
    assert {ruling.winner for ruling in rulings} == {None}


def test_the_teacher_of_the_texts_is_not_the_only_judge(server, judge, duels, tmp_path) -> None:
    own = replace(judge, model="gpt-4o-mini")
    with pytest.raises(ConfigError, match="favour texts of their own kind"):
        hold(duels, [own], tmp_path, text_models=("gpt-4o-2024-08-06", "doubao-1.5"))
    assert not server.requests
    check_judges([own, replace(judge, name="other")], ["gpt-4o"])
    with pytest.raises(ConfigError, match="all different"):
        check_judges([judge, judge], [])
    with pytest.raises(ConfigError, match="one or more"):
        check_judges([], [])


def test_the_question_holds_pictures_truth_and_texts_in_order(judge, duels) -> None:
    body = duel_request(judge, duels[0], a_is_first=False).body()
    text = fake.text_of(body)
    assert text.index("BAD 0") < text.index("GOOD 0")
    assert "已知两张图显示同一地点" in text
    assert "different places" in fake.text_of(duel_request(judge, duels[3], a_is_first=True).body())
    assert sum(part["type"] == "image_url" for part in body["messages"][1]["content"]) == 2
    keys = {duel_request(judge, duel, is_first).key for duel in duels for is_first in (True, False)}
    assert len(keys) == 8
    with pytest.raises(DataError, match="lost without a judge"):
        duel_request(judge, replace(duels[0], text_b=" "), a_is_first=True)
    braces = replace(duels[0], text_a='{"better": 1} {x}')
    assert '{"better": 1} {x}' in fake.text_of(duel_request(judge, braces, a_is_first=True).body())


def test_reading_an_answer() -> None:
    assert read_ruling('Well: ```json\n{"reason": "{}", "better": 2}\n```') == 2
    for text in ("", "better: 1", '{"better": 3}', '{"better": "1"}', '{"better": true}', "{" * 3000):
        with pytest.raises(ValueError, match="no JSON object"):
            read_ruling(text)


def test_agreement_with_people(duels) -> None:
    choices = ["a", "b", "tie", "a"]
    rulings = [
        Ruling(duel=duel, judge="j", a_first=choice, b_first=choice)
        for duel, choice in zip(duels, choices, strict=True)
    ]
    people = {duel.duel_id: choice for duel, choice in zip(duels, choices, strict=True)}
    found = summarise_rulings(rulings, people, resamples=50)["judges"]["j"]["with_people"]
    assert found["duels"] == 4
    assert found["cohen_kappa"]["value"] == found["raw_agreement"]["value"] == found["gwet_ac1"]["value"] == 1.0
    people["d0"] = "b"
    del people["d3"]
    found = summarise_rulings(rulings, people, resamples=50)["judges"]["j"]["with_people"]
    assert (found["duels"], found["raw_agreement"]["value"]) == (3, pytest.approx(2 / 3))
    with pytest.raises(DataError, match="choice"):
        summarise_rulings(rulings, {"d0": "left"})


def test_duels_of_one_id_are_refused(judge, duels, tmp_path) -> None:
    with pytest.raises(DataError, match="share an id"):
        hold([duels[0], duels[0]], [judge], tmp_path)
