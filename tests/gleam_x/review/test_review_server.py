"""The server: what a page may ask and say, what is hidden in a blind review, and who is turned away."""

from __future__ import annotations

import json
import re
from pathlib import Path

import gleam_x.review
import pytest
from gleam_common.errors import ConfigError, DataError
from gleam_x.review.open_session import open_session
from gleam_x.review.server import HOST, listen, make_app
from gleam_x.review.store import ReviewStore
from starlette.testclient import TestClient

ADDRESS = f"http://{HOST}:8765"
LOCAL, EVIL = "localhost:8765", "evil.invalid"


class Page:
    """What the script of the page does."""

    def __init__(self, session):
        self.client = TestClient(make_app(session, 8765), base_url=ADDRESS)
        self.session = self.client.get("/api/session").json()
        self.token = self.session["token"]

    def get(self, path, **headers):
        return self.client.get(path, headers=headers)

    def post(self, path, body, **headers):
        body = {"list": self.session["list"]} | body if isinstance(body, dict) else body
        return self.client.post(path, json=body, headers={"x-gleam-token": self.token, "origin": ADDRESS} | headers)

    def said(self, index, **changes):
        """What the page sends for a pair that nobody changed; ``changes`` by language."""
        records = self.get(f"/api/pair/{index}").json()["records"]
        sent = {record["record_id"]: record["current"] | changes.get(record["language"], {}) for record in records}
        return {"records": sent, "comment": changes.get("comment", ""), "seconds": 12.34}


@pytest.fixture
def session(benchmark, tmp_path):
    return open_session(benchmark, "ada", "test", tmp_path)


@pytest.fixture
def page(session):
    return Page(session)


def test_accept_edit_and_reject_are_one_line_a_record(page, tmp_path, benchmark):
    page.post("/api/decide/0", page.said(0) | {"decision": "accept"})
    page.post(
        "/api/decide/1", page.said(1, zh={"explanation": " 新的说明。\r\n"}, comment="语气") | {"decision": "accept"}
    )
    items = page.post("/api/decide/2", page.said(2) | {"decision": "reject"}).json()["items"]
    assert [item["state"] for item in items] == ["accept", "edit", "reject", "todo"]
    lines = [json.loads(line) for line in (tmp_path / "ada.jsonl").read_text().splitlines()]
    assert [(line["record_id"], line["decision"]) for line in lines] == [
        ("test0-en", "accept"), ("test0-zh", "accept"), ("test1-en", "accept"), ("test1-zh", "edit"),
        ("test2-en", "reject"), ("test2-zh", "reject"),
    ]  # fmt: skip
    assert lines[3]["explanation"] == "新的说明。"
    assert lines[3]["claims"] is None
    assert lines[3]["comment"] == "语气"
    assert lines[3]["seconds"] == 12.3
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", lines[3]["at"])
    again = open_session(benchmark, "ada", "test", tmp_path)
    assert [item["state"] for item in again.items()] == ["accept", "edit", "reject", "todo"]
    assert again.page(1)["records"][1]["current"]["explanation"] == "新的说明。"


def test_deciding_again_replaces(page, session):
    page.post("/api/decide/0", page.said(0) | {"decision": "reject"})
    page.post("/api/decide/0", page.said(0) | {"decision": "accept"})
    assert session.items()[0]["state"] == "accept"


def test_an_edit_of_claims_is_checked(page, session):
    said = page.said(0)
    claims = [claim | {"count": 3} for claim in said["records"]["test0-en"]["claims"]]
    assert page.post("/api/decide/0", page.said(0, en={"claims": claims}) | {"decision": "accept"}).status_code == 200
    assert session.store.newest["test0-en"].claims[0].count == 3
    bad = [claims[0] | {"what": "dragon"}]
    answer = page.post("/api/decide/1", page.said(1, en={"claims": bad}) | {"decision": "accept"})
    assert answer.status_code == 422
    assert "claims.what is 'dragon'" in answer.json()["error"]
    assert "test1-en" not in session.store.newest


