"""Names and symbols of a map: what is named, in which order, and where there is room for it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from textwrap import wrap

import cv2
import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry import LineString, box
from shapely.geometry.base import BaseGeometry

from gleam_common.synthcity.map_shapes import Layer, Shape, Sheet
from gleam_common.synthcity.map_style import Colour, MapStyle
from gleam_common.synthcity.map_text import Corners, FreeSpace, Label, make_label, stamp
from gleam_common.synthcity.model import Area, Building, Kind, Name, Rail, Road

__all__ = ["LANGUAGES", "letter"]

LANGUAGES = ("en", "zh", "both")
"""What labels are written in; "both" puts Chinese after (roads) or under (places) English."""

_HALO_PX = 2
_COLUMNS = 14
_LEAST_PX2 = 300.0
_SIZES_PX = {"road": 10, "building": 10, "park": 11, "water": 11, "plaza": 10, "rail": 9}
_TOPICS = {
    Kind.BUILDING: "building",
    Kind.ROAD: "road",
    Kind.BRIDGE: "road",
    Kind.RAILWAY: "rail",
    Kind.RIVER: "water",
    Kind.POND: "water",
    Kind.PARK: "park",
    Kind.GRASS: "park",
    Kind.SPORTS_FIELD: "park",
}
_SYMBOL_PX = 7.0
_SYMBOLS: dict[str, tuple[str, Colour]] = {
    "church": ("†", (124, 108, 148)),
    "hospital": ("+", (206, 62, 62)),
    "school": ("文", (150, 114, 70)),
    "shop": ("¥", (66, 124, 200)),
    "station": ("T", (44, 96, 176)),
    "hall": ("★", (116, 122, 134)),
    "tower": ("■", (116, 122, 134)),
    "parking": ("P", (58, 110, 206)),
    "park": ("♣", (62, 148, 82)),
    "sports_field": ("●", (62, 148, 82)),
}
_OTHER_SYMBOL: tuple[str, Colour] = ("●", (116, 122, 134))
_WHITE: Colour = (255, 255, 255)


def letter(rgb: npt.NDArray[np.uint8], sheet: Sheet, visible: Sequence[Shape], style: MapStyle, language: str) -> None:
    """Write names (and symbols, where the style has them) into ``rgb`` in place.

    Landmarks come first, then areas, roads and railways; a name is written once, and only where there is room.

    Args:
        rgb: uint8 (H, W, 3).
        sheet: the map's window.
        visible: the shapes that it shows.
        style: the map's style.
        language: one of :data:`LANGUAGES`.
    """
    writer, written = _Writer(rgb, sheet, visible, style, language), set[str]()
    for shape in sorted(visible, key=_priority):
        name = shape.item.name
        if name is None or name.en in written:
            continue
        along = isinstance(shape.item, Road | Rail)
        if writer.write_along(shape, name) if along else writer.write_beside(shape, name):
            written.add(name.en)


def _priority(shape: Shape) -> tuple[int, float]:
    match shape.item:
        case Building():
            return 0, -shape.geometry.area
        case Area():
            return 1, -shape.geometry.area
        case Road():
            return 2, -shape.order
    return 3, 0.0


class _Writer:
    """Writes one name after the other, each where it fits."""

    def __init__(
        self, rgb: npt.NDArray[np.uint8], sheet: Sheet, visible: Sequence[Shape], style: MapStyle, language: str
    ) -> None:
        self._rgb, self._sheet, self._style, self._language = rgb, sheet, style, language
        self._window = box(*sheet.window)
        self._water = [shape.geometry for shape in visible if shape.layer is Layer.WATER]
        self._free = FreeSpace(*rgb.shape[:2])

    def write_along(self, shape: Shape, name: Name) -> bool:
        """Write the name of a road or railway along a nearly straight stretch of it."""
        if not isinstance(shape.item, Road | Rail):
            return False
        label = self._label(shape, {"en": name.en, "zh": name.zh, "both": f"{name.en} {name.zh}"}[self._language])
        for x, y, angle_deg in _stretches(shape.item.line, self._sheet, label.width_px):
            if self._free.take(label.corners(x, y, angle_deg)):
                stamp(self._rgb, label, self._style.halo, x, y, angle_deg)
                return True
        return False

    def write_beside(self, shape: Shape, name: Name) -> bool:
        """Write the name of a building or area in its middle, around its symbol if it has one."""
        inside = self._named_part(shape)
        if inside.area * self._sheet.px_per_m**2 < _LEAST_PX2:
            return False
        x, y = self._sheet.pixels(shapely.get_coordinates(shapely.point_on_surface(inside)))[0]
        english = "\n".join(wrap(name.en, _COLUMNS))
        label = self._label(shape, {"en": english, "zh": name.zh, "both": f"{english}\n{name.zh}"}[self._language])
        symbol = _symbol(shape) if self._style.icons else None
        for dx, dy in [(0.0, 0.0)] if symbol is None else _around_symbol(label):
            text_x, text_y = label.aligned(x + dx, y + dy)
            corners = label.corners(text_x, text_y)
            if self._free.take(corners if symbol is None else _with_symbol(corners, x, y)):
                stamp(self._rgb, label, self._style.halo, text_x, text_y)
                if symbol is not None:
                    _draw_symbol(self._rgb, x, y, *symbol)
                return True
        return False

    def _label(self, shape: Shape, text: str) -> Label:
        topic = _TOPICS.get(shape.item.kind, "plaza")
        return make_label(text, _SIZES_PX[topic], _HALO_PX, self._style.text[topic])

    def _named_part(self, shape: Shape) -> BaseGeometry:
        """The visible part of a shape; of land, without its ponds: their names stand there."""
        inside = shapely.intersection(shape.geometry, self._window)
        if shape.layer is Layer.GROUND and self._water:
            inside = shapely.difference(inside, shapely.union_all(self._water))
        return inside


def _symbol(shape: Shape) -> tuple[str, Colour] | None:
    match shape.item:
        case Building():
            return _SYMBOLS.get(shape.item.use, _OTHER_SYMBOL)
        case Area() if shape.layer is Layer.GROUND:
            return _SYMBOLS.get(str(shape.item.kind))
    return None


def _around_symbol(label: Label) -> list[tuple[float, float]]:
    """Offsets of a label's middle from its symbol: below, above, right, left."""
    across, down = _SYMBOL_PX + label.width_px / 2, _SYMBOL_PX + label.height_px / 2
    return [(0.0, down), (0.0, -down), (across, 0.0), (-across, 0.0)]


