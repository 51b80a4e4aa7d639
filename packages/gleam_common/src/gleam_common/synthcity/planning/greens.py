"""Sites without houses: parks, ponds, squares, car parks, sports fields, orchards, meadows."""

from __future__ import annotations

import math

import numpy as np
import shapely
from shapely.geometry import LineString, Polygon

from gleam_common.synthcity.lots import Box, boxes_around, fit_box
from gleam_common.synthcity.millimetres import snap
from gleam_common.synthcity.model import Area, Building, Kind, Road
from gleam_common.synthcity.planning.drafts import Draft
from gleam_common.synthcity.planning.sites import Site
from gleam_common.synthcity.sports import FIELDS, field_outline

__all__ = [
    "Drafts",
    "basketball",
    "football",
    "ground",
    "largest",
    "meadow",
    "orchard",
    "park",
    "parking",
    "path",
    "place_field",
    "plaza",
    "pond",
    "running_track",
    "tennis",
]

Drafts = list[Draft[Area] | Draft[Building] | Draft[Road]]
_PARK_POND_M2 = 7000.0


def largest(shape: shapely.Geometry) -> Polygon | None:
    """Return the largest polygon of a geometry, or None when there is none over 20 square metres."""
    parts = [part for part in shapely.get_parts(shape) if part.geom_type == "Polygon"]
    best = max(parts, key=lambda part: part.area, default=None)
    return best if best is not None and best.area > 20.0 else None


def ground(polygon: Polygon, variant: str) -> Draft[Area]:
    """Return a green: ``variant`` is garden, lawn, courtyard, orchard, meadow, soil, bank or verge."""
    return Draft(item=Area(item_id=0, kind=Kind.GRASS, polygon=polygon, variant=variant))


def path(line: LineString, width_m: float = 2.6) -> Draft[Road]:
    """Return an unnamed footpath."""
    road = Road(
        item_id=0, kind=Kind.ROAD, line=line, width_m=width_m, lanes=1, rank="path", sidewalk_m=0.0, markings=False
    )
    return Draft(item=road)


def _area(kind: Kind, polygon: Polygon, *, naming: str = "", variant: str = "", colour: str = "") -> Draft[Area]:
    return Draft(item=Area(item_id=0, kind=kind, polygon=polygon, variant=variant, colour=colour), naming=naming)


def park(rng: np.random.Generator, site: Site) -> Drafts | None:
    """A park: paths that cross, or a loop, or both; a pond when it is large."""
    if site.polygon.area > _PARK_POND_M2 and rng.random() < 0.6:
        return pond(rng, site)
    drafts: Drafts = [_area(Kind.PARK, site.polygon, naming="park" if site.polygon.area > 900 else "")]
    box = boxes_around(np.array([site.polygon], dtype=object))[0]
    inner = largest(site.polygon.buffer(-min(10.0, 0.22 * box.width_m) - 3.0).buffer(3.0))
    if inner is not None and inner.area > 400 and rng.random() < 0.55:
        drafts.append(path(LineString(inner.exterior.coords)))
    for line in _crossing_paths(rng, site.polygon, box):
        drafts.append(path(line))
    return drafts


def _crossing_paths(rng: np.random.Generator, polygon: Polygon, box: Box) -> list[LineString]:
    """Straight paths from edge to edge through a point near the middle."""
    middle = box.place(rng.uniform(-0.15, 0.15, (1, 2)) * [box.length_m, box.width_m])[0]
    start = box.angle + float(rng.uniform(0.2, 0.9))
    count = int(rng.integers(1, 4))
    lines = []
    for index in range(count):
        turn = start + index * math.pi / count
        step = box.length_m * np.array([math.cos(turn), math.sin(turn)])
        inside = LineString(snap([middle - step, middle + step])).intersection(polygon.buffer(-1.2))
        lines += [part for part in shapely.get_parts(inside) if part.geom_type == "LineString" and part.length > 12]
    return lines


def _blob(rng: np.random.Generator, x: float, y: float, radius_m: float, stretch: float, angle: float) -> Polygon:
    """A smooth pond-like outline."""
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    waves = [rng.uniform(0.0, 0.16) * np.sin(k * turn + rng.uniform(0, 2 * np.pi)) for k in (2, 3, 4)]
    radius = 1.0 + np.sum(waves, axis=0)
    local = radius_m * np.stack([stretch * radius * np.cos(turn), radius * np.sin(turn) / stretch], axis=1)
    return Polygon(Box(x_m=x, y_m=y, angle=angle, length_m=1.0, width_m=1.0).place(local))


