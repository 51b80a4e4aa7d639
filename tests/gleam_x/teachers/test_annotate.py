from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from gleam_common.errors import GleamError
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


def test_a_bad_answer_is_repaired_once_and_every_turn_is_stored(server, key, tiny_world, tmp_path, good_answer) -> None:
    def cut_off_first(body, before):
        return server.chat(good_answer(body)[:-30]) if len(body["messages"]) == 2 else None

    server.behave = cut_off_first
    run(server, tmp_path, tiny_world, "--limit", "2", "--language", "en", "--blind-share", "0")
    assert report(tmp_path)["outcomes"] == {"ok": 2}
    assert report(tmp_path)["repaired"] == 2
    assert sorted(row["outcome"] for row in lines(tmp_path / "cache.jsonl")) == [
        "ok",
        "ok",
        "schema_invalid",
        "schema_invalid",
    ]
    repairs = [body["messages"] for body in server.requests if len(body["messages"]) == 4]
    assert all("the JSON cannot be read" in messages[3]["content"] for messages in repairs)


def test_an_answer_that_stays_bad_is_counted_and_leaves_no_record(server, key, tiny_world, tmp_path) -> None:
    server.behave = lambda body, before: server.chat('{"verdict": "perhaps"}')
    run(server, tmp_path, tiny_world, "--limit", "2", "--language", "zh", "--blind-share", "0")
    assert report(tmp_path)["outcomes"] == {"schema_invalid": 2}
    assert len(server.requests) == 4
    assert lines(tmp_path / "records.jsonl") == []


def test_refusals_and_filters_are_counted_by_view_label_and_language(server, key, tiny_world, tmp_path, words) -> None:
    def shy(body, before):
        text = words(body)
        if "drone" in text:
            return server.chat(None, refusal="No.")
        return server.chat("x", "content_filter") if "known that the pictures show different" in text else None

    server.behave = shy
    run(server, tmp_path, tiny_world, "--language", "en", "--blind-share", "0", "--split", "val")
    by = report(tmp_path)["outcomes_by"]
    assert by["view"]["uav"] == {"refusal": 16}
    assert by["view"]["map"] == {"ok": 8, "content_filter": 8}
    assert by["label"]["different places"] == {"refusal": 8, "content_filter": 24}
    assert by["split"] == {"validation": {"ok": 24, "refusal": 16, "content_filter": 24}}
    assert len(lines(tmp_path / "records.jsonl")) == 24


def test_an_answer_against_the_label_it_was_told_is_no_record(server, key, tiny_world, tmp_path, good_answer) -> None:
    server.behave = lambda body, before: server.chat(good_answer(body, verdict="no"))
    run(server, tmp_path, tiny_world, "--limit", "4", "--language", "en", "--blind-share", "0")
    summed = report(tmp_path)
    assert summed["outcomes"] == {"label_conflict": 2, "ok": 2}
    assert len(summed["label_conflicts"]) == 2
    assert [row["same_place"] for row in lines(tmp_path / "records.jsonl")] == [False, False]


def test_two_teachers_are_compared_where_both_are_asked_blind(server, key, tiny_world, tmp_path, good_answer) -> None:
    def second_says_no(body, before):
        if body["model"] != "other" or "不清楚" in json.dumps(body, ensure_ascii=False):
            return None
        return server.chat(good_answer(body, verdict="no", claims=[]))

    server.behave = second_says_no
    second = ["--second-teacher", server.url, "--second-model", "other", "--second-key-env", "FAKE_KEY"]
    run(server, tmp_path, tiny_world, *second, "--limit", "10", "--blind-share", "0.1", "--overlap-share", "0.3")
    summed = report(tmp_path)
    assert summed["between_teachers"]["compared"] == 6
    assert summed["between_teachers"]["agreement"] == 0.5  # it said no in English, yes in Chinese
    assert summed["between_teachers"]["shared_things"] == 0.5
    assert summed["between_languages"]["other"] == {"compared": 3, "agreement": 0.0, "cohen_kappa": 0.0}
    asked = [body for body in server.requests if body["model"] == "other"]
    assert len(asked) == 6
    assert not any("It is known" in json.dumps(body) for body in asked)
    assert {row["provenance"]["teacher"] for row in lines(tmp_path / "overlap.jsonl")} == {"other"}
    assert len(lines(tmp_path / "blind.jsonl")) == 6
    assert len(lines(tmp_path / "records.jsonl")) == 20
    assert summed["teachers"]["other"]["cost"] is None


def test_a_spent_budget_stops_in_order_and_a_higher_one_goes_on(server, key, tiny_world, tmp_path, capsys) -> None:
    run(server, tmp_path, tiny_world, "--limit", "8", "--blind-share", "0", "--max-cost", "0.06")
    said = capsys.readouterr().out
    assert "to go on, run the same command with a higher --max-cost" in said
    summed = report(tmp_path)
    assert not summed["complete"]
    assert summed["teachers"]["fake-vision"]["cost"] <= 0.06
    assert 0 < summed["not_answered_yet"] < 16
    assert len(lines(tmp_path / "records.jsonl")) == 16 - summed["not_answered_yet"]
    run(server, tmp_path, tiny_world, "--limit", "8", "--blind-share", "0", "--max-cost", "5")
    assert report(tmp_path)["complete"]
    assert len(server.requests) == 16


