"""The report: one file, everything escaped, failures of the right kind, drawings that show the numbers."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from gleam_x.evaluation.drawings import reliability_svg, risk_svg, scores_svg
from gleam_x.evaluation.failures import find_failures, make_gallery
from gleam_x.evaluation.probe_scores import summarise_probe
from gleam_x.evaluation.report import write_report
from gleam_x.evaluation.results import evaluate_predictions
from PIL import Image

BAD = "<script>alert(1)</script> The drone picture shows a tower block in the middle."


def pictures(row):
    return Image.new("RGB", (500, 400), (200, 0, 0)), Image.new("RGB", (64, 64), (0, 0, 200))


@pytest.fixture
def failing(rows):
    """One false yes, one false no, one wrong claim (with markup in it), one contradiction."""
    no, yes = (next(row for row in rows if row.same_place == truth) for truth in (False, True))
    others = [row for row in rows if row.record_id not in (no.record_id, yes.record_id)]
    others.sort(key=lambda row: (row.language != "en" or row.view != "uav", row.record_id))
    wrong, against = others[0], others[1]
    return [
        replace(no, probability=0.97, text=""),
        replace(yes, probability=0.2, text=""),
        replace(wrong, text=BAD),
        replace(against, text="So this is the same place. So these are different places."),
        *others[2:],
    ]


def test_failures_are_of_their_kind(failing) -> None:
    found = {kind: [row.record_id for row in failed] for kind, failed in find_failures(failing).items()}
    assert found == {
        "false_yes": [failing[0].record_id], "false_no": [failing[1].record_id],
        "wrong_claim": [failing[2].record_id], "contradiction": [failing[3].record_id],
    }  # fmt: skip


def test_the_worst_come_first_and_pictures_are_read_only_for_those_shown(rows) -> None:
    wrong = [
        replace(row, probability=0.51 + 0.004 * number, text="")
        for number, row in enumerate(row for row in rows if not row.same_place)
    ]
    asked = []
    galleries = make_gallery(wrong, lambda row: asked.append(row) or pictures(row), most=4)
    shown = [failure.row for failure in galleries["false_yes"].shown]
    assert galleries["false_yes"].count == 120
    assert len(shown) == len(asked) == 4
    assert shown[:2] == [wrong[-1], wrong[-2]]
    assert len({row.record_id for row in shown}) == 4


def test_the_page_is_whole_and_safe(failing, records, tmp_path) -> None:
    results = evaluate_predictions(
        failing, train_records=records, blank_rows=failing, resamples=20,
        probes={"blank_query": summarise_probe(failing, failing, resamples=20)},
    )  # fmt: skip
    page = write_report(tmp_path / "run", results, failing, pictures).read_text("utf-8")
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert not re.search(r'(?:src|href)="(?!data:)', page)
    assert not re.search(r"https?://", page)
    assert page.count("data:image/jpeg") == 8
    assert "query: tower, centre" in page
    assert page.count('lang="zh-Hans"') == 2 * sum(row.language == "zh" for row in failing[:4])
    assert "prefers-color-scheme: dark" in page
    for words in ("Street map", "confusable", "blank query", "most frequent claims", "tok:zh", "bertscore: not run"):
        assert words in page, words
    assert f"{100 * results['accuracy']['value']:.0f}\u00a0% of 120 pairs" in page


def test_a_page_without_texts_and_failures(rows, tmp_path) -> None:
    bare = [replace(row, text="", similarity_c=None, fused=None) for row in rows]
    page = write_report(tmp_path / "run", evaluate_predictions(bare, resamples=20), bare, pictures).read_text("utf-8")
    assert "no reasons were generated" in page
    assert "not measured" in page
    assert page.count("None.") == 4


def test_drawings_show_what_was_measured(rows) -> None:
    svg = reliability_svg(rows)  # 10 % is never right, 90 % always
    dots = re.findall(r"<title>(.*?)</title>", svg)
    assert dots == ["said 10 %, right 0 %, 50 % of pairs", "said 90 %, right 100 %, 50 % of pairs"]
    assert [row.count("<circle") for row in (svg, risk_svg(rows))] == [2, 0]
    half = [replace(row, probability=0.6) for row in rows]  # wrong on half, whatever is left out
    heights = {point.split(",")[1] for point in re.findall(r'curve-main" points="(.*?)"', risk_svg(half))[0].split()}
    assert len(heights) == 1
    assert sum(int(note) for note in re.findall(r"<title>(\d+) % of the same", scores_svg(rows))) in range(95, 106)
    assert scores_svg(rows).count("<polyline") == 4
