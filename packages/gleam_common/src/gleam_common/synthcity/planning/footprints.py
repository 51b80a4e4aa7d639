"""Building plans: outlines inside a rectangle, in metres along its length and width from its centre."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from shapely.geometry import Polygon

from gleam_common.synthcity.lots import Box

__all__ = ["SHAPES", "outline"]

Floats = npt.NDArray[np.float64]
Rings = list[Floats]


def _points(*pairs: tuple[float, float]) -> Rings:
    return [np.array(pairs, dtype=np.float64)]


def _rect(rng: np.random.Generator, a: float, b: float) -> Rings:
    return _points((-a, -b), (a, -b), (a, b), (-a, b))


def _wing(rng: np.random.Generator, b: float) -> float:
    """Depth of a wing, for a rectangle of half width ``b``."""
    return float(np.clip(rng.uniform(0.7, 1.0) * b, 4.0, 15.0))


def _ell(rng: np.random.Generator, a: float, b: float) -> Rings:
    d = _wing(rng, b)
    return _points((-a, -b), (a, -b), (a, -b + d), (-a + d, -b + d), (-a + d, b), (-a, b))


def _tee(rng: np.random.Generator, a: float, b: float) -> Rings:
    d, h = _wing(rng, b), min(0.35 * a, 8.0)
    return _points((-a, b - d), (-h, b - d), (-h, -b), (h, -b), (h, b - d), (a, b - d), (a, b), (-a, b))


def _cup(rng: np.random.Generator, a: float, b: float) -> Rings:
    d = min(_wing(rng, b), 0.6 * a)
    return _points((-a, -b), (a, -b), (a, b), (a - d, b), (a - d, -b + d), (-a + d, -b + d), (-a + d, b), (-a, b))


def _aitch(rng: np.random.Generator, a: float, b: float) -> Rings:
    d, h = min(_wing(rng, b), 0.6 * a), min(0.35 * b, 6.0)
    left = [(-a + d, -b), (-a + d, -h), (a - d, -h), (a - d, -b), (a, -b), (a, b), (a - d, b), (a - d, h)]
    return _points((-a, -b), *left, (-a + d, h), (-a + d, b), (-a, b))


def _cross(rng: np.random.Generator, a: float, b: float) -> Rings:
    u, v = 0.38 * a, 0.38 * b
    right = [(u, -b), (u, -v), (a, -v), (a, v), (u, v), (u, b)]
    return _points((-u, -b), *right, (-u, b), (-u, v), (-a, v), (-a, -v), (-u, -v))


def _court(rng: np.random.Generator, a: float, b: float) -> Rings:
    d = min(_wing(rng, b), 0.62 * b)
    return [*_rect(rng, a, b), *_rect(rng, a - d, b - d)]


def _polygon(corners: int, r: float) -> Rings:
    turn = (np.arange(corners) + 0.5) * 2 * np.pi / corners
    return [np.stack([r * np.cos(turn), r * np.sin(turn)], axis=1)]


def _round(rng: np.random.Generator, a: float, b: float) -> Rings:
    return _polygon(20, min(a, b, 22.0))


def _hexagon(rng: np.random.Generator, a: float, b: float) -> Rings:
    return _polygon(int(rng.choice([6, 8])), min(a, b, 24.0))


def _chamfer(rng: np.random.Generator, a: float, b: float) -> Rings:
    c = float(rng.uniform(0.25, 0.6)) * b
    return _points((-a, -b), (a - c, -b), (a, -b + c), (a, b), (-a + c, b), (-a, b - c))


def _podium(rng: np.random.Generator, a: float, b: float) -> Rings:
    u, v = float(rng.uniform(-0.2, 0.3)) * a, float(rng.uniform(0.0, 0.4)) * b
    return _points((-a, -b), (a, -b), (a, v), (u, v), (u, b), (-a, b))


SHAPES: dict[str, Callable[[np.random.Generator, float, float], Rings]] = {
    "rect": _rect,
    "row": _rect,
    "ell": _ell,
    "tee": _tee,
    "cup": _cup,
    "aitch": _aitch,
    "cross": _cross,
    "court": _court,
    "round": _round,
    "hexagon": _hexagon,
    "chamfer": _chamfer,
    "podium": _podium,
}
"""Outlines by name; each takes half the length and half the width, and stays inside the rectangle."""


def outline(rng: np.random.Generator, shape: str, box: Box) -> Polygon:
    """Return a footprint of ``shape`` in ``box``, turned or mirrored at random."""
    rings = SHAPES[shape](rng, box.length_m / 2, box.width_m / 2)
    mirror = rng.choice([-1.0, 1.0], size=2)
    shell, *holes = [box.place(ring * mirror) for ring in rings]
    return Polygon(shell, holes)
