"""`gleam-x locate` as people run it: answers in the order of the arguments, three kinds of files, and bad input."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from gleam_c.gallery.gallery import Gallery
from gleam_common.commands import dispatch
from gleam_x import trained as trained_module
from gleam_x.calibration import Fusion
from gleam_x.cli import COMMANDS
from gleam_x.matcher import TileFinder, model_digest
from gleam_x.pipeline.fusing import ViewPlan
from gleam_x.pipeline.judge import weights_digest
from gleam_x.pipeline.locator import Locator, Question
from gleam_x.pipeline.plan import PLAN_FILE, Plan
from gleam_x.pipeline.write import write_answers
from shapely.geometry import shape
from stand_in_pipeline import StandInFinder, StandInJudge, write_photos
from tiny_gallery import write_map, write_model

Say = Callable[..., tuple[int, str, str]]
REASON = (
    " Looking at the oblique aerial photo, I find two churches with grey roofs on the left. Two grey-roofed churches in"
    " the south-west can be made out in the satellite tile. <script>alert(2)</script>"
)


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    def run(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = dispatch("gleam-x", "", COMMANDS, ["locate", *map(str, words)])
        caught = capsys.readouterr()
        assert "Traceback" not in caught.err
        return code, caught.out, caught.err.splitlines()[-1] if caught.err else ""

    return run


@pytest.fixture
def reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        trained_module, "explain_all", lambda model, collator, samples, *_, **__: ["." + REASON] * len(samples)
    )


@pytest.fixture
def common(gallery: Path, pipeline_run: Path, matcher_model: Path) -> list[object]:
    return ["--gallery", gallery, "--model", pipeline_run, "--matcher", matcher_model, "--view", "map"]


def test_each_photo_gets_its_answer_in_the_order_of_the_arguments(
    say, reasons, photos, gallery, common, tmp_path
) -> None:
    out = tmp_path / "answer.json"
    code, told, note = say(*photos, *common, "--candidates", 3, "--out", out)
    assert code == 0
    assert told == f"answers: {out}\n"
    assert "probabilities are GLEAM-X's alone" in note
    results = json.loads(out.read_text("utf-8"))["results"]
    assert [one["photo"] for one in results] == [str(path) for path in photos]
    for one, row in zip(results, (20, 3, 11), strict=True):
        tile = Gallery.open(gallery).tile(row)
        assert one["gallery_id"] == one["candidates"][0]["gallery_id"] == tile["gallery_id"]
        assert (one["lat"], one["lon"]) == pytest.approx((tile["lat"], tile["lon"]))
        assert len(one["candidates"]) == 3
        assert one["candidates"][0]["similarity"] > 0.9
        assert one["probability"] == one["candidates"][0]["verdict_probability"]
        assert one["verdict"] == ("yes" if one["probability"] >= 0.5 else "no")
        assert (one["abstained"] is None) == (one["probability"] >= 0.5)
        assert set(one["times_s"]) == {"find", "verify", "explain"}
        assert one["explanation"] == REASON.strip()
        church = next(claim for claim in one["claims"] if claim["what"] == "church")
        assert church["satellite_where"] == "south-west"
        assert church["satellite_box"] == [0.0, 0.6667, 0.3333, 1.0]


def test_the_page_escapes_what_comes_from_outside(say, reasons, photos, common, tmp_path) -> None:
    out = tmp_path / "answer.html"
    assert say(*photos, *common, "--out", out)[0] == 0
    page = out.read_text("utf-8")
    assert "<script" not in page
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;.png" in page
    assert "&lt;script&gt;alert(2)&lt;/script&gt;" in page
    assert "grey church × 2 (photo: left; tile: south-west)" in page
    assert not re.search(r'(?:src|href)="(?!data:)', page), "the page loads nothing"
    assert page.count("<article") == 3
    assert page.index("b.png") < page.index("&lt;img src=x") < page.index("a.png")
    assert "<b>1</b>" in page, "the claim is marked in the pictures"


def test_geojson_has_the_places_and_the_tiles(say, reasons, photos, common, tmp_path) -> None:
    out = tmp_path / "answer.geojson"
    assert say(*photos[:2], *common, "--candidates", 2, "--out", out)[0] == 0
    features = json.loads(out.read_text("utf-8"))["features"]
    assert [one["properties"]["kind"] for one in features] == ["place", "tile", "tile"] * 2
    place, tile = shape(features[0]["geometry"]), shape(features[1]["geometry"])
    assert tile.contains(place)
    assert tile.exterior.is_ccw
    assert features[1]["properties"]["rank"] == 1


def test_without_out_a_table_is_printed(say, reasons, photos, common) -> None:
    code, told, _ = say(photos[0], *common)
    lines = told.splitlines()
    assert code == 0
    assert lines[0].split()[:3] == ["photo", "view", "place"]
    assert lines[2].startswith("b.png  map")
    assert "grey roofs on the left" in told


def test_chinese_is_asked_and_answered_in_chinese(say, photos, common, tmp_path, monkeypatch) -> None:
    seen = []

    def explain(model, collator, samples, *_, **__):
        seen.extend(sample.prompt.language for sample in samples)
        return ["。航拍照片里，左下部有两栋橙色房顶的建筑。在卫星影像里可以看到东北部的一个广场。"] * len(samples)

    monkeypatch.setattr(trained_module, "explain_all", explain)
    out = tmp_path / "answer.html"
    assert say(photos[0], *common, "--lang", "zh", "--out", out)[0] == 0
    assert seen == ["zh"]
    page = out.read_text("utf-8")
    assert '<html lang="zh-Hans">' in page
    assert "左下部有两栋橙色房顶的建筑" in page
    assert "橙色建筑 × 2 (照片: 左下方)" in page
    assert "广场 (影像: 东北部)" in page


def test_the_plan_in_the_run_is_used_and_refused_for_another_retriever(
    say, reasons, photos, gallery, pipeline_run, matcher_model, common, tmp_path
) -> None:
    fusion = Fusion(weight_x=0.0, weight_c=-30.0, intercept=20.0)  # the least similar of two comes first
    view = ViewPlan(top_k=2, reranks=True, fusion=fusion, queries=50, gain=0.1, evidence=9.0)
    digest = weights_digest(pipeline_run)
    plan = Plan(finder_sha256=model_digest(matcher_model), judge_sha256=digest, views={"map": view})
    try:
        plan.write(pipeline_run / PLAN_FILE)
        out = tmp_path / "answer.json"
        code, _, note = say(photos[0], *common, "--explain", "false", "--out", out)
        one = json.loads(out.read_text("utf-8"))["results"][0]
        assert code == 0
        assert "GLEAM-X's alone" not in note
        assert [candidate["rank_c"] for candidate in one["candidates"]] == [2, 1, 3, 4, 5]
        assert one["probability_of"] == "GLEAM-C and GLEAM-X"
        assert one["explanation"] == ""
        Plan(finder_sha256="0" * 64, judge_sha256=digest, views={}).write(pipeline_run / PLAN_FILE)
        code, told, error = say(photos[0], *common)
        assert (code, told) == (2, "")
        assert "made with another GLEAM-C model" in error
    finally:
        (pipeline_run / PLAN_FILE).unlink()


def test_bad_input_is_one_sentence_and_nothing_is_written(
    say, photos, gallery, pipeline_run, matcher_model, common, tmp_path
) -> None:
    text = tmp_path / "words.jpg"
    text.write_text("no picture")
    other = write_model(tmp_path / "other" / "model", seed=1)
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(photos[0].read_bytes()[:300])
    out = tmp_path / "out" / "answer.json"
    usual = {"--gallery": gallery, "--model": pipeline_run, "--matcher": matcher_model, "--view": "map", "--out": out}
    cases: list[tuple[tuple[object, ...], dict[str, object], str]] = [
        ((text,), {}, "words.jpg"),
        ((photos[0], cut), {}, "cut.jpg"),
        ((tmp_path / "none.jpg",), {}, "none.jpg"),
        ((), {}, "photo"),
        ((photos[0],), {"--lang": "fr"}, "language of the answer: 'fr'; allowed: en, zh"),
        ((photos[0],), {"--matcher": other}, "is the gallery of another model"),
        ((photos[0],), {"--model": tmp_path / "nothere"}, "holds no trained model of gleam-x"),
        ((photos[0],), {"--gallery": tmp_path}, "is not a finished gallery"),
        ((photos[0],), {"--out": tmp_path / "answer.exe"}, "ending of --out: 'answer.exe'"),
        ((photos[0],), {"--view": "satellite"}, "view of the photos: 'satellite'"),
        ((photos[0],), {"--view": "ground"}, "was not built for photos of this view"),
        ((photos[0],), {"--tiles": tmp_path}, "no picture of tile"),
        ((photos[0],), {"--near": "0,0,10"}, "no tile"),
        ((photos[0],), {"--near": "-33,x"}, "--near: '-33,x'"),
        ((photos[0],), {"--candidates": 0}, "candidates of a photo: 0"),
        ((photos[0],), {"--min-probability": 2}, "least probability: 2"),
    ]
    for words, changes, reason in cases:
        options = [word for pair in {**usual, **changes}.items() for word in pair]
        code, told, error = say(*words, *options)
        assert (code, told) == (2, ""), (words, changes, error)
        assert reason in error, (words, changes, error)
        assert error.count("error:") == 1
    assert not out.parent.exists()


def test_a_gallery_off_the_globe_has_no_geojson(reasons, tmp_path, matcher_model, pipeline_run, say) -> None:
    from gleam_c.gallery.build import build_gallery
    from gleam_c.gallery.sources.source import CutOptions

    city = write_map(tmp_path / "city.tif", crs=None)
    options = CutOptions(widths_m=(120.0,), crs="local", gsd_m=1.0)
    build_gallery(city, matcher_model, tmp_path / "G", options=options, views=("map",))
    photo = write_photos(tmp_path, 1)[0]
    common = [photo, "--gallery", tmp_path / "G", "--model", pipeline_run, "--matcher", matcher_model, "--view", "map"]
    code, _, error = say(*common, "--out", tmp_path / "a.geojson")
    assert code == 2
    assert "no place on the globe" in error
    assert not (tmp_path / "a.geojson").exists()
    assert say(*common, "--out", tmp_path / "a.json")[0] == 0
    assert json.loads((tmp_path / "a.json").read_text())["results"][0]["x_m"] is not None


def test_a_photo_that_has_gone_leaves_no_half_page(tmp_path) -> None:
    photos = write_photos(tmp_path, 2)
    answers = Locator(StandInFinder(), StandInJudge()).locate(photos, Question())
    photos[1].unlink()
    with pytest.raises(Exception, match=r"p1\.png"):
        write_answers(tmp_path / "a.html", answers)
    assert not (tmp_path / "a.html").exists()


def test_the_finder_hands_over_what_gleam_c_found(gallery, matcher_model, photos) -> None:
    from gleam_x.pipeline.found import Search

    finder = TileFinder(gallery, matcher_model)
    found = finder.find(photos, Search(tiles=4, view="map"))
    located = Gallery.open(gallery).locate(*photos, model=matcher_model, view="map", candidates=4)
    for one, same in zip(found, located, strict=True):
        assert [tile.gallery_id for tile in one.tiles] == [tile.gallery_id for tile in same.candidates]
        assert [tile.similarity for tile in one.tiles] == [tile.score for tile in same.candidates]
        assert one.tiles[0].picture == same.candidates[0].thumbnail
        assert len(one.tiles[0].corners) == 4
