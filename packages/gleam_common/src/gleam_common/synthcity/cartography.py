"""The street map view: a city drawn as a map in one of two styles, with the item under each pixel.

Colours are drawn twice as large and averaged down; item numbers are drawn with the same geometry and hard edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import cv2
import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry import LineString

from gleam_common.errors import ConfigError
from gleam_common.synthcity.map_labels import LANGUAGES, letter
from gleam_common.synthcity.map_shapes import SHIFT, Layer, MapShapes, Shape, Sheet
from gleam_common.synthcity.map_style import MAP_STYLES, Colour, MapStyle
from gleam_common.synthcity.model import City, Tree
from gleam_common.synthcity.picture import Camera, Picture
from gleam_common.views import View

__all__ = ["draw_map"]

_STREAM = 7301
_ZOOM = 2
_LABEL_SHARE = 0.6
_RAIL_PX = 3.2
_HATCH_PX = 5
_Image = npt.NDArray[np.uint8]
_Items = npt.NDArray[np.int32]

_prepared: tuple[City, MapShapes] | None = None


def draw_map(city: City, camera: Camera, seed: int, style: str | None = None, labels: bool | None = None) -> Picture:
    """Draw a north-up map of the camera's square; the same arguments give the same bytes.

    Args:
        city: the city; its geometry is prepared once and kept until another city is drawn.
        camera: a camera of the map view.
        seed: decides what is left open: style, labels and their language (English, Chinese or both).
        style: "street" (light, coloured roads, symbols) or "topo" (survey: hatched buildings, trees); None: drawn.
        labels: whether names and symbols are written; None: drawn.

    Raises:
        ConfigError: the camera is not a map camera, or the style is unknown.
    """
    if camera.view is not View.MAP:
        raise ConfigError("a map needs a camera of the map view", value=str(camera.view), allowed=str(View.MAP))
    if style is not None and style not in MAP_STYLES:
        raise ConfigError("unknown map style", value=style, allowed=MAP_STYLES)
    rng = np.random.default_rng([seed, _STREAM])
    drawn_style, drawn_labels = list(MAP_STYLES)[int(rng.integers(len(MAP_STYLES)))], bool(rng.random() < _LABEL_SHARE)
    language = LANGUAGES[int(rng.integers(len(LANGUAGES)))]
    inks = MAP_STYLES[style or drawn_style]
    sheet, shapes = _sheet(camera), _shapes_of(city)
    visible = shapes.visible(sheet)
    trees = shapes.trees(sheet) if inks.trees else []
    rgb, items = _paint(sheet, visible, trees, inks)
    if drawn_labels if labels is None else labels:
        letter(rgb, sheet, visible, inks, language)
    return Picture(rgb=rgb, items=items, view=View.MAP, camera=camera)


def _shapes_of(city: City) -> MapShapes:
    global _prepared
    # Compared by identity: comparing two cities by value takes longer than drawing.
    if _prepared is None or _prepared[0] is not city:
        _prepared = (city, MapShapes(city))
    return _prepared[1]


def _sheet(camera: Camera) -> Sheet:
    px_per_m = camera.width_px / camera.extent_m
    return Sheet(
        west_m=camera.x_m - camera.extent_m / 2,
        north_m=camera.y_m + camera.height_px / px_per_m / 2,
        px_per_m=px_per_m,
        width_px=camera.width_px,
        height_px=camera.height_px,
    )


def _paint(sheet: Sheet, visible: list[Shape], trees: list[Tree], style: MapStyle) -> tuple[_Image, _Items]:
    canvas = np.empty((sheet.height_px * _ZOOM, sheet.width_px * _ZOOM, 3), dtype=np.uint8)
    cv2.rectangle(canvas, (0, 0), (canvas.shape[1], canvas.shape[0]), style.land, -1)
    items = np.zeros((sheet.height_px, sheet.width_px), dtype=np.int32)
    groups = {layer: list(group) for layer, group in groupby(visible, key=lambda shape: shape.layer)}
    for layer in Layer:
        shapes = groups.get(layer, [])
        match layer:
            case Layer.RAIL:
                _draw_rails(canvas, items, sheet, shapes, style)
            case Layer.PITCH:
                _draw_lines(canvas, sheet, shapes, style)
            case Layer.TREE:
                _draw_trees(canvas, items, sheet, trees, style)
            case Layer.WATER | Layer.PATH | Layer.ROAD | Layer.BRIDGE:
                _draw_merged(canvas, items, sheet, shapes, style)
            case _:
                _draw_outlined(canvas, items, sheet, shapes, style)
    return cv2.resize(canvas, (sheet.width_px, sheet.height_px), interpolation=cv2.INTER_AREA), items


def _rings(shape: Shape, sheet: Sheet, zoom: int) -> list[npt.NDArray[np.int32]]:
    """Return a shape's rings for OpenCV's even-odd filling."""
    return [sheet.fixed(outline, zoom) for outline in shape.outlines]


def _fill(canvas: _Image, rings: list[npt.NDArray[np.int32]], colour: Colour) -> None:
    cv2.fillPoly(canvas, rings, colour, lineType=cv2.LINE_AA, shift=SHIFT)


def _outline(canvas: _Image, rings: list[npt.NDArray[np.int32]], colour: Colour, width_px: float) -> None:
    width = max(1, round(width_px * _ZOOM))
    cv2.polylines(canvas, rings, isClosed=True, color=colour, thickness=width, lineType=cv2.LINE_AA, shift=SHIFT)


def _number(items: _Items, sheet: Sheet, shape: Shape) -> None:
    cv2.fillPoly(items, _rings(shape, sheet, 1), shape.item.item_id, shift=SHIFT)


def _draw_merged(canvas: _Image, items: _Items, sheet: Sheet, shapes: Sequence[Shape], style: MapStyle) -> None:
    """Draw all rims before all fills, so that touching shapes become one: crossings are open."""
    rings = [_rings(shape, sheet, _ZOOM) for shape in shapes]
    for shape, ring in zip(shapes, rings, strict=True):
        ink = style.inks[shape.ink]
        if ink.edge_px:
            _outline(canvas, ring, ink.edge, 2 * ink.edge_px)
    for shape, ring in zip(shapes, rings, strict=True):
        _fill(canvas, ring, style.inks[shape.ink].fill)
        _number(items, sheet, shape)


def _draw_outlined(canvas: _Image, items: _Items, sheet: Sheet, shapes: Sequence[Shape], style: MapStyle) -> None:
    """Draw each shape with its own whole outline."""
    for shape in shapes:
        rings, ink = _rings(shape, sheet, _ZOOM), style.inks[shape.ink]
        _fill(canvas, rings, ink.fill)
        if style.hatch and shape.layer is Layer.BUILDING:
            _hatch(canvas, rings, style.hatch)
        if ink.edge_px:
            _outline(canvas, rings, ink.edge, ink.edge_px)
        _number(items, sheet, shape)


def _hatch(canvas: _Image, rings: list[npt.NDArray[np.int32]], colour: Colour) -> None:
    """Draw diagonal lines across a polygon."""
    corners = np.concatenate(rings) >> SHIFT
    x0, y0 = np.clip(corners.min(axis=0), 0, (canvas.shape[1], canvas.shape[0]))
    x1, y1 = np.clip(corners.max(axis=0) + 1, 0, (canvas.shape[1], canvas.shape[0]))
    if x1 <= x0 or y1 <= y0:
        return
    mask = np.zeros((y1 - y0, x1 - x0), dtype=np.uint8)
    offset = np.array([x0, y0], dtype=np.int32) << SHIFT
    cv2.fillPoly(mask, [ring - offset for ring in rings], 255, shift=SHIFT)
    diagonal = (np.arange(x0, x1)[None, :] + np.arange(y0, y1)[:, None]) % (_HATCH_PX * _ZOOM)
    canvas[y0:y1, x0:x1][(diagonal < _ZOOM) & (mask > 0)] = colour


def _draw_lines(canvas: _Image, sheet: Sheet, shapes: Sequence[Shape], style: MapStyle) -> None:
    """Draw thin lines; they have no number of their own."""
    for shape in shapes:
        lines = [sheet.fixed(shapely.get_coordinates(line), _ZOOM) for line in shapely.get_parts(shape.geometry)]
        cv2.polylines(canvas, lines, False, style.inks[shape.ink].fill, _ZOOM, cv2.LINE_AA, SHIFT)


def _draw_rails(canvas: _Image, items: _Items, sheet: Sheet, shapes: Sequence[Shape], style: MapStyle) -> None:
    """Draw railways as a dark line with light dashes."""
    for shape in shapes:
        for line in shapely.get_parts(shape.geometry):
            points = shapely.get_coordinates(line)
            dashes = [sheet.fixed(piece, _ZOOM) for piece in _dashes(line, 7.0 / sheet.px_per_m)]
            for lines, colour, width_px in (
                ([sheet.fixed(points, _ZOOM)], style.rail, _RAIL_PX),
                (dashes, style.rail_gap, _RAIL_PX - 1.4),
            ):
                width = max(1, round(width_px * _ZOOM))
                cv2.polylines(canvas, lines, False, colour, width, cv2.LINE_AA, SHIFT)
            width = max(1, round(_RAIL_PX))
            cv2.polylines(items, [sheet.fixed(points, 1)], False, shape.item.item_id, width, shift=SHIFT)


def _dashes(line: LineString, dash_m: float) -> list[npt.NDArray[np.float64]]:
    starts = np.arange(0.0, line.length, 2 * dash_m)
    begin = shapely.get_coordinates(shapely.line_interpolate_point(line, starts))
    end = shapely.get_coordinates(shapely.line_interpolate_point(line, starts + dash_m))
    return list(np.stack([begin, end], axis=1))


def _draw_trees(canvas: _Image, items: _Items, sheet: Sheet, trees: Sequence[Tree], style: MapStyle) -> None:
    """Draw a disc for each broadleaf tree and a triangle for each conifer."""
    if style.trees is None or not trees:
        return
    rim, fill = style.trees
    middle = np.array([(tree.x_m, tree.y_m) for tree in trees])
    large, small = sheet.fixed(middle, _ZOOM), sheet.fixed(middle, 1)
    for tree, (x, y), (item_x, item_y) in zip(trees, large.tolist(), small.tolist(), strict=True):
        radius = round(min(tree.radius_m, 3.0) * 0.6 * sheet.px_per_m * (1 << SHIFT))
        cv2.circle(items, (item_x, item_y), radius, tree.item_id, -1, shift=SHIFT)
        radius *= _ZOOM
        if tree.species == "conifer":
            corners = np.array([(x, y - radius), (x + radius, y + radius), (x - radius, y + radius)], dtype=np.int32)
            _fill(canvas, [corners], fill)
            _outline(canvas, [corners], rim, 0.8)
        else:
            cv2.circle(canvas, (x, y), radius, fill, -1, cv2.LINE_AA, SHIFT)
            cv2.circle(canvas, (x, y), radius, rim, 2, cv2.LINE_AA, SHIFT)
