"""What a camera sees: for each pixel the first surface point, after looking through the gaps between leaves.

Axes: N pixels row by row, M the pixels that see something, F faces.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gleam_common.synthcity.camera import Rays
from gleam_common.synthcity.rendering.foliage import CrownPoints, is_gap
from gleam_common.synthcity.rendering.mesh import Mesh, Part, Surfaces
from gleam_common.synthcity.rendering.planar import dot, pick, put, repeated, rows
from gleam_common.synthcity.rendering.tracing import FAR_M, Layer, ground_limit
from gleam_common.synthcity.weather import Weather

__all__ = ["GROUND", "Surfels", "crown_points", "see", "sun_blocked"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Index = npt.NDArray[np.int64]

GROUND = -1
_LEAF_LAYERS, _FINE_M, _FULL_LEAF = 4, 0.15, 0.7
_SUN_LAYERS = 3
_SHADOW_REACH_M = 400.0


@dataclass(frozen=True, kw_only=True)
class Surfels:
    """Visible points, (M,) or planar (3, M). ``pixel`` is the pixel's number, ``surface`` a row of ``Surfaces`` or
    ``GROUND``, ``normal`` points to the viewer, ``direction`` away from it, ``reach`` is a pixel's width there.
    """

    pixel: Index
    position: Floats
    direction: Floats
    normal: Floats
    distance: Floats
    reach: Floats
    surface: Index


def _distance(mesh: Mesh, face: Ints, origin_3N: Floats, direction_3N: Floats) -> tuple[Floats, Floats]:
    """Distance (N,) to each face's plane and its normal (3, N), turned to the viewer."""
    normal = pick(mesh.normal, face)
    toward = dot(normal, direction_3N)
    gap = np.take(mesh.offset, face, mode="clip") - dot(normal, origin_3N)
    safe: Floats = np.where(np.abs(toward) < 1e-6, np.float32(1e-6), toward)
    return np.divide(gap, safe, dtype=np.float32), normal * -np.sign(toward)


def see(city: Layer, extra: Layer | None, extra_pixel: Index, rays: Rays, weather: Weather) -> Surfels:
    """Return the first point of each ray that meets something within ``FAR_M``.

    ``extra`` is a second layer of things, looked for in ``extra_pixel`` only; its surfaces are numbered on from the
    city's.
    """
    limit = ground_limit(rays.origin_N3, rays.direction_N3)
    face = city.caster.first_faces(rays.origin_N3, rays.direction_N3, limit)
    _look_through_leaves(city, rays, limit, face, weather)
    distance, normal = limit.copy(), np.zeros((3, len(limit)), dtype=np.float32)
    normal[2] = 1.0
    surface = np.full(len(limit), GROUND, dtype=np.int64)
    _put(city.mesh, rays, np.flatnonzero(face >= 0), face, (distance, normal, surface), 0)
    seen = (face >= 0) | (limit < FAR_M)
    if extra is not None and len(extra_pixel):
        nearer = extra.caster.first_faces(
            rays.origin_N3[extra_pixel], rays.direction_N3[extra_pixel], distance[extra_pixel]
        )
        face[extra_pixel] = nearer
        hit = extra_pixel[nearer >= 0]
        _put(extra.mesh, rays, hit, face, (distance, normal, surface), len(city.mesh.surfaces.part))
        seen[hit] = True
    pixel, direction = np.flatnonzero(seen), rays.direction_3N
    if len(pixel) < len(seen):
        direction, normal = pick(direction, pixel), pick(normal, pixel)
        distance, surface = distance[pixel], surface[pixel]
    return Surfels(
        pixel=pixel, position=rays.origins(pixel) + direction * distance, direction=direction, normal=normal,
        distance=distance, reach=distance * np.float32(rays.spread_rad) + np.float32(rays.footprint_m), surface=surface,
    )  # fmt: skip


