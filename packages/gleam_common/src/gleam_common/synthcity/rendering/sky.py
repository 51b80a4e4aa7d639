"""The sky and its light: gradient, clouds, the sun, what falls on a surface, and what haze takes away.

All colours are linear light with 1 for a white surface under a clear day's sun and sky. Axes: N directions or points.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from gleam_common.synthcity.rendering.noise import lookup_smooth, tile_noise
from gleam_common.synthcity.rendering.planar import dot, lerp, smoothstep
from gleam_common.synthcity.weather import Weather

__all__ = ["Light", "make_light", "sky_colour", "under_clouds"]

Floats = npt.NDArray[np.float32]
_CLOUD_TEXELS = 26.0
_SHADOW_TEXELS = 1.6
_SHADOW_SPREAD, _SHADOW_DEPTH = 0.4, 0.85
_POSITIVE = np.float32(2**15)


@dataclass(frozen=True, kw_only=True)
class Light:
    """The light of one picture; every field is float32.

    ``to_sun`` (3, 1) points to the sun. ``sun``, ``zenith``, ``horizon``, ``bounce``, ``cloud`` are (3, 1) colours: of
    direct light on a surface that faces the sun, of the sky above and at the horizon, of light from the ground, and of
    clouds. ``cloud_shadow`` is the share of the ground in the shadow of clouds. ``haze_m`` is the distance over which
    the part of light that arrives falls to 1/e. ``cloud_shift`` moves the clouds (texels).
    """

    to_sun: Floats
    sun: Floats
    zenith: Floats
    horizon: Floats
    bounce: Floats
    cloud: Floats
    cloud_cover: float
    cloud_shadow: float
    haze_m: float
    cloud_shift: tuple[float, float]


def make_light(weather: Weather, rng: np.random.Generator) -> Light:
    """Return the light of ``weather``; ``rng`` places the clouds."""
    azimuth, elevation = math.radians(weather.sun_azimuth_deg), math.radians(weather.sun_elevation_deg)
    to_sun = (
        math.sin(azimuth) * math.cos(elevation), math.cos(azimuth) * math.cos(elevation), math.sin(elevation),
    )  # fmt: skip
    low = math.exp(-math.sin(elevation) * 4.5)
    clear = weather.sun_strength
    grey = np.array([0.80, 0.82, 0.85])
    blue = np.array([0.20, 0.36, 0.72]) * (1.0 - 0.25 * low)
    pale = np.array([0.62, 0.72, 0.84]) * (1 - low) + np.array([0.86, 0.74, 0.62]) * low
    colours = {
        "sun": 1.55 * clear * np.array([1.0, 0.97 - 0.25 * low, 0.90 - 0.5 * low]),
        "zenith": clear * blue + (1 - clear) * 0.85 * grey,
        "horizon": clear * pale + (1 - clear) * 0.95 * grey,
        "bounce": (0.10 + 0.12 * clear) * np.array([1.0, 0.95, 0.85]),
        "cloud": (0.55 + 0.45 * clear) * (grey * (1 - low) + np.array([1.0, 0.85, 0.74]) * low) * 1.25,
    }
    shift_u, shift_v = rng.uniform(512, 1024, 2)
    return Light(
        to_sun=np.array(to_sun, dtype=np.float32)[:, None],
        cloud_cover=weather.cloud_cover,
        cloud_shadow=weather.cloud_shadow,
        haze_m=weather.visibility_m / math.log(2.0),
        cloud_shift=(float(shift_u), float(shift_v)),
        **{name: value.astype(np.float32)[:, None] for name, value in colours.items()},
    )


def under_clouds(light: Light, position_3N: Floats) -> Floats:
    """Return the share (N,) of the sun that passing clouds leave to each point: patches of 20 to 150 m, soft edges."""
    along = position_3N[:2] - position_3N[2] * light.to_sun[:2] / np.maximum(light.to_sun[2], np.float32(0.1))
    u, v = along * np.float32(_SHADOW_TEXELS) + np.array(light.cloud_shift, np.float32)[:, None] + _POSITIVE
    sunny = np.float32(_SHADOW_SPREAD * NormalDist().inv_cdf(1.0 - light.cloud_shadow))
    density = lookup_smooth(tile_noise(54, 1.6), u, v)
    return np.float32(1.0) - np.float32(_SHADOW_DEPTH) * smoothstep(-0.12, 0.12, density - sunny)


def sky_colour(light: Light, direction_3N: Floats) -> Floats:
    """Return the colour (3, N) that is seen in each direction (unit vectors; below the horizon it is the horizon's)."""
    up = np.maximum(direction_3N[2], np.float32(0.0))
    colour = lerp(light.zenith, light.horizon, (np.float32(1.0) - up) ** 3)
    spread = np.float32(_CLOUD_TEXELS) / (up + np.float32(0.14))
    u = direction_3N[0] * spread + np.float32(light.cloud_shift[0])
    v = direction_3N[1] * spread + np.float32(light.cloud_shift[1])
    density = lookup_smooth(tile_noise(41, 1.35), u, v)
    edge = 0.7 - 1.3 * light.cloud_cover
    share = smoothstep(edge, edge + 0.5, density) * np.minimum(up * np.float32(6.0), 1.0) * np.float32(0.9)
    shade = np.float32(1.0) - np.float32(0.28) * np.minimum(np.maximum(density - np.float32(edge), 0.0), 1.0)
    colour = lerp(colour, light.cloud * shade, share)
    toward = np.maximum(dot(direction_3N, light.to_sun), 0.0)
    bright = toward * toward
    glow = np.float32(0.25) * bright * bright * bright + np.float32(6.0) * smoothstep(0.9993, 0.9998, toward)
    result: Floats = colour + light.sun * (glow * (np.float32(1.0) - share))
    return result
