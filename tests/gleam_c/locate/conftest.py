"""One tiny gallery for all tests of locate: a map of coloured fields, a random model, photos cut from the map."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from gleam_c.gallery.build import build_gallery
from gleam_c.gallery.description import model_sha256
from gleam_c.gallery.gallery import Gallery
from gleam_c.gallery.sources.source import CutOptions
from gleam_c.locate.calibration import Calibration, ViewCalibration
from gleam_common.catalog import Catalog
from gleam_common.geo import LatLon, LocalFrame
from gleam_common.views import View
from tiny_gallery import write_map, write_model
from tiny_photos import cut_photo

FIT = ViewCalibration(temperature=0.02, radius_factor=1.0, least_score=0.1, queries=50)


@pytest.fixture(scope="session")
def model(tmp_path_factory) -> Path:
    folder = write_model(tmp_path_factory.mktemp("run") / "model")
    views = {View.MAP: FIT, View.UAV: FIT, View.PANORAMA: FIT}
    Calibration(model_sha256=model_sha256(folder), views=views).write(folder / "calibration.json")
    return folder


@pytest.fixture(scope="session")
def city_map(tmp_path_factory) -> Path:
    return write_map(tmp_path_factory.mktemp("map") / "city.tif")


@pytest.fixture(scope="session")
def gallery_folder(tmp_path_factory, model, city_map) -> Path:
    folder = tmp_path_factory.mktemp("gallery") / "G"
    build_gallery(city_map, model, folder, options=CutOptions(widths_m=(120.0,)), views=("uav", "map", "panorama"))
    return folder


@pytest.fixture(scope="session")
def gallery(gallery_folder) -> Gallery:
    return Gallery.open(gallery_folder)


@pytest.fixture(scope="session")
def photos(tmp_path_factory, gallery, city_map) -> dict[int, Path]:
    """Photos that show the tiles of three rows of the gallery."""
    folder = tmp_path_factory.mktemp("photos")
    return {row: cut_photo(city_map, gallery.tile(row), folder / f"p{row}.png") for row in (20, 3, 11)}


@pytest.fixture(scope="session")
def catalog(tiny_catalog, tmp_path_factory) -> Catalog:
    """The tiny catalog with the outlines of its tiles, which are 120 m wide."""
    bounds = []
    for lat, lon in tiny_catalog.gallery_latlon():
        frame = LocalFrame(origin=LatLon(lat=float(lat), lon=float(lon)))
        (south, north), (west, east) = frame.to_latlon([-60.0, 60.0], [-60.0, 60.0])
        bounds.append([south, west, north, east])
    table = tiny_catalog.gallery
    at = table.schema.get_field_index("bounds")
    table = table.set_column(at, "bounds", pa.array(bounds, type=table.schema.field("bounds").type))
    made = Catalog(gallery=table, queries=tiny_catalog.queries, root=tiny_catalog.root)
    made.write(tmp_path_factory.mktemp("catalog"))
    return made
