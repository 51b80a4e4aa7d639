"""Areas against geodesics of each point, at the antimeridian and the poles; and what is no area."""

from __future__ import annotations

import numpy as np
import pytest
from gleam_c.search.area import Area, Box, Near, Polygon
from gleam_c.search.place_index import PlaceIndex
from gleam_common.errors import DataError
from gleam_common.geo import distance_m


def scattered(count: int = 4000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points all over the globe, half of them around the places where areas are tried."""
    rng = np.random.default_rng(seed)
    lat, lon = np.degrees(np.arcsin(rng.uniform(-1, 1, count))), rng.uniform(-180, 180, count)
    for number, (at, on) in enumerate([(48.2, 16.4), (-17.5, 179.9), (89.5, 40.0), (0.0, 0.0)]):
        some = slice(number * count // 8, (number + 1) * count // 8)
        lat[some] = np.clip(at + rng.normal(0, 0.4, count // 8), -90, 90)
        lon[some] = (on + rng.normal(0, 0.4, count // 8) + 180) % 360 - 180
    return lat, lon


@pytest.mark.parametrize(
    ("lat", "lon", "radius_m"),
    [(48.2, 16.4, 30e3), (-17.5, 179.9, 5e4), (89.5, 40.0, 1.2e5), (0, 0, 9e6), (10, -20, 15e6), (90, 0, 1e6)],
)
def test_a_radius_is_geodesic_everywhere(lat: float, lon: float, radius_m: float) -> None:
    lats, lons = scattered()
    wanted = distance_m(np.full(len(lats), lat), np.full(len(lats), lon), lats, lons) <= radius_m
    assert 0 < wanted.sum() < len(lats)
    assert (Near(lat=lat, lon=lon, radius_m=radius_m).holds(lats, lons) == wanted).all()


AREAS: list[Area] = [
    Near(lat=48.2, lon=16.4, radius_m=20e3),
    Near(lat=-17.5, lon=-179.95, radius_m=50e3),
    Near(lat=90, lon=0, radius_m=2e5),
    Near(lat=5, lon=5, radius_m=19e6),
    Box(south=48, west=16, north=48.3, east=16.5),
    Box(south=-18, west=179.5, north=-17, east=-179.5),
    Box(south=-90, west=-180, north=90, east=180),
    Box(south=60, west=-170, north=89, east=170),
    Polygon(latlon=((48, 16), (48.5, 16.2), (48.1, 16.9))),
    Polygon(latlon=((-18, 179.2), (-17, 179.5), (-17, -179.6), (-18, -179.2))),
]


@pytest.mark.parametrize("area", AREAS, ids=repr)
def test_the_index_finds_the_rows_that_the_area_holds(area: Area) -> None:
    lat, lon = scattered()
    order = np.lexsort((lon.round(), lat.round()))
    lat, lon = lat[order], lon[order]
    found = PlaceIndex(lat, lon).rows_in(area)
    assert found.rows.tolist() == np.flatnonzero(area.holds(lat, lon)).tolist()
    read = np.concatenate([np.arange(*run) for run in found.runs])
    assert np.isin(found.rows, read).all()
    assert (np.diff(read) > 0).all()


def test_a_small_radius_reads_little() -> None:
    side = np.linspace(0, 1, 100)
    lat, lon = (axis.ravel() for axis in np.meshgrid(side, side, indexing="ij"))
    found = PlaceIndex(lat, lon).rows_in(Near(lat=0.5, lon=0.5, radius_m=3e3))
    assert sum(stop - start for start, stop in found.runs) < 0.2 * len(lat)


def test_a_polygon_across_the_antimeridian_and_its_turned_twin_hold_the_same() -> None:
    lat, lon = scattered()
    ring = ((-18.0, 179.2), (-17.0, 179.5), (-17.0, -179.6), (-18.0, -179.2))
    wanted = Polygon(latlon=ring).holds(lat, lon)
    turned = tuple((at, (on + 90 + 180) % 360 - 180) for at, on in ring)
    assert wanted.sum() > 10
    assert (Polygon(latlon=turned).holds(lat, (lon + 90 + 180) % 360 - 180) == wanted).all()
    assert (Polygon(latlon=ring[::-1]).holds(lat, lon) == wanted).all()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Near(lat=120, lon=16, radius_m=5), "latitude comes first"),
        (lambda: Near(lat=48, lon=16, radius_m=0), "radius in metres"),
        (lambda: Near(lat=48, lon=float("nan"), radius_m=5), "outside the globe"),
        (lambda: Box(south=49, west=16, north=48, east=17), "south lies north"),
        (lambda: Polygon(latlon=((1, 1), (2, 2))), "3 or more"),
        (lambda: Polygon(latlon=((0, 0), (1, 1), (1, 0), (0, 1))), "cross each other"),
        (lambda: Polygon(latlon=((80, 0), (80, 120), (80, -120))), "holds a pole"),
        (lambda: PlaceIndex(*scattered()).rows_in(Near(lat=16.4, lon=48.2, radius_m=10)), "no tile of the gallery"),
    ],
)
def test_what_is_no_area(make, says: str) -> None:
    with pytest.raises(DataError, match=says):
        make()
