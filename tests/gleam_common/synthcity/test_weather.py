"""The sun stands where it does at the city's latitude, and snow falls where it can."""

from __future__ import annotations

from gleam_common.synthcity.weather import draw_weather
from gleam_common.views import View


def test_south_of_the_equator_the_sun_stands_in_the_north() -> None:
    for seed in range(50):
        north, south = draw_weather(View.UAV, seed, 50.0), draw_weather(View.UAV, seed, -35.0)
        assert 75 <= north.sun_azimuth_deg <= 285
        assert not 105 < south.sun_azimuth_deg < 255
        assert south.sun_elevation_deg == north.sun_elevation_deg


def test_no_snow_lies_in_the_tropics() -> None:
    assert any(draw_weather(View.UAV, seed, 50.0).snow for seed in range(60))
    assert not any(draw_weather(View.UAV, seed, lat).snow for seed in range(60) for lat in (-20.0, 4.9))
