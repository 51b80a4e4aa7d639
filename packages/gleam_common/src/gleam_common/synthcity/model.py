"""What a SynthCity is made of: typed, frozen, in local metres (x east, y north, z up).

Every thing that a picture can show is an item with a number (``item_id`` > 0, unique in its city; 0 is nothing: sky,
bare ground). Renderers draw item numbers beside colours, and facts are counted from those numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np
import shapely
from shapely.geometry import LineString, Polygon

from gleam_common.geo import LatLon, LocalFrame

__all__ = [
    "Area",
    "Building",
    "City",
    "Item",
    "Kind",
    "Name",
    "Place",
    "Rail",
    "Road",
    "Tree",
    "has_low_crown",
]


class Kind(StrEnum):
    """What an item is."""

    BUILDING = "building"
    ROAD = "road"
    ROUNDABOUT = "roundabout"
    BRIDGE = "bridge"
    RAILWAY = "railway"
    RIVER = "river"
    POND = "pond"
    PARK = "park"
    GRASS = "grass"
    PLAZA = "plaza"
    PARKING = "parking"
    SPORTS_FIELD = "sports_field"
    TREE = "tree"
    CAR = "car"
    FURNITURE = "furniture"


@dataclass(frozen=True, kw_only=True)
class Name:
    """A name in both languages."""

    en: str
    zh: str


@dataclass(frozen=True, kw_only=True)
class Item:
    """Anything that can be pointed at. ``colour`` is a basic colour term in English ("red", "light grey"), where a
    person would use one: a building's facade, a sports field's surface; otherwise empty.
    """

    item_id: int
    kind: Kind
    name: Name | None = None
    colour: str = ""


@dataclass(frozen=True, kw_only=True)
class Building(Item):
    """A footprint, extruded. ``roof`` is flat, gable or hip; ``use`` is house, apartments, office, shop, school,
    church, hall, tower, hospital, station or warehouse.
    """

    footprint: Polygon
    height_m: float
    floors: int
    roof: str
    roof_colour: str
    facade: str
    use: str
    seed: int


@dataclass(frozen=True, kw_only=True)
class Road(Item):
    """A street, named from end to end. ``rank`` is primary, secondary, residential or path."""

    line: LineString
    width_m: float
    lanes: int
    rank: str
    sidewalk_m: float = 0.0
    markings: bool = True
    is_bridge: bool = False


@dataclass(frozen=True, kw_only=True)
class Rail(Item):
    """A railway line."""

    line: LineString
    tracks: int


@dataclass(frozen=True, kw_only=True)
class Area(Item):
    """A piece of ground: park, grass, plaza, parking, sports_field, river, pond, roundabout.

    ``variant`` tells more: football, tennis, basketball or running_track for a sports field; empty otherwise.
    """

    polygon: Polygon
    variant: str = ""


@dataclass(frozen=True, kw_only=True)
class Tree(Item):
    """A single tree. ``species`` is broadleaf or conifer."""

    x_m: float
    y_m: float
    height_m: float
    radius_m: float
    species: str


def has_low_crown(tree: Tree) -> bool:
    """Whether a person beside the trunk stands in leaves: conifers, and broadleaf trees under 6 m."""
    return tree.species == "conifer" or tree.height_m < 6.0


@dataclass(frozen=True, kw_only=True)
class Place:
    """A tile of the lattice and the spot in it from which it is looked at.

    (x_m, y_m) is the tile's centre; (stand_x_m, stand_y_m) a walkable spot near it: on a road, a path, a plaza, a
    parking lot or grass, never inside a building or water, at least 1.5 m from walls and trunks.
    """

    place_id: str
    row: int
    col: int
    x_m: float
    y_m: float
    stand_x_m: float
    stand_y_m: float
    split: str


@dataclass(frozen=True, kw_only=True)
class City:
    """A whole city. Roads, areas, buildings and trees reach ``margin_m`` beyond the lattice, so that oblique views
    near its edge still look at a city. ``half_width_m`` x ``half_height_m`` is the half size of everything.
    """

    city_id: str
    seed: int
    style: str
    name: Name
    origin: LatLon
    half_width_m: float
    half_height_m: float
    tile_m: float
    stride_m: float
    places: tuple[Place, ...]
    buildings: tuple[Building, ...]
    roads: tuple[Road, ...]
    rails: tuple[Rail, ...]
    areas: tuple[Area, ...]
    trees: tuple[Tree, ...]

    @cached_property
    def frame(self) -> LocalFrame:
        """Local metres of this city."""
        return LocalFrame(origin=self.origin)

    @cached_property
    def sight_blocks(self) -> shapely.STRtree:
        """What an eye near the ground cannot look through: buildings, trunks, and crowns that hang low."""
        trees = [(tree.x_m, tree.y_m, tree.radius_m if has_low_crown(tree) else 0.4) for tree in self.trees]
        x_m, y_m, radius_m = np.array(trees, dtype=np.float64).reshape(-1, 3).T
        crowns = shapely.buffer(shapely.points(x_m, y_m), radius_m, quad_segs=2)
        return shapely.STRtree([*(building.footprint for building in self.buildings), *crowns])

    @cached_property
    def items(self) -> dict[int, Item]:
        """All static items by their number."""
        groups: tuple[tuple[Item, ...], ...] = (self.buildings, self.roads, self.rails, self.areas, self.trees)
        return {item.item_id: item for group in groups for item in group}
