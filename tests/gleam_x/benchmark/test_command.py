"""``gleam-x benchmark``: what cannot be is refused in one line with exit code 2: what, which value, what to do."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gleam_common.commands import dispatch
from gleam_common.errors import DataError, ModelError
from gleam_common.synthcity import build as world_build
from gleam_x import matcher
from gleam_x.benchmark import verify
from gleam_x.benchmark.build import _too_few
from gleam_x.benchmark.folder import open_benchmark, read_records
from gleam_x.benchmark.schema import Claim, Record, check_records, record_of
from gleam_x.cli import ABOUT, COMMANDS
from gleam_x.matcher import Matcher

Row = dict[str, Any]
Rewrite = Callable[[str, Callable[[Row], None]], Path]


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run ``gleam-x benchmark``; returns the one line of its refusal."""

    def run(*words: object) -> str:
        capsys.readouterr()
        assert dispatch("gleam-x", ABOUT, COMMANDS, ["benchmark", *map(str, words)]) == 2
        error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
        assert len(error) == 1
        return error[0]

    return run


def small_copy(world: Path, folder: Path) -> Path:
    """Copy a world, its pictures as links."""
    shutil.copytree(world, folder, copy_function=lambda source, target: Path(target).symlink_to(source))
    return folder


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--records", 161), r"records of the benchmark: 161; allowed: 160 or more, a multiple of 8"),
        (("--records", 8), r"records of the benchmark: 8; allowed: 160 or more"),
        (("--seed", -1), r"seed of the benchmark: -1; allowed: 0 or more"),
        (("--source", "osm"), r"synthcity.*see `gleam-x benchmark build --help`"),
        (("--records", "many"), r"many.*see `gleam-x benchmark build --help`"),
    ],
)
def test_bad_options_are_refused(
    refused: Callable[..., str], tmp_path: Path, words: tuple[object, ...], expected: str
) -> None:
    error = refused("build", "--out", tmp_path / "b", "--world", tmp_path / "w", *words)
    assert re.search(expected, error), error
    assert list(tmp_path.iterdir()) == [], "nothing was begun"


def test_an_unknown_command_is_refused(refused: Callable[..., str]) -> None:
    assert "unknown command of gleam-x benchmark: 'make'; allowed: build, verify" in refused("make")


def test_more_records_than_places_are_refused_with_what_is_possible(
    refused: Callable[..., str], world: Path, tmp_path: Path
) -> None:
    error = refused("build", "--out", tmp_path / "b", "--world", world, "--records", 4000)
    assert re.search(r"too few places in split validation for the records: 4000; make a world of more pl", error), error
    assert "at most" not in error, "no number below the least"
    assert not (tmp_path / "b").exists(), "what cannot be gone on with must not refuse the next attempt"


@pytest.mark.parametrize(
    ("words", "expected"),
    [(("--seed", -1), "seed of the draw: -1; allowed: 0 or more"), (("--records", 0), "1 or more")],
)
def test_verify_refuses_bad_draws(
    refused: Callable[..., str], benchmark: Path, world: Path, words: tuple[object, ...], expected: str
) -> None:
    assert expected in refused("verify", benchmark, "--world", world, *words)


def test_a_path_that_is_no_benchmark_names_the_command(refused: Callable[..., str], tmp_path: Path) -> None:
    assert "run `gleam-x benchmark build --out DIR`" in refused("verify", tmp_path / "nothere")


@pytest.mark.parametrize(
    ("most", "words"), [(544, "ask for at most about 544, or make a world"), (152, "places in split test .*; make a")]
)
def test_the_fix_names_a_number_only_where_it_may_be_asked_for(most: int, words: str) -> None:
    assert re.search(words, str(_too_few("test", 4000, most)))


