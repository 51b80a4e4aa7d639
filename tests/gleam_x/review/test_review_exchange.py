"""Reviews as one file: both forms go there and back without a change, and bad files are named."""

from __future__ import annotations

import base64
import json
from xml.etree import ElementTree

import pytest
from gleam_common.errors import ConfigError, DataError
from gleam_x.benchmark.schema import Claim
from gleam_x.review.command import review_command
from gleam_x.review.exchange import export_reviews, import_reviews
from gleam_x.review.source import open_benchmark
from gleam_x.review.store import ADJUDICATION, read_reviews

FORMS = ("jsonl", "label-studio")
BRIDGE = Claim(what="church", count=2, query_where="left", satellite_where="west")


@pytest.fixture
def reviews(tmp_path, say):
    """All there is: edits with odd characters, no claims at all, comments, blind verdicts, a final decision."""
    folder = tmp_path / "reviews"
    say(
        folder,
        "ada",
        test1="accept",
        test0={"zh": "“新”\n的\u2028说明", "claims": (BRIDGE, BRIDGE)},
        own={"test0": "no"},
    )
    say(folder, "bo.2", comment="a\n\tb <&>", test0="reject", test3={"claims": ()})
    say(folder, "judge", file=ADJUDICATION, test0="accept")
    return folder


@pytest.mark.parametrize("form", FORMS)
def test_there_and_back_is_exact(form, benchmark, reviews, tmp_path):
    bench = open_benchmark(benchmark)
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    assert export_reviews(read_reviews(reviews), bench, form, first) == 10
    assert import_reviews(first, form, bench, tmp_path / "new") == {"ada": 4, ADJUDICATION: 2, "bo.2": 4}
    assert read_reviews(tmp_path / "new") == read_reviews(reviews)
    export_reviews(read_reviews(tmp_path / "new"), bench, form, second)
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("form", FORMS)
def test_the_same_file_twice_adds_nothing_and_another_word_is_refused(form, benchmark, reviews, tmp_path, say):
    bench, file = open_benchmark(benchmark), tmp_path / "file.json"
    export_reviews(read_reviews(reviews), bench, form, file)
    assert set(import_reviews(file, form, bench, reviews).values()) == {0}
    say(reviews, "ada", test1="reject")
    with pytest.raises(DataError, match=r"ada\.jsonl: another review of record test1-en is there \(and 1 more\)"):
        import_reviews(file, form, bench, reviews)


def test_a_label_studio_task_for_every_record_with_pictures_and_set_up(benchmark, tmp_path):
    bench, out = open_benchmark(benchmark), tmp_path / "tasks.json"
    review_command(["export", "--benchmark", str(benchmark), "--reviews", str(tmp_path / "none"), "--out", str(out),
                    "--format", "label-studio", "--pictures"])  # fmt: skip
    tasks = json.loads(out.read_text())
    assert len(tasks) == len(bench.records) == 10
    head, _, data = tasks[0]["data"]["query_image"].partition(",")
    assert head == "data:image/jpeg;base64"
    assert base64.b64decode(data) == bench.picture(bench.pairs[0], "query_image")[0]
    setup = ElementTree.parse(tmp_path / "tasks.xml")
    names = {element.get("name") for element in setup.iter() if element.get("toName")}
    assert names >= {"decision", "explanation", "claims", "comment"}
    values = [element.get("value")[1:] for element in setup.iter() if str(element.get("value")).startswith("$")]
    assert {"query_image", "satellite_image"} <= set(values) <= set(tasks[0]["data"])