def _put(mesh: Mesh, rays: Rays, hit: Index, face: Ints, into: tuple[Floats, Floats, Index], first: int) -> None:
    """Write distance, normal and surface of pixels that see a face."""
    distance, normal, surface = into
    away, turned = _distance(mesh, face[hit], rays.origins(hit), pick(rays.direction_3N, hit))
    distance[hit] = np.minimum(np.maximum(away, 0.0), distance[hit])
    put(normal, hit, turned)
    surface[hit] = np.take(mesh.surface, face[hit]) + first


def crown_points(
    surfaces: Surfaces, position_3N: Floats, direction_3N: Floats, reach: Floats, surface: Index
) -> CrownPoints:
    """Return points on crowns with what the leaves need to know."""
    size = pick(surfaces.size, surface)
    outward = position_3N - pick(surfaces.origin, surface)
    outward[:2] /= size[0]
    outward[2] /= size[1]
    return CrownPoints(
        position=position_3N, outward=outward, direction=direction_3N, pixel=reach, item=surfaces.item[surface],
        is_conifer=surfaces.part[surface] == Part.CONIFER,
    )  # fmt: skip


def _look_through_leaves(city: Layer, rays: Rays, limit: Floats, face: Ints, weather: Weather) -> None:
    """Send rays that fall into a gap on their way, layer by layer; ``face`` is changed in place.

    Through far crowns in full leaf only once: a pixel mixes many leaves there anyway.
    """
    mesh = city.mesh
    far_m = _FINE_M if weather.leaf > _FULL_LEAF else np.inf
    rest = np.flatnonzero(face >= 0)
    for _ in range(_LEAF_LAYERS):
        surface = np.take(mesh.surface, face[rest]).astype(np.int64)
        crown = np.take(mesh.is_crown, surface)
        rest, surface = rest[crown], surface[crown]
        if not len(rest):
            return
        direction, origin = pick(rays.direction_3N, rest), rays.origins(rest)
        distance, _ = _distance(mesh, face[rest], origin, direction)
        reach = distance * np.float32(rays.spread_rad) + np.float32(rays.footprint_m)
        gap = is_gap(crown_points(mesh.surfaces, origin + direction * distance, direction, reach, surface), weather)
        rest, start = rest[gap], distance[gap] + np.float32(0.02)
        further = rays.origin_N3[rest] + rays.direction_N3[rest] * start[:, None]
        face[rest] = city.caster.first_faces(further, rays.direction_N3[rest], limit[rest] - start)
        rest = rest[(face[rest] >= 0) & (reach[gap] < far_m)]


def sun_blocked(
    city: Layer, start_3M: Floats, to_sun: Floats, weather: Weather, through_leaves: bool
) -> npt.NDArray[np.bool_]:
    """Return which points (M,) lie in the shadow of the city.

    With ``through_leaves``, sun that falls into a gap between leaves goes on; else crowns are solid.
    """
    origin, direction = rows(start_3M), repeated(to_sun, start_3M.shape[1])
    if not through_leaves:
        return city.caster.blocked(origin, direction, _SHADOW_REACH_M)
    limit = np.full(len(origin), _SHADOW_REACH_M, dtype=np.float32)
    face = city.caster.first_faces(origin, direction, limit)
    rest, gone = np.flatnonzero(face >= 0), np.zeros(len(origin), dtype=np.float32)
    for _ in range(_SUN_LAYERS):
        surface = np.take(city.mesh.surface, face[rest]).astype(np.int64)
        crown = np.take(city.mesh.is_crown, surface)
        rest, surface = rest[crown], surface[crown]
        distance, _ = _distance(city.mesh, face[rest], pick(start_3M, rest), to_sun)
        at = pick(start_3M, rest) + to_sun * distance
        reach = np.full(len(rest), 0.3, dtype=np.float32)
        gap = is_gap(crown_points(city.mesh.surfaces, at, np.broadcast_to(to_sun, at.shape), reach, surface), weather)
        rest = rest[gap]
        gone[rest] = distance[gap] + np.float32(0.02)
        onward = origin[rest] + direction[rest] * gone[rest, None]
        face[rest] = city.caster.first_faces(onward, direction[rest], limit[rest])
        rest = rest[face[rest] >= 0]
    return face >= 0
