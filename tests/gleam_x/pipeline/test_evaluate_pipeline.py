"""`gleam-x evaluate-pipeline` on a tiny world: what it writes, that it goes on, and its numbers by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import write_tiny_catalog
from gleam_common.commands import dispatch
from gleam_x import evaluate_pipeline as module
from gleam_x.cli import COMMANDS
from gleam_x.evaluate_pipeline_report import write_pipeline_report
from gleam_x.evaluate_pipeline_results import results_of
from gleam_x.evaluate_pipeline_rows import Row, fit_plan
from gleam_x.evaluate_pipeline_world import area_of
from gleam_x.pipeline.locator import Locator, Question
from gleam_x.pipeline.plan import PLAN_FILE, Plan
from stand_in_pipeline import StandInFinder, StandInJudge, write_photos


def row(number: int, log_odds: list[float], right: list[bool], view: str = "uav", place: str = "") -> Row:
    return Row(
        query_id=f"p{number}", place_id=place or f"place{number}", view=view, gallery_ids=["p0/t0", "p0/t1", "p0/t2"],
        similarity=[0.9, 0.8, 0.7], log_odds=log_odds, query_first=log_odds, satellite_first=log_odds, right=right,
        find_s=0.1, verify_s=0.3,
    )  # fmt: skip


@pytest.fixture
def answers(tmp_path: Path) -> dict[str, object]:
    photos = write_photos(tmp_path, 1)
    return {"p0": Locator(StandInFinder(), StandInJudge()).locate(photos, Question(candidates=3))[0]}


FIRST, SECOND = [True, False, False], [False, True, False]
ROWS = [
    row(0, [2.0, -1.0, -1.0], FIRST),
    row(1, [1.5, -1.0, -1.0], FIRST),
    row(2, [1.0, 3.0, -1.0], SECOND),
    row(3, [0.5, -1.0, -1.0], FIRST),
    row(4, [0.0, -1.0, -1.0], SECOND),
]


def test_numbers_by_hand(answers) -> None:
    """No plan: GLEAM-C's order; the surer, the higher the verdict of the first tile: right, right, wrong, right, wrong."""
    plan = Plan(finder_sha256="", judge_sha256="", views={})
    results = results_of(ROWS, ROWS, plan, answers, seed=0)
    assert results["accuracy"]["value"] == 0.6
    assert results["accuracy_at_coverage_0.8"]["value"] == 0.75
    assert results["accuracy_at_coverage_0.5"]["value"] == pytest.approx(2 / 3)
    assert results["risk_coverage"] == [[0.2, 0.0], [0.4, 0.0], [0.6, 0.3333], [0.8, 0.25], [1.0, 0.4]]
    uav = results["views"]["uav"]
    assert uav["recall@1_c"]["value"] == uav["recall@1"]["value"] == 0.6
    assert uav["gain"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert uav["recall@1_pointwise"]["value"] == uav["recall@1_pairwise"]["value"] == 0.8, "the third is put right"
    assert uav["gain_pointwise"]["value"] == pytest.approx(0.2)
    assert uav["gain_pointwise"]["low"] <= 0.2 <= uav["gain_pointwise"]["high"]
    assert uav["recall@3_c"]["value"] == 1.0
    assert uav["plan"] is None
    assert results["costs"]["in_batches_ms"] == {"find": pytest.approx(100.0), "verify": pytest.approx(300.0)}
    assert results["wall_ms_per_query"] == pytest.approx(1000 * sum(answers["p0"].times_s.values()))
    assert results["timed_as_evaluated"] == 1.0


def test_a_view_without_validation_keeps_its_order(answers) -> None:
    rows = [*ROWS, row(9, [0.0, 2.0, -1.0], SECOND, "ground")]
    results = results_of(rows, ROWS, Plan(finder_sha256="", judge_sha256="", views={}), answers, seed=0)
    ground = results["views"]["ground"]
    assert ground["recall@1_fused"] == ground["recall@1"] == ground["recall@1_c"]
    assert ground["recall@1_pointwise"]["value"] == 1.0


def test_the_plan_is_fitted_on_the_rows_it_is_given_and_decides_each_view_apart(answers) -> None:
    """In "uav" the judge knows the right tile, in "map" it is inverted."""
    val = []
    for number in range(60):
        right = SECOND if number % 2 else FIRST
        knows = [4.0 if one else -4.0 for one in right]
        val.append(row(number, knows, right, "uav"))
        val.append(row(100 + number, [-value for value in knows], right, "map", place=f"place{number}"))
    plan = fit_plan(val, "c", "x")
    assert plan.views["uav"].reranks
    assert plan.views["map"].weight == 0.0
    results = results_of(val, val, plan, {"p0": answers["p0"]}, seed=0)
    assert results["views"]["uav"]["recall@1"]["value"] == 1.0
    assert results["views"]["uav"]["gain"]["value"] == 0.5
    assert results["views"]["uav"]["gain"]["low"] > 0.3
    assert results["views"]["map"]["recall@1"] == results["views"]["map"]["recall@1_c"]
    assert results["mean"]["gain"]["value"] == 0.25
    assert results["mean"]["recall@1_c"]["value"] == 0.5


def test_the_report_holds_its_curve_and_loads_nothing(answers, tmp_path) -> None:
    plan = Plan(finder_sha256="", judge_sha256="", views={})
    results = results_of(ROWS, ROWS, plan, answers, seed=0) | {"gallery_size": 9}
    write_pipeline_report(tmp_path / "report.html", results)
    page = (tmp_path / "report.html").read_text("utf-8")
    assert page.count("<polyline") == 2
    assert "right for 60\u00a0% of the photos, and for 75\u00a0%" in page
    assert "http" not in page.replace("http-equiv", "")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    write_tiny_catalog(folder, train=4, val=6, test=6)
    return folder


def evaluate(world: Path, run: Path, matcher: Path, out: Path, *more: object) -> int:
    words = ["--run", run, "--matcher", matcher, "--catalog", world, "--out", out, "--queries", 3, "--timed", 4, *more]
    return dispatch("gleam-x", "", COMMANDS, ["evaluate-pipeline", *map(str, words)])


def test_it_writes_what_it_promises_and_goes_on_where_it_was(
    world, pipeline_run, matcher_model, tmp_path, monkeypatch, capsys
) -> None:
    out = tmp_path / "out"
    first = module._Evaluation._score
    done = []

    def killed(self, split, view):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append((split, view))
        return first(self, split, view)

    monkeypatch.setattr(module._Evaluation, "_score", killed)
    try:
        assert evaluate(world, pipeline_run, matcher_model, out) == 130
        assert not (pipeline_run / PLAN_FILE).exists()
        again = []

        def counted(self, split, view):
            again.append((split, view))
            return first(self, split, view)

        monkeypatch.setattr(module._Evaluation, "_score", counted)
        assert evaluate(world, pipeline_run, matcher_model, out) == 0
        assert len(again) == 8 - 3
        assert not set(again) & set(done)
        results = json.loads((out / "results.json").read_text("utf-8"))
        for view in ("uav", "map", "panorama", "ground"):
            assert {"value", "low", "high"} == set(results["views"][view]["recall@1"])
            assert {"value", "low", "high"} == set(results["views"][view]["recall@1_c"])
            assert results["views"][view]["queries"] == 3
        assert results["queries"] == 12
        assert results["wall_ms_per_query"] > 0
        assert results["timed_as_evaluated"] == 1.0
        assert {"accuracy", "accuracy_at_coverage_0.8"} <= set(results)
        assert json.loads((pipeline_run / PLAN_FILE).read_text())["views"] == {}, "three photos decide nothing"
        assert (out / "report.html").read_text("utf-8").startswith("<!doctype html>")
        assert (out / "examples.html").read_text("utf-8").count("<article") == 4
        told = capsys.readouterr().out
        assert "accuracy_at_coverage_0.8" in told
        monkeypatch.setattr(module._Evaluation, "plan", lambda self: pytest.fail("it was finished"))
        assert evaluate(world, pipeline_run, matcher_model, out) == 0
        assert evaluate(world, pipeline_run, matcher_model, out, "--top-k", 3) == 2
        assert "made from another configuration: top_k (5 there, 3 now)" in capsys.readouterr().err
    finally:
        (pipeline_run / PLAN_FILE).unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--top-k", 1), "candidates to verify: 1"),
        (("--queries", -1), "queries of the evaluation: -1"),
        (("--timed", 0), "timed of the evaluation: 0"),
        (("--lang", "fr"), "language of the answer: 'fr'"),
        (("--catalog", "nothere"), "no such catalog folder: 'nothere'"),
        (("--run", "nothere"), "holds no trained model"),
        (("--matcher", "nothere"), "in the model folder: 'nothere'"),
    ],
)
def test_bad_words_are_refused_and_nothing_is_written(
    world, pipeline_run, matcher_model, tmp_path, capsys, words, reason
) -> None:
    assert evaluate(world, pipeline_run, matcher_model, tmp_path / "out", *words) == 2
    assert reason in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_photos_of_a_place_are_drawn_together_and_their_own_tiles_are_searched_first(world) -> None:
    from gleam_common.catalog import Catalog

    catalog = Catalog.read(world)
    whole = area_of(catalog, "val", 3, 0, seed=0)
    places = [{photo.place_id for photo in whole.photos(view)} for view in whole.views]
    assert len(places) == 4
    assert all(chosen == places[0] and len(chosen) == 3 for chosen in places)
    assert len(whole.catalog.gallery) == 10, "all tiles of the area, those of other splits too"
    own = {tile for photo in whole.photos("uav") for tile in photo.positives}
    val = set(catalog.select(split="val", gallery="positives").column("place_id").tolist())
    assert set(area_of(catalog, "val", 3, 1, seed=0).catalog.gallery_ids) == own
    of_split = set(area_of(catalog, "val", 3, 6, seed=0).catalog.gallery_ids)
    assert own < of_split == val, "tiles of validation places come before those that were learnt from"
    more = area_of(catalog, "val", 3, 7, seed=0).catalog
    assert set(more.gallery_ids) > of_split
    assert all(set(query["semi_positives"]) <= set(more.gallery_ids) for query in more.queries.to_pylist())
    assert {photo.place_id for photo in area_of(catalog, "val", 3, 0, seed=1).photos("uav")} != places[0]
    assert len(area_of(catalog, "test", 0, 0, seed=0).photos("map")) == 6


