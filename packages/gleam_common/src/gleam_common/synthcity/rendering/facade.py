"""Walls up close: windows, doors, shop fronts, balconies, joints and weathering, from a wall's own coordinates.

Every edge is softened by the size of a pixel on the wall, so that far windows fade into their mean instead of
flickering. Axes: N points on walls, B buildings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from gleam_common.synthcity.model import Building
from gleam_common.synthcity.rendering.noise import hash01, lookup, tile_noise
from gleam_common.synthcity.rendering.planar import colour, lerp

__all__ = ["Facades", "WallPoints", "make_facades", "shade_walls"]

Floats = npt.NDArray[np.float32]
Index = npt.NDArray[np.int64]
Ints = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]
Style = Mapping[str, Floats]
"""The columns of ``Facades`` at each point."""


@dataclass(frozen=True, kw_only=True)
class Facades:
    """How each building's walls are divided, (B,) float32 each, lengths in metres.

    ``floor_m`` and ``bay_m``: the grid; ``window_m``, ``tall_m``, ``sill_m``: a window's width, height and foot;
    ``joint_u_m``, ``joint_v_m``: spacing of joints, 0 for none, and ``joint`` their darkness; ``trim``: brightness of
    frames and bands; ``is_glass``, ``is_shop``, ``balcony``, ``course``: 0 or 1, ``balcony`` the share of bays.
    """

    floors: Floats
    floor_m: Floats
    bay_m: Floats
    window_m: Floats
    tall_m: Floats
    sill_m: Floats
    joint_u_m: Floats
    joint_v_m: Floats
    joint: Floats
    trim: Floats
    is_glass: Floats
    is_shop: Floats
    balcony: Floats
    course: Floats
    seed: Floats


# bay, window share of bay, window share of floor, joints along and up in metres, their darkness
_STYLES: dict[str, tuple[float, float, float, float, float, float]] = {
    "glass": (1.7, 0.90, 0.80, 0.0, 0.0, 0.0),
    "panel": (3.1, 0.52, 0.50, 3.1, 3.0, 0.25),
    "brick": (2.8, 0.42, 0.55, 0.26, 0.09, 0.22),
    "stone": (2.9, 0.42, 0.60, 0.90, 0.45, 0.18),
    "plaster": (2.9, 0.40, 0.50, 0.0, 0.0, 0.0),
    "wood": (3.3, 0.34, 0.46, 0.0, 0.20, 0.25),
    "metal": (5.0, 0.55, 0.22, 0.35, 0.0, 0.22),
}
_TALL_ROOMS = ("church", "hall", "station")
_RIBBONS = ("office", "school", "hospital")
_SHOP_BELOW = ("office", "apartments")


def make_facades(buildings: tuple[Building, ...]) -> Facades:
    """Draw the facade of each building from its own seed, facade and use."""
    seeds = np.array([building.seed for building in buildings], dtype=np.int64)
    draws = hash01(seeds[:, None], np.arange(51, 60)[None, :]).tolist() if buildings else []
    rows = [_facade(building, *draw) for building, draw in zip(buildings, draws, strict=True)]
    names = [field.name for field in fields(Facades)]
    return Facades(**{name: np.array([row[name] for row in rows], dtype=np.float32) for name in names})


def _facade(
    building: Building, bays: float, wide: float, tall: float, ribbon: float, trim: float, shop: float,
    has_balcony: float, balconies: float, course: float,
) -> dict[str, float]:  # fmt: skip
    """One building's columns from nine random numbers in [0, 1)."""
    bay_m, share_u, share_v, joint_u_m, joint_v_m, joint = _STYLES.get(building.facade, _STYLES["plaster"])
    use, is_glass = building.use, building.facade == "glass"
    floors = max(1, min(building.floors, 2) if use in _TALL_ROOMS else building.floors)
    floor_m = building.height_m / floors
    bay_m *= 0.82 + 0.4 * bays
    window_m = bay_m * share_u * (0.85 + 0.3 * wide)
    if ribbon < 0.22 and use in _RIBBONS and not is_glass:
        window_m = bay_m * 1.02
    is_tank = use == "warehouse" and len(building.footprint.exterior.coords) > 15
    tall_m = min(floor_m * share_v * (0.9 + 0.25 * tall), floor_m * 0.9)
    return {
        "floors": floors,
        "floor_m": floor_m,
        "bay_m": bay_m,
        "window_m": 0.0 if is_tank else window_m,
        "tall_m": tall_m,
        "sill_m": (floor_m - tall_m) * (0.5 if is_glass else 0.55),
        "joint_u_m": joint_u_m,
        "joint_v_m": joint_v_m,
        "joint": joint,
        "trim": 0.15 + 0.65 * trim,
        "is_glass": is_glass,
        "is_shop": use == "shop" or (use in _SHOP_BELOW and shop < 0.35),
        "balcony": 0.3 + 0.4 * balconies if use == "apartments" and has_balcony < 0.6 else 0.0,
        "course": course < 0.4 and not is_glass and use != "house",
        "seed": building.seed % 65536,
    }


