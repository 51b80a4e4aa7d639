"""The sky and its light: gradient, clouds, the sun, what falls on a surface, and what haze takes away.

All colours are linear light with 1 for a white surface under a clear day's sun and sky. Axes: N directions or points.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gleam_common.synthcity.noise import lookup, tile_noise
from gleam_common.synthcity.weather import Weather

__all__ = ["Light", "make_light", "mix", "sky_colour", "smoothstep"]

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Light:
    """The light of one picture; every field is float32.

    ``to_sun`` (3,) points to the sun. ``sun``, ``zenith``, ``horizon``, ``bounce`` and ``cloud`` are (3,) colours: of
    direct light on a surface that faces the sun, of the sky above and at the horizon, of light from the ground, and of
    clouds. ``haze_m`` is the distance over which the part of light that arrives falls to 1/e. ``cloud_shift`` moves the
    clouds (texels).
    """

    to_sun: Floats
    sun: Floats
    zenith: Floats
    horizon: Floats
    bounce: Floats
    cloud: Floats
    cloud_cover: float
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
    shift_u, shift_v = rng.uniform(0, 512, 2)
    return Light(
        to_sun=np.array(to_sun, dtype=np.float32),
        cloud_cover=weather.cloud_cover,
        haze_m=weather.visibility_m / math.log(2.0),
        cloud_shift=(float(shift_u), float(shift_v)),
        **{name: value.astype(np.float32) for name, value in colours.items()},
    )


def smoothstep(low: float, high: float, value: Floats) -> Floats:
    """Return 0 below ``low``, 1 above ``high``, and a smooth rise between."""
    share = np.clip((value - np.float32(low)) * np.float32(1.0 / (high - low)), 0.0, 1.0)
    result: Floats = share * share * (np.float32(3.0) - np.float32(2.0) * share)
    return result


def mix(first: Floats, second: Floats, share_N: Floats) -> Floats:
    """Return colours (N, 3): ``first`` where ``share_N`` is 0, ``second`` where it is 1."""
    result: Floats = first + (second - first) * share_N[:, None]
    return result


def sky_colour(light: Light, direction_N3: Floats) -> Floats:
    """Return the colour (N, 3) that is seen in each direction (unit vectors; below the horizon it is the horizon's)."""
    up = np.maximum(direction_N3[:, 2], np.float32(0.0))
    colour = mix(light.horizon, light.zenith, 1.0 - (1.0 - up) ** 3)
    spread = np.float32(60.0) / (up + np.float32(0.12))
    u = direction_N3[:, 0] * spread + np.float32(light.cloud_shift[0])
    v = direction_N3[:, 1] * spread + np.float32(light.cloud_shift[1])
    density = lookup(tile_noise(41, 1.5), u, v) + np.float32(0.25) * lookup(tile_noise(42, 1.0), 3 * u, 3 * v)
    edge = 0.75 - 1.35 * light.cloud_cover
    share = smoothstep(edge, edge + 0.5, density) * np.minimum(up * 6.0, 1.0) * np.float32(0.9)
    shade = np.float32(1.0) - np.float32(0.22) * np.clip(density - np.float32(edge), 0.0, 1.0)
    colour = mix(colour, light.cloud * shade[:, None], share)
    toward = np.maximum(direction_N3 @ light.to_sun, 0.0)
    glow = np.float32(0.25) * toward**8 + np.float32(6.0) * smoothstep(0.9995, 0.9999, toward)
    result: Floats = colour + light.sun * (glow * (1.0 - share))[:, None]
    return result
