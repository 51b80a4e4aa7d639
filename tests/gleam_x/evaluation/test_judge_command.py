"""``gleam-x judge``: duels of two runs from the command line, and what it refuses before anything is sent."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from gleam_common.artifacts import read_json
from gleam_common.errors import ConfigError, DataError, GleamError
from gleam_x.benchmark.folder import read_records
from gleam_x.evaluation.judge_command import judge_command
from gleam_x.evaluation.predictions import PREDICTIONS_FILE, Prediction, write_predictions
from tiny_benchmark import write_benchmark

from .test_judge import fake, server

__all__ = ["server"]


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_benchmark(tmp_path_factory.mktemp("judged") / "benchmark")


@pytest.fixture
def runs(tmp_path: Path, benchmark: Path) -> tuple[Path, Path]:
    """Two runs on the test split: one says GOOD things of every record, one BAD things."""
    named = tmp_path / "good", tmp_path / "bad"
    for run in named:
        run.mkdir()
        write_predictions(
            run / PREDICTIONS_FILE,
            [
                Prediction(
                    record_id=record.record_id, pair_id=record.pair_id, place_id=record.place_id, view=record.view,
                    language=record.language, negative_kind=record.negative_kind, same_place=record.same_place,
                    score=0.0, score_query_first=0.0, score_satellite_first=0.0, leftover=0.0, probability=0.5,
                    similarity_c=None, fused=None, text=f"{run.name.upper()} {record.record_id}",
                    reference=record.explanation, claims=record.claims, query_shows=(), satellite_shows=(),
                )
                for record in read_records(benchmark, "test")
            ],
        )  # fmt: skip
    return named


def words(server, benchmark: Path, out: Path, *more: str) -> list[str]:
    asked = ["--judge", server.url, "--judge-model", "owl-1", "--judge-key-env", "OWL_KEY", "--attempts", "1"]
    return [*asked, "--benchmark", str(benchmark), "--out", str(out), "--rpm", "1000000", *more]


@pytest.fixture
def good_wins(server, monkeypatch):
    monkeypatch.setenv("OWL_KEY", "sk-fake-0123456789abcdef")

    def behave(body, before):
        text = fake.text_of(body)
        first = "GOOD" in text and ("BAD" not in text or text.index("GOOD") < text.index("BAD"))
        return server.chat(f'{{"reason": "", "better": {1 if first else 2}}}')

    server.behave = behave
    return server


def test_two_runs_are_judged_beside_people_and_nothing_is_asked_twice(
    good_wins, runs, benchmark, tmp_path, capsys
) -> None:
    good, bad = map(str, runs)
    said = {record.record_id: "a" for record in read_records(benchmark, "test")}
    said[min(said)] = "b"
    people = tmp_path / "people.json"
    people.write_text(json.dumps(said))
    asked = words(good_wins, benchmark, tmp_path / "out", "--people", str(people), "--count", "6")
    judge_command([good, bad, *asked])
    found, told = read_json(tmp_path / "out" / "judged.json"), capsys.readouterr().out
    assert (found["a"], found["b"], found["judges"]["owl-1"]["duels"]) == ("good", "bad", 6)
    assert found["judges"]["owl-1"]["win_rate_a"]["value"] == 1.0
    assert "a is good, b is bad" in told
    assert "a wins 1.000" in told
    assert "as people in" in told
    assert len(good_wins.requests) == 12
    judge_command([good, bad, *asked])
    assert len(good_wins.requests) == 12


def test_a_run_against_the_texts_of_the_benchmark(good_wins, runs, benchmark, tmp_path) -> None:
    texts = {record.explanation for record in read_records(benchmark, "test")}
    judge_command([str(runs[1]), "reference", *words(good_wins, benchmark, tmp_path / "out", "--count", "1")])
    assert any(text in fake.text_of(good_wins.requests[0]) for text in texts)


@pytest.mark.parametrize(
    ("more", "error", "says"),
    [
        (["--count", "0"], ConfigError, "1 or more"),
        (["--people", "nowhere.json"], DataError, "no choices of people"),
        (["--split", "train"], DataError, "name its benchmark and split"),
        (["--taught-by", '["owl-2"]'], ConfigError, "add a judge of another family"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_sent(good_wins, runs, benchmark, tmp_path, more, error, says) -> None:
    with pytest.raises(error, match=says):
        judge_command([*map(str, runs), *words(good_wins, benchmark, tmp_path / "out", *more)])
    assert not good_wins.requests


def test_runs_without_reasons_and_judges_without_a_key(server, runs, benchmark, tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("OWL_KEY", raising=False)
    with pytest.raises(GleamError, match="OWL_KEY"):
        judge_command([*map(str, runs), *words(server, benchmark, tmp_path / "out")])
    monkeypatch.setenv("OWL_KEY", "sk-fake-0123456789abcdef")
    from gleam_x.evaluation.predictions import read_predictions

    silent = [replace(row, text="") for row in read_predictions(runs[0] / PREDICTIONS_FILE)]
    write_predictions(runs[0] / PREDICTIONS_FILE, silent)
    with pytest.raises(DataError, match="recipes that explain"):
        judge_command([*map(str, runs), *words(server, benchmark, tmp_path / "out")])
