"""Rays through a mesh with Embree: what each ray meets first, and whether the sun is in sight.

Axes: N rays.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore import EmbreeDevice
from embreex.rtcore_scene import EmbreeScene

from gleam_common.synthcity.rendering.mesh import Mesh

__all__ = ["FAR_M", "Caster", "Layer", "ground_limit", "make_layer"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]

FAR_M = 2500.0
"""Nothing is looked for beyond this distance."""


def ground_limit(origin_N3: Floats, direction_N3: Floats) -> Floats:
    """Return the distance (N,) at which each ray meets the ground plane z = 0, at most ``FAR_M``."""
    down = np.maximum(-direction_N3[:, 2], np.float32(1e-6))
    return np.minimum(origin_N3[:, 2] / down, np.float32(FAR_M)).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class _Held:
    """Embree's own objects; the geometry must outlive the scene."""

    scene: EmbreeScene
    geometry: TriangleMesh


@cache
def _device() -> EmbreeDevice:
    """One device for all scenes of a process: a new one for each picture's cars costs more than their tree."""
    return EmbreeDevice()


class Caster:
    """A mesh that rays can be sent through."""

    def __init__(self, mesh: Mesh) -> None:
        scene = EmbreeScene(device=_device())
        self._held = _Held(scene=scene, geometry=TriangleMesh(scene, mesh.vertex, mesh.face))

    def first_faces(self, origin_N3: Floats, direction_N3: Floats, limit_N: Floats) -> Ints:
        """Return the first face (N,) that each ray meets before its limit; -1 where there is none."""
        if not len(origin_N3):
            return np.empty(0, np.int32)
        found: Ints = self._held.scene.run(origin_N3, direction_N3, limit_N, query="INTERSECT")
        return found

    def blocked(self, origin_N3: Floats, direction_N3: Floats, limit_m: float) -> npt.NDArray[np.bool_]:
        """Return whether anything lies on each ray within ``limit_m``."""
        if not len(origin_N3):
            return np.empty(0, np.bool_)
        limit = np.full(len(origin_N3), limit_m, dtype=np.float32)
        found: Ints = self._held.scene.run(origin_N3, direction_N3, limit, query="OCCLUDED")
        return found >= 0


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A mesh with its caster."""

    mesh: Mesh
    caster: Caster


def make_layer(mesh: Mesh) -> Layer:
    """Return ``mesh``, ready for rays."""
    return Layer(mesh=mesh, caster=Caster(mesh))
