"""Cameras of the five views: where each is placed, the ray of each pixel, the pixel of each point.

Axes: N points or pixels, H rows, W columns; the last axis is x east, y north, z up in metres.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt
import shapely

from gleam_common.errors import ConfigError
from gleam_common.synthcity.model import City, Place
from gleam_common.synthcity.picture import Camera
from gleam_common.views import View

__all__ = ["Rays", "covered_pixels", "draw_camera", "pixel_rays", "pixel_to_ground", "project"]

SIZES_PX: dict[View, tuple[int, int]] = {
    View.SATELLITE: (256, 256),
    View.MAP: (256, 256),
    View.UAV: (342, 256),
    View.GROUND: (342, 256),
    View.PANORAMA: (512, 256),
}
"""(width, height) of each view."""

_SATELLITE_HEIGHT_M = 400.0
_OFF_CENTRE_M = 15.0
_NORTH_DEG, _NORTH_ODDS = 30.0, 0.05
_STREAM = 7001
_SIGHT_M = 30.0
_FREE_SIGHT_M = 18.0
_ELBOW_M = 0.5


@dataclass(frozen=True, kw_only=True)
class Rays:
    """One ray for each pixel, row by row.

    ``origin_N3`` and ``direction_N3`` (unit) are float32; a pixel is ``spread_rad`` wide at any distance, or
    ``footprint_m`` wide everywhere for parallel rays; the other of the two is 0.
    """

    origin_N3: npt.NDArray[np.float32]
    direction_N3: npt.NDArray[np.float32]
    spread_rad: float
    footprint_m: float

    @cached_property
    def direction_3N(self) -> npt.NDArray[np.float32]:
        """Directions, planar."""
        return np.ascontiguousarray(self.direction_N3.T)

    def origins(self, pixel: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Return the origins of some pixels, planar: (3, 1) when all rays start at one eye, else (3, len(pixel))."""
        rows = self.origin_N3[:1] if self.spread_rad else self.origin_N3[pixel]
        return np.ascontiguousarray(rows.T)


def draw_camera(city: City, place: Place, view: View, seed: int) -> Camera:
    """Return a camera of ``view`` for ``place``; the same arguments give the same camera.

    Satellite: the place's own tile. Map: 100-150 m wide, centred within 15 m of the tile's centre. UAV: 80-200 m high,
    30-60 degrees down, 1 to 1.4 tiles wide at a ground point within 15 m of the tile's centre, any heading, but within
    30 degrees of north one in twenty. Panorama and ground
    photo: eye height at the place's stand; a ground photo does not stare at a near wall if it can be avoided.
    """
    rng = np.random.default_rng([seed, _STREAM, list(View).index(view)])
    width_px, height_px = SIZES_PX[view]
    base = Camera(
        view=view, x_m=place.x_m, y_m=place.y_m, z_m=_SATELLITE_HEIGHT_M, heading_deg=0.0, pitch_deg=90.0, fov_deg=0.0,
        width_px=width_px, height_px=height_px, extent_m=city.tile_m, target_x_m=place.x_m, target_y_m=place.y_m,
    )  # fmt: skip
    match view:
        case View.SATELLITE:
            return base
        case View.MAP:
            x_m, y_m = _near_centre(rng, place)
            extent_m = float(rng.uniform(100.0, 150.0))
            return replace(base, x_m=x_m, y_m=y_m, extent_m=extent_m, target_x_m=x_m, target_y_m=y_m)
        case View.UAV:
            return _draw_uav(rng, city, place, base)
        case View.PANORAMA:
            return _standing(base, place.stand_x_m, place.stand_y_m, float(rng.uniform(1.7, 2.6)), fov_deg=360.0)
        case View.GROUND:
            return _draw_ground(rng, city, place, base)


def _near_centre(rng: np.random.Generator, place: Place) -> tuple[float, float]:
    radius_m, angle = _OFF_CENTRE_M * math.sqrt(rng.uniform()), rng.uniform(0, 2 * math.pi)
    return place.x_m + radius_m * math.cos(angle), place.y_m + radius_m * math.sin(angle)


def _standing(base: Camera, x_m: float, y_m: float, z_m: float, fov_deg: float) -> Camera:
    return replace(
        base, x_m=x_m, y_m=y_m, z_m=z_m, pitch_deg=0.0, fov_deg=fov_deg, extent_m=0.0, target_x_m=x_m, target_y_m=y_m
    )


