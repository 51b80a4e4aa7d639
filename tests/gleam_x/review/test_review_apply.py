"""Adjudication and a new benchmark: what holds in the end, what was changed, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import datasets
import pytest
from gleam_common.artifacts import open_stage, read_manifest
from gleam_common.errors import ArtifactError, ConfigError, DataError
from gleam_x.benchmark.folder import KIND
from gleam_x.benchmark.schema import Claim
from gleam_x.cli import COMMANDS
from gleam_x.review.adjudicate import disagreed, opinions
from gleam_x.review.apply import apply_reviews
from gleam_x.review.command import review_command
from gleam_x.review.open_session import open_session
from gleam_x.review.source import PICTURES, open_benchmark
from gleam_x.review.store import ADJUDICATION, read_reviews

POND = Claim(
    what="pond", colour="green", part="surface", satellite_where="east", shown_in="satellite", relation="contradicting"
)
CHURCH = Claim(what="church", count=2, query_where="left", satellite_where="west")


@pytest.fixture
def reviews(tmp_path, say, make):
    """Two annotators: 0 accepted by both, 1 edited alike by both, 2 rejected by one, 3 edited by one alone."""
    church = make(1)[0].claims[0]
    folder = tmp_path / "reviews"
    edit = {"zh": "新的说明。", "claims": (church, POND)}
    say(
        folder,
        "ada",
        test0="accept",
        test1=edit,
        test2="accept",
        test3={"en": "| *New* <b>", "claims": (CHURCH, church)},
    )
    say(folder, "bo", comment="the pond is dry", test0="accept", test1=edit, test2="reject")
    return folder


def decide(say, reviews):
    say(reviews, "judge", file=ADJUDICATION, comment="indeed dry", test2="reject")


def test_disagreement_is_found_by_decision_text_and_claims(benchmark, reviews, tmp_path, say):
    pairs = open_benchmark(benchmark, "test").pairs
    assert [disagreed(read_reviews(reviews), pair) for pair in pairs] == [False, False, True, False]
    say(reviews, "bo", test1={"zh": "新的说明", "claims": (POND,)}, test3={"en": "| *New* <b>"})
    assert [disagreed(read_reviews(reviews), pair) for pair in pairs] == [False, True, True, True]
    say(reviews, "ada", test0={"en": "One text."}, test1={"claims": (POND,)})
    say(reviews, "bo", test0={"en": "Another."}, test1={"claims": (POND, CHURCH)})
    assert [disagreed(read_reviews(reviews), pair) for pair in pairs][:2] == [True, True]


def test_a_final_decision_is_no_opinion(benchmark, reviews, say):
    decide(say, reviews)
    record = open_benchmark(benchmark, "test").pairs[2].first
    assert [review.annotator for review in opinions(read_reviews(reviews), record)] == ["ada", "bo"]


def test_an_adjudicator_sees_the_disagreements_only_and_who_said_what(benchmark, reviews, say):
    session = open_session(benchmark, "judge", "", reviews, adjudicate=True)
    assert [pair.pair_id for pair in session.pairs] == ["test2"]
    opinions = session.page(0)["opinions"]
    assert [(one["annotator"], one["decision"], one["comment"]) for one in opinions] == [
        ("ada", "accept", ""), ("bo", "reject", "the pond is dry"),
    ]  # fmt: skip
    sent = {record["record_id"]: record["made"] for record in session.page(0)["records"]}
    session.decide(0, {"decision": "accept", "records": sent})
    final = read_reviews(reviews)[ADJUDICATION]
    assert [(review.annotator, review.decision) for review in final.values()] == [("judge", "accept")] * 2
    assert open_session(benchmark, "judge", "", reviews, adjudicate=True).items()[0]["state"] == "accept"


def test_nothing_to_adjudicate_and_no_blind_adjudicator(benchmark, tmp_path, say):
    say(tmp_path, "ada", test0="accept")
    with pytest.raises(DataError, match="annotators disagree nowhere"):
        open_session(benchmark, "judge", "", tmp_path, adjudicate=True)
    with pytest.raises(ConfigError, match="exclude each other"):
        open_session(benchmark, "judge", "", tmp_path, adjudicate=True, blind=True)


def test_an_open_disagreement_is_refused_named_and_counted(benchmark, reviews, tmp_path, say):
    say(reviews, "bo", test3="reject")
    with pytest.raises(DataError, match=r"disagree about pair test2 and nobody decided: '2 such pairs'; decide with"):
        apply_reviews(read_reviews(reviews), open_benchmark(benchmark), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_new_benchmark(benchmark, reviews, tmp_path, say):
    decide(say, reviews)
    before, out = open_benchmark(benchmark), tmp_path / "out"
    apply_reviews(read_reviews(reviews), before, out)
    after = open_benchmark(out)
    assert [pair.pair_id for pair in after.pairs] == ["test0", "test1", "test3", "train0"]
    old, new = before.records, after.records
    said = {key: (r.provenance.status, r.provenance.revision, r.provenance.reviewer) for key, r in new.items()}
    assert said == {
        "test0-en": ("accepted", 0, "ada, bo"), "test0-zh": ("accepted", 0, "ada, bo"),
        "test1-en": ("edited", 1, "ada, bo"), "test1-zh": ("edited", 1, "ada, bo"),
        "test3-en": ("edited", 1, "ada"), "test3-zh": ("edited", 1, "ada"),
        "train0-en": ("made", 0, ""), "train0-zh": ("made", 0, ""),
    }  # fmt: skip
    assert new["test1-zh"].explanation == "新的说明。"
    assert new["test1-zh"].claims == (old["test1-zh"].claims[0], POND)
    kept = replace(new["test1-en"], provenance=old["test1-en"].provenance, claims=old["test1-en"].claims)
    assert kept == old["test1-en"]
    by_id = {pair.pair_id: pair for pair in before.pairs}
    for pair in after.pairs:
        for which in PICTURES:
            assert after.picture(pair, which) == before.picture(by_id[pair.pair_id], which)


def test_datasets_reads_the_new_benchmark_with_its_features(benchmark, reviews, tmp_path, say):
    decide(say, reviews)
    apply_reviews(read_reviews(reviews), open_benchmark(benchmark), tmp_path / "out")
    name = "data/test-00000-of-00001.parquet"
    found, made = (datasets.Dataset.from_parquet(str(folder / name), cache_dir=str(tmp_path / str(number)))
                   for number, folder in enumerate((tmp_path / "out", benchmark)))  # fmt: skip
    assert found.features == made.features
    assert found[0]["query_image"].size == (64, 48)


def test_the_report(benchmark, reviews, tmp_path, say):
    decide(say, reviews)
    apply_reviews(read_reviews(reviews), open_benchmark(benchmark), tmp_path / "out")
    report = json.loads((tmp_path / "out/revision.json").read_text())
    assert report["decisions"] == {"accept": 1, "edit": 2, "not reviewed": 1, "reject": 1}
    assert report["by_view"]["panorama"] == {"reject": 1}
    assert report["edited_texts"] == {"en": 1, "zh": 1}
    assert report["adjudicated_pairs"] == 1
    assert report["annotators"] == {"ada": 3, "bo": 2, "judge": 1}
    # Pair 1 changes the pond; pair 3 adds a church and drops the pond. Both languages changed, and count once.
    assert report["claims"] == {"church": {"added": 1}, "pond": {"changed": 1, "removed": 1}}
    assert [example["record_id"] for example in report["examples"]] == ["test1-en", "test1-zh", "test3-en", "test3-zh"]
    assert report["rejected"] == [{"pair_id": "test2", "reviewers": ["judge"], "comment": "indeed dry"}]
    text = (tmp_path / "out/revision.md").read_text()
    assert "| all | 1 | 2 | 1 | 1 |" in text
    assert r"- after: \| \*New\* \<b\>" in text
    assert "| test2 | judge | indeed dry |" in text


def test_the_new_folder_is_a_benchmark_with_its_card(tmp_path, make, write, say):
    say(tmp_path / "reviews", "ada", test0="accept", test1="reject")
    folder = write(tmp_path / "made", make(4))
    (folder / "README.md").write_text("# The card\n")
    stage = open_stage(tmp_path / "stage", KIND, {"schema_version": 1, "seed": 5})
    (tmp_path / "stage" / "manifest.json").rename(folder / "manifest.json")
    apply_reviews(read_reviews(tmp_path / "reviews"), open_benchmark(folder), tmp_path / "out")
    manifest = read_manifest(tmp_path / "out")
    assert (manifest.kind, manifest.complete) == (stage.manifest.kind, True)
    assert manifest.config | stage.manifest.config == manifest.config
    assert set(manifest.files) == {"README.md", "revision.json", "revision.md", "data/test-00000-of-00001.parquet"}
    card = (tmp_path / "out/README.md").read_text()
    assert card.startswith("# The card\n")
    assert "Pairs: 1 accept, 2 not reviewed, 1 reject." in card


def test_blind_verdicts_are_compared_with_the_truth(benchmark, tmp_path, say):
    say(tmp_path, "ada", test0="accept", test1="accept", own={"test0": "yes", "test1": "yes"})
    report = apply_reviews(read_reviews(tmp_path), open_benchmark(benchmark), tmp_path / "out")
    assert report["own_verdicts"] == {"said": 2, "right": 1}


def test_a_rejected_pair_has_no_example_though_one_language_was_edited(benchmark, tmp_path, say):
    say(tmp_path, "ada", test0={"zh": "新。"})
    store = read_reviews(tmp_path)["ada"]
    mixed = {"ada": store | {"test0-en": replace(store["test0-en"], decision="reject")}}
    report = apply_reviews(mixed, open_benchmark(benchmark), tmp_path / "out")
    assert report["examples"] == []
    assert "test0" not in {pair.pair_id for pair in open_benchmark(tmp_path / "out").pairs}


def test_all_pairs_of_a_file_may_be_rejected(benchmark, tmp_path, say):
    say(tmp_path, "ada", test0="reject", test1="reject", test2="reject", test3="reject")
    apply_reviews(read_reviews(tmp_path), open_benchmark(benchmark), tmp_path / "out")
    assert [pair.pair_id for pair in open_benchmark(tmp_path / "out").pairs] == ["train0"]


def test_the_same_again_changes_nothing_and_other_decisions_are_refused(benchmark, reviews, tmp_path, say):
    decide(say, reviews)
    out = tmp_path / "out"
    words = ["apply", "--benchmark", str(benchmark), "--reviews", str(reviews), "--out", str(out)]
    review_command(words)
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*.*")}
    review_command(words)
    assert times == {path: path.stat().st_mtime_ns for path in out.rglob("*.*")}
    say(reviews, "judge", file=ADJUDICATION, test2="accept")
    with pytest.raises(ArtifactError, match="made from another configuration: decisions"):
        review_command(words)
    review_command([*words, "--overwrite"])
    assert len(open_benchmark(out).pairs) == 5


def test_reviews_of_another_text_are_not_applied(reviews, tmp_path, make, write, say):
    decide(say, reviews)
    newer = [
        replace(record, explanation="Rebuilt.") if record.record_id == "test1-zh" else record for record in make(4)
    ]
    bench = open_benchmark(write(tmp_path / "newer", newer))
    with pytest.raises(DataError, match=r"record test1-zh, reviewed by ada, has another text .* \(and 1 more\)"):
        apply_reviews(read_reviews(reviews), bench, tmp_path / "out")


def test_the_command_is_known():
    assert COMMANDS["review"][0] == "gleam_x.review.command:review_command"
    with pytest.raises(ConfigError, match="unknown command of gleam-x review: 'burn'; allowed: agreement, apply"):
        review_command(["burn"])
