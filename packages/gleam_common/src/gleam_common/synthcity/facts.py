"""What a picture shows, from the item number under each pixel: what an explanation may truthfully claim.

Axes: H rows, W columns, K items.
"""

from __future__ import annotations

import math
from collections import ChainMap
from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry import Point

from gleam_common.errors import ConfigError
from gleam_common.synthcity.camera import pixel_to_ground
from gleam_common.synthcity.model import Area, Building, City, Item, Kind, Rail, Road, Tree
from gleam_common.synthcity.picture import DYNAMIC_ID_BASE, Camera, Picture, Thing
from gleam_common.views import View

__all__ = ["COMPASS", "Fact", "facts_table", "picture_facts"]

COMPASS = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")
"""Eight sides, clockwise from north."""

_COUNTED = (Kind.TREE, Kind.CAR)
_LEAST_COUNTED_PX = 12
_CENTRE_SHARE = 0.12
_ALL_AROUND = 0.35
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One thing that a picture shows, or a group of things (``count`` is set, ``item_id`` is 0, no box or sides).

    Attributes:
        item_id: number of the item in its city or, from ``DYNAMIC_ID_BASE``, in its picture.
        kind: a value of ``Kind``.
        name_en: name in English, or empty.
        name_zh: name in Chinese, or empty.
        detail: a building's use, an area's variant, a road's rank, a tree's species; or empty.
        colour: basic colour term, or empty, also where the picture cannot show it.
        roof_colour: of buildings, likewise.
        share: fraction of the picture's pixels, (0, 1].
        box: (x0, y0, x1, y1) in pixels, right and bottom edges exclusive; in a panorama ``x0 > x1`` means that it runs
            across the seam (south).
        side: compass side as seen from the picture's ground point (``COMPASS``), or "centre": of the part that is seen,
            but in a UAV picture of the place where a building, tree, car or piece of furniture stands.
        image_side: one of nine fields: "top left" ... "centre" ... "bottom right".
        distance_m: from the picture's ground point to the nearest point of the item; None where it is unknown.
        count: number of things in a group.
    """

    item_id: int
    kind: str
    name_en: str = ""
    name_zh: str = ""
    detail: str = ""
    colour: str = ""
    roof_colour: str = ""
    share: float
    box: tuple[int, int, int, int] | None = None
    side: str = ""
    image_side: str = ""
    distance_m: float | None = None
    count: int | None = None


def picture_facts(picture: Picture, city: City, min_share: float = 0.003) -> list[Fact]:
    """Return the facts of a picture: items that take at least ``min_share`` of it, the largest first, then the numbers
    of trees and of cars that can be made out.

    Raises:
        ConfigError: for a share outside (0, 1].
    """
    if not 0.0 < min_share <= 1.0:
        raise ConfigError("least share of a fact", value=min_share, allowed="above 0, up to 1")
    ids, counts, labels_HW = _label(picture)
    known = ChainMap[int, Item](dict(picture.dynamic), city.items)
    order = np.argsort(-counts, kind="stable").tolist()
    shown = [(index, known[int(ids[index])], int(counts[index])) for index in order if int(ids[index]) in known]
    across, down = _profiles(labels_HW, len(ids))
    facts = [
        _describe(item, picture, pixels, across[index], down[index])
        for index, item, pixels in shown
        if pixels >= min_share * labels_HW.size
    ]
    return facts + _groups([(item, pixels) for _, item, pixels in shown], labels_HW.size)


def _label(picture: Picture) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Item numbers in the picture, pixels of each, and the picture with positions in that list (H, W)."""
    items = picture.items.ravel()
    city_top = int(items.max(initial=0, where=items < DYNAMIC_ID_BASE)) + 1
    small = np.where(items >= DYNAMIC_ID_BASE, items - DYNAMIC_ID_BASE + city_top, items)
    counts = np.bincount(small)
    present = np.flatnonzero(counts)
    position = np.zeros(len(counts), dtype=np.int64)
    position[present] = np.arange(len(present))
    ids = np.where(present >= city_top, present - city_top + DYNAMIC_ID_BASE, present)
    return ids, counts[present], position[small].reshape(picture.items.shape)


