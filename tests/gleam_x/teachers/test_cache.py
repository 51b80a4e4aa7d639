from __future__ import annotations

import json

import pytest
from gleam_common.errors import ArtifactError
from gleam_x.teachers.cache import Cache, read_replies
from gleam_x.teachers.reply import Outcome, Reply, Usage


def reply(key: str, outcome: Outcome = Outcome.OK, **more) -> Reply:
    return Reply(key=key, outcome=outcome, usage=Usage(input=5, output=7), cost=0.1, currency="USD", **more)


@pytest.fixture
def path(tmp_path):
    with Cache(tmp_path / "new" / "cache.jsonl") as cache:
        for key in "abc":
            cache.add(reply(key, text=f"{key}: 教堂 \u2028 \r\n \ud800"))
    return tmp_path / "new" / "cache.jsonl"


def test_replies_come_back_as_they_were(path) -> None:
    replies, cut_off = read_replies(path)
    assert replies == {key: reply(key, text=f"{key}: 教堂 \u2028 \r\n \ud800") for key in "abc"}
    assert cut_off == 0
    assert len(path.read_bytes().split(b"\n")) == 4


@pytest.mark.parametrize("lost", [1, 2, 60])
def test_a_last_line_cut_off_by_a_kill_is_removed_and_counted(lost, path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[:-lost])
    size_of_line = len(whole.split(b"\n")[2])
    with Cache(path) as cache:
        # Without its end alone the last line is still whole.
        assert cache.cut_off_bytes == (0 if lost == 1 else size_of_line - lost + 1)
        assert [found.key for found in cache.replies()] == (["a", "b", "c"] if lost == 1 else ["a", "b"])
        cache.add(reply("d"))
    replies, cut_off = read_replies(path)
    assert list(replies) == (["a", "b", "c", "d"] if lost == 1 else ["a", "b", "d"])
    assert cut_off == 0


@pytest.mark.parametrize(
    "broken",
    [
        b"{",
        b"",
        b"[]",
        b"\xff",
        b'{"key": "x"}',
        b"[" * 100_000,
        "outcome",
        "usage",
        "more",
        "cost",
        "attempts",
        "about",
    ],
)
def test_a_broken_line_in_between_is_named_counted_and_refused(broken, path) -> None:
    lines = path.read_bytes().split(b"\n")
    if isinstance(broken, str):
        row = json.loads(lines[1]) | {broken: "nonsense"}
        broken = json.dumps(row).encode()
    path.write_bytes(b"\n".join([lines[0], broken, broken, *lines[2:]]))
    before = path.read_bytes()
    with pytest.raises(ArtifactError, match=r"cache\.jsonl: line 2 is broken .*broken lines in all: 2; .*restore"):
        Cache(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("cost", [float("nan"), float("inf"), -1.0])
def test_an_amount_that_would_fool_the_budget_is_refused(cost, path) -> None:
    row = json.loads(path.read_bytes().split(b"\n")[0]) | {"key": "z", "cost": cost}
    path.write_bytes(path.read_bytes() + json.dumps(row).encode() + b"\n")
    with pytest.raises(ArtifactError, match="an amount is no number from 0 on"):
        Cache(path)


def test_a_broken_last_line_that_has_its_end_was_not_cut_off_by_a_kill(path) -> None:
    path.write_bytes(path.read_bytes() + b"{}\n")
    with pytest.raises(ArtifactError, match="line 4 is broken"):
        Cache(path)


def test_a_reply_that_was_paid_for_stands_once(path) -> None:
    path.write_bytes(path.read_bytes() * 2)
    with pytest.raises(ArtifactError, match=r"line 4 is broken .the request was answered in an earlier line.*: 3"):
        Cache(path)


def test_a_request_that_failed_may_be_answered_later(tmp_path) -> None:
    with Cache(tmp_path / "c.jsonl") as cache:
        cache.add(reply("a", Outcome.TRANSPORT))
        cache.add(reply("a"))
    assert read_replies(tmp_path / "c.jsonl")[0]["a"].outcome is Outcome.OK


def test_a_second_run_on_the_same_folder_is_refused(path) -> None:
    with Cache(path), pytest.raises(ArtifactError, match="is being written by another run"):
        Cache(path)
    with Cache(path) as again:
        assert again.find("a") is not None
