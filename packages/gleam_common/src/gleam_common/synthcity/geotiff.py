"""The held-out city of a world as one map: ``city.tif``, a GeoTIFF that covers all of its tiles.

Its CRS is the city's own transverse Mercator frame, so that its metres are true and its columns run north-south.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.enums import Resampling
from rasterio.io import MemoryFile
from rasterio.transform import from_origin

from gleam_common.artifacts import write_atomic
from gleam_common.synthcity.camera import draw_camera
from gleam_common.synthcity.ground import paint_ground
from gleam_common.synthcity.model import City
from gleam_common.synthcity.picture import Camera
from gleam_common.synthcity.scene import Scene
from gleam_common.synthcity.weather import draw_weather
from gleam_common.synthcity.world import WorldConfig, plan_world
from gleam_common.views import View

__all__ = ["CITY_MAP", "city_map_camera", "write_city_map"]

CITY_MAP = "city.tif"
_STREAM = 7403
_OVERVIEWS = (2, 4, 8)


def write_city_map(config: WorldConfig, out: str | Path) -> Path:
    """Take one satellite picture of the whole held-out city and write it as ``out/city.tif``; return its path.

    Season, sun and traffic are of their own, as if it were taken on another day than the tiles. Same seed, same bytes.
    """
    city = plan_world(config)[-1].build()
    rgb, camera = photograph(city, config.seed)
    path = Path(out) / CITY_MAP
    with write_atomic(path) as file:
        file.write(_encoded(city, camera, rgb))
    return path


def city_map_camera(city: City, seed: int) -> Camera:
    """Return a satellite camera over the square around all tiles of a city, with the tiles' ground size of a pixel."""
    tile = draw_camera(city, city.places[0], View.SATELLITE, seed)
    x_m, y_m = (np.array([getattr(place, axis) for place in city.places]) for axis in ("x_m", "y_m"))
    side_m = max(float(np.ptp(x_m)), float(np.ptp(y_m))) + city.tile_m
    side_px = round(side_m / tile.extent_m * tile.width_px)
    x, y = (float(at.min() + at.max()) / 2 for at in (x_m, y_m))
    return replace(tile, x_m=x, y_m=y, target_x_m=x, target_y_m=y, extent_m=side_m, width_px=side_px, height_px=side_px)


def photograph(city: City, seed: int) -> tuple[npt.NDArray[np.uint8], Camera]:
    """Return the picture (H, W, 3) of a whole city and the camera that took it."""
    camera = city_map_camera(city, seed)
    own_seed = int(np.random.SeedSequence([city.seed, _STREAM]).generate_state(1)[0])
    weather = draw_weather(View.SATELLITE, own_seed, city.origin.lat)
    weather = replace(weather, sensor=replace(weather.sensor, vignette=0.0))  # a mosaic has none
    return Scene(city, paint_ground(city)).render(camera, weather, own_seed).rgb, camera


def _encoded(city: City, camera: Camera, rgb: npt.NDArray[np.uint8]) -> bytes:
    """Return a GeoTIFF's bytes: tiled, with overviews."""
    half_m, origin = camera.extent_m / 2, city.origin
    crs = rasterio.CRS.from_proj4(f"+proj=tmerc +lat_0={origin.lat!r} +lon_0={origin.lon!r} +k=1 +datum=WGS84 +units=m")
    gsd_m = camera.extent_m / camera.width_px
    options = {
        "driver": "GTiff", "width": camera.width_px, "height": camera.height_px, "count": 3, "dtype": "uint8",
        "crs": crs, "transform": from_origin(camera.x_m - half_m, camera.y_m + half_m, gsd_m, gsd_m),
        "tiled": True, "blockxsize": 256, "blockysize": 256, "compress": "deflate", "predictor": 2,
        "photometric": "rgb", "interleave": "pixel",
    }  # fmt: skip
    with MemoryFile() as memory:
        with memory.open(**options) as file:
            file.write(rgb.transpose(2, 0, 1))
            file.build_overviews(_OVERVIEWS, Resampling.average)
        return bytes(memory.read())
