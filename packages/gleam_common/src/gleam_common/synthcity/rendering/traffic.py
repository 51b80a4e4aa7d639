"""Where cars and street furniture can be in a city, and which of them are there in one picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

from gleam_common.synthcity.camera import project
from gleam_common.synthcity.model import City, Kind, Road
from gleam_common.synthcity.parking import parking_bays
from gleam_common.synthcity.picture import Camera
from gleam_common.views import View

__all__ = ["CAR_SIZES_M", "Poses", "Spots", "draw_cars", "draw_furniture", "find_spots"]

Floats = npt.NDArray[np.float64]
_STEP_M = 9.0
_LAMP_STEP_M = 28.0
_CAR_REACH_M = {View.SATELLITE: 66.0, View.UAV: 210.0, View.PANORAMA: 110.0, View.GROUND: 110.0}
_MOST_CARS = 48
_CLEAR_M = 1.5
_CLEAR_AHEAD_M = 8.0
_BESIDE_DEG = 5.0
_AROUND_M = 9.0
_STREAM = 7004


CAR_SIZES_M = np.array([[4.5, 1.80], [4.0, 1.75], [4.7, 1.90], [5.3, 1.95], [9.5, 2.45]])
"""Length and width of each kind of vehicle in metres: saloon, hatchback, estate, van, bus."""


@dataclass(frozen=True, kw_only=True)
class Spots:
    """All places in a city, (N, 3) each: x and y in metres and heading in degrees: of cars on lanes, at kerbs and in
    bays, and of things on pavements (heading: away from the road).
    """

    lanes: Floats
    kerbs: Floats
    bays: Floats
    pavements: Floats
    lamps: Floats


@dataclass(frozen=True, kw_only=True)
class Poses:
    """What stands in one picture: ``pose`` (N, 3) as in ``Spots``, ``kind`` (N,) and a number (N,) to vary its look."""

    pose: Floats
    kind: npt.NDArray[np.int64]
    seed: npt.NDArray[np.int64]


def find_spots(city: City) -> Spots:
    """Return every place where a car, a lamp or a person could stand."""
    lanes, kerbs, pavements, lamps = ([np.zeros((0, 3))] for _ in range(4))
    for road in city.roads:
        if road.rank == "path":
            pavements += [_along(road, _STEP_M, 0.0)]
            continue
        lane_m = road.width_m / max(road.lanes, 1)
        for lane in range(max(road.lanes, 1)):
            lanes.append(_along(road, _STEP_M, lane_m * (lane + 0.5) - road.width_m / 2))
        if road.rank == "residential" and road.width_m >= 6.5 and not road.is_bridge:
            kerbs += [_along(road, 6.5, side * (road.width_m / 2 - 1.0)) for side in (-1.0, 1.0)]
        if road.sidewalk_m > 0.8:
            away_m = road.width_m / 2 + 0.6 * road.sidewalk_m
            pavements += [_along(road, _STEP_M, side * away_m) for side in (-1.0, 1.0)]
            lamps.append(_along(road, _LAMP_STEP_M, road.width_m / 2 + 0.35, margin_m=8.0))
    bays = [np.zeros((0, 3)), *(parking_bays(area) for area in city.areas if area.kind is Kind.PARKING)]
    islands = shapely.union_all([area.polygon for area in city.areas if area.kind is Kind.ROUNDABOUT])
    groups = [_outside(np.concatenate(rows), islands) for rows in (bays, lanes, kerbs)]
    keep = _apart(np.concatenate(groups), np.random.default_rng([city.seed, _STREAM]))
    cars = [
        rows[kept] for rows, kept in zip(groups, np.split(keep, np.cumsum([len(r) for r in groups])[:-1]), strict=True)
    ]
    return Spots(
        bays=cars[0], lanes=cars[1], kerbs=cars[2], pavements=np.concatenate(pavements), lamps=np.concatenate(lamps)
    )


def _outside(pose: Floats, shape: shapely.Geometry) -> Floats:
    """Poses that are not in ``shape``; roads run on through the middle of roundabouts."""
    shapely.prepare(shape)
    return np.asarray(pose[~shapely.contains_xy(shape, pose[:, :2])])


def _apart(pose: Floats, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Which of all poses to keep so that no two cars can touch; of two that would, a random one."""
    keep = np.ones(len(pose), dtype=bool)
    if not len(pose):
        return keep
    rank = rng.permutation(len(pose))
    points = np.asarray(shapely.points(pose[:, :2]))
    first, second = shapely.STRtree(points).query(points, predicate="dwithin", distance=5.6)
    step = pose[first, :2] - pose[second, :2]
    turn, heading = np.radians(pose[first, 2] - pose[second, 2]), np.radians(pose[second, 2])
    gap = np.hypot(*step.T)
    ahead = np.abs(step[:, 0] * np.sin(heading) + step[:, 1] * np.cos(heading))
    touching = (gap < np.where(np.abs(np.sin(turn)) < 0.3, 2.3, 4.2)) | (ahead > 0.8 * gap)
    pairs = np.flatnonzero(touching & (rank[first] < rank[second]))
    for pair in pairs[np.argsort(rank[first[pairs]], kind="stable")].tolist():
        if keep[first[pair]]:
            keep[second[pair]] = False
    return keep