def test_the_judge_looks_at_tiles_in_full_where_their_pictures_are_at_hand(world, matcher_model, tmp_path) -> None:
    import numpy as np
    from gleam_common.catalog import Catalog
    from gleam_common.errors import DataError
    from gleam_common.images import load_array
    from gleam_x.matcher import TileFinder

    catalog = Catalog.read(world)
    area = area_of(catalog, "test", 1, 0, seed=0)
    gallery, tiles = area.build(tmp_path, matcher_model)
    photo = area.photos("map")[0]
    finder = TileFinder(gallery, matcher_model, tiles=tiles)
    checked = Locator(finder, StandInJudge()).check([photo.path], Question(view="map", candidates=2))[0]
    row = catalog.gallery_index[checked.found.tiles[0].gallery_id]
    assert np.array_equal(checked.pairs[0].tile, load_array(catalog.picture_path("gallery", row)))
    without = Locator(TileFinder(gallery, matcher_model), StandInJudge())
    thumbnail = without.check([photo.path], Question(view="map", candidates=2))[0].pairs[0].tile
    assert not np.array_equal(thumbnail, checked.pairs[0].tile), "a JPEG of it is something else"
    (tiles / catalog.gallery["path"][row].as_py()).unlink()
    with pytest.raises(DataError, match="no picture of tile"):
        TileFinder(gallery, matcher_model, tiles=tiles)
