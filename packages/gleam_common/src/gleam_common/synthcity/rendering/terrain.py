"""The ground up close: what each material looks like in each season, sampled without flicker.

Axes: N points on the ground.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from gleam_common.synthcity.canvas import Material
from gleam_common.synthcity.ground import GroundRaster
from gleam_common.synthcity.rendering.noise import lookup, tile_noise
from gleam_common.synthcity.rendering.planar import pick, put, smoothstep
from gleam_common.synthcity.weather import Season, Weather

__all__ = ["GroundPoints", "GroundSampler", "MaterialLooks", "draw_looks", "item_of", "material_of", "shade_ground"]

Floats = npt.NDArray[np.float32]
Index = npt.NDArray[np.int64]
Cells = npt.NDArray[np.uint32]
Taps = Iterator[tuple[Floats, Floats, Floats | np.float32]]
_FAR_CELLS = 9.0
_MARK_BIT, _ITEM_SHIFT = 7, 8
_COUNT = max(Material) + 1
_OUTSIDE = Material.MEADOW

# linear albedo; strength of mottling; share of snow that stays; 1 for growing things
_LOOKS: dict[Material, tuple[tuple[float, float, float], float, float, int]] = {
    Material.PAVED: ((0.24, 0.22, 0.20), 0.20, 0.6, 0),
    Material.ASPHALT: ((0.085, 0.085, 0.09), 0.15, 0.12, 0),
    Material.SIDEWALK: ((0.30, 0.285, 0.265), 0.14, 0.5, 0),
    Material.MARKING_WHITE: ((0.62, 0.62, 0.60), 0.25, 0.1, 0),
    Material.MARKING_YELLOW: ((0.60, 0.42, 0.09), 0.25, 0.1, 0),
    Material.GRASS: ((0.108, 0.142, 0.055), 0.34, 1.0, 1),
    Material.LAWN: ((0.085, 0.170, 0.045), 0.18, 1.0, 1),
    Material.LAWN_STRIPE: ((0.115, 0.215, 0.060), 0.18, 1.0, 1),
    Material.MEADOW: ((0.150, 0.160, 0.065), 0.42, 1.0, 1),
    Material.SOIL: ((0.20, 0.135, 0.085), 0.35, 0.9, 0),
    Material.SAND: ((0.47, 0.38, 0.25), 0.18, 0.9, 0),
    Material.WATER: ((0.022, 0.045, 0.048), 0.08, 0.0, 0),
    Material.BALLAST: ((0.19, 0.165, 0.145), 0.40, 0.6, 0),
    Material.SLEEPER: ((0.11, 0.09, 0.07), 0.25, 0.6, 0),
    Material.RAIL: ((0.30, 0.27, 0.26), 0.20, 0.0, 0),
    Material.GRAVEL: ((0.36, 0.29, 0.21), 0.25, 0.7, 0),
    Material.PLAZA: ((0.40, 0.35, 0.30), 0.14, 0.5, 0),
    Material.PLAZA_JOINT: ((0.22, 0.19, 0.17), 0.14, 0.5, 0),
    Material.DECK: ((0.34, 0.33, 0.32), 0.14, 0.4, 0),
    Material.SPORT_RED: ((0.36, 0.10, 0.065), 0.10, 0.8, 0),
    Material.SPORT_GREEN: ((0.075, 0.21, 0.115), 0.10, 0.8, 0),
    Material.SPORT_BLUE: ((0.055, 0.15, 0.33), 0.10, 0.8, 0),
    Material.SPORT_ORANGE: ((0.46, 0.20, 0.09), 0.12, 0.8, 0),
}
_SEASON_TINT = {
    Season.SPRING: (0.97, 1.1, 0.85),
    Season.SUMMER: (1.0, 1.0, 1.0),
    Season.AUTUMN: (1.35, 1.0, 0.85),
    Season.WINTER: (1.45, 1.0, 1.25),
}


@dataclass(frozen=True, kw_only=True)
class MaterialLooks:
    """What each material looks like in one picture: ``albedo`` (3, M), ``mottle`` (M,) strength of its texture,
    ``snow`` (M,) share of snow that stays, ``gloss`` (M,) share of light that it mirrors.
    """

    albedo: Floats
    mottle: Floats
    snow: Floats
    gloss: Floats


def draw_looks(weather: Weather, rng: np.random.Generator) -> MaterialLooks:
    """Draw one day's looks: asphalt is dark when wet, grass may be dry, and each material varies a little."""
    albedo = np.array([_LOOKS[material][0] for material in Material])
    growing = np.array([_LOOKS[material][3] for material in Material])[:, None]
    dry = rng.uniform(0.0, 0.7) if weather.season is Season.SUMMER else rng.uniform(0.0, 0.3)
    tint = np.array(_SEASON_TINT[weather.season]) * np.array([1 + 0.7 * dry, 1 + 0.1 * dry, 1.0])
    albedo = np.where(growing == 1, albedo * tint, albedo) * rng.uniform(0.85, 1.18, (_COUNT, 1))
    paved = [Material.ASPHALT, Material.PAVED, Material.SIDEWALK]
    albedo[paved] *= rng.uniform(0.75, 1.35)
    return MaterialLooks(
        albedo=np.ascontiguousarray(albedo.T, dtype=np.float32),
        mottle=np.array([_LOOKS[material][1] for material in Material], dtype=np.float32),
        snow=np.array([_LOOKS[material][2] for material in Material], dtype=np.float32),
        gloss=np.array([0.6 * (material is Material.WATER) for material in Material], dtype=np.float32),
    )


