from __future__ import annotations

import math

import numpy as np
import pytest
from gleam_common.errors import DataError
from gleam_common.geo import LatLon, LocalFrame, distance_m
from hypothesis import given
from hypothesis import strategies as st


def vincenty_m(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Vincenty (1975), inverse formula on WGS84, from the paper."""
    a, f = 6378137.0, 1 / 298.257223563
    b = (1 - f) * a
    u1, u2 = (math.atan((1 - f) * math.tan(math.radians(lat))) for lat in (lat1, lat2))
    across = lam = math.radians(lon2 - lon1)
    for _ in range(100):
        sin_s = math.hypot(
            math.cos(u2) * math.sin(lam),
            math.cos(u1) * math.sin(u2) - math.sin(u1) * math.cos(u2) * math.cos(lam),
        )
        cos_s = math.sin(u1) * math.sin(u2) + math.cos(u1) * math.cos(u2) * math.cos(lam)
        sigma = math.atan2(sin_s, cos_s)
        sin_a = math.cos(u1) * math.cos(u2) * math.sin(lam) / sin_s
        cos2_a = 1 - sin_a**2
        cos_2m = cos_s - 2 * math.sin(u1) * math.sin(u2) / cos2_a
        c = f / 16 * cos2_a * (4 + f * (4 - 3 * cos2_a))
        lam = across + (1 - c) * f * sin_a * (sigma + c * sin_s * (cos_2m + c * cos_s * (2 * cos_2m**2 - 1)))
    big = cos2_a * (a**2 - b**2) / b**2
    big_a = 1 + big / 16384 * (4096 + big * (-768 + big * (320 - 175 * big)))
    big_b = big / 1024 * (256 + big * (-128 + big * (74 - 47 * big)))
    inner = cos_s * (2 * cos_2m**2 - 1) - big_b / 6 * cos_2m * (4 * sin_s**2 - 3) * (4 * cos_2m**2 - 3)
    return b * big_a * (sigma - big_b * sin_s * (cos_2m + big_b / 4 * inner))


def test_distance_is_that_of_the_ellipsoid() -> None:
    for pair in ((48.1, 11.5, 48.2, 11.7), (-33.9, 151.2, 1.3, 103.8), (0.1, 179.9, 0.2, -179.9)):
        assert distance_m(*pair) == pytest.approx(vincenty_m(*pair), abs=1e-3)


def test_distance_broadcasts() -> None:
    grid = distance_m(np.zeros((3, 1)), 0.0, 0.0, np.array([0.0, 1.0]))
    assert grid.shape == (3, 2)
    assert grid[:, 0].tolist() == [0, 0, 0]
    assert grid[0, 1] == pytest.approx(111319.49, abs=0.01)


@given(st.floats(-80, 80), st.floats(-179, 179), st.floats(-5000, 5000), st.floats(-5000, 5000))
def test_local_metres_go_there_and_back_and_are_metres(lat: float, lon: float, x: float, y: float) -> None:
    frame = LocalFrame(origin=LatLon(lat=lat, lon=lon))
    there = frame.to_latlon(x, y)
    back = frame.to_local(*there)
    assert np.allclose(back, (x, y), atol=1e-4)
    # A transverse Mercator with scale 1 stretches by x^2 / (2 R^2): 0.3 mm per km at 5 km from its meridian.
    assert distance_m(lat, lon, *there) == pytest.approx(math.hypot(x, y), rel=1e-6, abs=1e-3)


def test_east_is_right_and_north_is_up() -> None:
    frame = LocalFrame(origin=LatLon(lat=48.0, lon=11.0))
    x, y = frame.to_local([48.0, 48.01], [11.01, 11.0])
    assert x[0] > 700
    assert abs(y[0]) < 1
    assert abs(x[1]) < 1
    assert y[1] > 1000


@pytest.mark.parametrize(
    ("lat", "lon", "words"),
    [
        (90.1, 0.0, "latitude outside the globe: 90.1; allowed: -90 to 90 degrees"),
        (0.0, -180.5, "longitude outside the globe: -180.5"),
        (math.nan, 0.0, "latitude outside the globe: nan"),
        (0.0, math.inf, "longitude.*check the order"),
    ],
)
def test_a_point_off_the_globe_is_refused(lat: float, lon: float, words: str) -> None:
    with pytest.raises(DataError, match=words):
        LatLon(lat=lat, lon=lon)