def test_what_label_studio_itself_writes(benchmark, tmp_path):
    """A person as a number, times with microseconds, further keys, a cancelled annotation."""
    bench, file = open_benchmark(benchmark), tmp_path / "tasks.json"
    export_reviews({}, bench, "label-studio", file)
    tasks = json.loads(file.read_text())
    result = [
        {
            "id": "x",
            "from_name": "decision",
            "to_name": "shown",
            "type": "choices",
            "origin": "manual",
            "value": {"choices": ["accept"]},
        }
    ]
    made = {
        "id": 3,
        "completed_by": 7,
        "created_at": "2026-11-24T18:00:00.123456Z",
        "lead_time": 4.25,
        "result": result,
    }
    tasks[0] |= {"id": 1, "annotations": [made, made | {"was_cancelled": True, "result": []}]}
    file.write_text(json.dumps(tasks))
    assert import_reviews(file, "label-studio", bench, tmp_path / "new") == {"user7": 1}
    review = read_reviews(tmp_path / "new")["user7"]["test0-en"]
    assert (review.decision, review.at, review.seconds) == ("accept", "2026-11-24T18:00:00Z", 4.25)


def broken(tasks, change):
    """Change the first annotation of the first task."""
    annotation = tasks[0]["annotations"][0]
    change(tasks[0], annotation, {result["from_name"]: result["value"] for result in annotation["result"]})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda task, annotation, values: task["data"].update(review_version=9),
            "task 1: a review of another version: 9",
        ),
        (lambda task, annotation, values: values["decision"].update(choices=["maybe"]), "task 1: decision is 'maybe'"),
        (lambda task, annotation, values: values["claims"].update(text=["church"]), "task 1: claims are not one JSON"),
        (lambda task, annotation, values: annotation["result"][0].update(from_name="mood"), "unknown field"),
        (lambda task, annotation, values: annotation.pop("completed_by"), "task 1: not a task of `review export`"),
        (lambda task, annotation, values: annotation["completed_by"].update(email="../up@x"), "name of an annotator"),
        (lambda task, annotation, values: task["data"].update(record_id="r9"), "record r9, reviewed by ada, is not in"),
        (lambda task, annotation, values: task["data"].update(pair_id="test1"), "is not in this benchmark"),
        (lambda task, annotation, values: task["data"].update(seen="0"), "has another text than the one"),
    ],
)
def test_bad_label_studio_files(change, said, benchmark, reviews, tmp_path):
    bench, file = open_benchmark(benchmark), tmp_path / "tasks.json"
    export_reviews(read_reviews(reviews), bench, "label-studio", file)
    tasks = json.loads(file.read_text())
    broken(tasks, change)
    file.write_text(json.dumps(tasks))
    with pytest.raises((DataError, ConfigError), match=said):
        import_reviews(file, "label-studio", bench, tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("text", "form", "said"),
    [
        ("{", "jsonl", "line 1: not JSON; allowed: jsonl, label-studio"),
        ('{"version": 1}', "jsonl", "line 1: not a line of `review export`"),
        ("{", "label-studio", "not readable as label-studio"),
        ("{}", "label-studio", "not a list of Label Studio's tasks"),
        ("[3]", "label-studio", "task 1: not a task"),
    ],
)
def test_files_of_another_kind(text, form, said, benchmark, tmp_path):
    (tmp_path / "file").write_text(text)
    with pytest.raises(DataError, match=said):
        import_reviews(tmp_path / "file", form, open_benchmark(benchmark), tmp_path / "new")


def test_another_version_in_a_line_is_named(benchmark, reviews, tmp_path):
    bench, file = open_benchmark(benchmark), tmp_path / "file.jsonl"
    export_reviews(read_reviews(reviews), bench, "jsonl", file)
    file.write_text(file.read_text().replace('"version": 1', '"version": 7'))
    with pytest.raises(DataError, match=r"file\.jsonl, line 1: a review of another version: 7; allowed: 1"):
        import_reviews(file, "jsonl", bench, tmp_path / "new")


def test_pictures_only_in_tasks(benchmark, reviews, tmp_path):
    with pytest.raises(ConfigError, match="--pictures with --format: 'jsonl'"):
        review_command(["export", "--benchmark", str(benchmark), "--out", str(tmp_path / "x"), "--pictures"])
