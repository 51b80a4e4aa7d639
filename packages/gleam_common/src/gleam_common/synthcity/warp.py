"""A smooth bending of the plane: streets are laid out straight, then bent, so that no crossing is lost or made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

__all__ = ["Warp", "make_warp"]

_WAVES = 4


@dataclass(frozen=True, kw_only=True)
class Warp:
    """Displacement by a sum of plane waves.

    ``wave_XK`` are wave vectors in radians per metre, ``push_XK`` displacements in metres, ``phase_K`` radians.
    """

    wave_XK: npt.NDArray[np.float64]
    push_XK: npt.NDArray[np.float64]
    phase_K: npt.NDArray[np.float64]

    @property
    def reach_m(self) -> float:
        """The farthest that a point can be moved."""
        return float(np.hypot(*self.push_XK).sum())

    def points(self, xy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return points (N, 2), moved."""
        moved: npt.NDArray[np.float64] = xy + np.sin(xy @ self.wave_XK + self.phase_K) @ self.push_XK.T
        return moved

    def geometry(self, shape: BaseGeometry, step_m: float = 12.0) -> BaseGeometry:
        """Return a line or polygon, bent; its edges are cut to ``step_m`` first so that they can bend."""
        return shapely.transform(shapely.segmentize(shape, step_m), self.points)


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
    return Warp(wave_XK=wave, push_XK=push, phase_K=rng.uniform(0, 2 * np.pi, _WAVES))
