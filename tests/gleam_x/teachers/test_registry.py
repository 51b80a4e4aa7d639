from __future__ import annotations

import pytest
from gleam_common.errors import ConfigError
from gleam_x.teachers.registry import PictureTokens, Prices, find_teacher, known_teachers, read_key

MORE = {"model": "m", "key_env": "MY_KEY"}


def url(rest: str, scheme: str = "https") -> str:
    return f"{scheme}://{rest}"


@pytest.mark.parametrize("name", ["gpt-4o", "doubao"])
def test_known_teachers_have_prices_with_a_date_and_no_key(name) -> None:
    teacher = known_teachers()[name]
    assert find_teacher(name) == teacher
    assert teacher.prices.currency in ("USD", "CNY")
    assert teacher.prices.as_of[:2] == "20"
    assert teacher.prices.output > teacher.prices.input >= teacher.prices.cached_input > 0
    assert teacher.key_env.endswith("_API_KEY")


def test_another_model_of_a_known_endpoint_has_its_own_name_and_no_prices() -> None:
    other = find_teacher("doubao", model="ep-2026", key_env="MINE")
    assert (other.name, other.model, other.key_env, other.prices) == ("ep-2026", "ep-2026", "MINE", None)
    assert other.base_url == known_teachers()["doubao"].base_url
    prices = Prices(currency="CNY", input=1, cached_input=1, output=2, as_of="today")
    assert find_teacher("doubao", prices=prices).prices == prices


def test_any_url_is_a_teacher() -> None:
    teacher = find_teacher(url("models.example/v1/"), **MORE)
    assert (teacher.base_url, teacher.name, teacher.currency) == (url("models.example/v1"), "m", "")
    assert find_teacher(url("127.0.0.1:8000/v1", "http"), **MORE).base_url.endswith(":8000/v1")


@pytest.mark.parametrize(
    ("name", "more", "problem"),
    [
        ("gpt-5o", {}, "unknown teacher: 'gpt-5o'; allowed: doubao, gpt-4o, the URL of"),
        (url("h.example/v1"), {}, "add --model NAME"),
        (url("h.example/v1"), {"model": "m"}, "add --key-env VARIABLE"),
        (url("h.example/v1", "ftp"), MORE, "not the URL of a teacher"),
        (url("/v1"), MORE, "not the URL of a teacher"),
        (url("h.example/v1", "http"), MORE, "sent unencrypted"),
        (url("me:hunter2@h.example/v1"), MORE, "must hold no key"),
        (url("h.example/v1?key=hunter2"), MORE, "must hold no key"),
        (url("h.example/v1?key=hunter2"), {}, "add --model"),
    ],
)
def test_what_is_no_teacher_is_refused_without_repeating_a_secret(name, more, problem) -> None:
    with pytest.raises(ConfigError, match=problem) as refused:
        find_teacher(name, **more)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("value", [None, "", "   "])
def test_a_missing_key_is_said_with_its_variable(value, monkeypatch) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("MY_KEY", value)
    with pytest.raises(ConfigError, match=r"no key for teacher m: .*'MY_KEY'; export MY_KEY="):
        read_key(find_teacher(url("h.example"), **MORE))


@pytest.mark.parametrize("value", ["two words-of-a-key", "sk-schlüssel-1234", "line\nbreak-in-a-key", "short"])
def test_what_cannot_be_a_key_is_refused_and_not_shown(value, monkeypatch) -> None:
    monkeypatch.setenv("MY_KEY", value)
    with pytest.raises(ConfigError, match=r"\$MY_KEY holds no key") as refused:
        read_key(find_teacher(url("h.example"), **MORE))
    assert value not in str(refused.value)


def test_a_key_typed_where_its_variable_belongs_is_not_shown() -> None:
    with pytest.raises(ConfigError, match="not the name of a variable") as refused:
        read_key(find_teacher(url("h.example"), model="m", key_env="sk-hunter2-secret"))
    assert "hunter2" not in str(refused.value)


def test_pictures_cost_by_started_tiles() -> None:
    assert PictureTokens(base=85, per_tile=170, tile_px=512).of(1024, 513) == 85 + 170 * 4