def _along(road: Road, step_m: float, right_m: float, margin_m: float = 4.0) -> Floats:
    """Poses at every ``step_m`` of a road, ``right_m`` to the right of its axis; left of it they look back."""
    at_m = np.arange(margin_m, road.line.length - margin_m, step_m)
    if not len(at_m):
        return np.zeros((0, 3))
    here = shapely.get_coordinates(shapely.line_interpolate_point(road.line, at_m))
    ahead = shapely.get_coordinates(shapely.line_interpolate_point(road.line, at_m + 0.5)) - here
    heading = np.arctan2(ahead[:, 0], ahead[:, 1])
    xy = here + right_m * np.stack([np.cos(heading), -np.sin(heading)], axis=1)
    turn = 180.0 if right_m < 0 else 0.0
    return np.column_stack([xy, (np.degrees(heading) + turn) % 360.0])


def _near(spots: Floats, x_m: float, y_m: float, reach_m: float, clear_m: float = 0.0) -> Floats:
    """Spots within reach, the nearest first, none nearer than ``clear_m``."""
    away = np.maximum(np.abs(spots[:, 0] - x_m), np.abs(spots[:, 1] - y_m))
    chosen = np.flatnonzero((away < reach_m) & (away >= clear_m))
    return np.asarray(spots[chosen[np.argsort(away[chosen], kind="stable")]])


def draw_cars(spots: Spots, camera: Camera, rng: np.random.Generator) -> Poses:
    """Return the cars of one picture, at most ``_MOST_CARS``, the nearest ones; ``kind`` is a row of ``CAR_SHAPES``."""
    middle = (camera.target_x_m, camera.target_y_m)
    reach_m = _CAR_REACH_M[camera.view]
    at_ground = camera.view in (View.PANORAMA, View.GROUND)
    rows = []
    for group, low, high, shake_m in (
        (spots.bays, 0.15, 0.9, 0.25), (spots.kerbs, 0.0, 0.6, 0.3), (spots.lanes, 0.02, 0.4, 1.5),
    ):  # fmt: skip
        near = _near(group, *middle, reach_m)
        near = near[rng.random(len(near)) < rng.uniform(low, high)]
        shift = rng.uniform(-shake_m, shake_m, len(near))
        heading = np.radians(near[:, 2])
        near[:, :2] += shift[:, None] * np.stack([np.sin(heading), np.cos(heading)], axis=1)
        near[:, 2] += rng.normal(0, 1.5, len(near)) + 180.0 * (rng.random(len(near)) < 0.5) * (group is spots.bays)
        rows.append(near)
    pose = _in_sight(_near(np.concatenate(rows), *middle, np.inf), camera)[: 2 * _MOST_CARS]
    kind = rng.choice(5, size=len(pose), p=[0.38, 0.27, 0.17, 0.13, 0.05])
    seed = rng.integers(0, 2**31, len(pose))
    kept = np.flatnonzero(~_in_the_way(pose, kind, camera) if at_ground else np.ones(len(pose), dtype=bool))
    kept = kept[:_MOST_CARS]
    return Poses(pose=pose[kept], kind=kind[kept], seed=seed[kept])


