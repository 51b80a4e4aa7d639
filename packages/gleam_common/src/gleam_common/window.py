"""The part of a tile that a picture shows, and how it is spread over the picture that stands for it.

Positions are in half sides of the tile: (0, 0) is its middle, (1, 1) its upper right corner. Places in the spread
picture are ``u`` from -1 (left) to 1 (right) and ``v`` from -1 (top) to 1 (bottom).
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gleam_common.views import View

__all__ = ["WHOLE", "Rectangle", "Sector", "Window", "shown_window", "unit_grid", "window_of"]

Floats: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Rectangle:
    """The square in the middle of a tile, ``scale`` of its side."""

    scale: float = 1.0

    @property
    def matrix(self) -> Floats:
        """From (u, v, 1) to (right, down) in the tile, (2, 3)."""
        return np.array([[self.scale, 0, 0], [0, self.scale, 0]])

    def locate(self, u: Floats, v: Floats) -> tuple[Floats, Floats]:
        """Return (right, up) in the tile."""
        return self.scale * u, -self.scale * v


@dataclass(frozen=True, kw_only=True)
class Sector:
    """What a camera in the tile's middle sees, ``width_deg`` around straight ahead.

    Columns are directions, rows are distances from ``near`` (bottom) to ``far`` (top) in half sides, nearer ground
    getting more rows, as in a photo. The polar transform of SAFA (NeurIPS 2019, section 3.1) spreads a whole tile so.
    """

    near: float
    far: float
    width_deg: float
    power: float = 1.5

    @property
    def scale(self) -> float:
        """Share of the tile's side that a picture is high."""
        return (self.far - self.near) / 2

    def locate(self, u: Floats, v: Floats) -> tuple[Floats, Floats]:
        """Return (right, up) in the tile."""
        azimuth = u * np.radians(self.width_deg / 2)
        distance = self.near + (self.far - self.near) * np.clip((1 - v) / 2, 0, None) ** self.power
        return distance * np.sin(azimuth), distance * np.cos(azimuth)


Window: TypeAlias = Rectangle | Sector

WHOLE = Rectangle()
"""The whole tile."""

_WINDOWS: dict[View, Window] = {
    View.PANORAMA: Rectangle(scale=0.55),
    View.GROUND: Sector(near=0.05, far=0.8, width_deg=75.0),
}


def window_of(view: View) -> Window:
    """Return the part of the tile that a laid out picture of ``view`` shows.

    A panorama shows little beyond 33 m of a tile 120 m wide; a ground photo the sector ahead, from 3 to 48 m.
    """
    return _WINDOWS.get(view, WHOLE)


def shown_window(view: View, laid_out: Container[View]) -> Window:
    """Return the part of a tile that queries of ``view`` are compared with, by an encoder that lays out some views."""
    return window_of(view) if view in laid_out else WHOLE


def unit_grid(size: tuple[int, int]) -> tuple[Floats, Floats]:
    """Return ``u`` and ``v`` of every pixel's middle, each (height, width)."""
    height, width = size
    u, v = np.meshgrid((np.arange(width) + 0.5) / width * 2 - 1, (np.arange(height) + 0.5) / height * 2 - 1)
    return u, v
