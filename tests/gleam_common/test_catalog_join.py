from __future__ import annotations

from pathlib import Path

import pytest
from gleam_common import cli
from gleam_common.catalog import Catalog
from gleam_common.catalog_join import join_catalogs
from gleam_common.commands import dispatch
from gleam_common.errors import DataError
from gleam_common.sources.registry import source_named
from layouts import WRITERS


def run(*words: object) -> int:
    return dispatch("gleam-data", cli.ABOUT, cli.COMMANDS, list(map(str, words)))


@pytest.fixture
def parts(tmp_path: Path) -> list[Catalog]:
    """Photos with ``set_id`` in ``sets/photos``, street maps without in ``sets/a/maps``."""
    folders = {"setvl480k": "sets/photos", "map": "sets/a/maps"}
    return [source_named(name).read(WRITERS[name](tmp_path / folder)) for name, folder in folders.items()]


def test_all_rows_are_there_and_every_picture_opens(parts: list[Catalog], tmp_path: Path) -> None:
    joint = join_catalogs(parts)
    assert joint.root == (tmp_path / "sets").resolve()
    assert joint.query_ids == [one for part in parts for one in part.query_ids]
    assert joint.gallery_ids == [one for part in parts for one in part.gallery_ids]
    assert joint.check_pictures() == len(joint.gallery) + len(joint.queries)
    assert {row["path"].split("/")[0] for row in joint.queries.to_pylist()} == {"photos", "a"}
    sets = joint.column("set_id")
    assert all(sets[: len(parts[0].queries)])
    assert not any(sets[len(parts[0].queries) :])


def test_the_command_writes_what_the_function_returns(parts: list[Catalog], tmp_path: Path) -> None:
    for number, part in enumerate(parts):
        part.write(tmp_path / f"catalog {number}")
    words = [f"{tmp_path}/catalog {number}={part.root}" for number, part in enumerate(parts)]
    assert run("join", *words, "--out", tmp_path / "joint") == 0
    assert Catalog.read(tmp_path / "joint").queries == join_catalogs(parts).queries


def test_one_catalog_or_the_same_twice_is_refused(parts: list[Catalog]) -> None:
    with pytest.raises(DataError, match="catalogs to be joined: 1; allowed: two or more"):
        join_catalogs(parts[:1])
    with pytest.raises(DataError, match=r"gallery\.parquet.*setvl480k/satellite/0\.png"):
        join_catalogs([parts[0], parts[0]])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("join", "--out", "x"), "catalogs"),
        (("join", "nowhere", "neither", "--out", "x"), "no such catalog folder: 'nowhere'"),
        (("join", "nowhere", "neither"), "out"),
    ],
)
def test_bad_words_end_with_a_sentence(words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*words) == 2
    assert said in capsys.readouterr().err