def _profiles(labels_HW: npt.NDArray[np.int64], count: int) -> tuple[Floats, Floats]:
    """Pixels of each item in each column (K, W) and in each row (K, H)."""
    height, width = labels_HW.shape
    across = np.bincount((labels_HW * width + np.arange(width)).ravel(), minlength=count * width)
    down = np.bincount((labels_HW * height + np.arange(height)[:, None]).ravel(), minlength=count * height)
    return across.reshape(count, width).astype(np.float64), down.reshape(count, height).astype(np.float64)


def _describe(item: Item, picture: Picture, pixels: int, across_W: Floats, down_H: Floats) -> Fact:
    camera = picture.camera
    is_round = camera.view is View.PANORAMA
    col, row = _middle(across_W, is_round), _mean(down_H)
    colour, roof_colour = _colours(item, picture)
    rows = np.flatnonzero(down_H)
    x0, x1 = _extent(across_W, is_round)
    box = (x0, int(rows[0]), x1, int(rows[-1]) + 1)
    side = _side(camera, item, picture, col, row, across_W)
    return Fact(
        item_id=item.item_id,
        kind=str(item.kind),
        name_en=item.name.en if item.name else "",
        name_zh=item.name.zh if item.name else "",
        detail=_detail(item),
        colour=colour,
        roof_colour=roof_colour,
        share=pixels / picture.items.size,
        box=box,
        side=side,
        image_side=_image_side(col / camera.width_px, row / camera.height_px),
        distance_m=_distance_m(item, camera),
    )


def _colours(item: Item, picture: Picture) -> tuple[str, str]:
    """Return the item's colour and, of a building, its roof's, as far as this picture can show them.

    A map's style draws all alike; a tile shows no facade, an eye on the ground no flat roof, and snow hides roofs and
    sports fields.
    """
    view = picture.camera.view
    if view is View.MAP or (picture.snow > 0 and isinstance(item, Area)):
        return "", ""
    if not isinstance(item, Building):
        return item.colour, ""
    from_ground = view in (View.GROUND, View.PANORAMA)
    hides_roof = picture.snow > 0 or (from_ground and item.roof == "flat")
    return "" if view is View.SATELLITE else item.colour, "" if hides_roof else item.roof_colour


def _mean(weights: Floats) -> float:
    """Mean position, by weight."""
    return float(weights @ np.arange(len(weights)) / weights.sum())


def _middle(across_W: Floats, is_round: bool) -> float:
    """Mean column; in a panorama the mean direction."""
    columns = np.arange(len(across_W))
    if not is_round:
        return _mean(across_W)
    angle = np.angle(np.sum(across_W * np.exp(2j * np.pi * columns / len(across_W))))
    return float(np.mod(angle / (2 * np.pi), 1.0) * len(across_W))


def _extent(across_W: Floats, is_round: bool) -> tuple[int, int]:
    """First and last column plus one; in a panorama the shortest arc that holds all, which may cross the seam."""
    columns, width = np.flatnonzero(across_W), len(across_W)
    gaps = np.diff(columns, append=columns[0] + width)  # the last one runs across the seam
    widest = int(np.argmax(gaps)) if is_round else len(columns) - 1
    if is_round and len(columns) == width:
        return 0, width
    return int(columns[(widest + 1) % len(columns)]), int(columns[widest]) + 1


