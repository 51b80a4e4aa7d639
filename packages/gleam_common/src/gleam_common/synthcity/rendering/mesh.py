"""A city as triangles. Each triangle belongs to a surface (one wall, one roof plane, one tree crown), and each surface
says what it is, to which item it belongs and how it lies.

Axes: V vertices, F triangles, S surfaces.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from gleam_common.errors import ConfigError
from gleam_common.synthcity.palette import COLOURS

__all__ = ["Mesh", "MeshBuilder", "Part", "Surfaces", "albedo_of"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]


class Part(IntEnum):
    """What a surface is made like; chooses its shader."""

    WALL = 0
    FLAT_ROOF = 1
    PITCHED_ROOF = 2
    FITTING = 3  # parapets, chimneys, machines: one plain colour
    TRUNK = 4
    BROADLEAF = 5
    CONIFER = 6
    GLASS = 7
    PAINT = 8


def albedo_of(colour: str) -> tuple[float, float, float]:
    """Return the linear reflectance of a colour term (sRGB decoded with gamma 2, as the sensor encodes it).

    Raises:
        ConfigError: for a term that is not in ``palette.COLOURS``.
    """
    if colour not in COLOURS:
        raise ConfigError("unknown colour", value=colour, allowed=list(COLOURS))
    red, green, blue = ((value / 255) ** 2 for value in COLOURS[colour])
    return red, green, blue


@dataclass(frozen=True, kw_only=True)
class Surfaces:
    """What triangles belong to; planar float32 tables.

    ``part`` (S,), ``item`` (S,) item numbers, ``albedo`` (3, S) linear, ``seed`` (S,); ``origin`` (3, S) and ``along``
    (2, S), a horizontal unit vector, are the surface's own frame, ``size`` (2, S) its extent in metres.
    """

    part: npt.NDArray[np.uint8]
    item: Ints
    albedo: Floats
    seed: Ints
    origin: Floats
    along: Floats
    size: Floats

    def joined(self, other: Surfaces) -> Surfaces:
        """Return these surfaces followed by others."""
        return Surfaces(
            **{
                field.name: np.concatenate([getattr(self, field.name), getattr(other, field.name)], axis=-1)
                for field in fields(self)
            }
        )


@dataclass(frozen=True, kw_only=True)
class Mesh:
    """Triangles: ``vertex`` (V, 3) in metres, ``face`` (F, 3), the plane of each: ``normal`` (3, F) unit, either side,
    and ``offset`` (F,) with normal . x = offset; ``surface`` (F,) the row of ``surfaces`` that it belongs to.
    """

    vertex: Floats
    face: Ints
    normal: Floats
    offset: Floats
    surface: Ints
    surfaces: Surfaces

    @cached_property
    def is_crown(self) -> npt.NDArray[np.bool_]:
        """(S,): which surfaces are crowns of trees, which rays can slip through."""
        return np.isin(self.surfaces.part, (Part.BROADLEAF, Part.CONIFER))


class MeshBuilder:
    """Collects surfaces and triangles, many at a time."""

    def __init__(self) -> None:
        self._vertices: list[Floats] = []
        self._faces: list[Ints] = []
        self._owners: list[Ints] = []
        self._columns: dict[str, list[npt.NDArray[Any]]] = {}
        self._vertex_count = 0
        self.surface_count = 0

    def add_surfaces(
        self,
        part: Part,
        item: npt.ArrayLike,
        albedo: npt.ArrayLike,
        seed: npt.ArrayLike,
        origin: npt.ArrayLike,
        along: npt.ArrayLike = (1.0, 0.0),
        size: npt.ArrayLike = (1.0, 1.0),
    ) -> Ints:
        """Add as many surfaces as ``item`` has rows (the others broadcast); return their numbers."""
        items = np.atleast_1d(np.asarray(item, dtype=np.int32))
        count = len(items)
        rows: dict[str, npt.NDArray[Any]] = {
            "part": np.full(count, part, dtype=np.uint8),
            "item": items,
            "albedo": np.broadcast_to(np.asarray(albedo, dtype=np.float32), (count, 3)),
            "seed": np.broadcast_to(np.asarray(seed, dtype=np.int64).astype(np.int32), (count,)),
            "origin": np.broadcast_to(np.asarray(origin, dtype=np.float32), (count, 3)),
            "along": np.broadcast_to(np.asarray(along, dtype=np.float32), (count, 2)),
            "size": np.broadcast_to(np.asarray(size, dtype=np.float32), (count, 2)),
        }
        for name, values in rows.items():
            self._columns.setdefault(name, []).append(values)
        self.surface_count += count
        return np.arange(self.surface_count - count, self.surface_count, dtype=np.int32)

    def add_faces(self, vertex_N3: npt.ArrayLike, face_N3: npt.ArrayLike, surface: npt.ArrayLike) -> None:
        """Add triangles with their own vertices; ``surface`` has one number for each triangle, or one for all."""
        vertices = np.asarray(vertex_N3, dtype=np.float32).reshape(-1, 3)
        faces = np.asarray(face_N3, dtype=np.int32).reshape(-1, 3)
        self._vertices.append(vertices)
        self._faces.append(faces + np.int32(self._vertex_count))
        self._owners.append(np.broadcast_to(np.asarray(surface, dtype=np.int32), (len(faces),)))
        self._vertex_count += len(vertices)

    def add_quads(self, corner_N43: npt.ArrayLike, surface: npt.ArrayLike) -> None:
        """Add planar quadrilaterals (N, 4, 3), one surface number for each, or one for all."""
        corners = np.asarray(corner_N43, dtype=np.float32).reshape(-1, 4, 3)
        first = np.arange(len(corners), dtype=np.int32)[:, None, None] * 4
        faces = first + np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32)
        owner = np.broadcast_to(np.asarray(surface, dtype=np.int32), (len(corners),))
        self.add_faces(corners.reshape(-1, 3), faces.reshape(-1, 3), np.repeat(owner, 2))

    def add_boxes(
        self, corner_N42: npt.ArrayLike, low_N: npt.ArrayLike, high_N: npt.ArrayLike, surface: npt.ArrayLike
    ) -> None:
        """Add upright boxes without floors from their outlines (counter-clockwise) and heights in metres."""
        corners = np.asarray(corner_N42, dtype=np.float64)
        owner = np.broadcast_to(np.asarray(surface, dtype=np.int32), (len(corners),))
        floor, lid = (
            np.concatenate([corners, np.broadcast_to(np.asarray(z)[:, None, None], (len(corners), 4, 1))], axis=2)
            for z in (low_N, high_N)
        )
        self.add_quads(lid, owner)
        sides = np.stack([floor, np.roll(floor, -1, axis=1), np.roll(lid, -1, axis=1), lid], axis=2)
        self.add_quads(sides.reshape(-1, 4, 3), np.repeat(owner, 4))

    def build(self) -> Mesh:
        """Return everything added so far; an empty builder gives one speck far below ground."""
        if not self._faces:
            speck = self.add_surfaces(Part.FITTING, 0, (0.0, 0.0, 0.0), 0, (0.0, 0.0, -1e4))
            self.add_faces([[0, 0, -1e4], [0.01, 0, -1e4], [0, 0.01, -1e4]], [[0, 1, 2]], speck)
        vertex, face = np.concatenate(self._vertices), np.concatenate(self._faces)
        a, b, c = (vertex[face[:, k]] for k in range(3))
        normal = np.cross(b - a, c - a)
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
        columns = {name: np.ascontiguousarray(np.concatenate(parts).T) for name, parts in self._columns.items()}
        return Mesh(
            vertex=vertex,
            face=face,
            normal=np.ascontiguousarray(normal.T.astype(np.float32)),
            offset=np.einsum("ij,ij->i", normal, a).astype(np.float32),
            surface=np.concatenate(self._owners),
            surfaces=Surfaces(**columns),
        )
