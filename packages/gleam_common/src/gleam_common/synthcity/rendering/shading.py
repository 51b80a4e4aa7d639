"""From visible points to light: each kind of surface has its own look, then sun, sky and haze treat all alike.

Axes: M visible points, planar (3, M).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gleam_common.synthcity.rendering.facade import Facades, WallPoints, shade_walls
from gleam_common.synthcity.rendering.foliage import shade_crowns
from gleam_common.synthcity.rendering.mesh import Part, Surfaces
from gleam_common.synthcity.rendering.noise import lookup, tile_noise
from gleam_common.synthcity.rendering.planar import dot, pick, put, smoothstep, unit
from gleam_common.synthcity.rendering.roofing import RoofPoints, shade_flat_roofs, shade_pitched_roofs
from gleam_common.synthcity.rendering.surfels import GROUND, Surfels, crown_points
from gleam_common.synthcity.rendering.terrain import GroundPoints, GroundSampler, MaterialLooks, item_of, shade_ground
from gleam_common.synthcity.weather import Weather

__all__ = ["Look", "Stage", "look_at"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Index = npt.NDArray[np.int64]
_GLOSS = {Part.GLASS: 0.3, Part.PAINT: 0.12}


@dataclass(frozen=True, kw_only=True)
class Stage:
    """All that surfaces need to know. ``building_of_item`` maps an item number to a row of ``facades``;
    ``closeup`` is the ground right around the camera in finer cells.
    """

    surfaces: Surfaces
    facades: Facades
    building_of_item: Ints
    sampler: GroundSampler
    closeup: GroundSampler | None
    looks: MaterialLooks
    weather: Weather


@dataclass(frozen=True, kw_only=True)
class Look:
    """What points look like before light: ``albedo`` (3, M), ``gloss`` (M,), ``snow`` (M,), ``normal`` (3, M) and
    ``item`` (M,) numbers.
    """

    albedo: Floats
    gloss: Floats
    snow: Floats
    normal: Floats
    item: Ints


def look_at(stage: Stage, seen: Surfels) -> Look:
    """Return the look of all visible points."""
    count, solid = len(seen.pixel), np.flatnonzero(seen.surface != GROUND)
    surface = seen.surface[solid]
    look = Look(
        albedo=np.empty((3, count), dtype=np.float32),
        gloss=np.zeros(count, dtype=np.float32),
        snow=np.zeros(count, dtype=np.float32),
        normal=seen.normal,
        item=np.empty(count, dtype=np.int32),
    )
    look.item[solid] = stage.surfaces.item[surface]
    for channel in range(3):
        look.albedo[channel, solid] = stage.surfaces.albedo[channel, surface]
    part = np.full(count, _GROUND_PART, dtype=np.uint8)
    part[solid] = stage.surfaces.part[surface]
    for kind in np.flatnonzero(np.bincount(part, minlength=_GROUND_PART + 1)).tolist():
        index = np.flatnonzero(part == kind)
        if kind == _GROUND_PART:
            _look_ground(stage, seen, look, index)
        elif kind in _PAINTERS:
            _PAINTERS[Part(kind)](stage, seen, look, index)
        else:
            look.gloss[index] = _GLOSS.get(Part(kind), 0.0)
    return look


def _look_ground(stage: Stage, seen: Surfels, look: Look, index: Index) -> None:
    points = _ground_points(seen, index)
    if stage.closeup is None:
        _look_cells(stage, look, stage.sampler, points, index)
    else:
        near = stage.closeup.covers(points.x, points.y)
        for sampler, chosen in ((stage.sampler, np.flatnonzero(~near)), (stage.closeup, np.flatnonzero(near))):
            _look_cells(stage, look, sampler, points.part(chosen), index[chosen])
    water = index[look.gloss[index] > 0.3]
    if len(water):
        x, y = (np.float32(6) * seen.position[axis, water] for axis in (0, 1))
        look.normal[0, water] += np.float32(0.06) * lookup(tile_noise(53, 0.8), x, y)


def _look_cells(stage: Stage, look: Look, sampler: GroundSampler, points: GroundPoints, index: Index) -> None:
    albedo, gloss, snow, cells = shade_ground(sampler, stage.looks, stage.weather, points)
    look.gloss[index], look.snow[index], look.item[index] = gloss, snow, item_of(cells)
    put(look.albedo, index, albedo)


def _ground_points(seen: Surfels, index: Index) -> GroundPoints:
    x, y = seen.position[0, index], seen.position[1, index]
    (east, north, up), reach = pick(seen.direction, index), seen.reach[index]
    level = np.sqrt(east * east + north * north)
    if not level.any():
        return GroundPoints(x=x, y=y, reach_x=reach, reach_y=reach)
    along = np.minimum(reach / np.maximum(-up, np.float32(0.02)), np.float32(12.0))
    along /= np.maximum(level, np.float32(0.05))
    reach_x, reach_y = along * east + reach * np.abs(north), along * north + reach * np.abs(east)
    return GroundPoints(x=x, y=y, reach_x=reach_x, reach_y=reach_y)


def _look_wall(stage: Stage, seen: Surfels, look: Look, index: Index) -> None:
    surfaces, surface = stage.surfaces, seen.surface[index]
    along, size = pick(surfaces.along, surface), pick(surfaces.size, surface)
    offset = pick(seen.position, index) - pick(surfaces.origin, surface)
    direction, reach = pick(seen.direction, index), seen.reach[index]
    level = np.maximum(np.sqrt(direction[0] ** 2 + direction[1] ** 2), np.float32(0.1))
    facing = np.abs(direction[0] * along[1] - direction[1] * along[0])
    points = WallPoints(
        u=offset[0] * along[0] + offset[1] * along[1],
        v=offset[2],
        length=size[0],
        height=size[1],
        pixel_u=np.minimum(reach * level / np.maximum(facing, np.float32(0.05)), np.float32(8.0)),
        pixel_v=reach / level,
        building=np.take(stage.building_of_item, look.item[index]),
        wall=surface,
    )
    albedo, look.gloss[index] = shade_walls(points, stage.facades, pick(look.albedo, index))
    put(look.albedo, index, albedo)


def _roof_points(stage: Stage, seen: Surfels, index: Index) -> RoofPoints:
    surfaces, surface = stage.surfaces, seen.surface[index]
    along, size = pick(surfaces.along, surface), pick(surfaces.size, surface)
    offset = pick(seen.position, index) - pick(surfaces.origin, surface)
    across = offset[1] * along[0] - offset[0] * along[1]
    facing = np.abs(dot(pick(seen.direction, index), pick(seen.normal, index)))
    return RoofPoints(
        u=offset[0] * along[0] + offset[1] * along[1],
        v=across,
        length=size[0],
        width=size[1],
        pixel=np.asarray(seen.reach[index] / np.maximum(facing, np.float32(0.1))),
        seed=np.take(surfaces.seed, surface),
        facing=np.sign(across),
        rise=offset[2],
    )


def _look_flat_roof(stage: Stage, seen: Surfels, look: Look, index: Index) -> None:
    put(look.albedo, index, shade_flat_roofs(_roof_points(stage, seen, index), pick(look.albedo, index)))
    look.snow[index] = _snow_cover(seen, index, stage.weather)


def _look_pitched_roof(stage: Stage, seen: Surfels, look: Look, index: Index) -> None:
    put(look.albedo, index, shade_pitched_roofs(_roof_points(stage, seen, index), pick(look.albedo, index)))
    look.snow[index] = np.float32(0.8) * _snow_cover(seen, index, stage.weather)


def _snow_cover(seen: Surfels, index: Index, weather: Weather) -> Floats:
    if not weather.snow:
        return np.zeros(len(index), dtype=np.float32)
    x, y = (seen.position[axis, index] * np.float32(3.0) for axis in (0, 1))
    patch = np.float32(0.4) * lookup(tile_noise(47, 1.3), x, y)
    return np.float32(0.85) * smoothstep(0.3, 0.7, np.float32(0.9 * weather.snow) + patch)


def _look_crown(stage: Stage, seen: Surfels, look: Look, index: Index) -> None:
    points = crown_points(
        stage.surfaces, pick(seen.position, index), pick(seen.direction, index), seen.reach[index], seen.surface[index]
    )
    put(look.albedo, index, shade_crowns(points, pick(look.albedo, index), stage.weather))
    put(look.normal, index, unit(points.outward + np.float32(0.12) * pick(seen.normal, index)))
    if stage.weather.snow:
        look.snow[index] = np.float32(0.5 * stage.weather.snow) * smoothstep(0.2, 0.9, points.outward[2])


_GROUND_PART = 255
_PAINTERS: dict[Part, Callable[[Stage, Surfels, Look, Index], None]] = {
    Part.WALL: _look_wall,
    Part.FLAT_ROOF: _look_flat_roof,
    Part.PITCHED_ROOF: _look_pitched_roof,
    Part.BROADLEAF: _look_crown,
    Part.CONIFER: _look_crown,
}
