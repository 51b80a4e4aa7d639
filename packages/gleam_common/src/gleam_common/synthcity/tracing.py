"""Rays through a mesh with Embree: what each ray meets first, and whether the sun is in sight.

Axes: N rays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene

from gleam_common.synthcity.mesh import Mesh

__all__ = ["FAR_M", "Caster", "ground_limit"]

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


class Caster:
    """A mesh that rays can be sent through."""

    def __init__(self, mesh: Mesh) -> None:
        scene = EmbreeScene()
        self._held = _Held(scene=scene, geometry=TriangleMesh(scene, mesh.vertex, mesh.face))

    def first_hits(self, origin_N3: Floats, direction_N3: Floats, limit_N: Floats) -> tuple[Floats, Ints]:
        """Return (distance, face) of the first hit of each ray before its limit; (limit, -1) where there is none."""
        if not len(origin_N3):
            return np.empty(0, np.float32), np.empty(0, np.int32)
        hit = self._held.scene.run(origin_N3, direction_N3, limit_N, output=True)
        return hit["tfar"], hit["primID"]

    def blocked(self, origin_N3: Floats, direction_N3: Floats, limit_m: float) -> npt.NDArray[np.bool_]:
        """Return whether anything lies on each ray within ``limit_m``."""
        if not len(origin_N3):
            return np.empty(0, np.bool_)
        limit = np.full(len(origin_N3), limit_m, dtype=np.float32)
        found: Ints = self._held.scene.run(origin_N3, direction_N3, limit, query="OCCLUDED")
        return found >= 0