def test_drafts_come_back_and_end_with_the_decision(page, session, benchmark, tmp_path):
    page.post("/api/draft/0", page.said(0, en={"explanation": "half a sen"}, comment="later"))
    found = open_session(benchmark, "ada", "test", tmp_path)
    assert found.items()[0]["draft"]
    assert found.page(0)["records"][0]["current"]["explanation"] == "half a sen"
    assert found.page(0)["comment"] == "later"
    assert found.items()[0]["state"] == "todo"
    page.post("/api/decide/0", page.said(0) | {"decision": "accept"})
    assert session.items()[0] == {"view": "uav", "state": "edit", "comment": False, "draft": False}


def test_a_blind_review_shows_nothing_before_the_own_verdict(benchmark, tmp_path):
    page = Page(open_session(benchmark, "ada", "test", tmp_path, blind=True))
    hidden = page.get("/api/pair/1").json()
    assert hidden == {"index": 1, "view": "map", "state": "todo", "hidden": True}
    empty = {"records": {}, "decision": "accept"}
    assert page.post("/api/decide/1", empty).status_code == 422
    assert page.post("/api/draft/1", empty).status_code == 422
    shown = page.post("/api/own/1", {"verdict": "yes"}).json()
    assert (shown["verdict"], shown["own_verdict"]) == ("no", "yes")
    assert page.post("/api/own/1", {"verdict": "no"}).status_code == 422
    page.post("/api/draft/1", page.said(1, comment="hm"))
    page.post("/api/decide/1", page.said(1) | {"decision": "accept"})
    assert {review.own_verdict for review in ReviewStore(tmp_path, "ada").newest.values()} == {"yes"}
    assert page.get("/api/pair/1").json()["own_verdict"] == "yes"


def test_a_page_of_another_list_decides_nothing(benchmark, tmp_path, session, page):
    """The server was started again for somebody else: pair 0 may be another pair now."""
    for how in ({"annotator": "bo"}, {"split": "train"}, {"blind": True}):
        other = open_session(benchmark, **({"annotator": "ada", "split": "test", "out": tmp_path} | how))
        new = Page(other)
        for path in ("/api/decide/0", "/api/draft/0", "/api/own/0"):
            body = {"decision": "reject", "records": {}, "verdict": "yes", "list": page.session["list"]}
            answer = new.post(path, body)
            assert answer.status_code == 422
            assert "another list" in answer.json()["error"]
        assert not other.store.newest
        assert not other.store.drafts
    assert Page(open_session(benchmark, "ada", "test", tmp_path)).session["list"] == page.session["list"]


def test_an_open_review_asks_for_no_verdict(page):
    assert page.post("/api/own/1", {"verdict": "yes"}).status_code == 422


def test_pictures_are_reached_by_number_only(page, session):
    data, kind = session.benchmark.picture(session.pairs[2], "satellite_image")
    answer = page.get("/picture/2/1")
    assert (answer.content, answer.headers["content-type"]) == (data, kind)
    for path in ("/picture/9/0", "/picture/0/2"):
        assert page.get(path).status_code == 422
    for path in ("/picture/-1/0", "/picture/..%2f..%2fetc/passwd", "/..%2fserver.py", "/page/page.html", "/docs"):
        assert page.get(path).status_code == 404


@pytest.mark.parametrize("host", [EVIL, HOST, f"{HOST}:80", "localhost.evil.invalid:8765"])
def test_another_name_of_this_host_is_turned_away(page, host):
    for path in ("/", "/api/session", "/api/pair/0", "/picture/0/0"):
        answer = page.get(path, host=host)
        assert answer.status_code == 421
        assert "token" not in answer.text


def test_localhost_is_the_same_page(page):
    assert page.get("/", host=LOCAL).status_code == 200


