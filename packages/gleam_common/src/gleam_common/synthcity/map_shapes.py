"""What a map shows, prepared once for a city: each thing as a polygon or line on a layer, found by window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cached_property

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry import Polygon, box
from shapely.geometry.base import BaseGeometry

from gleam_common.synthcity.lots import boxes_around
from gleam_common.synthcity.model import City, Item, Kind, Road, Tree
from gleam_common.synthcity.roads import roundabout_island
from gleam_common.synthcity.sports import field_lines

__all__ = ["Layer", "MapShapes", "Shape", "Sheet"]

Points = npt.NDArray[np.float64]
_FIXED_BITS = 4
_CLIP_MARGIN_M = 6.0
_SMALL_M = 250.0
_RANKS = ("path", "residential", "secondary", "primary")


class Layer(IntEnum):
    """Drawing order, from the ground up."""

    GROUND = 0
    PITCH = 1
    WATER = 2
    RAIL = 3
    PATH = 4
    ROAD = 5
    ISLAND = 6
    BRIDGE = 7
    TREE = 8
    BUILDING = 9


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A thing on a layer; ``ink`` names its entry in :attr:`MapStyle.inks`; ``order`` sorts within the layer."""

    layer: Layer
    order: float
    ink: str
    geometry: BaseGeometry
    item: Item

    @cached_property
    def outlines(self) -> list[Points]:
        """(N, 2) local metres of each ring of the polygons in ``geometry``, holes too."""
        parts = shapely.get_parts(self.geometry)
        rings = shapely.get_rings(parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON])
        return [shapely.get_coordinates(ring) for ring in rings]


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """The window of one map: its top-left corner in local metres, its scale and its size."""

    west_m: float
    north_m: float
    px_per_m: float
    width_px: int
    height_px: int

    @property
    def window(self) -> tuple[float, float, float, float]:
        """(west, south, east, north) in metres."""
        east_m = self.west_m + self.width_px / self.px_per_m
        return self.west_m, self.north_m - self.height_px / self.px_per_m, east_m, self.north_m

    def pixels(self, points_N2: Points) -> Points:
        """Return (N, 2) columns and rows, 0 at the left and top edges, of local metres."""
        return (points_N2 - (self.west_m, self.north_m)) * (self.px_per_m, -self.px_per_m)

    def fixed(self, points_N2: Points, zoom: int) -> npt.NDArray[np.int32]:
        """Return OpenCV's fixed-point coordinates (see :data:`SHIFT`) of local metres, ``zoom`` times enlarged."""
        # OpenCV counts from pixel centres.
        return np.rint((self.pixels(points_N2) * zoom - 0.5) * (1 << _FIXED_BITS)).astype(np.int32)


SHIFT = _FIXED_BITS
"""Fractional bits of :meth:`Sheet.fixed`, for OpenCV's ``shift``."""


def _ring_rank(city: City, disc: Polygon) -> str:
    """Return the highest rank of the roads that meet a roundabout."""
    lines = np.array([road.line for road in city.roads], dtype=object)
    meeting = np.flatnonzero(shapely.intersects(lines, disc))
    return max((city.roads[int(index)].rank for index in meeting), key=_RANKS.index, default="residential")


def _area_shapes(city: City) -> Iterator[Shape]:
    for area in city.areas:
        match area.kind:
            case Kind.RIVER | Kind.POND:
                layer, ink = Layer.WATER, "water"
            case Kind.ROUNDABOUT:
                ring = _ring_rank(city, area.polygon)
                yield Shape(
                    layer=Layer.ROAD, order=_RANKS.index(ring) + 0.5, ink=ring, geometry=area.polygon, item=area
                )
                island = roundabout_island(area)
                yield Shape(layer=Layer.ISLAND, order=0.0, ink="island", geometry=island, item=area)
                continue
            case _:
                layer, ink = Layer.GROUND, str(area.kind)
        yield Shape(layer=layer, order=-area.polygon.area, ink=ink, geometry=area.polygon, item=area)


def _pitch_shapes(city: City) -> Iterator[Shape]:
    fields = [area for area in city.areas if area.kind is Kind.SPORTS_FIELD]
    boxes = boxes_around(np.array([area.polygon for area in fields], dtype=object)) if fields else []
    for area, around in zip(fields, boxes, strict=True):
        lines = shapely.MultiLineString(list(field_lines(area.variant, around)))
        yield Shape(layer=Layer.PITCH, order=0.0, ink="pitch_line", geometry=lines, item=area)


def _road_shapes(roads: tuple[Road, ...]) -> Iterator[Shape]:
    lines = np.array([road.line for road in roads], dtype=object)
    # A rounded end reaches into the crossing, so that roads join without a notch.
    surfaces = shapely.buffer(lines, [road.width_m / 2 for road in roads], cap_style="round", quad_segs=4)
    for road, surface in zip(roads, surfaces, strict=True):
        layer = Layer.BRIDGE if road.is_bridge else Layer.PATH if road.rank == "path" else Layer.ROAD
        yield Shape(layer=layer, order=float(_RANKS.index(road.rank)), ink=road.rank, geometry=surface, item=road)


def _all_shapes(city: City) -> list[Shape]:
    shapes = [*_area_shapes(city), *_pitch_shapes(city), *_road_shapes(city.roads)]
    shapes += [Shape(layer=Layer.RAIL, order=0.0, ink="rail", geometry=rail.line, item=rail) for rail in city.rails]
    for building in city.buildings:
        ink = "landmark" if building.name else "building"
        shapes.append(Shape(layer=Layer.BUILDING, order=0.0, ink=ink, geometry=building.footprint, item=building))
    return sorted(shapes, key=lambda shape: (shape.layer, shape.order, shape.item.item_id))


class MapShapes:
    """The shapes and trees of one city with spatial indexes."""

    def __init__(self, city: City) -> None:
        self._shapes = _all_shapes(city)
        self._geometries = np.array([shape.geometry for shape in self._shapes], dtype=object)
        self._tree = shapely.STRtree(self._geometries)
        bounds = shapely.bounds(self._geometries)
        self._is_large = (bounds[:, 2:] - bounds[:, :2]).max(axis=1) > _SMALL_M
        self._trees = city.trees
        self._tree_xy = np.array([(tree.x_m, tree.y_m) for tree in city.trees], dtype=np.float64).reshape(-1, 2)

    def visible(self, sheet: Sheet) -> list[Shape]:
        """Return the shapes that a window meets, in drawing order; large ones are cut a little outside of it."""
        window = sheet.window
        found = np.sort(self._tree.query(box(*window)))
        shapes = [self._shapes[index] for index in found.tolist()]
        large = np.flatnonzero(self._is_large[found])
        margin = (-_CLIP_MARGIN_M, -_CLIP_MARGIN_M, _CLIP_MARGIN_M, _CLIP_MARGIN_M)
        pieces = shapely.clip_by_rect(self._geometries[found[large]], *np.add(window, margin))
        for index, piece in zip(large.tolist(), pieces, strict=True):
            shapes[index] = replace(shapes[index], geometry=piece)
        return shapes

    def trees(self, sheet: Sheet) -> list[Tree]:
        """Return the trees of a window in drawing order: from the north down, as one looks at a map."""
        west, south, east, north = sheet.window
        x, y = self._tree_xy.T
        inside = np.flatnonzero((x > west - 5) & (x < east + 5) & (y > south - 5) & (y < north + 5))
        return [self._trees[int(index)] for index in inside[np.argsort(-y[inside], kind="stable")]]
