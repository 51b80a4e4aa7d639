"""`gleam-c locate` as people run it: answers in the order of the arguments, files that other programs read, and words."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
import sys
import zlib
from datetime import datetime, timedelta
from pathlib import Path

import geopandas
import numpy as np
import pytest
import shapely
from gleam_c import cli
from gleam_c.gallery.gallery import Gallery
from gleam_c.locate.located import Located
from gleam_common.geo import distance_m
from PIL import Image
from tiny_gallery import write_model
from tiny_photos import cut_photo


@pytest.fixture
def run(monkeypatch, capsys):
    def locate(*words: object, code: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["gleam-c", "locate", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        out, err = capsys.readouterr()
        assert int(stop.value.code or 0) == code, err
        return err if code else out

    return locate


@pytest.fixture
def common(gallery_folder, model):
    return ["--gallery", gallery_folder, "--model", model, "--view", "map"]


def test_each_photo_gets_its_tile_in_the_order_of_the_arguments(run, tmp_path, photos, gallery, common):
    out = tmp_path / "o.json"
    told = run(*photos.values(), *common, "--candidates", 3, "--out", out)
    results = json.loads(out.read_text())["results"]
    assert [one["photo"] for one in results] == [str(path) for path in photos.values()]
    for one, row in zip(results, photos, strict=True):
        tile = gallery.tile(row)
        assert one["view"] == "map"
        assert len(one["candidates"]) == 3
        assert {"gallery_id", "lat", "lon", "score", "confidence"} <= set(one["candidates"][0])
        assert one["candidates"][0]["gallery_id"] == tile["gallery_id"]
        assert one["candidates"][0]["score"] > 0.9
        scores = [candidate["score"] for candidate in one["candidates"]]
        assert scores == sorted(scores, reverse=True)
        assert float(distance_m(one["lat"], one["lon"], tile["lat"], tile["lon"])) < one["radius_m"]
        assert 0 < one["confidence"] <= 1
        assert tile["gallery_id"] in told
    assert "confidence" in told.splitlines()[0]


def test_a_name_may_be_of_any_script(run, tmp_path, photos, common):
    photo = tmp_path / "😀 河.png"
    photo.write_bytes(Path(photos[20]).read_bytes())
    run(photo, *common, "--out", tmp_path / "o.json")
    assert json.loads((tmp_path / "o.json").read_text())["results"][0]["photo"].endswith(photo.name)


def test_python_gives_the_same_answers(run, tmp_path, photos, gallery_folder, model, common):
    run(*photos.values(), *common, "--out", tmp_path / "o.json")
    found = Gallery.open(gallery_folder).locate(*photos.values(), model=model, view="map")
    assert [one.to_json() for one in found] == json.loads((tmp_path / "o.json").read_text())["results"]
    assert all(isinstance(one, Located) for one in found)


def test_a_prior_confines_the_search(run, tmp_path, photos, gallery, common):
    away = gallery.tile(photos_other := next(row for row in range(len(gallery)) if row not in photos))
    assert photos_other not in photos
    out = tmp_path / "o.json"
    run(photos[20], *common, "--near", f"{away['lat']},{away['lon']},30", "--out", out)
    (one,) = json.loads(out.read_text())["results"]
    assert [candidate["gallery_id"] for candidate in one["candidates"]] == [away["gallery_id"]]


def test_tags_are_a_prior_only_when_asked_for(run, tmp_path, gallery, city_map, common):
    shown, claimed = gallery.tile(20), gallery.tile(3)
    exif = Image.Exif()
    north, east = abs(claimed["lat"]), abs(claimed["lon"])
    exif.get_ifd(0x8825).update({1: "N", 2: (north, 0.0, 0.0), 3: "E", 4: (east, 0.0, 0.0)})
    photo = cut_photo(city_map, shown, tmp_path / "gps.jpg", exif=exif, quality=95)
    out = tmp_path / "o.json"
    run(photo, *common, "--out", out)
    assert json.loads(out.read_text())["results"][0]["candidates"][0]["gallery_id"] == shown["gallery_id"]
    run(photo, *common, "--exif-radius-m", 40, "--out", out)
    assert json.loads(out.read_text())["results"][0]["candidates"][0]["gallery_id"] == claimed["gallery_id"]


def test_a_heading_in_the_tags_chooses_among_turned_tiles_only_when_asked_for(run, tmp_path, gallery, city_map, common):
    xmp = b'<x drone-dji:GimbalYawDegree="+118.0" drone-dji:GimbalPitchDegree="-90.0"/>'
    photo = cut_photo(city_map, gallery.tile(20), tmp_path / "yaw.jpg", xmp=xmp, quality=95)
    plain = cut_photo(city_map, gallery.tile(20), tmp_path / "yaw.png")
    out, uav = tmp_path / "o.json", [*common[:-1], "uav"]

    def headings(*words: object) -> set[float]:
        run(*words, "--candidates", 25, "--out", out)
        return {one["heading_deg"] for one in json.loads(out.read_text())["results"][0]["candidates"]}

    assert headings(photo, *uav) >= {0.0, 240.0}
    assert headings(photo, *uav, "--exif-heading-deg", 20) == {120.0}
    assert headings(photo, *uav, "--exif-heading-deg", 125) == {0.0, 120.0, 240.0}
    assert headings(plain, *common, "--exif-heading-deg", 20) == {None}  # tiles are not turned for maps
    assert "no heading in the photo's tags" in run(plain, *uav, "--exif-heading-deg", 20, code=2)
    assert "tolerance" in run(photo, *uav, "--exif-heading-deg", 200, code=2)


def test_one_spot_is_one_answer(run, tmp_path, gallery, city_map, common):
    spot = [cut_photo(city_map, gallery.tile(11), tmp_path / f"{'s' * n}.png") for n in (1, 2, 3)]
    out = tmp_path / "o.json"
    for view in ("map", "uav"):
        run(*spot, *common[:-1], view, "--one-spot", "--out", out)
        (one,) = json.loads(out.read_text())["results"]
        assert one["photos"] == [str(path) for path in spot]
        if view == "map":
            assert one["candidates"][0]["gallery_id"] == gallery.tile(11)["gallery_id"]


def test_what_other_programs_read(run, tmp_path, photos, gallery, common):
    made = {suffix: tmp_path / f"o{suffix}" for suffix in (".geojson", ".csv", ".gpkg", ".parquet")}
    for out in made.values():
        run(*photos.values(), *common, "--candidates", 2, "--out", out)
    truth = [gallery.tile(row) for row in photos]
    collection = json.loads(made[".geojson"].read_text())
    assert collection["type"] == "FeatureCollection"
    for feature in collection["features"]:
        shape = shapely.geometry.shape(feature["geometry"])
        assert shape.is_valid
        if shape.geom_type == "Polygon":
            assert shapely.is_ccw(shape.exterior)  # RFC 7946, section 3.1.6
    places = [one for one in collection["features"] if one["properties"]["kind"] == "place"]
    for feature, tile in zip(places, truth, strict=True):
        lon, lat = feature["geometry"]["coordinates"]
        assert float(distance_m(lat, lon, tile["lat"], tile["lon"])) < 60
    for path, layer in ((made[".gpkg"], "places"), (made[".parquet"], None)):
        frame = geopandas.read_parquet(path) if layer is None else geopandas.read_file(path, layer=layer)
        assert frame.crs == "EPSG:4326"
        assert list(frame["gallery_id"]) == [tile["gallery_id"] for tile in truth]
        assert np.allclose(frame.geometry.y, frame["lat"], atol=1e-7)
    tiles = geopandas.read_file(made[".gpkg"], layer="tiles")
    assert list(tiles["rank"]) == [1, 2] * 3
    lines = made[".csv"].read_text().splitlines()
    assert lines[0].startswith("photo,view,rank,gallery_id,lat,lon,score,confidence")
    assert len(lines) == 1 + 2 * 3


def test_the_page_needs_nothing_else(run, tmp_path, photos, common):
    out = tmp_path / "o.html"
    run(*photos.values(), *common, "--out", out)
    page = out.read_text()
    assert page.count('class="pin') == 3
    assert page.count('class="reach') == 3
    assert "http:" not in page
    assert "https:" not in page
    assert page.count("<img") == 3 + 3 * 5
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("no Chromium on this machine; the page's text was checked")
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", out.resolve().as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    assert dom.count('class="pin') == 3


def test_names_of_strangers_are_text_on_the_page(run, tmp_path, gallery, city_map, common):
    photo = cut_photo(city_map, gallery.tile(3), tmp_path / "<img src=x onerror=alert(1)>&.png")
    run(photo, *common, "--out", tmp_path / "o.html")
    page = (tmp_path / "o.html").read_text()
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;&amp;.png" in page


def test_a_photo_whose_guessed_view_the_gallery_does_not_serve_is_named(run, tmp_path, gallery_folder, model):
    picture = np.random.default_rng(0).integers(40, 160, (90, 120, 3), dtype=np.uint8)
    picture[:30] = (150, 190, 240)
    Image.fromarray(picture).save(tmp_path / "street.png")
    told = run(tmp_path / "street.png", "--gallery", gallery_folder, "--model", model, code=2)
    assert "street.png is taken for a ground picture (its upper part looks like sky)" in told
    assert "--view" in told


def test_a_flight_is_a_line_with_a_covariance_for_each_fix(run, tmp_path, gallery, city_map, common):
    start = datetime(2026, 5, 1, 12, 0, 0)
    first = gallery.tile(0)
    row_of = sorted(range(len(gallery)), key=lambda row: gallery.tile(row)["lon"])
    same = [row for row in row_of if abs(gallery.tile(row)["lat"] - first["lat"]) < 1e-4]
    for number, row in enumerate(same):
        exif = Image.Exif()
        taken = (start + timedelta(seconds=5 * number)).strftime("%Y:%m:%d %H:%M:%S")
        exif.get_ifd(0x8769).update({0x9003: taken})
        cut_photo(city_map, gallery.tile(row), tmp_path / "flight" / f"{9 - number}.jpg", exif=exif, quality=95)
    out = tmp_path / "track.geojson"
    run(tmp_path / "flight", *common, "--track", "--out", out)
    line, *fixes = json.loads(out.read_text())["features"]
    assert line["geometry"]["type"] == "LineString"
    assert [fix["properties"]["photo"][-5] for fix in fixes] == [str(9 - n) for n in range(len(same))]
    lons = [lon for lon, _ in line["geometry"]["coordinates"]]
    assert lons == sorted(lons)
    for fix in fixes:
        covariance = np.array(fix["properties"]["covariance_m2"])
        assert np.allclose(covariance, covariance.T)
        assert (np.linalg.eigvalsh(covariance) > 0).all()


def bomb(path: Path) -> Path:
    """Write a picture of 400 megapixels as far as its header."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 20_000, 20_001, 8, 2, 0, 0, 0)), (b"IDAT", b""), (b"IEND", b"")]
    packed = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    ]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(packed))
    return path