class GroundSampler:
    """Reads a ground raster at points in metres; outside of it there is meadow.

    Material, item and a mark share one word, so that a point costs one look-up. The mark is on cells near which the
    material changes: only there a pixel needs more than one sample.
    """

    def __init__(self, raster: GroundRaster) -> None:
        self.gsd_m, self.x0_m, self.y1_m = raster.gsd_m, raster.x0_m, raster.y1_m
        window = np.ones((7, 7), dtype=np.uint8)
        material = raster.material_YX
        mixed = cv2.dilate(material, window) != cv2.erode(material, window)
        self.packed_YX = raster.item_YX.astype(np.uint32)
        self.packed_YX <<= _ITEM_SHIFT
        self.packed_YX |= material | (mixed.view(np.uint8) << _MARK_BIT)

    def covers(self, x_m: Floats, y_m: Floats) -> npt.NDArray[np.bool_]:
        """Return which points (N,) lie in the raster."""
        rows, cols = self.packed_YX.shape
        x1_m, y0_m = self.x0_m + cols * self.gsd_m, self.y1_m - rows * self.gsd_m
        result: npt.NDArray[np.bool_] = (x_m > self.x0_m) & (x_m < x1_m) & (y_m < self.y1_m) & (y_m > y0_m)
        return result

    def read(self, x_m: Floats, y_m: Floats) -> Cells:
        """Return cells (N,), to be taken apart with ``material_of``, ``item_of`` and ``is_mixed``."""
        rows, cols = self.packed_YX.shape
        scale = np.float32(1.0 / self.gsd_m)
        col = (x_m - np.float32(self.x0_m)) * scale
        row = (np.float32(self.y1_m) - y_m) * scale
        cells: Cells = np.take(self.packed_YX, row.astype(np.int64) * cols + col.astype(np.int64), mode="clip")
        if len(col) and (min(col.min(), row.min()) < 0 or col.max() >= cols or row.max() >= rows):
            cells[(col < 0) | (row < 0) | (col >= cols) | (row >= rows)] = _OUTSIDE
        return cells


def material_of(cells: Cells) -> npt.NDArray[np.int64]:
    """Return the materials of cells."""
    return (cells & np.uint32((1 << _MARK_BIT) - 1)).astype(np.int64)


def item_of(cells: Cells) -> npt.NDArray[np.int32]:
    """Return the item numbers of cells."""
    return (cells >> np.uint32(_ITEM_SHIFT)).astype(np.int32)


def is_mixed(cells: Cells) -> npt.NDArray[np.bool_]:
    """Return whether another material is within three cells of each."""
    mark: npt.NDArray[np.bool_] = (cells & np.uint32(1 << _MARK_BIT)) != 0
    return mark


@dataclass(frozen=True, kw_only=True)
class GroundPoints:
    """Points on the ground in metres, (N,) each; a pixel there spans (``reach_x``, ``reach_y``), a diagonal of it."""

    x: Floats
    y: Floats
    reach_x: Floats
    reach_y: Floats

    def part(self, index: Index) -> GroundPoints:
        """Return some of the points."""
        return GroundPoints(x=self.x[index], y=self.y[index], reach_x=self.reach_x[index], reach_y=self.reach_y[index])