@dataclass(frozen=True, kw_only=True)
class WallPoints:
    """Points on walls, (N,) each: ``u`` along and ``v`` up the wall in metres, the wall's ``length`` and ``height``,
    size of a pixel along and up (``pixel_u``, ``pixel_v``), ``building`` (row of ``Facades``), ``wall`` (surface).
    """

    u: Floats
    v: Floats
    length: Floats
    height: Floats
    pixel_u: Floats
    pixel_v: Floats
    building: Ints
    wall: Index


def _cover(inside_m: Floats, pixel_m: Floats) -> Floats:
    """Share of a pixel that lies inside an edge at distance ``inside_m``."""
    share: Floats = np.minimum(np.maximum(inside_m / pixel_m + np.float32(0.5), 0.0), 1.0)
    return share


def shade_walls(points: WallPoints, facades: Facades, albedo_3N: Floats) -> tuple[Floats, Floats]:
    """Return (albedo (3, N), gloss (N,): share of light that is mirrored)."""
    style = {field.name: getattr(facades, field.name)[points.building] for field in fields(facades)}
    bays = np.floor((points.length - np.float32(0.5)) / style["bay_m"])
    across = (points.u - np.float32(0.5) * (points.length - bays * style["bay_m"])) / style["bay_m"]
    column = np.floor(across)
    off_u = np.abs(across - column - np.float32(0.5)) * style["bay_m"]
    level = np.floor(points.v / style["floor_m"])
    up = points.v - level * style["floor_m"]
    in_grid = (column >= 0) & (column < bays) & (level < style["floors"])
    draw = hash01(points.wall, (column + 64).astype(np.int32), (level + 8).astype(np.int32))

    albedo = _plain_wall(points, style, albedo_3N)
    albedo = _bands(points, style, albedo, up, level)
    albedo = _balconies(points, style, albedo, up, off_u, in_grid & (level > 0), column)
    street = in_grid & (level == 0)
    is_shop = street & (style["is_shop"] > 0)
    is_door = street & ~is_shop & (hash01(points.wall, (column + 64).astype(np.int32), 77) < 0.22)
    half, foot, head = _openings(style, is_shop, is_door)
    frame = _opening(points, style, off_u, up, half + 0.12, foot - 0.12, head + 0.12) * in_grid
    pane = _opening(points, style, off_u, up, half, foot, head) * in_grid
    trim = np.where(style["trim"] > 0.3, style["trim"], np.float32(0.06))
    albedo = lerp(albedo, trim, frame)
    glass, gloss = _panes(points, style, albedo_3N, draw, is_door, is_shop, head - up, off_u)
    albedo = lerp(albedo, glass, pane)
    return _signs(points, style, albedo, is_shop, up, head, column), gloss * pane


def _openings(style: Style, is_shop: Flags, is_door: Flags) -> tuple[Floats, Floats, Floats]:
    """Half width, foot and head in metres of the opening in each point's bay."""
    half: Floats = np.where(is_shop, 0.44 * style["bay_m"], 0.5 * style["window_m"])
    foot: Floats = np.where(is_shop, np.float32(0.35), style["sill_m"])
    head: Floats = np.where(is_shop, np.minimum(style["floor_m"] - 0.9, 2.7), style["sill_m"] + style["tall_m"])
    half, foot = np.where(is_door, np.float32(0.55), half), np.where(is_door, np.float32(0.0), foot)
    return half, foot, np.where(is_door, np.float32(2.15), head)


def _opening(
    points: WallPoints, style: Style, off_u: Floats, up: Floats, half: Floats, foot: Floats, head: Floats
) -> Floats:
    """Share of a pixel inside a rectangle of each bay and floor; its mean where pixels are larger than bays."""
    sharp = _cover(half - off_u, points.pixel_u) * _cover(np.minimum(up - foot, head - up), points.pixel_v)
    mean = 2.0 * half * (head - foot) / (style["bay_m"] * style["floor_m"])
    bays = np.maximum(points.pixel_u / style["bay_m"], points.pixel_v / style["floor_m"])
    coarse = np.minimum(np.maximum(2.0 * bays - 0.6, 0.0), 1.0)
    result: Floats = np.where(half > 0.13, sharp + (mean - sharp) * coarse, np.float32(0.0))
    return result


