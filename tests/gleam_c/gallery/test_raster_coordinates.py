"""Where tiles of a raster lie, against rasterio's own transforms, to a thousandth of a pixel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from gleam_c.gallery.sources.raster import Raster
from gleam_c.gallery.sources.raster_source import RasterSource
from gleam_c.gallery.sources.source import CutOptions
from gleam_common.errors import ConfigError, DataError
from gleam_common.geo import distance_m
from rasterio.transform import from_origin
from rasterio.warp import transform as warp_points

SIDE_PX = 640


def write_raster(path: Path, crs: str | None, matrix: rasterio.Affine, side_px: int = SIDE_PX, **profile) -> Path:
    """Write a GeoTIFF whose red grows with the column, green with the row."""
    row, col = np.mgrid[:side_px, :side_px]
    bands = np.stack([col * 255 / side_px, row * 255 / side_px, np.full_like(col, 90)]).astype(np.uint8)
    options = {"driver": "GTiff", "width": side_px, "height": side_px, "count": 3, "dtype": "uint8"} | profile
    with rasterio.open(path, "w", crs=crs, transform=matrix, **options) as file:
        file.write(bands)
    return path


def origin_of(crs: str, lat: float, lon: float) -> tuple[float, float]:
    x, y = warp_points("EPSG:4326", crs, [lon], [lat])
    return x[0], y[0]


PLACES = [
    ("EPSG:4326", 47.3, 8.5, 1e-5),
    ("EPSG:4326", -61.0, -58.9, 1e-5),
    ("EPSG:3857", 52.5, 13.4, 1.0),
    ("EPSG:3857", -33.9, 151.2, 1.0),
    ("EPSG:32633", 59.3, 12.2, 0.7),
    ("EPSG:32756", -33.9, 151.2, 0.7),
]


@pytest.mark.parametrize("turn_deg", [0.0, 33.0])
@pytest.mark.parametrize(("crs", "lat", "lon", "pixel"), PLACES)
def test_corners_agree_with_rasterio_to_a_thousandth_of_a_pixel(tmp_path, crs, lat, lon, pixel, turn_deg):
    x, y = origin_of(crs, lat, lon)
    matrix = from_origin(x, y, pixel, pixel) @ rasterio.Affine.rotation(turn_deg)
    source = RasterSource(write_raster(tmp_path / "map.tif", crs, matrix), CutOptions(widths_m=(90.0, 150.0)))
    tiles = source.plan().to_pylist()
    assert {tile["level"] for tile in tiles} == {0, 1}
    for tile in tiles[:: max(1, len(tiles) // 12)]:
        corners = np.array(tile["corners"]).reshape(4, 2)
        xs, ys = warp_points("EPSG:4326", crs, corners[:, 1].tolist(), corners[:, 0].tolist())
        expected = np.stack(~matrix @ (np.array(xs), np.array(ys)), axis=1)
        np.testing.assert_allclose(source.quad_of(tile), expected, atol=1e-3)
        col, row, width, height = tile["window"]
        np.testing.assert_allclose([col, row], expected.min(axis=0), atol=1e-3)
        np.testing.assert_allclose([col + width, row + height], expected.max(axis=0), atol=1e-3)


@pytest.mark.parametrize("turn_deg", [0.0, 33.0, 180.0])
@pytest.mark.parametrize(("crs", "lat", "lon", "pixel"), PLACES[::2])
def test_a_cut_tile_shows_the_pixels_at_its_place(tmp_path, crs, lat, lon, pixel, turn_deg):
    x, y = origin_of(crs, lat, lon)
    matrix = from_origin(x, y, pixel, pixel) @ rasterio.Affine.rotation(turn_deg)
    source = RasterSource(write_raster(tmp_path / "map.tif", crs, matrix), CutOptions(widths_m=(100.0,), min_covered=1))
    tiles = source.plan().to_pylist()
    for tile in tiles[:: max(1, len(tiles) // 5)]:
        picture, covered = source.read(tile, 64)
        assert covered > 0.95
        quad, side = source.quad_of(tile), len(picture)
        for right, down in ((0.5, 0.5), (0.2, 0.7), (0.8, 0.3)):
            nw, ne, se, sw = quad
            expected = (1 - down) * ((1 - right) * nw + right * ne) + down * ((1 - right) * sw + right * se)
            found = picture[int(down * side), int(right * side)][:2] / 255 * SIDE_PX
            middle = ((int(right * side) + 0.5) / side - right, (int(down * side) + 0.5) / side - down)
            expected = expected + middle[0] * (ne - nw) + middle[1] * (sw - nw)
            assert np.abs(found + 1.25 - expected).max() < 3.5  # one grey level is 2.5 pixels


@pytest.mark.parametrize(("crs", "lat", "lon", "pixel"), PLACES)
def test_tiles_are_square_in_real_metres_and_cover_the_raster(tmp_path, crs, lat, lon, pixel):
    x, y = origin_of(crs, lat, lon)
    source = RasterSource(
        write_raster(tmp_path / "map.tif", crs, from_origin(x, y, pixel, pixel)),
        CutOptions(widths_m=(80.0,), overlap=0.25),
    )
    tiles = source.plan().to_pylist()
    corners = np.array([tile["corners"] for tile in tiles]).reshape(-1, 4, 2)
    for first, second in ((0, 1), (1, 2), (2, 3), (3, 0)):
        sides = distance_m(*corners[:, first].T, *corners[:, second].T)
        np.testing.assert_allclose(sides, 80.0, rtol=1e-6)
    covered = np.zeros((SIDE_PX, SIDE_PX), dtype=bool)
    for tile in tiles:
        low, high = source.quad_of(tile).min(axis=0), source.quad_of(tile).max(axis=0)
        covered[max(0, round(low[1])) : round(high[1]), max(0, round(low[0])) : round(high[0])] = True
    assert covered.mean() > 0.96  # convergence of the projection leaves slivers at the edges
    np.testing.assert_allclose(
        [tile["gsd_m"] for tile in tiles], 80.0 / np.array([t["window"][2:] for t in tiles]).mean(axis=1), rtol=0.05
    )


@pytest.mark.parametrize(
    ("crs", "x", "y", "pixel"), [("EPSG:4326", 179.998, -16.8, 1e-5), ("EPSG:3857", 20037300.0, -1900000.0, 1.0)]
)
def test_a_raster_across_the_antimeridian(tmp_path, crs, x, y, pixel):
    source = RasterSource(
        write_raster(tmp_path / "map.tif", crs, from_origin(x, y, pixel, pixel)), CutOptions(widths_m=(100.0,))
    )
    tiles = source.plan().to_pylist()
    assert min(tile["lon"] for tile in tiles) < -179.99 < 179.99 < max(tile["lon"] for tile in tiles)
    picture_share = [source.read(tile, 48)[1] for tile in tiles]
    assert min(picture_share) > 0.75
    quads = np.array([source.quad_of(tile) for tile in tiles])
    assert quads.min() > -40
    assert quads.max() < SIDE_PX + 40


@pytest.mark.parametrize(("crs", "sign"), [("EPSG:3031", -1), ("EPSG:3413", 1)])
def test_a_raster_around_a_pole(tmp_path, crs, sign):
    matrix = from_origin(-320.0, 320.0, 1.0, 1.0)
    source = RasterSource(write_raster(tmp_path / "map.tif", crs, matrix), CutOptions(widths_m=(120.0,)))
    tiles = source.plan().to_pylist()
    assert len(tiles) >= 60
    assert max(sign * tile["lat"] for tile in tiles) > 89.999
    assert {round(tile["lon"] // 90) for tile in tiles} == {-2, -1, 0, 1}
    for tile in tiles:
        north_px = source.quad_of(tile)[:2].mean(axis=0) - source.quad_of(tile)[2:].mean(axis=0)
        assert 115 < np.linalg.norm(north_px) < 125


def read_all(path):
    source = RasterSource(path, CutOptions(widths_m=(300.0,)))
    return [source.read(tile, 64) for tile in source.plan().to_pylist()]


def test_what_is_no_map_is_refused_in_words(tmp_path):
    plain = write_raster(tmp_path / "plain.tif", None, from_origin(0, 0, 1, 1))
    with pytest.raises(DataError, match=r"without CRS.*--crs"):
        Raster(plain)
    identity = write_raster(tmp_path / "identity.tif", "EPSG:32633", rasterio.Affine.identity())
    with pytest.raises(DataError, match=r"no transform.*world file"):
        Raster(identity)
    with pytest.raises(ConfigError, match="EPSG:99999999"):
        Raster(plain, "EPSG:99999999")
    deep = tmp_path / "deep.tif"
    with rasterio.open(
        deep,
        "w",
        driver="GTiff",
        width=8,
        height=8,
        count=1,
        dtype="uint16",
        crs="EPSG:32633",
        transform=from_origin(0, 0, 1, 1),
    ) as file:
        file.write(np.ones((1, 8, 8), dtype=np.uint16))
    with pytest.raises(DataError, match=r"8 bits.*uint16.*-scale"):
        Raster(deep)
    options = {"driver": "GTiff", "count": 1, "dtype": "uint8", "SPARSE_OK": True, "transform": from_origin(0, 0, 1, 1)}
    with rasterio.open(
        tmp_path / "bomb.tif",
        "w",
        width=12_000,
        height=12_000,
        tiled=True,
        blockxsize=12_000,
        blockysize=12_000,
        crs="EPSG:32633",
        **options,
    ):
        pass
    with pytest.raises(DataError, match=r"read at once: 144000000.*TILED=YES"):
        Raster(tmp_path / "bomb.tif")
    (tmp_path / "text.tif").write_text("not a picture")
    with pytest.raises(DataError, match=r"not a raster.*GeoTIFF"):
        Raster(tmp_path / "text.tif")
    (tmp_path / "trick.vrt").write_text("<VRTDataset/>")
    with pytest.raises(DataError, match="not a raster"):
        Raster(tmp_path / "trick.vrt")
    lost = write_raster(tmp_path / "lost.tif", "EPSG:4326", from_origin(20.0, 120.0, 1e-5, 1e-5))
    with pytest.raises(DataError, match="not on the globe"):
        RasterSource(lost, CutOptions(widths_m=(50.0,))).plan()
    small = write_raster(tmp_path / "small.tif", "EPSG:32633", from_origin(5e5, 5e6, 0.1, 0.1), side_px=100)
    with pytest.raises(DataError, match=r"no tile is covered.*10 m of ground.*--widths-m"):
        RasterSource(small, CutOptions()).plan()
    cut_off = tmp_path / "cut.tif"
    cut_off.write_bytes(
        write_raster(tmp_path / "whole.tif", "EPSG:32633", from_origin(5e5, 5e6, 1, 1)).read_bytes()[:9000]
    )
    with pytest.raises(DataError, match=r"cut\.tif"):
        read_all(cut_off)


def test_grey_palette_and_missing_data(tmp_path):
    matrix = from_origin(5e5, 5e6, 1.0, 1.0)
    path = tmp_path / "palette.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=200, height=200, count=1, dtype="uint8", crs="EPSG:32633", transform=matrix
    ) as file:
        file.write(np.full((1, 200, 200), 3, dtype=np.uint8))
        file.write_colormap(1, {3: (10, 200, 30, 255)})
    source = RasterSource(path, CutOptions(widths_m=(100.0,)))
    picture, covered = source.read(source.plan().to_pylist()[0], 40)
    assert covered == 1
    assert (picture == (10, 200, 30)).all()
    path = tmp_path / "holes.tif"
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=200,
        height=200,
        count=1,
        dtype="uint8",
        crs="EPSG:32633",
        transform=matrix,
        nodata=0,
    ) as file:
        grey = np.full((1, 200, 200), 77, dtype=np.uint8)
        grey[:, :, :100] = 0
        file.write(grey)
    source = RasterSource(path, CutOptions(widths_m=(100.0,), overlap=0))
    shares = {round(tile["window"][0]): source.read(tile, 50)[1] for tile in source.plan().to_pylist()}
    assert min(shares.values()) < 0.05
    assert max(shares.values()) > 0.95