def _with_symbol(corners_42: Corners, x_px: float, y_px: float) -> Corners:
    x0, y0 = np.minimum(corners_42.min(axis=0), (x_px - _SYMBOL_PX, y_px - _SYMBOL_PX))
    x1, y1 = np.maximum(corners_42.max(axis=0), (x_px + _SYMBOL_PX, y_px + _SYMBOL_PX))
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])


def _draw_symbol(rgb: npt.NDArray[np.uint8], x_px: float, y_px: float, glyph: str, colour: Colour) -> None:
    x, y = math.floor(x_px) + 0.5, math.floor(y_px) + 0.5
    centre = (math.floor(x_px) * 16, math.floor(y_px) * 16)
    for radius_px, disc in ((7.2, _WHITE), (6.2, colour)):
        cv2.circle(rgb, centre, round(radius_px * 16), disc, -1, cv2.LINE_AA, 4)
    stamp(rgb, make_label(glyph, 9, 0, _WHITE), colour, x, y)


def _stretches(line: LineString, sheet: Sheet, length_px: float) -> Iterator[tuple[float, float, float]]:
    """Yield (column, row, clockwise angle in degrees) of stretches of ``length_px``, the middle ones first."""
    need_m = length_px / sheet.px_per_m
    for part in shapely.get_parts(shapely.clip_by_rect(line, *sheet.window)):
        if not isinstance(part, LineString) or part.length < need_m:
            continue
        for share in (0.5, 0.35, 0.65, 0.2, 0.8, 0.05, 0.95):
            along = (part.length - need_m) * share + need_m * np.linspace(0.0, 1.0, 5)
            points = sheet.pixels(shapely.get_coordinates(shapely.line_interpolate_point(part, along)))
            across, down = points[-1] - points[0]
            if math.hypot(across, down) < 0.97 * length_px:
                continue
            angle_deg = (math.degrees(math.atan2(down, across)) + 90.0) % 180.0 - 90.0
            yield float(points[:, 0].mean()), float(points[:, 1].mean()), angle_deg
