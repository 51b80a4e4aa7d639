"""A gallery is what the model says of each tile; it survives kills, grows, and finds a changed byte."""

from __future__ import annotations

import json
import shutil
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from gleam_c import cli
from gleam_c.embed import embed_catalog
from gleam_c.gallery import segment as segment_module
from gleam_c.gallery.build import add_tiles, build_gallery
from gleam_c.gallery.folder import GalleryFolder
from gleam_c.gallery.matrices import TileSide
from gleam_c.gallery.segment import content_sha256
from gleam_c.gallery.sources.source import CutOptions
from gleam_c.model_folder import load_encoder
from gleam_common.errors import ArtifactError, DataError, ModelError
from gleam_common.views import View
from gleam_common.window import WHOLE, window_of
from PIL import Image
from tiny_gallery import write_map, write_model

CUT = CutOptions(widths_m=(120.0, 200.0))


def run(monkeypatch, *words: object) -> int:
    monkeypatch.setattr(sys, "argv", ["gleam-c", "gallery", *map(str, words)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    return int(stop.value.code or 0)


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_gallery_of_a_catalog_holds_what_evaluation_embeds(tmp_path, tiny_catalog, model):
    encoder = load_encoder(model)
    gallery = build_gallery(tiny_catalog.root, model, tmp_path / "G").gallery
    (segment,) = gallery.segments
    ids = segment.read_tiles()["gallery_id"].to_pylist()
    assert sorted(ids) == sorted(tiny_catalog.gallery_ids)
    rows = [tiny_catalog.gallery_index[name] for name in ids]
    for side, name in (
        (TileSide(window=WHOLE, up_deg=None), "whole-north"),
        (TileSide(window=WHOLE, up_deg=120.0), "whole-120"),
        (TileSide(window=window_of(View.PANORAMA), up_deg=None), "middle55-north"),
    ):
        assert side.name == name
        expected = embed_catalog(encoder, tiny_catalog, "gallery", up_deg=side.up_deg, window=side.window).matrix[rows]
        found = segment.matrix(name)
        assert found.dtype == np.float16
        np.testing.assert_allclose(found.astype(np.float32), expected, atol=2e-3)
    assert gallery.description.views == {
        "uav": ["whole-000", "whole-120", "whole-240"],
        "map": ["whole-north"],
        "panorama": ["middle55-north"],
        "ground": ["whole-north"],
    }


def test_rows_thumbnails_and_hashes_belong_together(tmp_path, monkeypatch, city_map, model):
    monkeypatch.setattr(segment_module, "PART_TILES", 8)
    gallery = build_gallery(city_map, model, tmp_path / "G", options=CUT, views=["map"]).gallery
    (segment,) = gallery.segments
    tiles = segment.read_tiles().to_pylist()
    assert [tile["row"] for tile in tiles] == list(range(len(tiles)))
    assert len({tile["gallery_id"] for tile in tiles}) == len(tiles) == 45
    assert {tile["width_m"] for tile in tiles} == {120.0, 200.0}
    for tile in tiles[::7]:
        thumbnail = Image.open(BytesIO(segment.thumbnail(tile["thumbnail_offset"], tile["thumbnail_bytes"])))
        assert thumbnail.size == (120, 120) or max(thumbnail.size) == 128
    norms = np.linalg.norm(segment.matrix("whole-north").astype(np.float32), axis=1)
    np.testing.assert_allclose(norms, 1, atol=2e-3)
    assert gallery.verify() == 2 + 1 + 4


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


@pytest.mark.parametrize("step", [0, 1, 4, 8, 10, 11, 12, 13, 14])
def test_a_killed_build_goes_on_to_the_same_bytes(tmp_path, monkeypatch, city_map, model, step):
    monkeypatch.setattr(segment_module, "PART_TILES", 8)
    options = {"options": CUT, "views": ["map"], "name": "city"}
    build_gallery(city_map, model, tmp_path / "whole", **options)
    real, count = Path.replace, iter(range(1000))

    def replace(self, target):
        if next(count) == step:
            raise Killed
        return real(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(Killed):
        build_gallery(city_map, model, tmp_path / "killed", **options)
    with pytest.raises(ArtifactError, match="gallery"):
        GalleryFolder.read(tmp_path / "killed")
    monkeypatch.setattr(Path, "replace", real)
    build_gallery(city_map, model, tmp_path / "killed", **options).gallery.verify()
    assert files_of(tmp_path / "killed") == files_of(tmp_path / "whole")


def test_one_changed_byte_is_found_wherever_it_is(tmp_path, monkeypatch, capsys, city_map, model):
    words = ["build", city_map, "--model", model, "--out", tmp_path / "G", "--views", "[map]"]
    assert run(monkeypatch, *words) == 0
    assert "tiles in 1 matrices of 64 numbers" in capsys.readouterr().out
    assert run(monkeypatch, "verify", tmp_path / "G") == 0
    assert "as they were written" in capsys.readouterr().out
    names = files_of(tmp_path / "G")
    assert len(names) == 7
    rng = np.random.default_rng(0)
    for name, content in names.items():
        for at in rng.integers(0, len(content), 3):
            changed = bytearray(content)
            changed[at] ^= 1
            (tmp_path / "G" / name).write_bytes(bytes(changed))
            assert run(monkeypatch, "verify", tmp_path / "G") == 2, (name, at)
            said = capsys.readouterr().err
            assert said.startswith("error: ")
            assert said.count("\n") == 1
        (tmp_path / "G" / name).write_bytes(content)
    assert run(monkeypatch, "verify", tmp_path / "G") == 0


def test_adding_is_incremental(tmp_path, monkeypatch, capsys, city_map, model):
    build_gallery(city_map, model, tmp_path / "G", options=CUT, views=["map"])
    before = files_of(tmp_path / "G" / "segments")
    assert add_tiles(tmp_path / "G", city_map, model, options=CUT).added == 0
    more = add_tiles(tmp_path / "G", city_map, model, options=CutOptions(widths_m=(120.0, 300.0)))
    assert (more.added, more.there) == (4, 36)
    other = write_map(tmp_path / "town.tif", seed=5)
    words = ["add", tmp_path / "G", "--source", other, "--model", model, "--widths-m", "[120]"]
    assert run(monkeypatch, *words) == 0
    assert "36 added" in capsys.readouterr().out
    assert run(monkeypatch, *words) == 0
    assert "0 added, 36 were there already" in capsys.readouterr().out
    gallery = GalleryFolder.read(tmp_path / "G")
    gallery.verify()
    assert len(gallery.segments) == 3
    ids = [name for part in gallery.segments for name in part.read_tiles()["gallery_id"].to_pylist()]
    assert len(ids) == len(set(ids)) == gallery.description.tiles
    after = files_of(tmp_path / "G" / "segments")
    assert {name: after[name] for name in before} == before
    with pytest.raises(DataError, match=r"another tile of this id.*--name"):
        add_tiles(tmp_path / "G", other, model, options=CUT, name="city")
    with pytest.raises(ModelError, match="another model"):
        add_tiles(tmp_path / "G", other, write_model(tmp_path / "other", seed=1))
    assert run(monkeypatch, "info", tmp_path / "G", "--as-json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["tiles"] == gallery.description.tiles
    assert set(said["sources"]) == {"city", "town"}


def test_a_finished_gallery_is_kept_and_another_is_refused(tmp_path, city_map, model):
    build_gallery(city_map, model, tmp_path / "G", options=CUT, views=["map"])
    before = files_of(tmp_path / "G")
    assert build_gallery(city_map, model, tmp_path / "G", options=CUT, views=["map"]).added == 0
    assert files_of(tmp_path / "G") == before
    with pytest.raises(ArtifactError, match=r"views.*--overwrite"):
        build_gallery(city_map, model, tmp_path / "G", options=CUT, views=["map", "uav"])
    build_gallery(city_map, model, tmp_path / "G", options=CUT, views=["map", "uav"], overwrite=True).gallery.verify()


@pytest.mark.parametrize("broken", ["without_crs", "empty", "text", "no_such", "satellite", "width", "local"])
def test_bad_input_is_one_sentence_and_nothing_is_written(tmp_path, monkeypatch, capsys, city_map, model, broken):
    source, more = city_map, []
    match broken:
        case "without_crs":
            source, wanted = write_map(tmp_path / "m.tif", crs=None), "without CRS"
        case "empty":
            source, wanted = tmp_path / "empty", "a folder without tiles or pictures"
            source.mkdir()
        case "text":
            source, wanted = tmp_path / "text.jpg", "not a raster"
            source.write_text("no picture")
        case "no_such":
            source, wanted = tmp_path / "no.tif", "no such source"
        case "satellite":
            more, wanted = ["--views", "[satellite]"], "serves queries"
        case "width":
            more, wanted = ["--widths-m", "[0]"], "ground width of a tile: 0.0"
        case "local":
            more, wanted = ["--crs", "local"], "without --gsd-m"
    assert run(monkeypatch, "build", source, "--model", model, "--out", tmp_path / "G", *more) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert wanted in said
    assert said.count("\n") == 1
    assert not (tmp_path / "G").exists()


def test_a_picture_that_breaks_while_building_leaves_nothing(tmp_path, monkeypatch, capsys, tiny_catalog, model):
    shutil.copytree(tiny_catalog.root, tmp_path / "catalog")
    path = tmp_path / "catalog" / tiny_catalog.column("path", "gallery")[3]
    path.write_bytes(path.read_bytes()[:200])
    assert run(monkeypatch, "build", tmp_path / "catalog", "--model", model, "--out", tmp_path / "G") == 2
    assert path.name in capsys.readouterr().err
    assert not (tmp_path / "G").exists()


def test_a_map_without_a_place_on_the_globe(tmp_path, city_map, model):
    options = CutOptions(crs="local", gsd_m=0.5, widths_m=(60.0,))
    gallery = build_gallery(write_map(tmp_path / "m.tif", crs=None), model, tmp_path / "G", options=options).gallery
    tiles = gallery.segments[0].read_tiles()
    assert tiles["lat"].null_count == tiles["corners"].null_count == len(tiles) == 25
    assert (min(tiles["x_m"].to_pylist()), max(tiles["x_m"].to_pylist())) == (30.0, 150.0)
    assert (min(tiles["y_m"].to_pylist()), max(tiles["y_m"].to_pylist())) == (-150.0, -30.0)
    assert {tuple(window[2:]) for window in tiles["window"].to_pylist()} == {(120.0, 120.0)}
    with pytest.raises(DataError, match="no place on the globe"):
        add_tiles(tmp_path / "G", city_map, model)


def test_the_same_pixels_have_the_same_hash():
    picture = np.zeros((4, 6, 3), dtype=np.uint8)
    assert content_sha256(picture) != content_sha256(picture.reshape(6, 4, 3))
    assert content_sha256(picture) == content_sha256(picture.copy())
