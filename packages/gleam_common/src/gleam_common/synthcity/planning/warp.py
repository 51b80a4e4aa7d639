"""A smooth bending of the plane: streets are laid out straight, then bent, so that no crossing is lost or made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from gleam_common.synthcity.millimetres import snap

__all__ = ["Warp", "make_warp"]

_WAVES = 4


@dataclass(frozen=True, kw_only=True)
class Warp:
    """Displacement by a sum of plane waves.

    ``waves`` (2, K) in radians per metre, ``pushes`` (2, K) in metres, ``phases`` (K,) in radians.
    """

    waves: npt.NDArray[np.float64]
    pushes: npt.NDArray[np.float64]
    phases: npt.NDArray[np.float64]

    @property
    def reach_m(self) -> float:
        """The farthest that a point can be moved."""
        return float(np.hypot(*self.pushes).sum())

    def points(self, xy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return points (N, 2), moved, on the millimetre grid."""
        return snap(xy + np.sin(xy @ self.waves + self.phases) @ self.pushes.T)

    def geometry(self, shape: BaseGeometry, step_m: float = 12.0) -> BaseGeometry:
        """Return a line or polygon, bent; its edges are cut to ``step_m`` first so that they can bend."""
        return shapely.transform(shapely.segmentize(shape, step_m), self.points)

    def polygon(self, shape: Polygon) -> Polygon:
        """Return a polygon without its holes, bent."""
        return Polygon(shapely.get_coordinates(self.geometry(Polygon(shape.exterior))))


def make_warp(rng: np.random.Generator, amplitude_m: float, wavelength_m: float) -> Warp:
    """Return a warp of about ``amplitude_m``.

    It has no folds as long as the amplitude is below wavelength / 2 pi; callers stay below half of that.
    """
    direction = rng.uniform(0, 2 * np.pi, _WAVES)
    length = wavelength_m * rng.uniform(0.8, 1.6, _WAVES)
    wave = np.stack([np.cos(direction), np.sin(direction)]) * (2 * np.pi / length)
    push_direction = rng.uniform(0, 2 * np.pi, _WAVES)
    size = amplitude_m / np.sqrt(_WAVES) * rng.uniform(0.6, 1.2, _WAVES)
    push = np.stack([np.cos(push_direction), np.sin(push_direction)]) * size
    return Warp(waves=wave, pushes=push, phases=rng.uniform(0, 2 * np.pi, _WAVES))