def test_writes_need_the_token_and_our_own_origin(page, session):
    said = page.said(0) | {"decision": "reject"}
    for headers in (
        {"x-gleam-token": ""},
        {"x-gleam-token": "x" * 43},
        {"origin": f"http://{EVIL}"},
        {"origin": "null"},
    ):
        for path in ("/api/decide/0", "/api/draft/0", "/api/own/0"):
            assert page.post(path, said, **headers).status_code == 403
    assert not session.store.newest
    assert not session.store.drafts
    assert page.post("/api/decide/0", said, origin=f"http://{LOCAL}").status_code == 200


def test_every_answer_forbids_what_is_not_ours(page):
    for path in ("/", "/page.js", "/api/pair/0", "/picture/0/0", "/nowhere"):
        headers = page.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers


def test_the_page_has_no_address_of_elsewhere_and_no_html_from_texts():
    folder = Path(gleam_x.review.__file__).parent / "page"
    for path in [*folder.glob("*.js"), *folder.glob("*.html"), *folder.glob("*.css")]:
        text = path.read_text("utf-8")
        assert not re.search("https?://", text), path.name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text), path.name


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"decision": "accept"},
        {"decision": "accept", "records": {}},
        {"decision": "burn", "records": {}},
        {"decision": ["accept"], "records": {}},
        {"decision": "reject", "comment": 3},
        {"decision": "reject", "comment": "x" * 8001},
        {"decision": "reject", "seconds": -1},
        {"decision": "reject", "seconds": True},
        {"decision": "accept", "records": {"test0-en": {"explanation": "x", "claims": [3]}}},
        {"decision": "accept", "records": {"test0-en": {"explanation": 3, "claims": []}}},
        {"decision": "accept", "records": {"test0-en": "x"}},
        {"decision": "accept", "records": {"test0-en": {"explanation": "x", "claims": [{"what": []}]}}},
    ],
)
def test_requests_that_the_page_never_sends(page, session, body):
    answer = page.post("/api/decide/0", body)
    assert answer.status_code == 422
    assert answer.json()["error"]
    assert not session.store.newest


def test_an_empty_explanation_and_a_huge_request(page, session):
    answer = page.post("/api/decide/0", page.said(0, en={"explanation": "  "}) | {"decision": "accept"})
    assert "the explanation is empty" in answer.json()["error"]
    answer = page.post("/api/decide/0", {"comment": "x" * 1_100_000, "decision": "reject"})
    assert "size of the request" in answer.json()["error"]
    assert page.client.post("/api/decide/0", content=b"{", headers={"x-gleam-token": page.token}).status_code == 422
    assert page.post("/api/decide/99", {"decision": "reject"}).status_code == 422


def test_a_taken_port_is_said():
    first = listen(0)
    first.listen()
    with pytest.raises(ConfigError, match=r"cannot listen on port .*choose another with --port"):
        listen(first.getsockname()[1])
    first.close()
    with pytest.raises(ConfigError, match="cannot listen"):
        listen(70000)


def test_a_name_that_is_no_file_name(benchmark, tmp_path):
    with pytest.raises(ConfigError, match="name of an annotator"):
        open_session(benchmark, "../ada", "test", tmp_path)


def test_reviews_of_another_text_or_benchmark_are_refused(page, benchmark, tmp_path, make, write):
    for index in range(2):
        page.post(f"/api/decide/{index}", page.said(index) | {"decision": "accept"})
    open_session(benchmark, "ada", "train", tmp_path)
    other = write(tmp_path / "fewer", make(1))
    with pytest.raises(DataError, match=r"record test1-en, reviewed by ada, is not in this benchmark \(and 1 more\)"):
        open_session(other, "ada", "", tmp_path)
    newer = [
        record if number else type(record)(**vars(record) | {"explanation": "new"})
        for number, record in enumerate(make(2))
    ]
    with pytest.raises(DataError, match="record test0-en, reviewed by ada, has another text"):
        open_session(write(tmp_path / "newer", newer), "ada", "", tmp_path)
