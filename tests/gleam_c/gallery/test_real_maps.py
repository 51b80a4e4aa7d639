"""Real maps, read only: a GeoTIFF of a flight, slippy tiles, a table of tiles, large maps without coordinates.

The pictures lie outside the repository (``GLEAM_REAL_DATA``); without them these tests are skipped.
"""

from __future__ import annotations

import csv
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
from gleam_c.gallery.build import build_gallery
from gleam_c.gallery.sources.opening import open_source
from gleam_c.gallery.sources.source import CutOptions
from gleam_common.geo import distance_m
from rasterio.warp import transform

REAL = Path(os.environ.get("GLEAM_REAL_DATA", "../shared/data/real"))
pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason=f"no real pictures at {REAL} (set GLEAM_REAL_DATA)")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_the_geotiff_of_a_flight_becomes_a_gallery_around_its_photos(tmp_path, model):
    ortho = REAL / "uav_brighton_beach/ortho.tif"
    options = CutOptions(widths_m=(40.0,))
    gallery = build_gallery(ortho, model, tmp_path / "G", options=options, views=["uav"]).gallery
    gallery.verify()
    tiles = gallery.segments[0].read_tiles()
    with rasterio.open(ortho) as file:
        assert tiles["gsd_m"].to_numpy() == pytest.approx(abs(file.transform.a), rel=1e-2)
        lon, lat = transform(file.crs, "EPSG:4326", *[[v] for v in file.transform @ (file.width / 2, file.height / 2)])
    middle = distance_m(lat[0], lon[0], tiles["lat"].to_numpy(), tiles["lon"].to_numpy())
    assert middle.max() < 45
    photos = [row for row in rows_of(REAL / "pairs.csv") if row["source"] == "uav_brighton_beach"]
    assert len(photos) == 8
    for photo in photos:
        away_m = distance_m(float(photo["lat"]), float(photo["lon"]), tiles["lat"].to_numpy(), tiles["lon"].to_numpy())
        assert away_m.min() < 32  # some photos were taken over the edge of the map


def test_slippy_tiles_lie_where_their_publisher_says(tmp_path):
    folder = REAL / "map_kampala_oam"
    rows = rows_of(folder / "tiles.csv")
    for row in rows:
        path = tmp_path / f"xyz/{row['z']}/{row['x']}/{row['y']}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / row["file"], path)
    by_index = {tile["source_file"]: tile for tile in open_source(tmp_path / "xyz", CutOptions()).plan().to_pylist()}
    by_table = open_source(folder, CutOptions()).plan().to_pylist()
    assert len(by_index) == len(by_table) == 147
    for row, tile in zip(rows, by_table, strict=True):
        other = by_index[f"{row['z']}/{row['x']}/{row['y']}"]
        assert other["corners"] == pytest.approx(tile["corners"], abs=2e-8)  # the table has eight decimals
        assert other["width_m"] == pytest.approx(tile["width_m"], rel=1e-3)
    cut = open_source(tmp_path / "xyz", CutOptions(widths_m=(60.0,), zoom=21))
    tiles = cut.plan().to_pylist()
    assert len(tiles) > 50
    assert cut.read(tiles[len(tiles) // 2], 200)[0].std() > 10


def test_a_table_of_aerial_tiles(tmp_path):
    folder = REAL / "map_berlin"
    tiles = open_source(folder, CutOptions()).plan().to_pylist()
    assert len(tiles) == 108
    rows = {row["file"]: row for row in rows_of(folder / "tiles.csv")}
    for tile in tiles:
        row = rows[tile["source_file"]]
        assert (tile["lat"], tile["lon"]) == pytest.approx((float(row["lat"]), float(row["lon"])))
        corners = np.array(tile["corners"]).reshape(4, 2)
        assert float(distance_m(*corners[0], *corners[1])) == pytest.approx(float(row["ground_m"]), rel=1e-6)


@pytest.mark.parametrize("season", ["01", "03"])
def test_a_large_map_without_coordinates_is_cut_like_its_own_table(season):
    options = CutOptions(crs="local", gsd_m=1.0, widths_m=(400.0,))
    source = open_source(REAL / f"uav_adm/maps/AdM-{season}-2014.jpg", options)
    windows = {tuple(map(round, tile["window"])) for tile in source.plan().to_pylist()}
    own = {(int(r["map_x0"]), int(r["map_y0"]), 400, 400) for r in rows_of(REAL / "uav_adm/tiles.csv")}
    assert windows == own
    picture, covered = source.read(source.plan().to_pylist()[264], 200)
    assert picture.shape == (200, 200, 3)
    assert covered == 1
