"""Reviews on disk: append-only, the newest counts, resumable; broken lines and other versions are named."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest
from gleam_common.errors import ConfigError, DataError
from gleam_x.review.store import ADJUDICATION, Review, ReviewStore, check_annotator, read_reviews, review_of, seen_of

REVIEW = Review(
    record_id="r1", pair_id="p1", annotator="ada", decision="edit", seen="0" * 16, explanation="第一张图\u2028\r有桥。"
)


def test_the_newest_line_of_a_record_counts_and_all_lines_stay(tmp_path):
    store = ReviewStore(tmp_path / "new", "ada")
    store.append([REVIEW, replace(REVIEW, record_id="r2")])
    store.append([replace(REVIEW, decision="reject", explanation=None, comment="no")])
    again = ReviewStore(tmp_path / "new", "ada")
    assert again.newest == store.newest
    assert again.newest["r1"].decision == "reject"
    assert again.newest["r2"].explanation == REVIEW.explanation
    assert len((tmp_path / "new/ada.jsonl").read_bytes().splitlines()) == 3


def test_a_review_is_on_the_disk_when_it_is_said_to_be(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr("os.fsync", lambda number: synced.append(os.fstat(number).st_size))
    ReviewStore(tmp_path, "ada").append([REVIEW])
    assert synced == [len(REVIEW.as_line().encode())]


def test_reviews_of_several_people_are_read_apart(tmp_path):
    for name in ("ada", "bo", ADJUDICATION):
        ReviewStore(tmp_path, name).append([replace(REVIEW, annotator=name)])
    ReviewStore(tmp_path, "ada").keep_draft("p1", {"comment": "a draft is no review"})
    assert {name: list(found) for name, found in read_reviews(tmp_path).items()} == {
        "ada": ["r1"], "bo": ["r1"], ADJUDICATION: ["r1"],
    }  # fmt: skip


def test_drafts_survive_and_go(tmp_path):
    ReviewStore(tmp_path, "ada").keep_draft("p1", {"comment": "half a sen"})
    store = ReviewStore(tmp_path, "ada")
    assert store.drafts == {"p1": {"comment": "half a sen"}}
    store.keep_draft("p1", None)
    assert ReviewStore(tmp_path, "ada").drafts == {}


def test_another_version_is_refused_and_named(tmp_path):
    path = tmp_path / "ada.jsonl"
    path.write_text(REVIEW.as_line() + json.dumps(json.loads(REVIEW.as_line()) | {"version": 2}) + "\n")
    with pytest.raises(DataError, match=r"ada\.jsonl, line 2: a review of another version: 2; allowed: 1"):
        ReviewStore(tmp_path, "ada")


def test_a_line_cut_off_is_named(tmp_path):
    (tmp_path / "ada.jsonl").write_text(REVIEW.as_line() + REVIEW.as_line()[:40])
    with pytest.raises(DataError, match=r"ada\.jsonl, line 2: not JSON"):
        ReviewStore(tmp_path, "ada")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"decision": "maybe"}, "decision is 'maybe'"),
        ({"decision": "accept"}, "new exactly when the decision is edit"),
        ({"explanation": None}, "new exactly when the decision is edit"),
        ({"explanation": "  "}, "the explanation is empty"),
        ({"own_verdict": "perhaps"}, "own_verdict is 'perhaps'"),
        ({"seconds": "3"}, "not a review"),
        ({"comment": None}, "not a review"),
        ({"more": 1}, "not a review"),
        ({"claims": [{"what": "dragon"}]}, "claims.what is 'dragon'"),
        ({"claims": [{"who": "church"}]}, "not a review"),
    ],
)
def test_a_line_that_is_no_review_is_refused(change, said):
    with pytest.raises(DataError, match=said):
        review_of(json.loads(REVIEW.as_line()) | change, "here")


@pytest.mark.parametrize("line", [[], 3, {}, {"version": 1}])
def test_what_is_not_even_a_line(line):
    with pytest.raises(DataError, match="here: not a review"):
        review_of(line, "here")


@pytest.mark.parametrize("name", ["", "../ada", "a/b", ".hidden", "a" * 41, "adjudication", "Adjudication", "愛"])
def test_a_name_that_is_no_file_name_is_refused(name):
    with pytest.raises(ConfigError, match="name of an annotator"):
        check_annotator(name)


def test_a_name_that_is_one():
    assert check_annotator("Ada.L-2_x") == "Ada.L-2_x"


def test_nobody_reviewed(tmp_path):
    with pytest.raises(DataError, match="no reviews"):
        read_reviews(tmp_path)


def test_the_fingerprint_changes_with_what_is_shown(make):
    record = make(1)[0]
    others = [
        replace(record, explanation="x"),
        replace(record, claims=record.claims[:1]),
        replace(record, verdict="no"),
    ]
    assert len({seen_of(record), *map(seen_of, others)}) == 4
    assert seen_of(replace(record, split="train")) == seen_of(record)
