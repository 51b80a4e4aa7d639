"""Agreement of reviews: pairs are the units, the gravest decision counts, missing reviews are allowed."""

from __future__ import annotations

import json

import pytest
from gleam_common.errors import DataError
from gleam_common.metrics.agreement import cohen_kappa, gwet_ac1, krippendorff_alpha, ratings
from gleam_x.review.agreement import agreement_of, table_of
from gleam_x.review.command import review_command
from gleam_x.review.store import ADJUDICATION, read_reviews


@pytest.fixture(scope="module")
def reviews(tmp_path_factory, say):
    """Decisions as numbers, ada, bo, cy: 0 0 -, 1 2 1, 2 2 2, 0 1 -. The final decisions do not count."""
    folder = tmp_path_factory.mktemp("reviews")
    say(
        folder,
        "ada",
        test0="accept",
        test1={"zh": "新。"},
        test2="reject",
        test3="accept",
        own={"test0": "yes", "test1": "no"},
    )
    say(
        folder,
        "bo",
        test0="accept",
        test1="reject",
        test2="reject",
        test3={"en": "New."},
        own={"test0": "yes", "test1": "yes"},
    )
    say(folder, "cy", test1={"en": "New."}, test2="reject")
    say(folder, "judge", file=ADJUDICATION, test1="accept")
    return folder


@pytest.fixture(scope="module")
def result(reviews):
    return agreement_of(read_reviews(reviews))


ROWS = [(0, 0, None), (1, 2, 1), (2, 2, 2), (0, 1, None)]


def test_measures_are_those_of_the_pairs(result):
    values = {row["measure"]: (row["value"], row["pairs"]) for row in result["decision"]}
    assert values["raw agreement"] == (pytest.approx((1 + 1 / 3 + 1 + 0) / 4), 4)
    assert values["Krippendorff's alpha"] == (pytest.approx(krippendorff_alpha(ROWS)), 4)
    assert values["Krippendorff's alpha, ordinal"] == (pytest.approx(krippendorff_alpha(ROWS, "ordinal")), 4)
    assert values["Gwet's AC1"] == (pytest.approx(gwet_ac1(ratings(ROWS, range(3)))), 4)
    assert values["Cohen's kappa, ada and bo"] == (pytest.approx(cohen_kappa([row[:2] for row in ROWS])), 4)
    assert values["Cohen's kappa, ada and cy"] == (pytest.approx(1), 2)
    assert values["Fleiss' kappa, all 3"][1] == 2
    assert all(row["low"] <= row["value"] <= row["high"] for row in result["decision"] if row["value"] is not None)


def test_own_verdicts_are_a_question_of_their_own(result):
    values = {row["measure"]: row["value"] for row in result["own_verdict"]}
    assert values["raw agreement"] == pytest.approx(0.5)
    assert values["Fleiss' kappa, all 3"] is None


def test_people_are_described(result):
    about = result["annotators"]
    assert about["ada"] == {"pairs": 4, "accept": 2, "edit": 1, "reject": 1, "median_seconds": 7.5}
    assert list(about) == ["ada", "bo", "cy"]


def test_the_command_prints_a_table_and_writes_numbers(reviews, tmp_path, capsys):
    review_command(["agreement", "--reviews", str(reviews), "--out", str(tmp_path / "agreement.json"), "--seed", "5"])
    printed = capsys.readouterr().out
    written = json.loads((tmp_path / "agreement.json").read_text())
    assert table_of(written) in printed
    assert "Krippendorff's alpha, ordinal" in printed
    assert written["seed"] == 5


def test_one_annotator_alone_and_nobody_in_common(tmp_path, say):
    say(tmp_path, "ada", test0="accept")
    with pytest.raises(DataError, match=r"annotators with reviews: \['ada'\]; allowed: two or more"):
        agreement_of(read_reviews(tmp_path))
    say(tmp_path, "bo", test1="accept")
    assert {row["value"] for row in agreement_of(read_reviews(tmp_path))["decision"]} == {None}