def test_a_world_without_facts_is_refused(refused: Callable[..., str], world: Path, tmp_path: Path) -> None:
    bare = small_copy(world, tmp_path / "w")
    (bare / "facts.parquet").unlink()
    error = refused("build", "--out", tmp_path / "b", "--world", bare, "--records", 160)
    assert re.search(r"no facts of the pictures: '.*facts\.parquet'; make the world with `gleam-data synth`", error)
    assert not (tmp_path / "b").exists()


def test_missing_pictures_of_the_world_are_named_and_counted(
    refused: Callable[..., str], world: Path, tmp_path: Path
) -> None:
    holed = small_copy(world, tmp_path / "w")
    shutil.rmtree(holed / "images/echo/satellite")
    error = refused("build", "--out", tmp_path / "b", "--world", holed, "--records", 160, "--seed", 2)
    assert re.search(r"pictures of the world are missing: \d+; first: '.*images/echo/satellite/.*\.jpg'; remove", error)


def test_a_folder_that_is_no_world_is_refused(refused: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    assert "gallery.parquet" in refused("build", "--out", tmp_path / "b", "--world", tmp_path / "w")


def test_a_world_that_was_begun_goes_on(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Callable[..., str]
) -> None:
    begun = tmp_path / "w"
    begun.mkdir()
    text = (world / "manifest.json").read_text()
    (begun / "manifest.json").write_text(text.replace('"complete": true', '"complete": false'))
    made: list[Path] = []
    monkeypatch.setattr(world_build, "build_world", lambda _, out: made.append(out))
    refused("build", "--out", tmp_path / "b", "--world", begun)
    assert made == [begun]
    refused("build", "--out", tmp_path / "b", "--world", tmp_path / "new")
    assert made == [begun, tmp_path / "new"]


def test_build_and_verify_say_what_they_did(
    world: Path, benchmark: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = str(benchmark)  # finished with these very options, so that nothing is built again
    words = ["benchmark", "build", "--source", "synthcity", "--seed", "2", "--records", "160"]
    assert dispatch("gleam-x", ABOUT, COMMANDS, [*words, "--world", str(world), "--out", out]) == 0
    assert f"160 records in {out}; see {out}/README.md" in capsys.readouterr().out
    monkeypatch.setattr(verify, "_look", lambda _, pictures: [(picture, []) for picture in pictures])
    monkeypatch.setattr(verify, "claim_fault", lambda *_: "")
    assert dispatch("gleam-x", ABOUT, COMMANDS, ["benchmark", "verify", out, "--world", str(world)]) == 0
    assert re.search(r"\d+ claims of 160 records hold", capsys.readouterr().out)


def test_another_configuration_in_the_folder_is_refused(
    refused: Callable[..., str], world: Path, benchmark: Path
) -> None:
    error = refused("build", "--out", benchmark, "--world", world, "--records", 160, "--seed", 6)
    assert re.search(r"seed \(2 there, 6 now\).*--overwrite", error), error


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"query_image": None}, r"query_image is missing"),
        ({"satellite_image": {"bytes": None, "path": "gone.jpg"}}, r"satellite_image is missing"),
        ({"query_shows": [], "satellite_shows": []}, r"a claim about nothing visible: no \w+ in the \w+ picture"),
        ({"language": "fr"}, r"language is 'fr'"),
        ({"view": "submarine"}, r"view is 'submarine'"),
        ({"negative_kind": "far"}, r"negative_kind is 'far'"),
        ({"explanation": " "}, r"the explanation is empty"),
        ({"record_id": "twice"}, r"its id stands twice"),
        ({"place_id": "one place"}, r"one place stands in two splits"),
    ],
)
def test_broken_records_are_named_and_counted(
    refused: Callable[..., str], rewrite: Rewrite, world: Path, change: Row, expected: str
) -> None:
    splits = ("train", "test") if "place_id" in change else ("test",)
    for split in splits:
        folder = rewrite(split, lambda row: row.update(change))
    error = refused("verify", folder, "--world", world)
    assert re.search(rf"record \S+: .*{expected}.* \(and \d+ more records\); correct or remove them", error), error


