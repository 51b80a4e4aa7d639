"""`gleam-c calibrate`: photos of a catalog searched in its own tiles; the file that `locate` finds beside the weights."""

from __future__ import annotations

import json
import shutil
import sys

import numpy as np
import pytest
from gleam_c import cli
from gleam_c.locate.known_places import known_places, tile_widths_m
from gleam_common.catalog import Catalog
from gleam_common.errors import DataError
from gleam_common.views import View


def test_tiles_are_as_wide_as_their_bounds(catalog):
    np.testing.assert_allclose(tile_widths_m(catalog), 120.0, rtol=1e-5)


def test_the_tiles_come_in_the_order_of_their_scores_around_the_true_place(catalog):
    maps = catalog.select(views=["map"], gallery="all")
    random = np.random.default_rng(0)
    scores = random.uniform(-1, 1, (len(maps.queries), len(maps.gallery))).astype(np.float32)
    for number, one in enumerate(known_places(maps, View.MAP, scores, tile_widths_m(maps))):
        order = np.argsort(-scores[number])
        np.testing.assert_allclose(one.scores_K, scores[number][order], rtol=1e-6)
        own = maps.gallery_index[maps.queries["positives"][number].as_py()[0]]
        rank = order.tolist().index(own)
        assert np.hypot(*one.xy_K2[rank]) < 1.0  # the query lies in its tile's middle
        assert np.hypot(*(one.xy_K2 - one.true_xy).T).argmin() == rank


def test_the_command_writes_what_locate_reads(monkeypatch, capsys, tmp_path, catalog, model, gallery_folder, photos):
    own = tmp_path / "model"
    shutil.copytree(model, own)
    (own / "calibration.json").unlink()
    folder = tmp_path / "catalog"
    catalog.write(folder)

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["gleam-c", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        return int(stop.value.code or 0), *capsys.readouterr()

    options = ["--catalog", folder, "--root", catalog.root, "--views", "map,panorama"]
    code, told, error = run("calibrate", own, *options, "--split", "val")
    assert (code, "at least 20" in error) == (2, True)
    assert not (own / "calibration.json").exists()
    code, told, error = run("calibrate", own, *options, "--split", "train")
    assert code == 0, error
    assert "map" in told
    written = json.loads((own / "calibration.json").read_text())
    assert set(written["views"]) == {"map", "panorama"}
    assert written["views"]["map"]["queries"] == 32
    code, told, error = run("locate", photos[3], "--gallery", gallery_folder, "--model", own, "--view", "map")
    assert code == 0
    assert "without a calibration" not in error


def test_what_cannot_calibrate_is_refused(tiny_catalog, catalog):
    with pytest.raises(DataError, match="tiles without bounds"):
        tile_widths_m(tiny_catalog)
    nowhere = catalog.queries.drop_columns(["lat", "lon"])
    lost = Catalog(gallery=catalog.gallery, queries=nowhere, root=catalog.root)
    scores = np.zeros((52, len(lost.gallery)), np.float32)
    with pytest.raises(DataError, match="without coordinates"):
        known_places(lost, View.MAP, scores, tile_widths_m(lost))
