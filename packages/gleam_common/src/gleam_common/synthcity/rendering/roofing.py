"""Roofs up close: gravel, membranes, metal, tiles, skylights, solar panels; and rooftop machines.

Axes: N points on roofs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gleam_common.synthcity.rendering.noise import hash01, lookup, tile_noise
from gleam_common.synthcity.rendering.planar import colour

__all__ = ["RoofPoints", "shade_flat_roofs", "shade_pitched_roofs"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]


@dataclass(frozen=True, kw_only=True)
class RoofPoints:
    """Points on roofs, (N,) each: ``u`` along and ``v`` across the roof in metres from its frame's origin, ``length``
    and ``width`` of the roof, ``pixel`` size of a pixel there, ``seed`` of the building, ``facing`` the side of a
    pitched roof (-1 or 1) and ``rise`` height above the eaves.
    """

    u: Floats
    v: Floats
    length: Floats
    width: Floats
    pixel: Floats
    seed: Ints
    facing: Floats
    rise: Floats

    @property
    def shift(self) -> Floats:
        """Where in a texture this roof starts, in texels."""
        return (self.seed & 511).astype(np.float32)


def _lines(position: Floats, spacing: Floats | float, width: float, pixel: Floats) -> Floats:
    """Share of a pixel under lines at every ``spacing`` metres; nothing where pixels are too large to show them."""
    share = position / spacing
    off = np.abs(share - np.floor(share) - np.float32(0.5)) * spacing
    inside = np.clip((off - (np.float32(0.5) * spacing - np.float32(width / 2))) / pixel + np.float32(0.5), 0.0, 1.0)
    result: Floats = inside * np.clip(np.float32(2.0) - np.float32(2.0) * pixel / spacing, 0.0, 1.0)
    return result


def _panels(points: RoofPoints, albedo: Floats, inside: npt.NDArray[np.bool_]) -> Floats:
    grid = np.maximum(_lines(points.u, 1.1, 0.1, points.pixel), _lines(points.v, 1.7, 0.1, points.pixel))
    return np.where(inside, colour(0.018, 0.026, 0.06) + np.float32(0.2) * grid, albedo)


def shade_flat_roofs(points: RoofPoints, albedo_3N: Floats) -> Floats:
    """Return the albedo (3, N) of flat roofs: stains, seams, skylights, fields of solar panels."""
    kind = hash01(points.seed, 61)
    stain = lookup(tile_noise(48, 1.2), points.u * 4.0 + points.shift, points.v * 4.0)
    grain = lookup(tile_noise(45, 0.35), points.u * 14.0, points.v * 14.0) * np.minimum(0.12 / points.pixel, 1.0)
    bright = 1.0 + 0.16 * stain + 0.12 * grain
    seam = _lines(points.v, np.where(kind < 0.5, 3.0, 1.8).astype(np.float32), 0.12, points.pixel) * (kind < 0.75)
    albedo = albedo_3N * (bright - np.float32(0.22) * seam)
    light = (hash01(points.seed, 62) < 0.3) & (points.width > 16)
    step_u, step_v = points.u % np.float32(8.0), points.v % np.float32(6.0)
    edge = (points.u > 3) & (points.u < points.length - 3) & (points.v > 3) & (points.v < points.width - 3)
    glass = light & edge & (step_u > 2) & (step_u < 5.5) & (step_v > 2) & (step_v < 3.6)
    albedo = np.where(glass, colour(0.32, 0.38, 0.42), albedo)
    solar = (hash01(points.seed, 63) < 0.22) & ~light
    share_u, share_v = points.u / points.length, points.v / points.width
    corner = hash01(points.seed, 64)
    field = (share_u > 0.12 + 0.3 * corner) & (share_u < 0.5 + 0.4 * corner) & (share_v > 0.18) & (share_v < 0.8)
    return _panels(points, albedo, solar & field & (points.v % np.float32(2.6) < 1.7))


def shade_pitched_roofs(points: RoofPoints, albedo_3N: Floats) -> Floats:
    """Return the albedo (3, N) of gables and hips: rows of tiles, weathering, solar panels, roof windows."""
    stain = lookup(tile_noise(48, 1.2), points.u * 5.0 + points.shift, points.rise * 5.0)
    streak = lookup(tile_noise(44, 0.8), points.u * 9.0 + points.shift, points.rise * 0.9)
    row = _lines(points.rise, 0.22, 0.05, points.pixel)
    tile = _lines(points.u, 0.3, 0.05, points.pixel)
    bright = 1.0 + 0.15 * stain + 0.10 * streak - 0.3 * row - 0.15 * tile
    albedo = albedo_3N * bright
    side = points.facing == np.where(hash01(points.seed, 65) < 0.5, 1.0, -1.0)
    share_u = points.u / np.maximum(points.length, 0.1)
    share_v = np.abs(points.v) / np.maximum(points.width, 0.1) * 2.0
    solar = (hash01(points.seed, 66) < 0.2) & side & (np.abs(share_u) < 0.3) & (share_v > 0.2) & (share_v < 0.78)
    albedo = _panels(points, albedo, solar)
    step = points.u % np.float32(3.4)
    window = (hash01(points.seed, 67) < 0.35) & ~side & (np.abs(share_u) < 0.32) & (share_v > 0.4) & (share_v < 0.66)
    return np.where(window & (step > 1.2) & (step < 2.1), colour(0.04, 0.05, 0.06), albedo)
