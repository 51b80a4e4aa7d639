"""Names and symbols of a map: along roads, on areas and beside landmarks, never over one another."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap

import cv2
import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry import LineString, box

from gleam_common.synthcity.fonts import TextMask, text_mask
from gleam_common.synthcity.map_shapes import Layer, Shape, Sheet
from gleam_common.synthcity.map_style import Colour, MapStyle
from gleam_common.synthcity.model import Area, Building, Kind, Name, Rail, Road

__all__ = ["LANGUAGES", "letter"]

LANGUAGES = ("en", "zh", "both")
"""What labels are written in; "both" puts Chinese after (roads) or under (places) English."""

_ZOOM = 2
_EDGE_PX = 3
_SIZES_PX = {"road": 10, "building": 10, "park": 11, "water": 11, "plaza": 10, "rail": 9}
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
_Image = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class _Label:
    """Text at a place: its middle in pixels, turned clockwise by ``angle_deg``."""

    mask: TextMask
    x_px: float
    y_px: float
    angle_deg: float
    colour: Colour

    def corners(self) -> npt.NDArray[np.float64]:
        """Return (4, 2): its corners in pixels."""
        height, width = self.mask.halo.shape
        half = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * (width / 2 / _ZOOM, height / 2 / _ZOOM)
        cos, sin = math.cos(math.radians(self.angle_deg)), math.sin(math.radians(self.angle_deg))
        turned: npt.NDArray[np.float64] = half @ np.array([(cos, sin), (-sin, cos)]) + (self.x_px, self.y_px)
        return turned


class _Free:
    """The part of a map that no label covers yet."""

    def __init__(self, height_px: int, width_px: int) -> None:
        self._taken = np.zeros((height_px, width_px), dtype=np.uint8)

    def take(self, corners_42: npt.NDArray[np.float64]) -> bool:
        """Take a box for a label; False (and nothing taken) where it leaves the map or meets another."""
        height, width = self._taken.shape
        low, high = corners_42.min(axis=0), corners_42.max(axis=0)
        if (low < _EDGE_PX).any() or high[0] > width - _EDGE_PX or high[1] > height - _EDGE_PX:
            return False
        wanted = np.zeros_like(self._taken)
        cv2.fillConvexPoly(wanted, np.rint(corners_42).astype(np.int32), 1)
        if np.any(wanted & self._taken):
            return False
        self._taken |= wanted
        return True


def letter(rgb: _Image, sheet: Sheet, visible: Sequence[Shape], style: MapStyle, language: str) -> None:
    """Write names (and symbols, where the style has them) into ``rgb`` in place.

    Landmarks come first, then areas, roads and railways; a name is written once, and where there is room.

    Args:
        rgb: uint8 (H, W, 3).
        sheet: the map's window.
        visible: the shapes that it shows.
        style: the map's style.
        language: one of :data:`LANGUAGES`.
    """
    free, written = _Free(*rgb.shape[:2]), set[str]()
    for shape in sorted(visible, key=_priority):
        name = shape.item.name
        if name is None or name.en in written or not isinstance(shape.item, Building | Area | Road | Rail):
            continue
        if isinstance(shape.item, Road | Rail):
            done = _write_along(rgb, sheet, shape, style, language, free)
        else:
            done = _write_beside(rgb, sheet, shape, style, language, free)
        if done:
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


def _topic(shape: Shape) -> str:
    match shape.item.kind:
        case Kind.PARK | Kind.GRASS | Kind.SPORTS_FIELD:
            return "park"
        case Kind.RIVER | Kind.POND:
            return "water"
        case Kind.ROAD | Kind.BRIDGE:
            return "road"
        case Kind.RAILWAY:
            return "rail"
        case Kind.BUILDING:
            return "building"
    return "plaza"


def _written(name: Name, language: str, joint: str, columns: int) -> str:
    english = "\n".join(wrap(name.en, columns))
    return {"en": english, "zh": name.zh, "both": f"{english}{joint}{name.zh}"}[language]


def _symbol(shape: Shape) -> tuple[str, Colour] | None:
    match shape.item:
        case Building():
            return _SYMBOLS.get(shape.item.use, _OTHER_SYMBOL)
        case Area() if shape.layer is Layer.GROUND:
            return _SYMBOLS.get(str(shape.item.kind))
    return None


def _write_beside(rgb: _Image, sheet: Sheet, shape: Shape, style: MapStyle, language: str, free: _Free) -> bool:
    """Write the name of a building or area in its middle, around its symbol if it has one."""
    inside = shapely.intersection(shape.geometry, box(*sheet.window))
    if inside.area * sheet.px_per_m**2 < 300:
        return False
    x, y = sheet.pixels(shapely.get_coordinates(shapely.point_on_surface(inside)))[0]
    topic = _topic(shape)
    mask = text_mask(_written(shape.item.name or Name(en="", zh=""), language, "\n", 14), _SIZES_PX[topic] * _ZOOM, 2 * _ZOOM)
    symbol = _symbol(shape) if style.icons else None
    height, width = (side / _ZOOM for side in mask.halo.shape)
    clear = 0.0 if symbol is None else 7.0
    spots = [(0.0, 0.0)] if symbol is None else [(0.0, clear + height / 2), (0.0, -clear - height / 2), (clear + width / 2, 0.0), (-clear - width / 2, 0.0)]
    for dx, dy in spots:
        label = _Label(mask=mask, x_px=_whole(x + dx, width), y_px=_whole(y + dy, height), angle_deg=0.0, colour=style.text[topic])
        corners = label.corners()
        if symbol is not None:
            corners = _with_symbol(corners, x, y)
        if free.take(corners):
            _stamp(rgb, label, style.halo)
            if symbol is not None:
                _draw_symbol(rgb, x, y, *symbol)
            return True
    return False


def _whole(middle_px: float, size_px: float) -> float:
    """Move the middle of an upright text so that its pixels fall on the map's: sharper."""
    rest = size_px / 2
    return math.floor(middle_px - rest) + rest


