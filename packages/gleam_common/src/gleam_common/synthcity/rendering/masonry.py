"""Buildings as meshes: walls from footprints, flat roofs with parapets and machines; pitched ones are in ``roofs``."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import shapely

from gleam_common.synthcity.model import Building
from gleam_common.synthcity.rendering.mesh import MeshBuilder, Part, albedo_of
from gleam_common.synthcity.rendering.noise import hash01
from gleam_common.synthcity.rendering.roofs import add_pitched_roofs

__all__ = ["add_buildings"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def add_buildings(builder: MeshBuilder, buildings: tuple[Building, ...]) -> None:
    """Add walls and roofs of all buildings. A wall's surface has its foot as origin, runs along its wall from left
    to right as seen from outside, and has (length, height without parapet) as its size.
    """
    if not buildings:
        return
    shapes = shapely.orient_polygons(np.array([building.footprint for building in buildings], dtype=object))
    flat = np.array([building.roof == "flat" or not _is_quad(building) for building in buildings])
    _add_walls(builder, buildings, shapes, flat)
    _add_flat_roofs(builder, [b for b, is_flat in zip(buildings, flat, strict=True) if is_flat], shapes[flat])
    pitched = [b for b, is_flat in zip(buildings, flat, strict=True) if not is_flat]
    add_pitched_roofs(builder, pitched, shapely.get_coordinates(shapes[~flat]).reshape(-1, 5, 2)[:, :4])


def parapet_m(buildings: list[Building] | tuple[Building, ...]) -> Floats:
    """Height of the walls above a flat roof."""
    return 0.3 + 0.7 * hash01([b.seed for b in buildings], 11).astype(np.float64)


def _is_quad(building: Building) -> bool:
    return len(building.footprint.exterior.coords) == 5 and not building.footprint.interiors


def _albedos(colours: list[str]) -> Floats:
    return np.array([albedo_of(colour) for colour in colours]).reshape(-1, 3)


def _edges(shapes: npt.NDArray[np.object_]) -> tuple[Floats, Floats, Ints]:
    """Start (N, 2), end (N, 2) and polygon number of every edge of every ring, the inside on the left."""
    rings, owner = shapely.get_rings(shapes, return_index=True)
    coords, ring = shapely.get_coordinates(rings, return_index=True)
    joined = ring[1:] == ring[:-1]
    return coords[:-1][joined], coords[1:][joined], owner[ring[:-1][joined]]


def _add_walls(
    builder: MeshBuilder, buildings: tuple[Building, ...], shapes: npt.NDArray[np.object_], flat: npt.NDArray[np.bool_]
) -> None:
    start, end, owner = _edges(shapes)
    length = np.linalg.norm(end - start, axis=1)
    keep = length > 0.05
    start, end, owner, length = start[keep], end[keep], owner[keep], length[keep]
    height = np.array([b.height_m for b in buildings])
    top = (height + np.where(flat, parapet_m(buildings), 0.0))[owner]
    surface = builder.add_surfaces(
        Part.WALL,
        np.array([b.item_id for b in buildings])[owner],
        _albedos([b.colour or "light grey" for b in buildings])[owner],
        np.array([b.seed for b in buildings])[owner],
        np.column_stack([start, np.zeros(len(start))]),
        (end - start) / length[:, None],
        np.column_stack([length, height[owner]]),
    )
    corner = np.empty((len(start), 4, 3))
    corner[:, 0, :2] = corner[:, 3, :2] = start
    corner[:, 1, :2] = corner[:, 2, :2] = end
    corner[:, :2, 2] = 0.0
    corner[:, 2:, 2] = top[:, None]
    builder.add_quads(corner, surface)


def _add_flat_roofs(builder: MeshBuilder, buildings: list[Building], shapes: npt.NDArray[np.object_]) -> None:
    if not buildings:
        return
    box = shapely.get_coordinates(shapely.oriented_envelope(shapes)).reshape(-1, 5, 2)
    side = box[:, 1] - box[:, 0], box[:, 2] - box[:, 1]
    length = np.stack([np.linalg.norm(part, axis=1) for part in side], axis=1)
    long_first = length[:, 0] >= length[:, 1]
    along = np.where(long_first[:, None], side[0], side[1]) / np.maximum(length.max(axis=1), 1e-6)[:, None]
    height = np.array([b.height_m for b in buildings])
    surface = builder.add_surfaces(
        Part.FLAT_ROOF,
        [b.item_id for b in buildings],
        _albedos([b.roof_colour or "grey" for b in buildings]),
        [b.seed for b in buildings],
        np.column_stack([box[:, 1], height]),
        along,
        np.column_stack([length.max(axis=1), length.min(axis=1)]),
    )
    parts, owner = shapely.get_parts(shapely.constrained_delaunay_triangles(shapes), return_index=True)
    corner = shapely.get_coordinates(parts).reshape(-1, 4, 2)[:, :3]
    vertex = np.dstack([corner, np.broadcast_to(height[owner][:, None, None], (len(parts), 3, 1))])
    builder.add_faces(vertex, np.arange(3 * len(parts)).reshape(-1, 3), surface[owner])
    _add_machines(builder, buildings, shapes, box)


def _add_machines(
    builder: MeshBuilder, buildings: list[Building], shapes: npt.NDArray[np.object_], box: Floats
) -> None:
    """Boxes on flat roofs: stair heads, air conditioners; up to six each, where they fit."""
    seeds = np.array([b.seed for b in buildings])
    tries = np.arange(6)[:, None]
    share = [0.1 + 0.8 * hash01(seeds[None, :], tries, key).astype(np.float64) for key in (21, 22)]
    a, b, origin = box[:, 1] - box[:, 0], box[:, 2] - box[:, 1], box[:, 0]
    centre = origin + share[0][..., None] * a + share[1][..., None] * b
    half = 0.5 + 1.8 * hash01(seeds[None, :], tries, 23).astype(np.float64) ** 2
    unit = a / np.maximum(np.linalg.norm(a, axis=1, keepdims=True), 1e-6)
    across = np.stack([-unit[:, 1], unit[:, 0]], axis=1)
    stretch = 0.7 + hash01(seeds[None, :], tries, 24).astype(np.float64)
    step_u, step_v = (half * stretch)[..., None] * unit, half[..., None] * across
    corner = np.stack(
        [centre - step_u - step_v, centre + step_u - step_v, centre + step_u + step_v, centre - step_u + step_v], axis=2
    )
    wanted = hash01(seeds[None, :], tries, 25) < np.clip(shapely.area(shapes) / 500.0, 0.15, 0.9)
    fits = shapely.contains_properly(np.broadcast_to(shapes, wanted.shape), shapely.polygons(corner)) & wanted
    which = np.broadcast_to(np.arange(len(buildings)), wanted.shape)[fits]
    low = np.array([b.height_m for b in buildings])[which]
    rise = 0.7 + 1.9 * hash01(seeds[which], tries[:, :1].repeat(len(buildings), 1)[fits], 26)
    grey = 0.12 + 0.4 * hash01(seeds[which], 27)[:, None] * np.ones(3)
    surface = builder.add_surfaces(
        Part.FITTING,
        np.array([b.item_id for b in buildings])[which],
        grey,
        seeds[which],
        np.column_stack([centre[fits], low]),
        unit[which],
    )
    builder.add_boxes(corner[fits], low, low + rise, surface)