def pond(rng: np.random.Generator, site: Site) -> Drafts | None:
    """A pond in a park, with a path around it."""
    inner = largest(site.polygon.buffer(-4.0))
    if inner is None:
        return None
    circle = shapely.maximum_inscribed_circle(inner, tolerance=0.5)
    x, y = circle.coords[0]
    radius_m = min(circle.length * 0.8, 17.0)
    if radius_m < 5.5:
        return None
    box = boxes_around(np.array([inner], dtype=object))[0]
    stretch = float(np.clip(math.sqrt(box.length_m / box.width_m) * rng.uniform(0.8, 1.1), 1.0, 1.35))
    water = largest(_blob(rng, x, y, radius_m, stretch, box.angle).intersection(inner))
    if water is None:
        return None
    named = "pond" if water.area > 500 else ""
    drafts: Drafts = [
        _area(Kind.PARK, site.polygon, naming="park" if site.polygon.area > 2500 else ""),
        _area(Kind.POND, water, naming=named),
    ]
    around = largest(water.buffer(4.0).intersection(site.polygon.buffer(-1.5)))
    if around is not None and rng.random() < 0.7:
        ring = LineString(around.exterior.coords)
        drafts.append(path(ring, 2.2))
        out = LineString([(x, y), *box.place(np.array([[box.length_m, float(rng.uniform(-5, 5))]]))])
        inside = out.intersection(site.polygon.difference(around))
        drafts += [path(p, 2.2) for p in shapely.get_parts(inside) if p.geom_type == "LineString" and p.length > 6]
    return drafts


def plaza(rng: np.random.Generator, site: Site) -> Drafts | None:
    """A paved square, often with a round fountain."""
    drafts: Drafts = [_area(Kind.PLAZA, site.polygon, naming="plaza" if site.polygon.area > 700 else "")]
    circle = shapely.maximum_inscribed_circle(site.polygon, tolerance=0.5)
    if circle.length > 10 and rng.random() < 0.6:
        x, y = circle.coords[0]
        basin = shapely.Point(x, y).buffer(float(rng.uniform(0.2, 0.35)) * min(circle.length, 24.0), quad_segs=8)
        drafts.append(_area(Kind.POND, basin, variant="fountain"))
    return drafts


def parking(rng: np.random.Generator, site: Site) -> Drafts | None:
    """A car park with a green edge or none."""
    edge_m = float(rng.choice([0.5, 2.5, 4.0]))
    lot = largest(site.polygon.buffer(-edge_m, join_style="mitre"))
    if lot is None or lot.area < 350:
        return None
    drafts: Drafts = [ground(site.polygon, "lawn")] if edge_m > 2 else []
    return [*drafts, _area(Kind.PARKING, lot, naming="parking" if lot.area > 1500 else "")]


def place_field(rng: np.random.Generator, polygon: Polygon, variant: str, *, naming: str) -> Draft[Area] | None:
    """Return a sports field that lies within ``polygon``, or None when there is no room."""
    field = FIELDS[variant]
    box = fit_box(polygon, field.length_m, field.width_m, field.least)
    if box is None:
        return None
    colour = str(rng.choice(list(field.colours)))
    return _area(Kind.SPORTS_FIELD, field_outline(variant, box), naming=naming, variant=variant, colour=colour)


def _sports(rng: np.random.Generator, site: Site, variants: tuple[str, ...], count: int) -> Drafts | None:
    """As many as ``count`` fields of one variant, of the first of ``variants`` that has room."""
    room: Polygon | None = largest(site.polygon.buffer(-1.5))
    for variant in variants:
        drafts: Drafts = []
        while room is not None and len(drafts) < count:
            field = place_field(rng, room, variant, naming="" if drafts else variant)
            if field is None:
                break
            drafts.append(field)
            room = largest(room.difference(field.item.polygon.buffer(1.2, join_style="mitre")))
        if drafts:
            return [ground(site.polygon, "lawn"), *drafts]
    return None


def football(rng: np.random.Generator, site: Site) -> Drafts | None:
    """A football pitch, or a smaller field where there is no room."""
    return _sports(rng, site, ("football", "tennis", "basketball"), 1)


def running_track(rng: np.random.Generator, site: Site) -> Drafts | None:
    """A track around a pitch, or a pitch where there is no room."""
    return _sports(rng, site, ("running_track", "football", "tennis"), 1)


def tennis(rng: np.random.Generator, site: Site) -> Drafts | None:
    """One to four tennis courts."""
    return _sports(rng, site, ("tennis", "basketball"), int(rng.integers(1, 5)))


def basketball(rng: np.random.Generator, site: Site) -> Drafts | None:
    """One or two basketball courts."""
    return _sports(rng, site, ("basketball",), int(rng.integers(1, 3)))


def orchard(rng: np.random.Generator, site: Site) -> Drafts | None:
    """Rows of trees (planted by vegetation.py)."""
    return [ground(site.polygon, "orchard")]


def meadow(rng: np.random.Generator, site: Site) -> Drafts | None:
    """Rough grass or bare soil, often crossed by a beaten path."""
    drafts: Drafts = [ground(site.polygon, str(rng.choice(["meadow", "soil"], p=[0.7, 0.3])))]
    if rng.random() < 0.6:
        box = boxes_around(np.array([site.polygon], dtype=object))[0]
        drafts += [path(line, 1.8) for line in _crossing_paths(rng, site.polygon, box)[:1]]
    return drafts
