"""Where to stand in each tile: the nearest good walkable spot to its centre."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry import Point
from shapely.geometry.base import BaseGeometry

from gleam_common.errors import ConfigError
from gleam_common.synthcity.millimetres import snap
from gleam_common.synthcity.model import Kind, Tree, has_low_crown
from gleam_common.synthcity.planning.drafts import CityDraft
from gleam_common.synthcity.roads import rail_bed, road_surfaces

__all__ = ["STAND_REACH_M", "find_stands", "make_room"]

STAND_REACH_M = 25.0
_STEP_M = 2.0
_CLEAR_M = 1.6
_WATER_CLEAR_M = 1.0
_UNPAVED_COST_M = 20.0
_LOW_TREE_M = 11.0
"""Crowns of lower broadleaf trees begin below 3 m, and a panorama is taken from up to 2.6 m (see rendering/plants)."""

_ROUNDS = (12, 80, 10_000)
_PAVED = (Kind.PLAZA, Kind.PARKING)

Floats = npt.NDArray[np.float64]


def make_room(centres_m: Floats, draft: CityDraft) -> tuple[CityDraft, Floats]:
    """Return stands (places, 2) for all places, and the city without the few buildings that left no room for one.

    Raises:
        ConfigError: where even without buildings there is only water within reach.
    """
    stands = find_stands(centres_m, draft)
    while np.isnan(stands).any():
        blocked = shapely.points(centres_m[np.isnan(stands[:, 0])])
        footprints = [entry.item.footprint for entry in draft.buildings]
        near, distance_m = shapely.STRtree(footprints).query_nearest(blocked, return_distance=True)
        dropped = set(near[1, distance_m < STAND_REACH_M].tolist())
        if not dropped:
            raise ConfigError("no walkable spot near the centre of a place", fix="use another seed for this city")
        kept = tuple(entry for index, entry in enumerate(draft.buildings) if index not in dropped)
        draft = replace(draft, buildings=kept)
        stands = find_stands(centres_m, draft)
    return draft, stands


def find_stands(centres_m: Floats, draft: CityDraft) -> Floats:
    """Return (places, 2) spots; rows of NaN where every spot within reach is built on, under water or on a railway.

    Roads, paths, plazas and car parks are preferred to other ground up to 20 m nearer, and in a thicket that leaves no
    spot beside the crowns one under them is taken.
    """
    stands = _free_spots(centres_m, draft, _obstacles(draft, crowns=True))
    crowded = np.flatnonzero(np.isnan(stands[:, 0]))
    if len(crowded):
        stands[crowded] = _free_spots(centres_m[crowded], draft, _obstacles(draft, crowns=False))
    return stands


def _free_spots(centres_m: Floats, draft: CityDraft, obstacles: list[BaseGeometry]) -> Floats:
    """The cheapest spot of each place that no obstacle covers, or NaN."""
    roads = [entry.item for entry in draft.roads]
    areas = [entry.item for entry in draft.areas]
    steps = np.arange(-STAND_REACH_M + 1.0, STAND_REACH_M, _STEP_M)
    offsets = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    spots_PO2 = centres_m[:, None, :] + offsets[None]
    paved = [*road_surfaces(roads, -0.5), *(area.polygon for area in areas if area.kind in _PAVED)]
    is_paved = _covered(spots_PO2.reshape(-1, 2), paved).reshape(spots_PO2.shape[:2])
    cost_PO = snap(np.hypot(*offsets.T))[None] + _UNPAVED_COST_M * ~is_paved
    order_PO = np.argsort(cost_PO, axis=1, kind="stable")
    stands = np.full((len(centres_m), 2), np.nan)
    start = 0
    # Most places find a spot among the first few, so the rest are only looked at where they are needed.
    for count in _ROUNDS:
        left = np.flatnonzero(np.isnan(stands[:, 0]))
        tried = np.take_along_axis(spots_PO2[left], order_PO[left, start : start + count, None], axis=1)
        if tried.size == 0:
            break
        good = ~_covered(tried.reshape(-1, 2), obstacles).reshape(tried.shape[:2])
        found = good.any(axis=1)
        stands[left[found]] = tried[found, np.argmax(good[found], axis=1)]
        start += count
    return stands


def _obstacles(draft: CityDraft, *, crowns: bool) -> list[BaseGeometry]:
    """Walls, trunks, water and tracks, as wide as one stays away from them; ``crowns``: out of low crowns, too."""
    edges = [entry.item.polygon for entry in draft.areas if entry.item.kind in (Kind.RIVER, Kind.POND)]
    edges += [rail_bed(entry.item) for entry in draft.rails]
    walls = [entry.item.footprint for entry in draft.buildings]
    trunks = [Point(tree.x_m, tree.y_m) for tree in draft.trees]
    crowns_m = [tree.radius_m + 0.5 if crowns and _is_low(tree) else 0.0 for tree in draft.trees]
    shapes = [*walls, *trunks, *edges]
    clear_m = np.maximum(_CLEAR_M, [*np.zeros(len(walls)), *crowns_m, *np.zeros(len(edges))])
    clear_m[len(shapes) - len(edges) :] = _WATER_CLEAR_M
    return list(shapely.buffer(np.array(shapes, dtype=object), clear_m, quad_segs=2))


def _is_low(tree: Tree) -> bool:
    return has_low_crown(tree) or tree.height_m < _LOW_TREE_M


def _covered(xy: Floats, shapes: list[BaseGeometry]) -> npt.NDArray[np.bool_]:
    """Which points lie in any of the shapes."""
    covered = np.zeros(len(xy), dtype=bool)
    points = np.asarray(shapely.points(xy), dtype=object)
    # The tree holds the points, not the shapes: each shape is then prepared once for all points near it.
    covered[shapely.STRtree(points).query(np.array(shapes, dtype=object), predicate="intersects")[1]] = True
    return covered