def _in_the_way(pose: Floats, kind: npt.NDArray[np.int64], camera: Camera) -> npt.NDArray[np.bool_]:
    """Which vehicles stand where the camera is, or so near in front of it that a photo would show nothing else."""
    offset = np.array([camera.x_m, camera.y_m]) - pose[:, :2]
    ahead, left = heading_axes(pose[:, 2])
    half = CAR_SIZES_M[kind] / 2
    beyond = np.abs(np.stack([(offset * ahead).sum(axis=1), (offset * left).sum(axis=1)], axis=1)) - half
    gap_m = np.hypot(*np.maximum(beyond, 0).T)
    if camera.view is View.PANORAMA:
        return np.asarray(gap_m < _CLEAR_M)
    in_view = _reaches_into_view(offset, ahead * half[:, :1], left * half[:, 1:], camera)
    return np.asarray(gap_m < np.where(in_view, _CLEAR_AHEAD_M, _CLEAR_M))


def _reaches_into_view(offset: Floats, ahead: Floats, left: Floats, camera: Camera) -> npt.NDArray[np.bool_]:
    """Which rectangles have their centre, a corner or the middle of a side between the edges of a photo (or nearly).

    ``offset`` (N, 2) leads from the centre to the camera, ``ahead`` and ``left`` (N, 2) to the front and left side.
    """
    across = np.array([(a, b) for a in (-1.0, 0.0, 1.0) for b in (-1.0, 0.0, 1.0)])[:, :, None, None]
    east, north = np.moveaxis(across[:, 0] * ahead + across[:, 1] * left - offset, -1, 0)
    bearing = np.degrees(np.arctan2(east, north)) - camera.heading_deg
    return np.asarray((np.abs((bearing + 180) % 360 - 180) < camera.fov_deg / 2 + _BESIDE_DEG).any(axis=0))


def _in_sight(pose: Floats, camera: Camera) -> Floats:
    """Poses that a picture can show, and those around the camera, whose shadows may reach into it."""
    at = project(camera, np.column_stack([pose[:, :2], np.full(len(pose), 0.7)]))
    width, height = camera.width_px, camera.height_px
    inside = (np.abs(at[:, 0] / width - 0.5) < 0.6) & (np.abs(at[:, 1] / height - 0.5) < 0.6) & (at[:, 2] > 0)
    near = np.hypot(pose[:, 0] - camera.x_m, pose[:, 1] - camera.y_m) < _AROUND_M
    return np.asarray(pose[inside | near])


def draw_furniture(spots: Spots, camera: Camera, rng: np.random.Generator) -> Poses:
    """Return lamps, people and bins of one picture; ``kind`` is a row of ``FURNITURE``. None in satellite tiles, lamps
    only in UAV pictures.
    """
    middle = (camera.target_x_m, camera.target_y_m)
    none = Poses(pose=np.zeros((0, 3)), kind=np.zeros(0, np.int64), seed=np.zeros(0, np.int64))
    if camera.view is View.SATELLITE:
        return none
    lamps = _in_sight(_near(spots.lamps, *middle, 70.0, 2.0), camera)[:9]
    rest = np.zeros((0, 3))
    if camera.view is not View.UAV:
        rest = _near(spots.pavements, *middle, 60.0, 2.5)
        rest = _in_sight(rest[rng.random(len(rest)) < rng.uniform(0.02, 0.3)], camera)[:9]
        rest += np.column_stack([rng.uniform(-0.4, 0.4, (len(rest), 2)), rng.uniform(0, 360, len(rest))])
    kind = np.concatenate([np.zeros(len(lamps), np.int64), rng.choice([1, 1, 1, 2], size=len(rest)).astype(np.int64)])
    pose = np.concatenate([lamps, rest])
    return Poses(pose=pose, kind=kind, seed=rng.integers(0, 2**31, len(pose)))


def heading_axes(heading_deg: Floats) -> tuple[Floats, Floats]:
    """Return unit vectors (N, 2) ahead and to the left of headings."""
    angle = np.radians(heading_deg)
    ahead = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    return ahead, np.stack([-np.cos(angle), np.sin(angle)], axis=1)
