"""The same tiles from a folder, an archive and a database; pictures by world file, tags and .csv; what is refused."""

from __future__ import annotations

import csv
import math
import sqlite3
import zipfile
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
import rasterio
from gleam_c.gallery.sources.opening import open_source
from gleam_c.gallery.sources.pictures import PicturesSource
from gleam_c.gallery.sources.source import CutOptions
from gleam_c.gallery.sources.xyz import Mercator, XyzSource
from gleam_c.gallery.tiles import globe_points, spatial_order
from gleam_common.errors import ConfigError, DataError
from gleam_common.geo import distance_m
from PIL import Image
from rasterio.transform import from_origin

ZOOM, X, Y = 18, 140_800, 86_000  # near Berlin


def tile_bytes(x: int, y: int, side_px: int = 256) -> bytes:
    """Draw a tile whose colour grows with its place in the pyramid: 4 x 4 tiles span the range."""
    row, col = np.mgrid[:side_px, :side_px]
    rgb = np.stack([(x - X) * 60 + col * 60 // side_px, (y - Y) * 60 + row * 60 // side_px, 0 * col], axis=-1)
    buffer = BytesIO()
    Image.fromarray(rgb.astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def pyramid(tmp_path):
    tiles = {(ZOOM, X + x, Y + y): tile_bytes(X + x, Y + y) for x in range(4) for y in range(4) if (x, y) != (3, 3)}
    for (z, x, y), content in tiles.items():
        path = tmp_path / f"xyz/{z}/{x}/{y}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    with zipfile.ZipFile(tmp_path / "tiles.zip", "w") as archive:
        for (z, x, y), content in tiles.items():
            archive.writestr(f"some/folder/{z}/{x}/{y}.png", content)
    with sqlite3.connect(tmp_path / "tiles.mbtiles") as database:
        database.execute("CREATE TABLE metadata (name text, value text)")
        database.execute("INSERT INTO metadata VALUES ('format', 'png')")
        database.execute("CREATE TABLE tiles (zoom_level int, tile_column int, tile_row int, tile_data blob)")
        rows = [(z, x, 2**z - 1 - y, content) for (z, x, y), content in tiles.items()]
        database.executemany("INSERT INTO tiles VALUES (?, ?, ?, ?)", rows)
    return tmp_path


@pytest.mark.parametrize("widths_m", [None, (60.0, 150.0)])
def test_folder_archive_and_database_give_the_same_tiles(pyramid, widths_m):
    options = CutOptions(widths_m=widths_m)
    sources = [open_source(pyramid / name, options, "set") for name in ("xyz", "tiles.zip", "tiles.mbtiles")]
    first, *others = [source.plan() for source in sources]
    assert len(first) == 15 if widths_m is None else len(first) > 100
    for table in others:
        assert table.equals(first)
    for tile in first.to_pylist()[::20]:
        pictures = [source.read(tile, 64) for source in sources]
        assert all((picture == pictures[0][0]).all() and share == pictures[0][1] for picture, share in pictures)


def test_tiles_as_they_are_lie_where_the_scheme_says(pyramid):
    tiles = {tile["gallery_id"]: tile for tile in open_source(pyramid / "xyz", CutOptions()).plan().to_pylist()}
    tile = tiles[f"xyz/{ZOOM}/{X + 1}/{Y + 2}"]
    west = (X + 1) / 2**ZOOM * 360 - 180
    north = math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * (Y + 2) / 2**ZOOM))))
    assert tile["corners"][:2] == pytest.approx([north, west], abs=1e-9)
    assert tile["lon"] == pytest.approx(west + 180 / 2**ZOOM, abs=1e-9)
    # Web Mercator's own metres would say 152.9.
    assert tile["width_m"] == pytest.approx(156543.03 / 2**ZOOM * 256 * math.cos(math.radians(tile["lat"])), rel=4e-3)
    assert tile["gsd_m"] == pytest.approx(tile["width_m"] / 256)


