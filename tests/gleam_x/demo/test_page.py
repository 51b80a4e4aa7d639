"""The words in both languages, the map's clicks, what the command refuses, and real tiny models from end to end."""

from __future__ import annotations

import inspect
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from gleam_c.locate import view_guess
from gleam_common.commands import dispatch
from gleam_x.cli import COMMANDS
from gleam_x.demo.answering import Asked, answer
from gleam_x.demo.state import Demo, open_demo
from gleam_x.demo.uploads import RefusedError
from gleam_x.demo.words import LANGUAGE_NAMES, page_words
from gleam_x.pipeline.page_words import WORDS


def placeholders(words: Mapping[str, Any]) -> dict[str, object]:
    """Return for each key the placeholders of its text."""
    return {
        key: placeholders(text) if isinstance(text, dict) else sorted(re.findall(r"{(\w+)}", text))
        for key, text in words.items()
    }


def test_words_are_complete_in_both_languages() -> None:
    english, chinese = page_words("en"), page_words("zh")
    assert placeholders(english) == placeholders(chinese)
    assert set(LANGUAGE_NAMES) == set(WORDS)
    texts = [*chinese.values(), *chinese["errors"].values(), *WORDS["zh"]["view_reasons"].values()]
    assert all(re.search("[\u4e00-\u9fff]", text) for text in texts if isinstance(text, str))
    assert not any(re.search("[\u4e00-\u9fff]", text) for text in map(str, english.values()))
    assert page_words("fr") is english


def test_reasons_of_the_view_are_those_that_the_matcher_gives() -> None:
    said = inspect.getsource(view_guess)
    for own in WORDS["zh"]["view_reasons"]:
        assert own == "as given" or f'"{own}"' in said


def test_a_click_on_the_map_sets_where_to_search(demo: Demo) -> None:
    pytest.importorskip("gradio", reason="the extra gleam-x[demo] is not installed")
    from gleam_x.demo.page import place_clicked

    lat, lon, radius_m, drawn = place_clicked(demo, [400, 30], 150)
    assert demo.city.pixel(float(lat), float(lon)) == pytest.approx((400, 30), abs=1)
    assert radius_m == 150
    assert drawn.tobytes() != demo.city.picture.tobytes()
    for pixel in (None, "x", [1], [1, 2, 3], ["a", {}], [float("nan"), 1], [1e300, 1e300]):
        assert place_clicked(demo, pixel, -5)[:2] == ("", "")


@pytest.mark.parametrize(("there", "target"), [((), "make train-c"), (("c", "world"), "make train-x")])
def test_what_is_absent_names_the_target_that_makes_it(
    there: tuple[str, ...], target: str, world: Path, matcher_model: Path, tmp_path: Path, capsys
) -> None:
    matcher = matcher_model if "c" in there else tmp_path / "none"
    words = ["--matcher", matcher, "--world", world, "--gallery", tmp_path / "g", tmp_path / "run"]
    code = dispatch("gleam-x", "", COMMANDS, ["demo", str(words[-1]), *map(str, words[:-1])])
    told = capsys.readouterr().err
    assert code == 2
    assert f"run `{target}`" in told
    assert told.count("\n") == 1


def test_tiny_models_answer_a_photo_of_the_city(
    world: Path, matcher_model: Path, pipeline_run: Path, tmp_path: Path
) -> None:
    """The gallery is built where it is absent, and found there the next time."""
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    demo = open_demo(pipeline_run, matcher_model, world, tmp_path / "gallery", uploads)
    assert demo.tiles == 6
    assert {one.view for one in demo.examples} == {"uav", "map", "panorama", "ground"}
    again = open_demo(pipeline_run, matcher_model, world, tmp_path / "gallery", uploads)
    assert again.locator.finder.sha256 == demo.locator.finder.sha256
    galleries = {path.name for path in (tmp_path / "gallery").iterdir()}
    assert len(galleries) == 1
    other = shutil.copytree(world, tmp_path / "world")
    (other / "manifest.json").write_text('{"another": "city"}')
    open_demo(pipeline_run, matcher_model, other, tmp_path / "gallery", uploads)
    assert len({path.name for path in (tmp_path / "gallery").iterdir()} - galleries) == 1, (
        "another city, its own gallery"
    )
    photo = uploads / "photo.png"
    shutil.copy(demo.examples[0].path, photo)
    tile = demo.city.place(demo.city.picture.width / 2, demo.city.picture.height / 2)
    for asked in (Asked(upload=photo), Asked(example=2, language="zh", lat=tile[0], lon=tile[1], radius_m=500)):
        html = answer(demo, asked).html
        assert html.startswith("<article"), html
        assert str(tmp_path) not in html
    far = answer(demo, Asked(example=0, lat=0, lon=0, radius_m=5)).html
    assert "This photo cannot be located" in far


def test_refusals_have_their_sentence() -> None:
    assert RefusedError("bytes", 30).limit == 30
    assert set(page_words("en")["errors"]) == set(page_words("zh")["errors"])
