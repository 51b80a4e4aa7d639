"""The benchmark of locate measures the tiny catalog; galleries that know less than others still answer."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import numpy as np
import pytest
from gleam_c.gallery.build import build_gallery
from gleam_c.gallery.gallery import Gallery
from gleam_c.gallery.sources.source import CutOptions
from gleam_c.locate.locator import Locator, Question
from gleam_c.locate.track import track_of
from gleam_c.locate.write import SUFFIXES, write_answers
from gleam_common.errors import DataError
from gleam_common.views import View
from tiny_gallery import write_map
from tiny_photos import cut_photo

ROOT = Path(__file__).parents[3]


def test_the_benchmark_measures_each_view_that_the_gallery_serves(tmp_path, monkeypatch, catalog, model):
    folder = tmp_path / "catalog"
    catalog.write(folder)
    (folder / "images").symlink_to(catalog.root / "images")
    build_gallery(folder, model, tmp_path / "G", views=("map",))
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    benchmark = importlib.import_module("locate")
    locator = Locator.open(Gallery.open(tmp_path / "G"), model)
    views = benchmark.measure(locator, catalog.select(split="train"), 12)
    assert set(views) == {"map"}
    numbers = views["map"]
    assert numbers["photos"] == 12
    assert numbers["median_error_m"] < numbers["chance_median_error_m"]
    for name in ("ece", "within_radius", "abstained", "abstained_when_not_in_gallery", "within_half_tile"):
        assert 0 <= numbers[name] <= 1
    json.dumps(views, allow_nan=False)


def test_tiles_of_unknown_width_are_answers_without_a_radius(tmp_path, tiny_catalog, model):
    build_gallery(tiny_catalog.root, model, tmp_path / "G", views=("map",))
    gallery = Gallery.open(tmp_path / "G")
    photos = [tiny_catalog.root / f"images/map/{number}.png" for number in (2, 7)]
    located = Locator.open(gallery, model).locate(photos, Question(view=View.MAP))
    assert [(one.radius_m, one.confidence, one.abstained) for one in located] == [(None, None, "")] * 2
    for suffix in SUFFIXES:
        write_answers(tmp_path / f"o{suffix}", located, gallery)
        assert (tmp_path / f"o{suffix}").stat().st_size > 100
    with pytest.raises(DataError, match="without a time"):
        track_of(located)


def test_a_map_without_a_place_on_the_globe_is_answered_in_its_own_metres(tmp_path, model):
    plain = write_map(tmp_path / "plain.tif", crs=None)
    options = CutOptions(widths_m=(120.0,), crs="local", gsd_m=1.0)
    build_gallery(plain, model, tmp_path / "G", options=options, views=("map",))
    local = Gallery.open(tmp_path / "G")
    tile = local.tile(7)
    photo = cut_photo(plain, tile, tmp_path / "photo.png")
    (one,) = Locator.open(local, model).locate([photo], Question(view=View.MAP))
    assert one.candidates[0].gallery_id == tile["gallery_id"]
    assert np.hypot(one.place.x_m - tile["x_m"], one.place.y_m - tile["y_m"]) < one.radius_m
    for suffix in (".json", ".csv", ".html"):
        write_answers(tmp_path / f"o{suffix}", [one], local)
    assert "x_m" in (tmp_path / "o.json").read_text()
    for suffix in (".geojson", ".gpkg", ".parquet"):
        with pytest.raises(DataError, match="no place on the globe"):
            write_answers(tmp_path / f"o{suffix}", [one], local)
        assert not (tmp_path / f"o{suffix}").exists()
