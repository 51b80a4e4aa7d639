"""Where to stand in each tile: the nearest good walkable spot to its centre."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import shapely

from gleam_common.synthcity.model import Area, Building, Kind, Road, Tree
from gleam_common.synthcity.roads import road_surfaces

__all__ = ["STAND_REACH_M", "find_stands"]

STAND_REACH_M = 25.0
_STEP_M = 2.0
_CLEAR_M = 1.6
_WATER_CLEAR_M = 1.0
_PAVED = (Kind.PLAZA, Kind.PARKING)


def find_stands(
    centres_m: npt.NDArray[np.float64],
    roads: list[Road],
    areas: list[Area],
    buildings: list[Building],
    trees: list[Tree],
) -> npt.NDArray[np.float64]:
    """Return (places, 2) spots; rows of NaN where every spot within reach is built on or under water.

    Roads, paths, plazas and car parks are preferred to other ground up to 15 m nearer.
    """
    steps = np.arange(-STAND_REACH_M + 1.0, STAND_REACH_M, _STEP_M)
    offsets = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    xy = (centres_m[:, None, :] + offsets[None]).reshape(-1, 2)
    points = shapely.points(xy)
    good = _clear(points, areas, buildings, trees)
    cost = np.hypot(*offsets.T)[None].repeat(len(centres_m), axis=0).ravel()
    paved = [*road_surfaces(roads, -0.5), *(area.polygon for area in areas if area.kind in _PAVED)]
    on_paved = np.zeros(len(points), dtype=bool)
    on_paved[shapely.STRtree(paved).query(points, predicate="within")[0]] = True
    cost = np.where(good, cost + 15.0 * ~on_paved, np.inf).reshape(len(centres_m), -1)
    best = np.argmin(cost, axis=1)
    stands = centres_m + offsets[best]
    stands[~np.isfinite(cost[np.arange(len(best)), best])] = np.nan
    return np.asarray(stands)


def _clear(
    points: npt.NDArray[np.object_], areas: list[Area], buildings: list[Building], trees: list[Tree]
) -> npt.NDArray[np.bool_]:
    """Which points are away from walls, trunks and water."""
    good = np.ones(len(points), dtype=bool)
    walls = [building.footprint for building in buildings]
    trunks = shapely.points([(tree.x_m, tree.y_m) for tree in trees])
    water = [area.polygon for area in areas if area.kind in (Kind.RIVER, Kind.POND)]
    for shapes, clear_m in ((walls, _CLEAR_M), (trunks, _CLEAR_M), (water, _WATER_CLEAR_M)):
        if len(shapes):
            good[shapely.STRtree(shapes).query(points, predicate="dwithin", distance=clear_m)[0]] = False
    return good
