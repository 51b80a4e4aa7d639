"""``city.tif`` is the held-out city, in its place."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from gleam_common.errors import ConfigError
from gleam_common.synthcity import geotiff
from gleam_common.synthcity.photographer import Studio
from gleam_common.synthcity.world import WorldConfig, plan_world, shots_of
from gleam_common.views import View
from rasterio.warp import transform


@pytest.fixture(scope="module")
def world():
    return WorldConfig(seed=3, places=18)


@pytest.fixture(scope="module")
def studio(world):
    return Studio(plan_world(world)[-1])


def test_the_map_lies_where_the_tiles_lie_and_shows_what_they_show(tmp_path, world, studio):
    path = geotiff.write_city_map(world, tmp_path)
    city = studio.city
    with rasterio.open(path) as file:
        rgb, matrix, crs = file.read().transpose(1, 2, 0), file.transform, file.crs
        assert file.overviews(1) == [2, 4, 8]
    assert matrix.a == pytest.approx(city.tile_m / 256)
    agreement = []
    for place in city.places[::4]:
        lat, lon = city.frame.to_latlon(place.x_m, place.y_m)
        (x,), (y,) = transform("EPSG:4326", crs, [float(lon)], [float(lat)])
        col, row = ~matrix @ (x, y)
        assert abs(col - round(col)) < 1e-3
        part = rgb[round(row) - 128 : round(row) + 128, round(col) - 128 : round(col) + 128]
        tile = studio.take(place, next(shots_of(studio.plan, place, 1))).rgb
        shifted = np.roll(tile, 40, axis=1)
        agreement.append(
            np.corrcoef(part.mean(axis=2).ravel(), tile.mean(axis=2).ravel())[0, 1]
            - np.corrcoef(part.mean(axis=2).ravel(), shifted.mean(axis=2).ravel())[0, 1]
        )
    assert min(agreement) > 0.1


def test_the_camera_covers_every_tile(studio):
    city = studio.city
    camera = geotiff.city_map_camera(city, 0)
    assert camera.view is View.SATELLITE
    for place in city.places:
        assert abs(place.x_m - camera.x_m) + city.tile_m / 2 <= camera.extent_m / 2 + 1e-6
        assert abs(place.y_m - camera.y_m) + city.tile_m / 2 <= camera.extent_m / 2 + 1e-6


def test_a_map_without_a_world_is_refused(tmp_path):
    from gleam_common.data_commands import synth

    with pytest.raises(ConfigError, match=r"--geotiff without a world.*--out"):
        synth(preview=tmp_path / "sheet.png", geotiff=True)