def test_a_benchmark_of_another_version_is_refused(refused: Callable[..., str], rewrite: Rewrite, world: Path) -> None:
    manifest = rewrite("test", lambda _: None) / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"schema_version": 1', '"schema_version": 0'))
    error = refused("verify", manifest.parent, "--world", world)
    assert re.search(r"version of the benchmark: 0; allowed: 1; build it again with .*--overwrite", error), error


def test_a_lost_or_broken_split_is_refused(refused: Callable[..., str], rewrite: Rewrite, world: Path) -> None:
    folder = rewrite("test", lambda _: None)
    (folder / "data/test-00000-of-00001.parquet").write_bytes(b"cut off")
    assert re.search(r"test-\S+ is missing or broken", refused("verify", folder, "--world", world))
    (folder / "data/test-00000-of-00001.parquet").unlink()
    assert re.search(r"test-\S+ is missing or broken", refused("verify", folder, "--world", world))


def test_a_folder_that_is_no_finished_benchmark_is_refused(refused: Callable[..., str], world: Path) -> None:
    assert "holds no finished benchmark: 'synthcity'; run `gleam-x benchmark build`" in refused(
        "verify", world, "--world", world
    )
    assert "records to verify: 0; allowed: 1 or more" in refused("verify", world, "--records", 0)


def test_reading_names_an_unknown_split(benchmark: Path) -> None:
    with pytest.raises(DataError, match="no such split of the benchmark: 'val'; allowed: test, train, validation"):
        list(read_records(benchmark, "val"))
    assert len(list(read_records(benchmark, "validation"))) == 16
    assert open_benchmark(benchmark)["test"][0]["query_image"].size[0] > 0


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        (Claim(what="unicorn", query_where="left", satellite_where="east"), r"claims\.what is 'unicorn'"),
        (
            Claim(what="pond", colour="mauve", part="roof", query_where="left", satellite_where="east"),
            "colour is 'mauve'",
        ),
        (Claim(what="pond", colour="red", query_where="left", satellite_where="east"), "colour and part go together"),
        (Claim(what="pond", satellite_where="east"), "query_where must be set exactly when the query shows it"),
        (Claim(what="pond", query_where="left"), "satellite_where must be set exactly when the tile shows it"),
        (Claim(what="pond", query_where="left", satellite_where="left"), "claims.satellite_where is 'left'"),
        (Claim(what="pond", count=0, query_where="left", satellite_where="east"), "count is 0; a claim about nothing"),
        (Claim(what="pond", query_where="left", shown_in="query"), "what one shows contradicts"),
    ],
)
def test_claims_that_cannot_be_are_named(records: list[Record], claim: Claim, words: str) -> None:
    row = records[0].as_row()
    broken = record_of({**row, "claims": [vars(claim)]})
    with pytest.raises(DataError, match=words):
        check_records([broken])
    check_records([record_of(row)])


def test_a_row_without_a_column_is_no_record(records: list[Record]) -> None:
    row = records[0].as_row()
    del row["view"]
    with pytest.raises(DataError, match=r"a row is no record of the benchmark: .*view.*its columns must be"):
        record_of(row)


def test_without_gleam_c_the_matcher_names_the_extra(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, world: Path
) -> None:
    monkeypatch.setattr(matcher, "find_spec", lambda _: None)
    with pytest.raises(ModelError, match=r'GLEAM-C is not installed; pip install "gleam-x\[match\]"'):
        Matcher(tmp_path)
    assert "gleam-x[match]" in refused("build", "--out", tmp_path / "b", "--world", world, "--negatives-from", tmp_path)


def test_a_folder_without_a_model_is_refused(refused: Callable[..., str], tmp_path: Path, world: Path) -> None:
    error = refused("build", "--out", tmp_path / "b", "--world", world, "--negatives-from", tmp_path / "none")
    assert "none" in error
    assert not (tmp_path / "b").exists()
