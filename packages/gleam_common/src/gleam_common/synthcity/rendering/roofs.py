"""Pitched roofs over four-cornered footprints: gables with their walls and chimneys, hips, spires.

Axes: K buildings.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gleam_common.synthcity.model import Building
from gleam_common.synthcity.rendering.mesh import MeshBuilder, Part, albedo_of
from gleam_common.synthcity.rendering.noise import hash01

__all__ = ["add_pitched_roofs"]

Floats = npt.NDArray[np.float64]
_EAVES_M = 0.35
_HIGHEST_M = 7.0
_BRICK = (0.16, 0.08, 0.06)


def add_pitched_roofs(builder: MeshBuilder, buildings: Sequence[Building], corner_K42: Floats) -> None:
    """Add roofs whose ridge joins the middles of the two shorter sides; corners are counter-clockwise.

    A roof's surface has the middle of the footprint at the height of the eaves as its origin, runs along the ridge, and
    has (length, width) as its size.
    """
    if not buildings:
        return
    corner = _ridge_first(corner_K42)
    start, end = corner[:, :2].mean(axis=1), corner[:, 2:].mean(axis=1)
    length = np.linalg.norm(end - start, axis=1)
    width = np.linalg.norm(corner[:, [1, 3]] - corner[:, [0, 2]], axis=2).mean(axis=1)
    along = (end - start) / np.maximum(length, 1e-6)[:, None]
    seed, is_hip = np.array([b.seed for b in buildings]), np.array([b.roof == "hip" for b in buildings])
    rise = _rises(buildings, seed, width, length)
    height = np.array([b.height_m for b in buildings])
    surface = builder.add_surfaces(
        Part.PITCHED_ROOF,
        [b.item_id for b in buildings],
        [albedo_of(b.roof_colour or "dark grey") for b in buildings],
        seed,
        np.column_stack([corner.mean(axis=1), height]),
        along,
        np.column_stack([length, width]),
    )
    eaves = _eaves(corner, along, height - _EAVES_M * rise / (width / 2))
    inset = np.where(is_hip, np.minimum(width / 2, 0.48 * length), -_EAVES_M)[:, None] * along
    low, high = (np.column_stack([xy, height + rise]) for xy in (start + inset, end - inset))
    builder.add_quads(np.stack([eaves[:, 1], eaves[:, 2], high, low], axis=1), surface)
    builder.add_quads(np.stack([eaves[:, 3], eaves[:, 0], low, high], axis=1), surface)
    for triangle in ((eaves[:, 0], eaves[:, 1], low), (eaves[:, 2], eaves[:, 3], high)):
        _add_triangles(builder, np.stack(triangle, axis=1)[is_hip], surface[is_hip])
    gabled = [b for b, hip in zip(buildings, is_hip, strict=True) if not hip]
    _add_gables(builder, gabled, corner[~is_hip], rise[~is_hip])
    _add_chimneys(builder, gabled, (start + end)[~is_hip] / 2, (end - start)[~is_hip], rise[~is_hip])


def _ridge_first(corner_K42: Floats) -> Floats:
    """Corners in such an order that the first two, and the last two, span the shorter sides."""
    side = np.linalg.norm(np.roll(corner_K42, -1, axis=1) - corner_K42, axis=2)
    turned = side[:, 0] + side[:, 2] > side[:, 1] + side[:, 3]
    return np.where(turned[:, None, None], np.roll(corner_K42, -1, axis=1), corner_K42)


def _rises(buildings: Sequence[Building], seed: npt.NDArray[np.int64], width_m: Floats, length_m: Floats) -> Floats:
    """Height of the ridge above the eaves; a church's tower, near square, has a spire."""
    tower = np.array([b.use == "church" and b.roof == "hip" for b in buildings]) & (length_m < 1.3 * width_m)
    slope = 0.5 + 0.4 * hash01(seed, 12).astype(np.float64)
    return np.where(tower, 1.6 * width_m, np.minimum(slope * width_m / 2, _HIGHEST_M))


def _eaves(corner_K42: Floats, along_K2: Floats, foot_m: Floats) -> Floats:
    """Lower corners of the roof (K, 4, 3): outside of the walls, and therefore lower than their tops."""
    across_K2 = np.stack([-along_K2[:, 1], along_K2[:, 0]], axis=1)
    offset = corner_K42 - corner_K42.mean(axis=1, keepdims=True)
    spread = corner_K42.copy()
    for axis in (along_K2[:, None, :], across_K2[:, None, :]):
        spread += _EAVES_M * np.sign((offset * axis).sum(axis=2, keepdims=True)) * axis
    return np.concatenate([spread, np.broadcast_to(foot_m[:, None, None], (len(foot_m), 4, 1))], axis=2)


def _add_triangles(builder: MeshBuilder, corner_N33: Floats, surface: npt.NDArray[np.int32]) -> None:
    builder.add_faces(corner_N33.reshape(-1, 3), np.arange(3 * len(corner_N33)).reshape(-1, 3), surface)


def _add_gables(builder: MeshBuilder, buildings: Sequence[Building], corner_K42: Floats, rise: Floats) -> None:
    """The triangles of wall under the ends of a ridge."""
    if not buildings:
        return
    height = np.array([b.height_m for b in buildings])
    for first in (0, 2):
        a, b = corner_K42[:, first], corner_K42[:, first + 1]
        length = np.maximum(np.linalg.norm(b - a, axis=1), 1e-6)
        surface = builder.add_surfaces(
            Part.WALL,
            [building.item_id for building in buildings],
            [albedo_of(building.colour or "light grey") for building in buildings],
            [building.seed for building in buildings],
            np.column_stack([a, np.zeros(len(a))]),
            (b - a) / length[:, None],
            np.column_stack([length, height]),
        )
        points = [(a, height), (b, height), ((a + b) / 2, height + rise)]
        _add_triangles(builder, np.stack([np.column_stack(point) for point in points], axis=1), surface)


def _add_chimneys(
    builder: MeshBuilder, buildings: Sequence[Building], middle_K2: Floats, ridge_K2: Floats, rise: Floats
) -> None:
    """A chimney on the ridge of most gabled houses."""
    seed = np.array([building.seed for building in buildings], dtype=np.int64)
    is_house = np.array([building.use == "house" for building in buildings], dtype=bool)
    has = np.flatnonzero(is_house & (hash01(seed, 14) > 0.4)) if len(seed) else np.zeros(0, dtype=np.int64)
    if not len(has):
        return
    shift = 0.3 * (hash01(seed[has], 13).astype(np.float64) - 0.5)
    centre = middle_K2[has] + shift[:, None] * ridge_K2[has]
    items = np.array([building.item_id for building in buildings])[has]
    surface = builder.add_surfaces(
        Part.FITTING, items, _BRICK, seed[has], np.column_stack([centre, np.zeros(len(has))])
    )
    square = centre[:, None, :] + 0.45 * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    low = np.array([building.height_m for building in buildings])[has]
    builder.add_boxes(square, low, low + rise[has] + 0.9, surface)