def _plain_wall(points: WallPoints, style: Style, albedo_3N: Floats) -> Floats:
    stain = lookup(tile_noise(43, 1.1), points.u * 9.0 + style["seed"], points.v * 6.0)
    streak = lookup(tile_noise(44, 0.8), points.u * 14.0 + style["seed"], points.v * 0.8)
    bright = 1.0 + 0.14 * stain + 0.08 * streak
    for position, pixel, spacing in (
        (points.u, points.pixel_u, style["joint_u_m"]),
        (points.v, points.pixel_v, style["joint_v_m"]),
    ):
        safe = np.maximum(spacing, np.float32(0.01))
        share = position / safe
        off = np.abs(share - np.floor(share) - np.float32(0.5)) * safe
        line = _cover(off - np.float32(0.46) * safe, pixel) * np.clip(2.0 - 3.0 * pixel / safe, 0.0, 1.0)
        bright = bright - np.where(spacing > 0, style["joint"] * line, np.float32(0.0))
    bright = bright * np.where(points.v < 0.6, np.float32(0.72), np.float32(1.0))
    result: Floats = albedo_3N * bright
    return result


def _bands(points: WallPoints, style: Style, albedo: Floats, up: Floats, level: Floats) -> Floats:
    """String courses at the floors and a cornice at the top."""
    course = _cover(np.float32(0.14) - np.minimum(up, style["floor_m"] - up), points.pixel_v) * style["course"]
    course = course * ((level > 0) & (points.v < points.height))
    cornice = _cover(np.float32(0.22) - np.abs(points.v - points.height), points.pixel_v)
    share = np.maximum(course, cornice * np.float32(0.8))
    return lerp(albedo, albedo * np.float32(0.55) + style["trim"] * np.float32(0.4), share)


def _balconies(
    points: WallPoints, style: Style, albedo: Floats, up: Floats, off_u: Floats,
    in_grid: Flags, column: Floats,
) -> Floats:  # fmt: skip
    pattern = hash01(style["seed"].astype(np.int32), (column + 64).astype(np.int32), 78)
    has = in_grid & (pattern < style["balcony"])
    if not has.any():
        return albedo
    wide = _cover(np.float32(0.42) * style["bay_m"] - off_u, points.pixel_u) * has
    rail = _cover(np.minimum(np.float32(1.0) - up, up + 0.05), points.pixel_v)
    shade = _cover(np.minimum(style["floor_m"] - up, up - style["floor_m"] + 0.5), points.pixel_v)
    dark = albedo * (1.0 - np.float32(0.45) * (shade * wide))
    return lerp(dark, style["trim"] * np.float32(0.8), np.float32(0.75) * rail * wide)


def _panes(
    points: WallPoints, style: Style, albedo_3N: Floats, draw: Floats, is_door: Flags,
    is_shop: Flags, below_head: Floats, off_u: Floats,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Colour and gloss of what fills an opening: dark rooms, curtains, blinds, tinted glass, doors."""
    is_glass = style["is_glass"] > 0
    dark = np.float32(0.025) + np.float32(0.05) * draw
    curtain = (draw > 0.72) & ~is_shop & ~is_glass & (below_head < style["tall_m"] * (draw - 0.4) * 1.6)
    tone = np.where(curtain, np.float32(0.35), dark)
    tone = np.where(below_head < 0.16, tone * np.float32(0.5), tone)
    mullion = _cover(np.float32(0.035) - off_u, points.pixel_u) * (style["window_m"] > 1.0) * ~is_shop
    tone = tone + (np.float32(0.3) * style["trim"] - tone) * mullion
    tinted = albedo_3N * (np.float32(0.22) + np.float32(0.16) * draw)
    pane = np.where(is_glass & ~is_shop, tinted, tone * colour(0.92, 1.0, 1.08))
    doors = np.flatnonzero(is_door)
    for channel in range(3):
        shade = hash01(points.wall[doors], 71 + channel)
        pane[channel, doors] = np.float32(0.03) + np.float32(0.3) * shade * shade
    gloss = np.where(is_door | curtain, np.float32(0.03), np.where(is_glass, np.float32(0.42), np.float32(0.2)))
    return pane, gloss


def _signs(
    points: WallPoints, style: Style, albedo: Floats, is_shop: Flags, up: Floats,
    head: Floats, column: Floats,
) -> Floats:  # fmt: skip
    """Coloured boards over shop fronts, one for a few bays."""
    below = np.flatnonzero(is_shop)
    unit = (np.floor(column[below] / 3.0) + 32).astype(np.int32)
    share = _cover(np.minimum(up - head - 0.12, head + 0.72 - up)[below], points.pixel_v[below])
    for channel in range(3):
        board = hash01(points.wall[below], unit, 74 + channel)
        tone = np.float32(0.04) + np.float32(0.55) * board * board
        albedo[channel, below] = lerp(albedo[channel, below], tone, share)
    return albedo
