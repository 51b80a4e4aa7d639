"""Sun and shadow, sky, mirrors and haze on visible points.

Axes: M visible points, planar (3, M).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from gleam_common.synthcity.rendering.planar import colour, dot, lerp, pick, put, repeated, rows
from gleam_common.synthcity.rendering.shading import Look
from gleam_common.synthcity.rendering.shelter import Shelter
from gleam_common.synthcity.rendering.sky import Light, sky_colour, under_clouds
from gleam_common.synthcity.rendering.surfels import GROUND, Surfels, sun_blocked
from gleam_common.synthcity.rendering.tracing import Layer
from gleam_common.synthcity.weather import Weather

__all__ = ["Scenery", "illuminate"]

Floats = npt.NDArray[np.float32]
Index = npt.NDArray[np.int64]
_THINGS_SHADOW_M = 40.0
_BARE, _FINE_M = 0.3, 0.2
_SAMPLE = 61
_OFF_SURFACE_M = 0.04
_UP = colour(0.0, 0.0, 1.0)
_SNOW = colour(0.82, 0.85, 0.90)


@dataclass(frozen=True, kw_only=True)
class Scenery:
    """What can throw shadows: the city, its soft shelter, and the things of one picture with the pixels that they or
    their shadows may touch.
    """

    city: Layer
    shelter: Shelter
    things: Layer | None
    things_pixel: Index
    width_px: int
    height_px: int


def illuminate(scenery: Scenery, seen: Surfels, look: Look, light: Light, weather: Weather) -> Floats:
    """Return the light (3, M) that reaches the camera."""
    if look.snow.any():
        look.albedo[:] = lerp(look.albedo, _SNOW, look.snow)
    open_sky = scenery.shelter.openness(seen.position)
    close = _near_things(scenery, seen)
    open_sky[_under_things(scenery, seen, close)] *= np.float32(0.25)
    up = np.float32(0.5) + np.float32(0.5) * look.normal[2]
    sky = np.float32(0.34) * light.zenith + np.float32(0.21) * light.horizon
    arriving: Floats = (sky - light.bounce) * up
    arriving += light.bounce
    arriving *= open_sky
    direct = _sun_share(scenery, seen, look, light, weather, close)
    if direct is not None:
        if light.cloud_shadow:
            direct *= under_clouds(light, seen.position)
        arriving += light.sun * direct
    arriving *= look.albedo
    shiny = np.flatnonzero(look.gloss > 0.01)
    if len(shiny):
        put(arriving, shiny, _reflect(seen, look, light, pick(arriving, shiny), shiny))
    arriving -= light.horizon
    arriving *= np.exp(seen.distance * np.float32(-1.0 / light.haze_m))
    arriving += light.horizon
    return arriving


def _near_things(scenery: Scenery, seen: Surfels) -> Index:
    """Visible points in whose pixels a car or its shadow may be."""
    if scenery.things is None:
        return np.zeros(0, dtype=np.int64)
    touched = np.zeros(max(int(seen.pixel.max(initial=0)), int(scenery.things_pixel.max(initial=0))) + 1, dtype=bool)
    touched[scenery.things_pixel] = True
    return np.flatnonzero(touched[seen.pixel])


def _under_things(scenery: Scenery, seen: Surfels, close: Index) -> Index:
    """Those of the visible ground points ``close`` that lie right under a car."""
    if scenery.things is None:
        return close
    ground = close[seen.surface[close] == GROUND]
    start = pick(seen.position, ground) + _UP * np.float32(_OFF_SURFACE_M)
    return np.asarray(ground[scenery.things.caster.blocked(rows(start), repeated(_UP, len(ground)), 2.0)])


def _sun_share(
    scenery: Scenery, seen: Surfels, look: Look, light: Light, weather: Weather, close: Index
) -> Floats | None:
    """Cosine to the sun (M,), 0 in shadow; None when there is no sun."""
    if not light.sun.max() > 0.02:
        return None
    facing = np.maximum(dot(look.normal, light.to_sun), np.float32(0.0))
    facing *= _lit_by_city(scenery, seen, look, light, weather, facing)
    lit = close[facing[close] > 0]
    if scenery.things is not None and len(lit):
        start = pick(seen.position, lit) + pick(look.normal, lit) * np.float32(_OFF_SURFACE_M)
        to_sun = repeated(light.to_sun, len(lit))
        facing[lit] *= ~scenery.things.caster.blocked(rows(start), to_sun, _THINGS_SHADOW_M)
    return facing


def _lit_by_city(scenery: Scenery, seen: Surfels, look: Look, light: Light, weather: Weather, facing: Floats) -> Floats:
    """Share of the sun (M,) that no building or tree takes away.

    Every second point in a chequered pattern is traced; the others take the mean of their traced neighbours.
    """
    if not len(seen.pixel):
        return facing
    is_even = _chequers(scenery.width_px, scenery.height_px)[seen.pixel]
    traced = np.flatnonzero((facing > 0) & is_even)
    start = pick(seen.position, traced) + pick(look.normal, traced) * np.float32(_OFF_SURFACE_M)
    fine = weather.leaf < _BARE or float(np.median(seen.reach[::_SAMPLE])) < _FINE_M
    dark = sun_blocked(scenery.city, start, light.to_sun, weather, through_leaves=fine)
    # one cell more on either side, so that each pixel has two neighbours
    lit, known = np.zeros((2, int(seen.pixel[-1]) + 3), dtype=np.float32)
    at = seen.pixel[traced] + 1
    lit[at], known[at] = ~dark, 1.0
    beside = known[:-2] + known[2:]
    mean = (lit[:-2] + lit[2:]) / np.maximum(beside, np.float32(1.0)) + (beside == 0)
    result: Floats = np.where(known[1:-1] > 0, lit[1:-1], mean)[seen.pixel]
    return result


@cache
def _chequers(width_px: int, height_px: int) -> npt.NDArray[np.bool_]:
    """Every second pixel, row by row, shifted by one from row to row."""
    return np.asarray((np.add.outer(np.arange(height_px), np.arange(width_px)) % 2 == 0).ravel())


def _reflect(seen: Surfels, look: Look, light: Light, own: Floats, index: Index) -> Floats:
    direction, normal = pick(seen.direction, index), pick(look.normal, index)
    cosine = dot(direction, normal)
    mirrored = direction - np.float32(2.0) * cosine * normal
    grazing = (np.float32(1.0) - np.abs(cosine)) ** 3
    share = look.gloss[index] * (np.float32(0.35) + np.float32(0.65) * grazing)
    sky = np.where(mirrored[2] < 0, np.float32(0.25) * light.horizon, sky_colour(light, mirrored))
    return lerp(own, np.minimum(sky, np.float32(3.0)), share)
