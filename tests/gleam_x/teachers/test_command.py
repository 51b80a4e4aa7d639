"""Bad input at the command line: one sentence, exit code 2, nothing sent, nothing written."""

from __future__ import annotations

import pytest
from gleam_common.commands import dispatch
from gleam_x.cli import ABOUT, COMMANDS


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"--teacher": "gemini"}, "unknown teacher: 'gemini'; allowed: doubao, gpt-4o, the URL"),
        ({"--language": "fr"}, "unknown language: 'fr'; allowed: both, en, zh"),
        ({"--key-env": "NOBODY_SET_THIS"}, "'NOBODY_SET_THIS'; export NOBODY_SET_THIS="),
        ({"--catalog": "nowhere"}, "no such catalog folder: 'nowhere'"),
        ({"--limit": "0"}, "--limit: 0; allowed: 1 or more"),
        ({"--blind-share": "1.5"}, "blind_share: 1.5; allowed: 0 to 1"),
        ({"--side-px": "9"}, "longest side of pictures in pixels: 9"),
        ({"--split": "dev"}, "no query has this split: 'dev'"),
        ({"--pairs": "nowhere.jsonl"}, "no such list of pairs: 'nowhere.jsonl'"),
        ({"--pairs": "x.jsonl", "--split": "val"}, "leave out --split or --pairs"),
        ({"--overlap-share": "0.5"}, "add --second-teacher"),
        ({"--second-model": "m"}, "add --second-teacher"),
        (
            {"--second-teacher": "URL", "--second-model": "fake-vision", "--second-key-env": "K"},
            "both teachers are the same",
        ),
        ({"--price-out": None}, "give both --price-in and --price-out"),
        ({"--price-in": "-1"}, "a price per million tokens: -1.0"),
        ({"--price-in": None, "--price-out": None, "--max-cost": "1"}, "a budget needs prices"),
        ({"--max-cost": "0"}, "max_cost: 0.0; allowed: a number above 0"),
        ({"--rpm": "0"}, "rpm: 0.0"),
        ({"--concurrency": "0"}, "concurrency: 0"),
        ({"--lamguage": "en"}, "see `gleam-x annotate --help`"),
    ],
)
def test_bad_input_is_said_in_one_line(options, problem, server, key, tiny_world, tmp_path, capsys) -> None:
    good = {"--catalog": tiny_world, "--teacher": "URL", "--model": "fake-vision", "--key-env": "FAKE_KEY"}
    priced = {"--price-in": "1", "--price-out": "2", "--out": tmp_path / "out"}
    named = {name: value for name, value in {**good, **priced, **options}.items() if value is not None}
    words = [str(word).replace("URL", server.url) for pair in named.items() for word in pair]
    assert dispatch("gleam-x", ABOUT, COMMANDS, ["annotate", *words]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    assert problem in said.err
    assert not server.requests
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_left_alone(server, key, tiny_world, capsys) -> None:
    before = sorted(tiny_world.iterdir())
    words = [
        "--catalog",
        tiny_world,
        "--out",
        tiny_world,
        "--teacher",
        server.url,
        "--model",
        "m",
        "--key-env",
        "FAKE_KEY",
    ]
    assert dispatch("gleam-x", ABOUT, COMMANDS, ["annotate", *map(str, words)]) == 2
    assert "holds something else (no cache.jsonl)" in capsys.readouterr().err
    assert sorted(tiny_world.iterdir()) == before


def test_help_names_every_option(capsys) -> None:
    with pytest.raises(SystemExit, match="0"):
        dispatch("gleam-x", ABOUT, COMMANDS, ["annotate", "--help"])
    said = capsys.readouterr().out
    for option in ("--teacher", "--max-cost", "--blind-share", "--overlap-share", "--dry-run"):
        assert option in said
