"""Buildings: one from a footprint, and the ordinary fabric of a city from its lots."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry import Polygon

from gleam_common.synthcity.lots import Box, box_polygons, boxes_around
from gleam_common.synthcity.model import Building, Kind
from gleam_common.synthcity.planning.drafts import Draft
from gleam_common.synthcity.planning.footprints import outline
from gleam_common.synthcity.planning.streets import District
from gleam_common.synthcity.planning.zones import Character, Zone, pick

__all__ = ["box_part", "build_lots", "house", "make_building"]

_FLOOR_M = {"house": 2.9, "apartments": 3.0, "warehouse": 4.2, "shop": 4.0, "school": 3.6, "office": 3.5}
_SHARES = (1.0, 0.86, 0.72, 0.6, 0.48)
_LEAST_SIDE_M = 5.5
_LARGEST_M = {"house": (17.0, 12.5), "apartments": (62.0, 24.0)}
_NAMED_M2 = 900.0


def make_building(
    rng: np.random.Generator,
    footprint: Polygon,
    character: Character,
    use: str,
    *,
    floors: int,
    roof: str | None = None,
    naming: str = "",
) -> Draft[Building]:
    """Return a building in the character of its district. Drawn roofs are pitched on rectangles only."""
    if roof is None:
        is_rectangle = footprint.area > 0.99 * footprint.oriented_envelope.area
        pitched = is_rectangle and floors <= 6 and rng.random() < character.pitched
        roof = ("hip" if rng.random() < 0.3 else "gable") if pitched else "flat"
    colours = character.roofs if roof == "flat" else character.pitched_roofs
    building = Building(
        item_id=0,
        kind=Kind.BUILDING,
        colour=pick(rng, character.colours),
        footprint=footprint,
        height_m=round(floors * _FLOOR_M.get(use, 3.4) + float(rng.uniform(0.3, 1.2)), 2),
        floors=floors,
        roof=roof,
        roof_colour=pick(rng, colours),
        facade=pick(rng, character.facades),
        use=use,
        seed=int(rng.integers(2**31)),
    )
    return Draft(item=building, naming=naming)


def build_lots(
    rng: np.random.Generator, lots: npt.NDArray[np.object_], districts: list[District]
) -> list[Draft[Building]]:
    """Put a building on each lot that has room for one; ``districts`` are given per lot."""
    zones = [district.zone for district in districts]
    characters = [district.character for district in districts]
    # Small lots keep a smaller distance, or nothing would fit on them.
    setbacks = np.minimum([character.setback_m for character in characters], 0.11 * np.sqrt(shapely.area(lots)))
    yards = shapely.buffer(lots, -setbacks, join_style="mitre")
    roomy = (shapely.get_type_id(yards) == 3) & (shapely.area(yards) > _LEAST_SIDE_M**2)
    index = np.flatnonzero(roomy)
    yards = yards[index]
    shapely.prepare(yards)
    plans = [
        _plan(rng, box, zones[i], characters[i]) for i, box in zip(index.tolist(), boxes_around(yards), strict=True)
    ]
    fitted = _shrink_to_fit(yards, [box for box, _, _ in plans])
    drafts: list[Draft[Building]] = []
    for i, yard, box, (_, shape, use) in zip(index.tolist(), yards, fitted, plans, strict=True):
        drafts += _build(rng, yard, box, shape, use, zones[i], characters[i])
    return drafts


def _plan(rng: np.random.Generator, around: Box, zone: Zone, character: Character) -> tuple[Box, str, str]:
    """The rectangle that a building would like, its shape and its use."""
    shape, use = pick(rng, zone.shapes), pick(rng, zone.uses)
    fill = np.clip(character.fill + rng.uniform(-0.18, 0.12, size=2), 0.35, 1.0)
    if shape == "row":
        fill[:] = 1.0
    longest, widest = _LARGEST_M.get(use, (80.0, 42.0))
    length, width = min(around.length_m * fill[0], longest), min(around.width_m * fill[1], widest)
    return replace(around, length_m=float(length), width_m=float(width)), shape, use


def _shrink_to_fit(yards: npt.NDArray[np.object_], boxes: list[Box]) -> list[Box | None]:
    """Each box at the largest share of its size at which it lies in its yard, or None."""
    fitted: list[Box | None] = [None] * len(boxes)
    left = np.arange(len(boxes))
    for share in _SHARES:
        tried = [replace(boxes[i], length_m=boxes[i].length_m * share, width_m=boxes[i].width_m * share) for i in left]
        if not tried:
            break
        inside = shapely.contains(yards[left], box_polygons(tried))
        for i, box, fits in zip(left.tolist(), tried, inside, strict=True):
            if fits and box.width_m >= _LEAST_SIDE_M:
                fitted[i] = box
        left = left[~inside]
    return fitted


def _build(
    rng: np.random.Generator, yard: Polygon, box: Box | None, shape: str, use: str, zone: Zone, character: Character
) -> list[Draft[Building]]:
    floors = int(rng.integers(character.floors[0], character.floors[1] + 1))
    dense = zone.name in ("core", "midtown")
    is_plain = 90 < yard.area < 1800 and len(yard.exterior.coords) < 9 and yard.area > 0.94 * yard.convex_hull.area
    if dense and is_plain and (box is None or rng.random() < 0.3):
        return [make_building(rng, yard, character, use, floors=floors)]
    if box is None:
        return []
    if use == "house":
        return house(rng, box, shape, character, floors=floors)
    if box.width_m < 14 and shape not in ("rect", "row", "chamfer"):
        shape = "rect"
    naming = use if box.length_m * box.width_m > _NAMED_M2 and use != "apartments" and rng.random() < 0.25 else ""
    return [make_building(rng, outline(rng, shape, box), character, use, floors=floors, naming=naming)]


def house(
    rng: np.random.Generator, box: Box, shape: str, character: Character, *, floors: int
) -> list[Draft[Building]]:
    """Return a house: one gabled body, or two that meet at a right angle."""
    if shape in ("rect", "row") or box.width_m < 9 or rng.random() > character.pitched:
        flat_shape = shape if box.width_m >= 12 else "rect"
        return [make_building(rng, outline(rng, flat_shape, box), character, "house", floors=floors)]
    depth = box.width_m * float(rng.uniform(0.5, 0.6))
    side = float(rng.choice([-1.0, 1.0]))
    along = float(rng.uniform(-0.3, 0.3)) if shape == "tee" else side * 0.28
    wing_m = box.length_m * 0.4
    body = box_part(box, 0.0, -(box.width_m - depth) / 2, box.length_m, depth)
    wing = box_part(box, along * box.length_m, depth / 2, wing_m, box.width_m - depth)
    main = make_building(rng, body.polygon, character, "house", floors=floors, roof="gable")
    extra = make_building(rng, wing.polygon, character, "house", floors=max(1, floors - 1), roof="gable")
    look = main.item
    same = replace(extra.item, colour=look.colour, roof_colour=look.roof_colour, facade=look.facade)
    return [main, Draft(item=same)]


def box_part(box: Box, along_m: float, across_m: float, length_m: float, width_m: float) -> Box:
    """Return a rectangle within a box, given along and across from the box's centre."""
    x, y = box.place(np.array([[along_m, across_m]]))[0]
    angle = box.angle if length_m >= width_m else box.angle + math.pi / 2
    long, short = max(length_m, width_m), min(length_m, width_m)
    return Box(x_m=float(x), y_m=float(y), angle=angle, length_m=long, width_m=short)