def _with_symbol(corners_42: npt.NDArray[np.float64], x: float, y: float) -> npt.NDArray[np.float64]:
    x0, y0 = np.minimum(corners_42.min(axis=0), (x - 7, y - 7))
    x1, y1 = np.maximum(corners_42.max(axis=0), (x + 7, y + 7))
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])


def _draw_symbol(rgb: _Image, x: float, y: float, glyph: str, colour: Colour) -> None:
    x, y = math.floor(x) + 0.5, math.floor(y) + 0.5
    centre = (round((x - 0.5) * 16), round((y - 0.5) * 16))
    cv2.circle(rgb, centre, round(7.2 * 16), (255, 255, 255), -1, cv2.LINE_AA, 4)
    cv2.circle(rgb, centre, round(6.2 * 16), colour, -1, cv2.LINE_AA, 4)
    mask = text_mask(glyph, 9 * _ZOOM, 0)
    _stamp(rgb, _Label(mask=mask, x_px=x, y_px=y, angle_deg=0.0, colour=(255, 255, 255)), colour)


def _write_along(rgb: _Image, sheet: Sheet, shape: Shape, style: MapStyle, language: str, free: _Free) -> bool:
    """Write the name of a road or railway along a nearly straight stretch of it."""
    topic = _topic(shape)
    mask = text_mask(_written(shape.item.name or Name(en="", zh=""), language, " ", 99), _SIZES_PX[topic] * _ZOOM, 2 * _ZOOM)
    length_px = mask.halo.shape[1] / _ZOOM
    for x, y, angle_deg in _stretches(shape, sheet, length_px):
        label = _Label(mask=mask, x_px=x, y_px=y, angle_deg=angle_deg, colour=style.text[topic])
        if free.take(label.corners()):
            _stamp(rgb, label, style.halo)
            return True
    return False


def _stretches(shape: Shape, sheet: Sheet, length_px: float) -> Iterator[tuple[float, float, float]]:
    """Yield (column, row, clockwise angle in degrees) of stretches of ``length_px``, the middle ones first."""
    line = shape.item.line  # type: ignore[attr-defined]
    need_m = length_px / sheet.px_per_m
    for part in shapely.get_parts(shapely.clip_by_rect(line, *sheet.window)):
        if not isinstance(part, LineString) or part.length < need_m:
            continue
        spare_m = part.length - need_m
        for share in (0.5, 0.35, 0.65, 0.2, 0.8, 0.05, 0.95):
            along = spare_m * share + need_m * np.linspace(0.0, 1.0, 5)
            points = sheet.pixels(shapely.get_coordinates(shapely.line_interpolate_point(part, along)))
            chord = points[-1] - points[0]
            chord_px = float(np.hypot(*chord))
            middle = points.mean(axis=0)
            if chord_px < 0.97 * length_px:
                continue
            angle_deg = math.degrees(math.atan2(chord[1], chord[0]))
            yield float(middle[0]), float(middle[1]), (angle_deg + 90.0) % 180.0 - 90.0


def _stamp(rgb: _Image, label: _Label, halo: Colour) -> None:
    """Blend a label into the map in place."""
    corners = label.corners()
    x0, y0 = np.maximum(np.floor(corners.min(axis=0)).astype(int) - 1, 0)
    x1, y1 = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + 1, (rgb.shape[1], rgb.shape[0]))
    height, width = label.mask.halo.shape
    scale = 1.0 / _ZOOM
    cos, sin = math.cos(math.radians(label.angle_deg)) * scale, math.sin(math.radians(label.angle_deg)) * scale
    turn = np.array([(cos, -sin), (sin, cos)])
    shift = np.array([label.x_px - 0.5 - x0, label.y_px - 0.5 - y0]) - turn @ ((width - 1) / 2, (height - 1) / 2)
    matrix = np.column_stack([turn, shift])
    region = rgb[y0:y1, x0:x1].astype(np.float32)
    for coverage, colour in ((label.mask.halo, halo), (label.mask.fill, label.colour)):
        alpha = cv2.warpAffine(coverage, matrix, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR)[..., None] / np.float32(255)
        region += (np.asarray(colour, dtype=np.float32) - region) * alpha
    rgb[y0:y1, x0:x1] = np.rint(region).astype(np.uint8)
