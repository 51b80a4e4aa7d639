"""The river and the railway: two bands that cross a city and that streets respect."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry import LineString, Polygon
from shapely.geometry.base import BaseGeometry

from gleam_common.synthcity.millimetres import snap
from gleam_common.synthcity.roads import TRACK_M

__all__ = ["Corridor", "draw_corridors", "give_way", "stop_at"]

_BANK_M = 13.0
_VERGE_M = 5.0


@dataclass(frozen=True, kw_only=True)
class Corridor:
    """A band: ``line`` is its axis, ``bed`` its water or ballast, ``reserve`` the bed with its banks."""

    kind: str
    line: LineString
    bed: Polygon
    reserve: Polygon
    tracks: int = 0


def draw_corridors(
    rng: np.random.Generator, reach_m: float, half_m: float, centre: tuple[float, float]
) -> list[Corridor]:
    """Return a river (in three cities of four) and a railway (in three of four) in the flat plane.

    Both pass the city's centre at a distance and cross each other, if at all, at no less than 35 degrees.
    """
    river_deg = float(rng.uniform(0, 180))
    has_river, has_rail = rng.random() < 0.8, rng.random() < 0.8
    corridors = []
    if has_river:
        line = _axis(rng, reach_m, half_m, centre, river_deg, bend_m=float(rng.uniform(22, 48)))
        corridors.append(_river(rng, line))
    if has_rail:
        rail_deg = river_deg + float(rng.uniform(35, 145))
        line = _axis(rng, reach_m, half_m, centre, rail_deg, bend_m=float(rng.uniform(0, 10)))
        tracks = int(rng.integers(2, 4))
        bed = line.buffer(tracks * TRACK_M / 2 + 1.0, cap_style="flat")
        corridors.append(Corridor(kind="rail", line=line, bed=bed, reserve=bed.buffer(_VERGE_M), tracks=tracks))
    return corridors


def _axis(
    rng: np.random.Generator,
    reach_m: float,
    half_m: float,
    centre: tuple[float, float],
    heading_deg: float,
    *,
    bend_m: float,
) -> LineString:
    """A long winding line that passes ``centre`` at 0.2 to 0.6 half sizes of the city."""
    along = np.linspace(-reach_m, reach_m, max(16, int(2 * reach_m / 14)))
    aside = np.zeros_like(along)
    for wavelength_m, share in ((rng.uniform(520, 800), 0.75), (rng.uniform(260, 420), 0.25)):
        aside += share * bend_m * np.sin(2 * np.pi * along / wavelength_m + rng.uniform(0, 2 * np.pi))
    distance = float(rng.choice([-1, 1])) * max(95.0, float(rng.uniform(0.2, 0.6)) * half_m)
    angle = math.radians(heading_deg)
    cos, sin = math.cos(angle), math.sin(angle)
    x = centre[0] + along * cos - (aside + distance) * sin
    y = centre[1] + along * sin + (aside + distance) * cos
    return LineString(snap(np.stack([x, y], axis=1)))


def _river(rng: np.random.Generator, line: LineString) -> Corridor:
    """A river 14 to 30 m wide, whose width varies along it."""
    xy = np.asarray(line.coords)
    tangent = np.gradient(xy, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(xy, axis=0).T))])
    mean_m = float(rng.uniform(8.5, 13.0))
    sides = []
    for sign in (1.0, -1.0):
        half = mean_m + 1.8 * np.sin(along / rng.uniform(28, 50) + rng.uniform(0, 6)) + rng.uniform(-0.6, 0.6, len(xy))
        sides.append(snap(xy + sign * half[:, None] * normal))
    bed = Polygon(np.concatenate([sides[0], sides[1][::-1]])).buffer(0)
    reserve = line.buffer(mean_m + _BANK_M, cap_style="flat")
    return Corridor(kind="river", line=line, bed=bed, reserve=reserve)


def give_way(line: LineString, zone: BaseGeometry, longest_m: float) -> list[LineString]:
    """Return ``line`` without its stretches inside ``zone`` that are longer than ``longest_m``.

    Short stretches are crossings and stay; long ones would run along the zone. Leftovers under 30 m go too.
    """
    inside = shapely.get_parts(shapely.intersection(line, zone))
    along = [part for part in inside if part.length > longest_m]
    rest = line.difference(shapely.union_all(shapely.buffer(along, 0.5))) if along else line
    parts = shapely.get_parts(shapely.line_merge(rest))
    return [part for part in parts if part.geom_type == "LineString" and part.length >= 30.0]


def stop_at(line: LineString, zone: BaseGeometry) -> LineString:
    """Return ``line`` without the stretches at its ends that lie in ``zone``: a road that ends in a river ends at its
    bank. A closed ring has no ends; a line wholly inside, or cut to nothing, is returned as it is.
    """
    if line.is_closed or not shapely.intersects_xy(zone, shapely.get_coordinates(line)[[0, -1]]).any():
        return line
    inside = shapely.get_parts(shapely.line_merge(shapely.intersection(line, zone)))
    ends = shapely.points(shapely.get_coordinates(line)[[0, -1]])
    dead = [part for part in inside if shapely.dwithin(part, ends, 1e-6).any()]
    rest = shapely.get_parts(shapely.line_merge(line.difference(shapely.union_all(shapely.buffer(dead, 0.5)))))
    return max(rest, key=lambda part: part.length, default=line)