def text(path: Path) -> Path:
    path.write_text("not a picture\n")
    return path


def test_bad_input_is_a_sentence(run, tmp_path, photos, gallery_folder, model, common):
    photo = photos[3]
    (tmp_path / "empty").mkdir()
    other = write_model(tmp_path / "other", seed=5)
    cases = [
        ([bomb(tmp_path / "b.png"), *common], "too many pixels"),
        ([text(tmp_path / "t.jpg"), *common], "not a picture"),
        ([tmp_path / "none.jpg", *common], "no such picture"),
        ([tmp_path / "empty", *common], "folder without a picture"),
        ([*common], "photos"),
        ([photo, "--gallery", gallery_folder, "--model", other], "another model"),
        ([photo, "--gallery", gallery_folder], "--model"),
        ([photo, "--gallery", tmp_path / "empty", "--model", model], "not a finished gallery"),
        ([photo, *common, "--near", "120,10,500"], "latitude outside the globe"),
        ([photo, *common, "--near", "52"], "LAT,LON"),
        ([photo, *common, "--near", "-33,151,500"], "no tile of the gallery lies in the area"),
        ([photo, *common, "--near", "52,10,-5"], "radius"),
        ([photo, *common, "--exif-radius-m", 50], "no position in the photo's tags"),
        ([photo, *common, "--exif-radius-m", 50, "--near", "52,10,5"], "either"),
        ([photo, *common[:-1], "ground"], "not built for photos of this view"),
        ([photo, *common[:-1], "satellite"], "view of the photos"),
        ([photo, *common, "--candidates", 0], "candidates in an answer"),
        ([photo, *common, "--min-confidence", 2], "0 to 1"),
        ([photo, *common, "--track"], "without a time"),
        ([photo, *common, "--track", "--one-spot"], "a spot does not"),
    ]
    for words, expected in cases:
        assert expected in run(*words, "--out", tmp_path / "bad.geojson", code=2), words
    assert ".html" in run(photo, *common, "--out", tmp_path / "o.kml", code=2)
    assert not list(tmp_path.glob("bad*"))