def test_a_dry_run_sends_and_writes_nothing_and_knows_what_is_paid(server, key, tiny_world, tmp_path, capsys) -> None:
    more = ["--limit", "4", "--blind-share", "0", "--language", "en"]
    run(server, tmp_path / "out", tiny_world, *more, "--dry-run")
    planned = json.loads(capsys.readouterr().out)["fake-vision"]
    assert (planned["questions"], planned["to_be_asked"], planned["currency"]) == (4, 4, "USD")
    tokens = planned["input_tokens_at_most"], planned["output_tokens_at_most"]
    assert planned["cost_at_most"] == pytest.approx((tokens[0] + 10 * tokens[1]) / 1e6, abs=1e-4)
    assert not server.requests
    assert not (tmp_path / "out").exists()
    run(server, tmp_path / "out", tiny_world, *more)
    assert report(tmp_path / "out")["teachers"]["fake-vision"]["cost"] < planned["cost_at_most"]
    capsys.readouterr()
    run(server, tmp_path / "out", tiny_world, *more, "--dry-run")
    assert json.loads(capsys.readouterr().out)["fake-vision"]["to_be_asked"] == 0


def test_the_key_is_in_no_file_and_no_output(server, key, tiny_world, tmp_path, capsys, caplog, good_answer) -> None:
    caplog.set_level("DEBUG")

    def chatty(body, before):
        if before == 0:
            return server.error(429, "busy", server.headers[-1]["authorization"], Retry_After="0")
        return server.chat(good_answer(body, explanation=f"{key} {'is your key and both show a church. ' * 2}"))

    server.behave = chatty
    run(server, tmp_path, tiny_world, "--limit", "4", "--language", "en")
    server.behave = lambda body, before: server.error(401, message=server.headers[-1]["authorization"])
    with pytest.raises(GleamError, match="HTTP 401") as refused:
        run(server, tmp_path, tiny_world, "--limit", "6", "--language", "en")
    spoken = capsys.readouterr()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 4
    assert "[key]" in (tmp_path / "records.jsonl").read_text()
    for text in (str(refused.value), spoken.out, spoken.err, caplog.text, *(path.read_text() for path in files)):
        assert key not in text


def test_what_was_paid_for_before_a_failure_is_written(server, key, tiny_world, tmp_path) -> None:
    server.behave = lambda body, before: None if len(server.requests) <= 5 else server.error(401, "invalid_api_key")
    with pytest.raises(GleamError, match=r"stopped: HTTP 401 invalid_api_key.*run the same command again"):
        run(server, tmp_path, tiny_world, "--limit", "10", "--blind-share", "0", "--concurrency", "1")
    assert len(lines(tmp_path / "records.jsonl")) == 5
    assert report(tmp_path)["not_answered_yet"] == 15


def test_a_stop_does_not_lose_what_the_cache_knows(server, key, tiny_world, tmp_path) -> None:
    run(server, tmp_path, tiny_world, "--limit", "4", "--language", "zh", "--blind-share", "0")
    server.behave = lambda body, before: server.error(401, "invalid_api_key")
    with pytest.raises(GleamError, match="HTTP 401"):
        run(server, tmp_path, tiny_world, "--limit", "4", "--blind-share", "0", "--concurrency", "1")
    assert [row["language"] for row in lines(tmp_path / "records.jsonl")] == ["zh"] * 4
    assert len(server.requests) == 5  # after the first refusal nothing more is sent


def test_a_picture_that_breaks_behind_its_header_stops_the_run(server, key, tiny_world, tmp_path) -> None:
    shutil.copytree(tiny_world, tmp_path / "world")
    broken = tmp_path / "world" / "images" / "uav" / "0.png"
    broken.write_bytes(broken.read_bytes()[:2000])
    pair = {"query_id": "toy/0/uav", "gallery_id": "toy/0", "same_place": True}
    (tmp_path / "pairs.jsonl").write_text(json.dumps(pair))
    with pytest.raises(GleamError, match=r"stopped: .*0\.png: broken picture"):
        run(server, tmp_path / "out", tmp_path / "world", "--pairs", tmp_path / "pairs.jsonl")
    assert not server.requests


def test_listed_pairs_are_asked_about(server, key, tiny_world, tmp_path) -> None:
    listed = [
        {"query_id": "toy/0/uav", "gallery_id": "toy/0", "same_place": True},
        {"query_id": "toy/0/uav", "gallery_id": "toy/9", "same_place": False, "negative_kind": "confusable"},
    ]
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, listed)))
    run(server, tmp_path / "out", tiny_world, "--pairs", tmp_path / "pairs.jsonl", "--language", "en")
    rows = lines(tmp_path / "out" / "records.jsonl")
    assert rows[1]["record_id"] == "toy/0/uav~toy/9/en"
    assert [(row["gallery_id"], row["verdict"], row["negative_kind"]) for row in rows] == [
        ("toy/0", "yes", ""),
        ("toy/9", "no", "confusable"),
    ]


def test_no_more_than_the_allowed_number_is_under_way(server, key, tiny_world, tmp_path, good_answer) -> None:
    server.behave = lambda body, before: replace(server.chat(good_answer(body)), wait_s=0.05)
    run(server, tmp_path, tiny_world, "--limit", "8", "--concurrency", "3")
    assert server.most_at_once == 3