def _side(camera: Camera, item: Item, picture: Picture, col: float, row: float, across_W: Floats) -> str:
    """Compass side of the middle of what is seen of an item."""
    if camera.view is View.PANORAMA:
        turn = np.exp(2j * np.pi * np.arange(len(across_W)) / len(across_W))
        if abs(np.sum(across_W * turn)) < _ALL_AROUND * across_W.sum():
            return "centre"
        return _compass(camera.heading_deg + col / camera.width_px * 360.0 - 180.0)
    if camera.view is View.GROUND:
        focal_px = camera.width_px / 2 / math.tan(math.radians(camera.fov_deg) / 2)
        return _compass(camera.heading_deg + math.degrees(math.atan2(col + 0.5 - camera.width_px / 2, focal_px)))
    at, is_at_target = _on_ground(camera, item, picture, col, row)
    if at is None:
        return _compass(camera.heading_deg)
    east, north = at[0] - camera.target_x_m, at[1] - camera.target_y_m
    near_m = _CENTRE_SHARE * (camera.extent_m or 120.0)
    if is_at_target or math.hypot(east, north) < near_m:
        return "centre"
    return _compass(math.degrees(math.atan2(east, north)))


def _on_ground(
    camera: Camera, item: Item, picture: Picture, col: float, row: float
) -> tuple[tuple[float, float] | None, bool]:
    """Return where an item is that a tile, a map or a UAV shows, and whether that is the picture's ground point.

    What rises above the ground is seen from a UAV in front of the ground behind it, so its own plan position counts;
    of roads and areas, it is the part that is seen.
    """
    if camera.view is View.UAV and isinstance(item, Building):
        inside = shapely.contains_xy(item.footprint, camera.target_x_m, camera.target_y_m)
        return (item.footprint.centroid.x, item.footprint.centroid.y), bool(inside)
    if camera.view is View.UAV and isinstance(item, Tree | Thing):
        return (item.x_m, item.y_m), False
    on_axis = picture.items[camera.height_px // 2, camera.width_px // 2] == item.item_id
    return pixel_to_ground(camera, col + 0.5, row + 0.5), bool(on_axis)


def _compass(bearing_deg: float) -> str:
    return COMPASS[round(bearing_deg / 45.0) % 8]


def _image_side(x: float, y: float) -> str:
    """One of nine fields of a picture, from a position as shares of its width and height."""
    words = (("top", "", "bottom")[min(int(y * 3), 2)], ("left", "", "right")[min(int(x * 3), 2)])
    return " ".join(word for word in words if word) or "centre"


def _detail(item: Item) -> str:
    match item:
        case Building():
            return item.use
        case Area():
            return item.variant
        case Road():
            return item.rank
        case Tree():
            return item.species
    return ""


def _distance_m(item: Item, camera: Camera) -> float | None:
    """Distance from the picture's ground point."""
    here = Point(camera.target_x_m, camera.target_y_m)
    match item:
        case Building():
            return round(float(shapely.distance(item.footprint, here)), 1)
        case Road():
            return round(max(0.0, float(shapely.distance(item.line, here)) - item.width_m / 2), 1)
        case Rail():
            return round(float(shapely.distance(item.line, here)), 1)
        case Area():
            return round(float(shapely.distance(item.polygon, here)), 1)
        case Tree() | Thing():
            return round(math.hypot(item.x_m - here.x, item.y_m - here.y), 1)
    return None


def _groups(shown: list[tuple[Item, int]], size: int) -> list[Fact]:
    """How many trees and how many cars can be made out."""
    facts = []
    for kind in _COUNTED:
        pixels = [count for item, count in shown if item.kind is kind and count >= _LEAST_COUNTED_PX]
        if pixels:
            facts.append(Fact(item_id=0, kind=str(kind), share=sum(pixels) / size, count=len(pixels)))
    return facts


def facts_table(facts: Iterable[Fact]) -> dict[str, list[object]]:
    """Return facts as columns, ready for ``pyarrow.table``; a box becomes a list of four."""
    rows = list(facts)
    columns: dict[str, list[object]] = {
        field.name: [getattr(fact, field.name) for fact in rows] for field in fields(Fact)
    }
    columns["box"] = [None if fact.box is None else list(fact.box) for fact in rows]
    return columns
