from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from gleam_x.benchmark.schema import check_records, record_of
from gleam_x.teachers.command import annotate_command


def run(server, out: Path, world: Path, *more: str) -> None:
    words = [
        "--catalog",
        world,
        "--out",
        out,
        "--teacher",
        server.url,
        "--model",
        "fake-vision",
        "--key-env",
        "FAKE_KEY",
    ]
    paced = ["--rpm", 1e6, "--price-in", 1, "--price-out", 10]
    annotate_command([str(word) for word in [*words, *paced, *more]])


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def report(out: Path) -> dict[str, Any]:
    return json.loads((out / "report.json").read_text("utf-8"))


def test_pairs_become_checked_records_in_both_languages_and_a_report(server, key, tiny_world, tmp_path) -> None:
    run(server, tmp_path, tiny_world, "--limit", "10", "--blind-share", "0.4", "--side-px", "64")
    records = [record_of(row) for row in lines(tmp_path / "records.jsonl")]
    check_records(records)
    assert len(records) == 20
    assert {record.language for record in records} == {"en", "zh"}
    assert {(record.same_place, record.verdict, record.negative_kind) for record in records} == {
        (True, "yes", ""),
        (False, "no", "random"),
    }
    assert {record.provenance.status for record in records} == {"made"}
    assert records[0].provenance.teacher == "fake-vision"
    blind = [record_of(row) for row in lines(tmp_path / "blind.jsonl")]
    assert {record.provenance.status for record in blind} == {"blind"}
    summed = report(tmp_path)
    assert summed["complete"]
    assert summed["outcomes"] == {"ok": 28}
    assert len(server.requests) == 28
    # 28 answers of 1000 tokens at 1 and 200 tokens at 10 for a million.
    assert summed["teachers"]["fake-vision"]["cost"] == pytest.approx(28 * 0.003)
    truths = [record.same_place for record in blind]
    assert summed["blind_against_truth"]["fake-vision"]["agreement"] == pytest.approx(sum(truths) / len(truths))


def test_a_second_run_asks_nothing_and_writes_the_same(server, key, tiny_world, tmp_path) -> None:
    run(server, tmp_path, tiny_world, "--limit", "4")
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    asked = len(server.requests)
    run(server, tmp_path, tiny_world, "--limit", "4")
    assert len(server.requests) == asked
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == first
