"""Crowns of trees: which rays slip through between the leaves, and the colours of the leaves.

Axes: N points on crowns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gleam_common.synthcity.rendering.noise import hash01, lookup, tile_noise
from gleam_common.synthcity.rendering.planar import colour, dot, smoothstep, unit
from gleam_common.synthcity.weather import Season, Weather

__all__ = ["CrownPoints", "is_gap", "shade_crowns"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
_BARE = 0.3


@dataclass(frozen=True, kw_only=True)
class CrownPoints:
    """Points on crowns: ``position`` (3, N) in metres, ``outward`` (3, N) from the crown's centre in crown radii,
    ``direction`` (3, N) of the ray, ``pixel`` (N,) size of a pixel there, ``item`` (N,), ``is_conifer`` (N,).
    """

    position: Floats
    outward: Floats
    direction: Floats
    pixel: Floats
    item: Ints
    is_conifer: npt.NDArray[np.bool_]


def _clumps(position_3N: Floats, scale: float, seed: int) -> Floats:
    """Noise in space, made of three slices of a texture."""
    x, y, z = position_3N * np.float32(scale) + np.float32(40000.0)
    texture = tile_noise(seed, 0.6)
    total: Floats = lookup(texture, x, y) + lookup(texture, y, z) + lookup(texture, z, x)
    return total * np.float32(0.8)


def is_gap(points: CrownPoints, weather: Weather) -> npt.NDArray[np.bool_]:
    """Return which rays pass between the leaves: more of them near the outline, most of them in a bare winter tree."""
    clump = np.float32(0.5) * _clumps(points.position, 6.0, 49) + np.float32(0.4) * _clumps(points.position, 19.0, 50)
    facing = np.abs(dot(points.direction, unit(points.outward)))
    rim = np.maximum(np.float32(1.0) - np.float32(1.7) * facing, 0.0)
    leaf = np.where(points.is_conifer, np.float32(0.9), np.float32(weather.leaf))
    bare = np.float32(0.14) * (leaf < _BARE)
    small = np.minimum(np.maximum(np.float32(0.2) / points.pixel, np.float32(0.45)), np.float32(1.0))
    gap: npt.NDArray[np.bool_] = clump * small < np.float32(0.38) - np.float32(1.22) * leaf + rim + bare
    return gap


def shade_crowns(points: CrownPoints, albedo_3N: Floats, weather: Weather) -> Floats:
    """Return the albedo (3, N) of leaves in this season, darker inside and below."""
    leaves = albedo_3N * _season_tint(points.item, weather)
    if weather.leaf < _BARE:
        leaves = np.broadcast_to(colour(0.11, 0.09, 0.075), albedo_3N.shape)
    albedo = np.where(points.is_conifer, albedo_3N, leaves)
    clump = _clumps(points.position, 2.6, 51)
    fleck = _clumps(points.position, 26.0, 50) * np.minimum(np.float32(0.1) / points.pixel, 1.0)
    depth = np.float32(0.6) + np.float32(0.4) * smoothstep(-0.9, 0.5, points.outward[2])
    inside = dot(points.direction, points.outward) > 0
    bright = depth * (np.float32(1.0) + np.float32(0.45) * clump + np.float32(0.7) * fleck)
    bright = np.maximum(bright, np.float32(0.2)) * (np.float32(1.0) - np.float32(0.45) * inside)
    result: Floats = albedo * bright
    return result


def _season_tint(item: Ints, weather: Weather) -> Floats:
    """Factors (3, N), or (3, 1) for all; each tree turns at its own pace."""
    if weather.season is Season.AUTUMN:
        early = smoothstep(0.15, 0.85, hash01(item, 35) + np.float32(0.5 - 0.6 * weather.leaf))
        kind = hash01(item, 36)
        turned = np.where(
            kind < 0.45, colour(3.2, 1.55, 0.6), np.where(kind < 0.75, colour(3.4, 0.85, 0.55), colour(2.1, 1.0, 0.8))
        )
        result: Floats = np.float32(1.0) + (turned - np.float32(1.0)) * early
        return result
    if weather.season is Season.SPRING:
        return np.where(hash01(item, 37) < 0.12, colour(6.0, 2.9, 8.0), colour(1.25, 1.3, 0.9))
    return colour(1.0, 1.0, 1.0)