def _draw_uav(rng: np.random.Generator, city: City, place: Place, base: Camera) -> Camera:
    """A drone whose operator zooms in: the picture is as wide at its target as a tile and a half at most."""
    target_x_m, target_y_m = _near_centre(rng, place)
    for attempt in range(12):
        pitch_deg = float(rng.uniform(30.0, 60.0))
        pitch = math.radians(pitch_deg)
        z_m = float(rng.uniform(80.0, min(200.0, 230.0 * math.sin(pitch))))
        heading_deg = _draw_heading_deg(rng)
        heading, back_m = math.radians(heading_deg), z_m / math.tan(pitch)
        x_m, y_m = target_x_m - back_m * math.sin(heading), target_y_m - back_m * math.cos(heading)
        if attempt == 11 or not _building_near(city, shapely.Point(x_m, y_m), 6.0, above_m=z_m - 6.0):
            break
    width_m, range_m = float(rng.uniform(1.0, 1.4)) * city.tile_m, z_m / math.sin(pitch)
    fov_deg = math.degrees(2 * math.atan(width_m / (2 * range_m)))
    return replace(
        base, x_m=x_m, y_m=y_m, z_m=z_m, heading_deg=heading_deg, pitch_deg=pitch_deg,
        fov_deg=fov_deg, extent_m=0.0, target_x_m=target_x_m, target_y_m=target_y_m,
    )  # fmt: skip


def _draw_heading_deg(rng: np.random.Generator) -> float:
    """Any heading, those near north more rarely: there a picture lies on its tile field by field, and a thumbnail of
    8 x 8 pixels finds it (:mod:`gleam_common.synthcity.baseline`).
    """
    off_north_deg = rng.uniform(_NORTH_DEG, 360.0 - _NORTH_DEG)
    return float(rng.uniform(-_NORTH_DEG, _NORTH_DEG) % 360.0 if rng.uniform() < _NORTH_ODDS else off_north_deg)


def _draw_ground(rng: np.random.Generator, city: City, place: Place, base: Camera) -> Camera:
    """Somebody who looks at something: of twelve headings the first with a free sight, else the freest."""
    jitter_x_m, jitter_y_m = rng.uniform(-0.7, 0.7, 2)
    x_m, y_m = place.stand_x_m + float(jitter_x_m), place.stand_y_m + float(jitter_y_m)
    if len(city.sight_blocks.query(shapely.Point(x_m, y_m), predicate="dwithin", distance=_ELBOW_M)):
        x_m, y_m = place.stand_x_m, place.stand_y_m
    camera = _standing(base, x_m, y_m, float(rng.uniform(1.5, 2.0)), fov_deg=float(rng.uniform(60.0, 90.0)))
    heading_deg = rng.uniform(0.0, 360.0, 12)
    sight_m = _sights(city, x_m, y_m, heading_deg)
    free = np.flatnonzero(sight_m > _FREE_SIGHT_M)
    chosen = free[0] if len(free) else np.argmax(sight_m)
    return replace(camera, heading_deg=float(heading_deg[chosen]), pitch_deg=float(rng.uniform(-2.0, 2.0)))