def _near_taps(points: GroundPoints, gsd_m: float) -> Taps:
    """Four cells around each point with bilinear weights, for pixels smaller than a cell."""
    scale = np.float32(1.0 / gsd_m)
    base_x, base_y = np.floor(points.x * scale - np.float32(0.5)), np.floor(points.y * scale - np.float32(0.5))
    part_x = smoothstep(0.2, 0.8, points.x * scale - np.float32(0.5) - base_x)
    part_y = smoothstep(0.2, 0.8, points.y * scale - np.float32(0.5) - base_y)
    for a, weight_x in enumerate((np.float32(1.0) - part_x, part_x)):
        for b, weight_y in enumerate((np.float32(1.0) - part_y, part_y)):
            at_x = (base_x + np.float32(a + 0.5)) * np.float32(gsd_m)
            yield at_x, (base_y + np.float32(b + 0.5)) * np.float32(gsd_m), weight_x * weight_y


def _far_taps(points: GroundPoints, count: int) -> Taps:
    """Points spread over each pixel along its diagonal, and shuffled across it."""
    for number in range(count):
        share_x = np.float32((number + 0.5) / count - 0.5)
        share_y = np.float32(((number * 5 + 2) % count + 0.5) / count - 0.5) if count == 4 else share_x
        yield points.x + points.reach_x * share_x, points.y + points.reach_y * share_y, np.float32(1.0 / count)


def _blend(
    sampler: GroundSampler, looks: MaterialLooks, points: GroundPoints, pixel_m: Floats, mixed: npt.NDArray[np.bool_],
    albedo_3N: Floats,
) -> None:  # fmt: skip
    """Overwrite the albedo of points whose pixel holds several materials by the mean over it."""
    gsd_m = sampler.gsd_m
    far, near = pixel_m > _FAR_CELLS * gsd_m, mixed & (pixel_m < gsd_m)
    for chosen, count in ((near, 0), (mixed & ~near & ~far, 4), (far, 8)):
        index = np.flatnonzero(chosen)
        if len(index):
            mean, part = np.zeros((3, len(index)), dtype=np.float32), points.part(index)
            for x, y, weight in _far_taps(part, count) if count else _near_taps(part, gsd_m):
                mean += pick(looks.albedo, material_of(sampler.read(x, y))) * weight
            put(albedo_3N, index, mean)


def shade_ground(
    sampler: GroundSampler, looks: MaterialLooks, weather: Weather, points: GroundPoints
) -> tuple[Floats, Floats, Floats, Cells]:
    """Return albedo (3, N), gloss (N,), snow cover (N,) and cells (N,) of ground points."""
    cells = sampler.read(points.x, points.y)
    material, mixed = material_of(cells), is_mixed(cells)
    pixel_m = np.maximum(np.abs(points.reach_x), np.abs(points.reach_y))
    albedo = pick(looks.albedo, material)
    mottle, hold, gloss = (np.take(row, material, mode="clip") for row in (looks.mottle, looks.snow, looks.gloss))
    _blend(sampler, looks, points, pixel_m, mixed, albedo)
    x, y = points.x + np.float32(8192.0), points.y + np.float32(8192.0)
    fine = lookup(tile_noise(45, 0.35), x * np.float32(22), y * np.float32(22)) * np.minimum(
        np.float32(0.1) / pixel_m, 1
    )
    middle = lookup(tile_noise(46, 0.9), x * np.float32(3.1), y * np.float32(3.1)) * np.minimum(
        np.float32(1.2) / pixel_m, 1
    )
    broad = lookup(tile_noise(47, 1.7), x * np.float32(1.9), y * np.float32(1.9))
    bright = np.float32(1.0) + mottle * (np.float32(1.1) * fine + np.float32(0.9) * (middle + broad))
    snow = np.zeros(len(x), dtype=np.float32)
    if weather.snow:
        depth = hold * np.float32(weather.snow) + np.float32(0.34) * broad + np.float32(0.07) * middle
        snow = smoothstep(0.35, 0.65, depth) * np.minimum(np.float32(3.0) * hold, np.float32(1.0))
    return albedo * np.maximum(bright, np.float32(0.4)), gloss, snow, cells
