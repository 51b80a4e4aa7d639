"""The main roads of a city in its four styles, laid out in the flat plane before it is bent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import shapely
from shapely import affinity
from shapely.geometry import LineString, Polygon

from gleam_common.synthcity.millimetres import snap, snap_line

__all__ = ["STYLES", "ArterialLine", "Skeleton", "StyleSpec", "lay_arterials"]


@dataclass(frozen=True, kw_only=True)
class ArterialLine:
    """A main road: ``rank`` is primary or secondary, ``naming`` a street suffix or "ring"."""

    line: LineString
    rank: str
    naming: str


@dataclass(frozen=True, kw_only=True)
class Skeleton:
    """The main roads and the centre that a city grew around."""

    lines: tuple[ArterialLine, ...]
    centre: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class StyleSpec:
    """How a style differs: its layout, how far the plane is bent, and how local streets fill the gaps."""

    layout: Callable[[np.random.Generator, float], Skeleton]
    bend_m: tuple[float, float]
    split_share: float


def _suffix(rank: str, rng: np.random.Generator) -> str:
    return "Avenue" if rank == "primary" else str(rng.choice(["Road", "Drive"], p=[0.75, 0.25]))


def _positions(rng: np.random.Generator, reach_m: float, low_m: float, high_m: float) -> np.ndarray:
    """Irregular offsets that cover [-reach, reach]."""
    steps = rng.uniform(low_m, high_m, size=2 + int(2 * reach_m / low_m))
    offsets = np.cumsum(steps) - reach_m - rng.uniform(0, low_m)
    return np.asarray(offsets[offsets < reach_m])


def _lattice(rng: np.random.Generator, reach_m: float, angle_deg: float, *, cut_share: float) -> list[ArterialLine]:
    """Two families of parallel roads; a share of the secondary ones stops at a crossing road."""
    families = [_positions(rng, reach_m, 190.0, 320.0) for _ in range(2)]
    lines: list[ArterialLine] = []
    for family, offsets in enumerate(families):
        crossings = families[1 - family]
        first = int(rng.integers(2))
        for index, offset in enumerate(offsets):
            rank = "primary" if index % 2 == first else "secondary"
            start, end = -reach_m, reach_m
            if rank == "secondary" and rng.random() < cut_share and len(crossings) > 3:
                stop = float(crossings[int(rng.integers(1, len(crossings) - 1))])
                start, end = (stop, end) if rng.random() < 0.5 else (start, stop)
            ends = [(start, offset), (end, offset)] if family == 0 else [(offset, start), (offset, end)]
            line = snap_line(affinity.rotate(LineString(ends), angle_deg, origin=(0.0, 0.0)))
            lines.append(ArterialLine(line=line, rank=rank, naming=_suffix(rank, rng)))
    return lines


def _grid(rng: np.random.Generator, reach_m: float) -> Skeleton:
    angle_deg = float(rng.uniform(-35, 35))
    lines = _lattice(rng, reach_m, angle_deg, cut_share=0.25)
    if rng.random() < 0.6:
        slope_deg = angle_deg + float(rng.choice([-1, 1]) * rng.uniform(28, 60))
        shift = rng.uniform(-120, 120, size=2)
        diagonal = affinity.rotate(LineString([(-reach_m, 0), (reach_m, 0)]), slope_deg, origin=(0.0, 0.0))
        diagonal = snap_line(affinity.translate(diagonal, *shift))
        lines.append(ArterialLine(line=diagonal, rank="primary", naming=_suffix("primary", rng)))
    return Skeleton(lines=tuple(lines), centre=_near_middle(rng))


def _organic(rng: np.random.Generator, reach_m: float) -> Skeleton:
    lines = _lattice(rng, reach_m, float(rng.uniform(-45, 45)), cut_share=0.7)
    return Skeleton(lines=tuple(lines), centre=_near_middle(rng))


def _near_middle(rng: np.random.Generator) -> tuple[float, float]:
    x, y = rng.uniform(-110, 110, size=2)
    return float(x), float(y)


def _ring(centre: tuple[float, float], radius_m: float, rng: np.random.Generator) -> LineString:
    """A closed ring, slightly out of round."""
    turn = np.linspace(0, 2 * np.pi, 97)
    dents = [rng.uniform(0, 0.035) * np.sin(k * turn + rng.uniform(0, 2 * np.pi)) for k in (2, 3, 4)]
    radius = radius_m * (1 + np.sum(dents, axis=0))
    return LineString(snap(np.stack([centre[0] + radius * np.cos(turn), centre[1] + radius * np.sin(turn)], axis=1)))


def _rings_and_spokes(
    rng: np.random.Generator, centre: tuple[float, float], outer_m: float, reach_m: float
) -> list[ArterialLine]:
    """Rings up to ``outer_m``; spokes from the centre, and more of them from the second ring, up to ``reach_m``."""
    radii = [float(rng.uniform(95, 140))]
    while radii[-1] < outer_m - 120:
        radii.append(radii[-1] + float(rng.uniform(140, 230)))
    lines = []
    for index, radius in enumerate(radii):
        rank = "primary" if index == 1 else "secondary"
        lines.append(ArterialLine(line=_ring(centre, radius, rng), rank=rank, naming="ring"))
    spokes = int(rng.integers(5, 8))
    angles = (np.arange(spokes) + rng.uniform(-0.2, 0.2, spokes) + rng.random()) * 2 * np.pi / spokes
    between = (angles + np.append(angles[1:], angles[0] + 2 * np.pi)) / 2
    starts = [(angle, 0.0, "primary") for angle in angles]
    if len(radii) > 2:
        starts += [(angle, radii[1], "secondary") for angle in between]
    for angle, inner, rank in starts:
        bow = float(rng.uniform(-0.12, 0.12))
        along = np.linspace(inner, reach_m, 24)
        turn = angle + bow * (along - inner) / reach_m
        points = np.stack([centre[0] + along * np.cos(turn), centre[1] + along * np.sin(turn)], axis=1)
        lines.append(ArterialLine(line=LineString(snap(points)), rank=rank, naming=_suffix(rank, rng)))
    return lines


def _radial(rng: np.random.Generator, reach_m: float) -> Skeleton:
    centre = _near_middle(rng)
    return Skeleton(lines=tuple(_rings_and_spokes(rng, centre, reach_m, 2 * reach_m)), centre=centre)


def _mixed(rng: np.random.Generator, reach_m: float) -> Skeleton:
    """An old town of rings within a later grid."""
    centre = _near_middle(rng)
    outer_m = min(0.45 * reach_m, float(rng.uniform(300, 400)))
    core = _rings_and_spokes(rng, centre, outer_m, outer_m)
    town = max((Polygon(entry.line.coords) for entry in core if entry.naming == "ring"), key=lambda ring: ring.area)
    rings = [entry for entry in core if entry.naming == "ring"]
    spokes = [entry for entry in core if entry.naming != "ring"]
    later = _lattice(rng, reach_m, float(rng.uniform(-45, 45)), cut_share=0.4)
    lines = [*rings, *_clip(spokes, town, inside=True), *_clip(later, town, inside=False)]
    return Skeleton(lines=tuple(lines), centre=centre)


def _clip(lines: list[ArterialLine], town: Polygon, *, inside: bool) -> list[ArterialLine]:
    """The parts of roads within the town, or without."""
    return [
        ArterialLine(line=part, rank=entry.rank, naming=entry.naming)
        for entry in lines
        for part in shapely.get_parts(entry.line.intersection(town) if inside else entry.line.difference(town))
        if part.geom_type == "LineString" and part.length > 40
    ]


STYLES: dict[str, StyleSpec] = {
    "grid": StyleSpec(layout=_grid, bend_m=(0.0, 5.0), split_share=0.15),
    "radial": StyleSpec(layout=_radial, bend_m=(6.0, 14.0), split_share=0.4),
    "organic": StyleSpec(layout=_organic, bend_m=(34.0, 44.0), split_share=0.85),
    "mixed": StyleSpec(layout=_mixed, bend_m=(12.0, 26.0), split_share=0.5),
}
"""Street layouts by name."""


def lay_arterials(style: str, rng: np.random.Generator, reach_m: float) -> Skeleton:
    """Return the main roads of ``style`` within ``reach_m`` of the origin, before bending."""
    return STYLES[style].layout(rng, reach_m)