def test_a_changed_byte_of_the_gallery_is_found(run, tmp_path, photos, gallery_folder, model):
    copy = tmp_path / "G"
    shutil.copytree(gallery_folder, copy)
    listed = copy / "gallery.json"
    listed.write_bytes(listed.read_bytes().replace(b'"dimension"', b'"dimensiom"', 1))
    words = [photos[3], "--gallery", copy, "--model", model, "--view", "map", "--out", tmp_path / "o.json"]
    assert "not those recorded" in run(*words, code=2)
    assert not (tmp_path / "o.json").exists()


def test_without_a_calibration_nothing_is_made_up(run, tmp_path, photos, gallery_folder):
    bare = write_model(tmp_path / "model")
    out = tmp_path / "o.json"
    run(photos[3], "--gallery", gallery_folder, "--model", bare, "--view", "map", "--out", out)
    (one,) = json.loads(out.read_text())["results"]
    assert (one["confidence"], one["radius_m"], one["abstained"]) == (None, None, None)


def test_help_teaches(run):
    told = run("--help")
    assert "usage: gleam-c locate PHOTOS ... --gallery GALLERY" in told
    assert "--photos" not in told
    for word in ("--near", "--radius-m", "--exif-radius-m", "--track", ".gpkg"):
        assert word in told
