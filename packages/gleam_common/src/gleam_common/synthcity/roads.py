"""Geometry of roads, roundabouts and railways that every view needs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry import Polygon

from gleam_common.synthcity.model import Area, Rail, Road

__all__ = ["ROUNDABOUT_RING_M", "TRACK_M", "rail_bed", "road_surfaces", "roundabout_island"]

ROUNDABOUT_RING_M = 7.5
TRACK_M = 4.5
"""Distance between the axes of two tracks."""


def roundabout_island(roundabout: Area) -> Polygon:
    """Return the green island of a roundabout, whose polygon is the whole disc."""
    return Polygon(roundabout.polygon.buffer(-ROUNDABOUT_RING_M).exterior)


def rail_bed(rail: Rail) -> Polygon:
    """Return the ballast of a railway line."""
    return rail.line.buffer(rail.tracks * TRACK_M / 2 + 1.0, cap_style="flat")


def road_surfaces(roads: list[Road], beside_m: npt.ArrayLike = 0.0) -> npt.NDArray[np.object_]:
    """Return the carriageway of each road as a polygon, ``beside_m`` wider on each side.

    Roads end round, so that dead ends look like turning places; bridges end square.
    """
    half_m = np.array([road.width_m / 2 for road in roads]) + np.asarray(beside_m, dtype=np.float64)
    lines = np.array([road.line for road in roads], dtype=object)
    is_bridge = np.array([road.is_bridge for road in roads], dtype=bool)
    surfaces = np.empty(len(roads), dtype=object)
    surfaces[is_bridge] = shapely.buffer(lines[is_bridge], half_m[is_bridge], cap_style="flat", quad_segs=4)
    surfaces[~is_bridge] = shapely.buffer(lines[~is_bridge], half_m[~is_bridge], cap_style="round", quad_segs=4)
    return surfaces