def test_cut_tiles_show_their_place_and_know_what_is_missing(pyramid):
    source = open_source(pyramid / "xyz", CutOptions(widths_m=(70.0,), min_covered=0.5))
    assert isinstance(source, XyzSource)
    mercator, tiles, shares = Mercator(ZOOM, 256), source.plan().to_pylist(), []
    for tile in tiles:
        corners = np.array(tile["corners"]).reshape(4, 2)
        assert float(distance_m(*corners[0], *corners[1])) == pytest.approx(70.0, rel=1e-6)
        picture, covered = source.read(tile, 65)
        shares.append(covered)
        if covered == 1:
            col, row = mercator.to_pixels(np.array([tile["lat"]]), np.array([tile["lon"]]))
            middle = picture[len(picture) // 2, len(picture) // 2, :2]
            np.testing.assert_allclose(middle, [(col[0] / 256 - X) * 60, (row[0] / 256 - Y) * 60], atol=2.5)
    assert 0.5 <= min(shares) < 0.95
    assert max(shares) == 1


def test_cut_tiles_across_the_antimeridian(tmp_path):
    last = 2**ZOOM - 1
    for x in (last, 0):
        path = tmp_path / f"xyz/{ZOOM}/{x}/{Y}.png"
        path.parent.mkdir(parents=True)
        path.write_bytes(tile_bytes(X, Y))
    source = open_source(tmp_path / "xyz", CutOptions(widths_m=(60.0,), min_covered=0.9))
    tiles = source.plan().to_pylist()
    assert {tile["lon"] > 0 for tile in tiles} == {True, False}
    assert any(min(tile["corners"][1::2]) < 0 < max(tile["corners"][1::2]) for tile in tiles)
    assert all(source.read(tile, 48)[1] > 0.9 for tile in tiles)


def write_pictures(folder: Path, crs: str = "EPSG:32633") -> np.ndarray:
    folder.mkdir()
    rgb = np.random.default_rng(0).integers(0, 256, (10, 10, 3), dtype=np.uint8).repeat(20, axis=0).repeat(20, axis=1)
    with rasterio.open(
        folder / "tagged.tif", "w", driver="GTiff", width=200, height=200, count=3, dtype="uint8", crs=crs,
        transform=from_origin(5e5, 5.8e6, 0.5, 0.5),
    ) as file:  # fmt: skip
        file.write(rgb.transpose(2, 0, 1))
    cv2.imwrite(str(folder / "world.png"), rgb[..., ::-1])
    (folder / "world.pgw").write_text("0.5\n0\n0\n-0.5\n500000.25\n5799999.75\n")
    return rgb


def test_world_files_and_tags_place_the_same_picture_alike(tmp_path):
    rgb = write_pictures(tmp_path / "pictures")
    source = open_source(tmp_path / "pictures", CutOptions(crs="EPSG:32633"))
    tagged, world = source.plan().to_pylist()
    assert (tagged["source_file"], world["source_file"]) == ("tagged.tif", "world.png")
    assert world["gallery_id"].startswith("pictures/world/")
    for name in ("lat", "lon", "corners", "width_m", "window"):
        assert tagged[name] == pytest.approx(world[name], abs=1e-9)
    assert tagged["width_m"] == pytest.approx(100, rel=1e-3)
    first, second = (source.read(tile, 200)[0] for tile in (tagged, world))
    assert (first == second).all()
    assert np.abs(first[10::20, 10::20].astype(int) - rgb[10::20, 10::20]).mean() < 12
    assert len(open_source(tmp_path / "pictures", CutOptions(crs="EPSG:32633", widths_m=(40.0,))).plan()) == 50


def write_csv(folder: Path, rows: list[dict[str, object]]) -> Path:
    folder.mkdir(exist_ok=True)
    for row in rows:
        cv2.imwrite(str(folder / Path(str(row["file"])).name), np.full((50, 50, 3), 99, dtype=np.uint8))
    with (folder / "tiles.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


def test_a_table_places_pictures_by_centre_or_by_box(tmp_path):
    folder = write_csv(tmp_path / "a", [{"file": "one.png", "lat": 52.5, "lon": 13.4, "ground_m": 128}])
    (tile,) = open_source(folder, CutOptions()).plan().to_pylist()
    assert (tile["gallery_id"], tile["width_m"], tile["gsd_m"]) == ("a/one", 128.0, 128 / 50)
    corners = np.array(tile["corners"]).reshape(4, 2)
    assert float(distance_m(*corners[0], *corners[3])) == pytest.approx(128, rel=1e-6)
    box = {"file": "one.png", "south": -17.001, "west": 179.9995, "north": -17.0, "east": -179.9995}
    (tile,) = open_source(write_csv(tmp_path / "b", [box]), CutOptions()).plan().to_pylist()
    assert abs(tile["lon"]) == pytest.approx(180.0)
    assert tile["width_m"] == pytest.approx(106.5, abs=0.5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lat": 120.0}, r"line 2.*latitude.*latitude comes first"),
        ({"lat": "x"}, r"line 2.*not numbers"),
        ({"ground_m": 0}, r"line 2.*ground width"),
        ({"file": "../one.png"}, "outside the folder"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, change, words):
    row = {"file": "one.png", "lat": 52.5, "lon": 13.4, "ground_m": 128} | change
    with pytest.raises(DataError, match=words):
        open_source(write_csv(tmp_path / "a", [row]), CutOptions()).plan()


def read_all(path: Path) -> list[object]:
    source = open_source(path, CutOptions())
    return [source.read(tile, 64) for tile in source.plan().to_pylist()]


def test_what_is_no_source_is_refused_in_words(tmp_path, pyramid):
    with pytest.raises(DataError, match=r"no tiles of zoom: 17; allowed: 18"):
        open_source(pyramid / "xyz", CutOptions(zoom=17))
    with pytest.raises(ConfigError, match=r"--crs on XYZ tiles"):
        open_source(pyramid / "xyz", CutOptions(crs="EPSG:3857"))
    (tmp_path / "broken.zip").write_bytes(b"PK no")
    with pytest.raises(DataError, match=r"broken\.zip: not a \.zip"):
        open_source(tmp_path / "broken.zip", CutOptions())
    (tmp_path / "broken.mbtiles").write_bytes(b"not a database at all")
    with pytest.raises(DataError, match=r"not an \.mbtiles"):
        open_source(tmp_path / "broken.mbtiles", CutOptions())
    with zipfile.ZipFile(tmp_path / "empty.zip", "w") as archive:
        archive.writestr("readme.txt", "nothing")
    with pytest.raises(DataError, match="no XYZ tiles"):
        open_source(tmp_path / "empty.zip", CutOptions())
    plain = tmp_path / "plain"
    plain.mkdir()
    cv2.imwrite(str(plain / "photo.png"), np.zeros((9, 9, 3), dtype=np.uint8))
    with pytest.raises(DataError, match=r"1 of 1 pictures have no place.*photo\.png.*world files"):
        open_source(plain, CutOptions())
    table = write_csv(tmp_path / "table", [{"file": "one.png", "where": "here"}])
    with pytest.raises(DataError, match=r"missing columns.*lat, lon, width_m"):
        PicturesSource(table, CutOptions(), "t").plan()
    bad = pyramid / f"xyz/{ZOOM}/{X}/{Y}.png"
    bad.write_bytes(tile_bytes(X, Y, side_px=128))
    with pytest.raises(DataError, match="of another size than the others"):
        read_all(pyramid / "xyz")


def test_near_tiles_get_near_rows():
    lat, lon = (part.ravel() for part in np.meshgrid(np.linspace(60, 60.2, 64), np.linspace(179.9, 180.1, 64)))
    order = spatial_order(globe_points(lat, (lon + 180) % 360 - 180))
    assert sorted(order) == list(range(64 * 64))
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    near = distance_m(60.1, -180.0, lat, lon) < 1000.0
    rows = np.sort(place[near])
    runs = 1 + int((np.diff(rows) > 64).sum())
    assert near.sum() > 30
    assert runs <= 8  # the candidates of a prior lie in a few pieces
