"""What differs between two pictures of one place: season, sun, air and the camera's sensor."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from gleam_common.views import View

__all__ = ["Season", "Sensor", "Weather", "draw_weather"]

_STREAM = 7002
_SNOW_LAT = 25.0


class Season(StrEnum):
    """Time of the year; it changes plants, grass and snow."""

    SPRING = "spring"
    SUMMER = "summer"
    AUTUMN = "autumn"
    WINTER = "winter"


@dataclass(frozen=True, kw_only=True)
class Sensor:
    """From light to bytes.

    Attributes:
        exposure: brightness of the picture's mean, in linear light (0.15 dark, 0.5 bright).
        white_balance: factors of red, green and blue.
        contrast: slope of the tone curve around the middle; 1 is neutral.
        saturation: 0 is grey, 1 is as it is.
        noise: standard deviation in 8-bit steps.
        blur_px: standard deviation of the lens's blur.
        vignette: loss of light in the corners, [0, 1).
    """

    exposure: float
    white_balance: tuple[float, float, float]
    contrast: float
    saturation: float
    noise: float
    blur_px: float
    vignette: float


@dataclass(frozen=True, kw_only=True)
class Weather:
    """The state of the world when a picture was taken.

    Attributes:
        season: time of the year.
        sun_azimuth_deg: clockwise from north.
        sun_elevation_deg: above the horizon.
        sun_strength: direct light as a share of a clear day's; near 0 under clouds.
        cloud_cover: share of the sky under clouds.
        cloud_shadow: share of the sunlit ground over which clouds pass.
        visibility_m: distance at which half of the light is lost to haze.
        snow: share of ground and roofs under snow.
        leaf: share of leaves still on broadleaf trees.
        sensor: the camera's.
    """

    season: Season
    sun_azimuth_deg: float
    sun_elevation_deg: float
    sun_strength: float
    cloud_cover: float
    cloud_shadow: float
    visibility_m: float
    snow: float
    leaf: float
    sensor: Sensor


def draw_weather(view: View, seed: int, lat: float = 50.0) -> Weather:
    """Return the weather of one picture at latitude ``lat``: south of the equator the sun stands in the north, and no
    snow lies in the tropics. Satellite tiles are taken in clear air, at any season, without clouds.
    """
    rng = np.random.default_rng([seed, _STREAM, list(View).index(view)])
    season = list(Season)[int(rng.choice(4, p=[0.27, 0.33, 0.23, 0.17]))]
    clear = view is View.SATELLITE or rng.random() < 0.62
    overcast = not clear and rng.random() < 0.6
    strength = float(rng.uniform(0.75, 1.0) if clear else rng.uniform(0.0, 0.12) if overcast else rng.uniform(0.3, 0.7))
    lowest = {Season.SUMMER: 28.0, Season.WINTER: 16.0}.get(season, 20.0)
    highest = {Season.SUMMER: 66.0, Season.WINTER: 34.0}.get(season, 54.0)
    far_m = {View.SATELLITE: 9000.0, View.UAV: 6000.0}.get(view, 2500.0)
    near_m = {View.SATELLITE: 3000.0, View.UAV: 600.0}.get(view, 180.0)
    can_snow = season is Season.WINTER and abs(lat) > _SNOW_LAT
    azimuth_deg = float(rng.uniform(75.0, 285.0))
    return Weather(
        season=season,
        sun_azimuth_deg=azimuth_deg if lat >= 0 else (180.0 - azimuth_deg) % 360.0,
        sun_elevation_deg=float(rng.uniform(lowest, highest)),
        sun_strength=strength,
        cloud_cover=float(rng.uniform(0.0, 0.5) if clear else rng.uniform(0.5, 1.0)),
        cloud_shadow=0.0 if view is View.SATELLITE or rng.random() < 0.25 else float(rng.uniform(0.2, 0.6)),
        visibility_m=float(near_m * (far_m / near_m) ** rng.beta(2.0, 1.2)),
        snow=float(rng.uniform(0.15, 0.7)) if can_snow and rng.random() < 0.45 else 0.0,
        leaf=_draw_leaf(rng, season),
        sensor=_draw_sensor(rng, view),
    )


def _draw_leaf(rng: np.random.Generator, season: Season) -> float:
    low, high = {
        Season.SPRING: (0.55, 0.95),
        Season.SUMMER: (0.95, 1.0),
        Season.AUTUMN: (0.45, 0.95),
        Season.WINTER: (0.05, 0.16),
    }[season]
    return float(rng.uniform(low, high))


def _draw_sensor(rng: np.random.Generator, view: View) -> Sensor:
    """Strong on purpose: colour and brightness alone must not tell which pictures belong together."""
    warm, tint = rng.normal(0.0, 0.30), rng.normal(0.0, 0.13)
    return Sensor(
        exposure=float(0.27 * 2.0 ** rng.normal(0.0, 0.45)),
        white_balance=(float(np.exp(warm)), float(np.exp(tint)), float(np.exp(-warm))),
        contrast=float(rng.uniform(0.9, 1.45)),
        saturation=float(rng.uniform(0.5, 1.4)),
        noise=float(rng.uniform(0.3, 3.0)),
        blur_px=float(rng.uniform(0.0, 0.7)),
        vignette=0.0 if view is View.SATELLITE else float(rng.uniform(0.0, 0.3)),
    )