def _sights(city: City, x_m: float, y_m: float, heading_deg: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return how far one sees in metres, at most ``_SIGHT_M``, as a mean of three directions around each heading."""
    bearing = np.radians(heading_deg[:, None] + np.array([-20.0, 0.0, 20.0]))
    ends = np.stack([x_m + _SIGHT_M * np.sin(bearing), y_m + _SIGHT_M * np.cos(bearing)], axis=-1)
    starts = np.broadcast_to((x_m, y_m), ends.shape)
    lines = np.asarray(shapely.linestrings(np.stack([starts, ends], axis=-2).reshape(-1, 2, 2)), dtype=object)
    line, block = city.sight_blocks.query(lines, predicate="intersects")
    hits = shapely.intersection(lines[line], city.sight_blocks.geometries[block])
    sight_m = np.full(len(lines), _SIGHT_M)
    np.minimum.at(sight_m, line, shapely.distance(hits, shapely.Point(x_m, y_m)))
    return np.asarray(sight_m.reshape(bearing.shape).mean(axis=1))


def _building_near(city: City, shape: shapely.Geometry, distance_m: float, above_m: float) -> bool:
    tall = [building.footprint for building in city.buildings if building.height_m > above_m]
    return bool(tall) and bool(np.any(shapely.dwithin(np.array(tall, dtype=object), shape, distance_m)))


def pixel_rays(camera: Camera) -> Rays:
    """Return the ray through the centre of each pixel, row by row from the top left.

    Raises:
        ConfigError: for the map view, which is drawn and has no rays.
    """
    match camera.view:
        case View.SATELLITE:
            return _parallel_rays(camera)
        case View.PANORAMA:
            return _sphere_rays(camera)
        case View.UAV | View.GROUND:
            return _perspective_rays(camera)
        case View.MAP:
            raise ConfigError("a map has no rays", value=str(camera.view), fix="use cartography.draw_map")


def _parallel_rays(camera: Camera) -> Rays:
    step_m = camera.extent_m / camera.width_px
    across = (np.arange(camera.width_px, dtype=np.float32) + 0.5 - camera.width_px / 2) * step_m
    down = (np.arange(camera.height_px, dtype=np.float32) + 0.5 - camera.height_px / 2) * step_m
    origin_HW3 = np.empty((camera.height_px, camera.width_px, 3), dtype=np.float32)
    origin_HW3[..., 0] = camera.x_m + across
    origin_HW3[..., 1] = (camera.y_m - down)[:, None]
    origin_HW3[..., 2] = camera.z_m
    origin_N3 = origin_HW3.reshape(-1, 3)
    direction_N3 = np.broadcast_to(np.array([0, 0, -1], dtype=np.float32), origin_N3.shape).copy()
    return Rays(origin_N3=origin_N3, direction_N3=direction_N3, spread_rad=0.0, footprint_m=step_m)


def _sphere_rays(camera: Camera) -> Rays:
    direction_N3 = _sphere(camera.width_px, camera.height_px, camera.heading_deg)
    return _from_eye(camera, direction_N3, math.pi / camera.height_px)


@lru_cache(maxsize=4)
def _sphere(width_px: int, height_px: int, heading_deg: float) -> npt.NDArray[np.float32]:
    azimuth = (np.arange(width_px) + 0.5) * (2 * math.pi / width_px) - math.pi + math.radians(heading_deg)
    elevation = math.pi / 2 - (np.arange(height_px) + 0.5) * (math.pi / height_px)
    direction_HW3 = np.empty((height_px, width_px, 3), dtype=np.float32)
    direction_HW3[..., 0] = np.cos(elevation)[:, None] * np.sin(azimuth)
    direction_HW3[..., 1] = np.cos(elevation)[:, None] * np.cos(azimuth)
    direction_HW3[..., 2] = np.sin(elevation)[:, None]
    return direction_HW3.reshape(-1, 3)


def _perspective_rays(camera: Camera) -> Rays:
    right, up, forward = _axes(camera)
    focal_px = _focal_px(camera)
    across = ((np.arange(camera.width_px) + 0.5 - camera.width_px / 2) / focal_px).astype(np.float32)
    above = ((camera.height_px / 2 - np.arange(camera.height_px) - 0.5) / focal_px).astype(np.float32)
    scale = np.float32(1.0) / np.sqrt(np.float32(1.0) + across[None, :] ** 2 + above[:, None] ** 2)
    direction_HW3 = np.empty((*scale.shape, 3), dtype=np.float32)
    for axis in range(3):
        flat = np.float32(forward[axis]) + across[None, :] * np.float32(right[axis])
        direction_HW3[..., axis] = (flat + above[:, None] * np.float32(up[axis])) * scale
    return _from_eye(camera, direction_HW3.reshape(-1, 3), 1.0 / focal_px)


def _from_eye(camera: Camera, direction_N3: npt.NDArray[np.float32], spread_rad: float) -> Rays:
    origin_N3 = np.empty_like(direction_N3)
    for axis, value in enumerate((camera.x_m, camera.y_m, camera.z_m)):
        origin_N3[:, axis] = value
    return Rays(origin_N3=origin_N3, direction_N3=direction_N3, spread_rad=spread_rad, footprint_m=0.0)


def _focal_px(camera: Camera) -> float:
    return camera.width_px / 2 / math.tan(math.radians(camera.fov_deg) / 2)


def pixel_to_ground(camera: Camera, col: float, row: float) -> tuple[float, float] | None:
    """Return the ground point (x_m, y_m) under a position in a picture; None at or above the horizon."""
    if camera.view in (View.SATELLITE, View.MAP):
        m_per_px = camera.extent_m / camera.width_px
        x_m = camera.x_m + (col - camera.width_px / 2) * m_per_px
        return x_m, camera.y_m + (camera.height_px / 2 - row) * m_per_px
    if camera.view is View.PANORAMA:
        azimuth = math.radians(camera.heading_deg) + (col / camera.width_px - 0.5) * 2 * math.pi
        elevation = (0.5 - row / camera.height_px) * math.pi
        level = math.cos(elevation)
        direction = np.array([math.sin(azimuth) * level, math.cos(azimuth) * level, math.sin(elevation)])
    else:
        right, up, forward = _axes(camera)
        focal_px = _focal_px(camera)
        direction = (
            forward + (col - camera.width_px / 2) / focal_px * right + (camera.height_px / 2 - row) / focal_px * up
        )
    if direction[2] > -1e-4:
        return None
    step = camera.z_m / -float(direction[2])
    return camera.x_m + step * float(direction[0]), camera.y_m + step * float(direction[1])


def covered_pixels(camera: Camera, point_KP3: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Return the numbers of all pixels in the image boxes around K sets of P points.

    A set that reaches behind a perspective camera covers the whole picture unless it lies beside the field of view;
    one across a panorama's seam covers whole rows.
    """
    point = np.asarray(point_KP3, dtype=np.float64)
    at = project(camera, point.reshape(-1, 3)).reshape(*point.shape[:2], 3)
    col0, row0 = np.floor(at[..., 0].min(axis=1)) - 1, np.floor(at[..., 1].min(axis=1)) - 1
    col1, row1 = np.ceil(at[..., 0].max(axis=1)) + 1, np.ceil(at[..., 1].max(axis=1)) + 1
    if camera.view in (View.UAV, View.GROUND):
        behind = at[..., 2].min(axis=1) < 0.3
        row0[behind], row1[behind] = 0, camera.height_px
        col0[behind], col1[behind] = 0, np.where(_beside(camera, point[behind]), 0, camera.width_px)
    else:
        wide = col1 - col0 > camera.width_px / 2
        col0[wide], col1[wide] = 0, camera.width_px
    mask_HW = np.zeros((camera.height_px, camera.width_px), dtype=bool)
    box = np.clip(np.stack([row0, row1, col0, col1], axis=1), 0, max(mask_HW.shape)).astype(np.int64)
    for top, bottom, left, right in box.tolist():
        mask_HW[top:bottom, left:right] = True
    return np.flatnonzero(mask_HW)


def _beside(camera: Camera, point_KP3: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Which sets lie wholly to one side of a picture, out of sight."""
    right, up, forward = _axes(camera)
    offset = point_KP3 - np.array([camera.x_m, camera.y_m, camera.z_m])
    reach = math.tan(math.radians(camera.fov_deg) / 2)
    across, ahead = offset @ right, offset @ forward
    tall = reach * camera.height_px / camera.width_px
    outside = [across > reach * ahead, -across > reach * ahead, -(offset @ up) > tall * ahead]
    result: npt.NDArray[np.bool_] = np.any([side.all(axis=1) for side in outside], axis=0)
    return result


def _axes(camera: Camera) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Right, up and forward of a perspective camera as unit vectors."""
    heading, pitch = math.radians(camera.heading_deg), math.radians(camera.pitch_deg)
    sin_h, cos_h, sin_p, cos_p = math.sin(heading), math.cos(heading), math.sin(pitch), math.cos(pitch)
    right = np.array([cos_h, -sin_h, 0.0])
    up = np.array([sin_h * sin_p, cos_h * sin_p, cos_p])
    forward = np.array([sin_h * cos_p, cos_h * cos_p, -sin_p])
    return right, up, forward


def project(camera: Camera, point_N3: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return (N, 3): column and row in pixels (0 is the left or top edge), and the distance in front in metres.

    The distance is along the optical axis for perspective pictures (zero or less: behind, and the pixel has no
    meaning), to the eye for panoramas, from the camera's height down for tiles and maps. Pixels outside the picture
    are returned as they are.
    """
    point = np.atleast_2d(np.asarray(point_N3, dtype=np.float64))
    offset = point - np.array([camera.x_m, camera.y_m, camera.z_m])
    if camera.view in (View.SATELLITE, View.MAP):
        px_per_m = camera.width_px / camera.extent_m
        col = camera.width_px / 2 + offset[:, 0] * px_per_m
        return np.stack([col, camera.height_px / 2 - offset[:, 1] * px_per_m, -offset[:, 2]], axis=1)
    if camera.view is View.PANORAMA:
        azimuth = np.arctan2(offset[:, 0], offset[:, 1]) - math.radians(camera.heading_deg)
        elevation = np.arctan2(offset[:, 2], np.hypot(offset[:, 0], offset[:, 1]))
        col = (np.mod(azimuth + math.pi, 2 * math.pi) / (2 * math.pi)) * camera.width_px
        row = (0.5 - elevation / math.pi) * camera.height_px
        return np.stack([col, row, np.linalg.norm(offset, axis=1)], axis=1)
    right, up, forward = _axes(camera)
    depth = offset @ forward
    safe = np.where(np.abs(depth) < 1e-9, 1e-9, depth)
    focal_px = _focal_px(camera)
    col = camera.width_px / 2 + focal_px * (offset @ right) / safe
    row = camera.height_px / 2 - focal_px * (offset @ up) / safe
    return np.stack([col, row, depth], axis=1)
