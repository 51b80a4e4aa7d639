"""Sites planned as a whole: slabs, towers on a lawn, perimeter blocks around a court, storage tanks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import shapely
from shapely.geometry import Polygon

from gleam_common.synthcity.lots import Box, box_polygons, boxes_around
from gleam_common.synthcity.model import Area, Kind
from gleam_common.synthcity.planning.buildings import make_building
from gleam_common.synthcity.planning.drafts import Draft
from gleam_common.synthcity.planning.footprints import outline
from gleam_common.synthcity.planning.greens import Drafts, ground, largest
from gleam_common.synthcity.planning.sites import Site

__all__ = ["perimeter", "points", "slabs", "tanks"]

Floats = np.typing.NDArray[np.float64]


def _rows(box: Box, step_u: float, step_v: float, length_m: float, width_m: float, angle: float) -> list[Box]:
    """Equal boxes on a lattice centred in ``box``."""
    count_u, count_v = (max(1, int(size / step)) for size, step in ((box.length_m, step_u), (box.width_m, step_v)))
    u = (np.arange(count_u) - (count_u - 1) / 2) * step_u
    v = (np.arange(count_v) - (count_v - 1) / 2) * step_v
    centres = box.place(np.stack(np.meshgrid(u, v), axis=-1).reshape(-1, 2))
    return [Box(x_m=x, y_m=y, angle=angle, length_m=length_m, width_m=width_m) for x, y in centres.tolist()]


def _inside(yard: Polygon, boxes: list[Box]) -> list[Box]:
    inside = shapely.contains(yard, box_polygons(boxes))
    return [box for box, fits in zip(boxes, inside, strict=True) if fits]


def slabs(rng: np.random.Generator, site: Site) -> Drafts | None:
    """Parallel blocks of flats on grass; every other gap may be a car park."""
    yard = largest(site.polygon.buffer(-4.0))
    if yard is None:
        return None
    around = boxes_around(np.array([yard], dtype=object))[0]
    gap_m, depth_m = float(rng.uniform(14, 22)), float(rng.uniform(10.5, 13.5))
    across = rng.random() < 0.5
    room_m = around.width_m if across else around.length_m
    long_m = float(np.clip(room_m / max(1, round(room_m / 48.0)) - 6.0, 22.0, 64.0))
    step_u, step_v = (depth_m + gap_m, long_m + 6.0) if across else (long_m + 6.0, depth_m + gap_m)
    angle = around.angle + (np.pi / 2 if across else 0.0)
    boxes = _inside(yard, _rows(around, step_u, step_v, long_m, depth_m, angle))
    if not boxes:
        return None
    floors = int(rng.integers(site.district.character.floors[0], site.district.character.floors[1] + 1))
    drafts: Drafts = [ground(site.polygon, "lawn")]
    first = make_building(rng, boxes[0].polygon, site.district.character, "apartments", floors=floors)
    for index, box in enumerate(boxes):
        house = make_building(rng, box.polygon, site.district.character, "apartments", floors=floors)
        alike = replace(house.item, roof=first.item.roof, roof_colour=first.item.roof_colour)
        if rng.random() < 0.6:
            alike = replace(alike, colour=first.item.colour, facade=first.item.facade)
        drafts.append(replace(house, item=alike, naming="apartments" if index == 0 and len(boxes) > 2 else ""))
    return drafts


def points(rng: np.random.Generator, site: Site) -> Drafts | None:
    """High-rise flats apart from each other on a lawn."""
    yard = largest(site.polygon.buffer(-5.0))
    if yard is None:
        return None
    side_m, gap_m = float(rng.uniform(17, 24)), float(rng.uniform(16, 26))
    around = boxes_around(np.array([yard], dtype=object))[0]
    turn = float(rng.choice([0.0, np.pi / 4])) if rng.random() < 0.4 else 0.0
    step_m = side_m + gap_m
    boxes = _inside(yard, _rows(around, step_m, step_m, side_m * 1.15, side_m, around.angle + turn))
    if not boxes:
        return None
    shape = str(rng.choice(["rect", "cross", "hexagon", "round", "chamfer", "aitch"]))
    floors = int(rng.integers(8, 20))
    drafts: Drafts = [ground(site.polygon, "lawn")]
    for box in boxes:
        height = floors + int(rng.integers(-2, 3))
        plan = outline(rng, shape, box)
        drafts.append(make_building(rng, plan, site.district.character, "apartments", floors=height, roof="flat"))
    return drafts


def perimeter(rng: np.random.Generator, site: Site) -> Drafts | None:
    """A closed block around a court."""
    outer = largest(site.polygon.buffer(-float(rng.uniform(1.5, 3.0)), join_style="mitre").simplify(1.0))
    if outer is None:
        return None
    inner = largest(outer.buffer(-float(rng.uniform(11, 14)), join_style="mitre"))
    if inner is None or inner.area < 160 or not outer.contains(inner):
        return None
    footprint = Polygon(outer.exterior, [inner.exterior])
    low, high = site.district.character.floors
    floors = int(rng.integers(low, max(low + 1, min(high, 8) + 1)))
    house = make_building(rng, footprint, site.district.character, "apartments", floors=floors, naming="apartments")
    court = ground(inner, "courtyard") if rng.random() < 0.7 else Draft(item=_yard(inner))
    return [court, house]


def _yard(polygon: Polygon) -> Area:
    return Area(item_id=0, kind=Kind.PARKING, polygon=polygon)


def tanks(rng: np.random.Generator, site: Site) -> Drafts | None:
    """Round storage tanks in rows."""
    yard = largest(site.polygon.buffer(-4.0))
    if yard is None:
        return None
    around = boxes_around(np.array([yard], dtype=object))[0]
    side_m = float(rng.uniform(11, 19))
    boxes = _inside(yard, _rows(around, side_m + 5.0, side_m + 5.0, side_m, side_m, around.angle))[:12]
    if not boxes:
        return None
    first = make_building(rng, boxes[0].polygon, site.district.character, "warehouse", floors=2, roof="flat")
    look = {"roof_colour": str(rng.choice(["white", "light grey", "beige", "light blue"])), "facade": "metal"}
    drafts: Drafts = []
    for box in boxes:
        tank = make_building(rng, outline(rng, "round", box), site.district.character, "warehouse", floors=2)
        item = replace(tank.item, colour=first.item.colour, roof_colour=look["roof_colour"], facade=look["facade"])
        drafts.append(replace(tank, item=item))
    return drafts
