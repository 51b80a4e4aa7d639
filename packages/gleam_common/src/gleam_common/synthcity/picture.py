"""A picture of a place with the item under each pixel, and the camera that took it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from gleam_common.synthcity.model import Item
from gleam_common.views import View

__all__ = ["DYNAMIC_ID_BASE", "Camera", "Picture", "Thing"]

DYNAMIC_ID_BASE = 10_000_000
"""Items drawn anew for one picture (cars, furniture) are numbered from here; a city's own items stay below."""


@dataclass(frozen=True, kw_only=True)
class Camera:
    """Where a picture was taken from, in the city's local metres (x east, y north, z up).

    Attributes:
        view: which of the five views.
        x_m: camera, or centre of a satellite tile or map.
        y_m: see ``x_m``.
        z_m: height above ground; of no meaning for a satellite tile or map.
        heading_deg: optical axis clockwise from north, [0, 360); a panorama's centre column (always 0).
        pitch_deg: optical axis below the horizon; 90 for a satellite tile or map.
        fov_deg: horizontal field of view of a perspective picture, 360 of a panorama, 0 where there is none.
        width_px: columns.
        height_px: rows.
        extent_m: side of the square that a satellite tile or map shows; 0 for the others.
        target_x_m: the ground point that the picture is of: a UAV's optical axis meets the ground there; a tile's or
            map's centre; the camera's own place otherwise.
        target_y_m: see ``target_x_m``.
    """

    view: View
    x_m: float
    y_m: float
    z_m: float
    heading_deg: float
    pitch_deg: float
    fov_deg: float
    width_px: int
    height_px: int
    extent_m: float
    target_x_m: float
    target_y_m: float


@dataclass(frozen=True, kw_only=True)
class Thing(Item):
    """A car or a piece of furniture of one picture, and where it stands in city metres."""

    x_m: float
    y_m: float


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A rendered view.

    Attributes:
        rgb: (height, width, 3) uint8, sRGB.
        items: (height, width) int32, the ``item_id`` under each pixel; 0 is nothing: sky, bare ground.
        view: which of the five views.
        camera: where it was taken from.
        dynamic: cars and furniture that exist in this picture only, by number from ``DYNAMIC_ID_BASE``.
        snow: share of ground and roofs under snow.
    """

    rgb: npt.NDArray[np.uint8]
    items: npt.NDArray[np.int32]
    view: View
    camera: Camera
    dynamic: dict[int, Thing] = field(default_factory=dict)
    snow: float = 0.0
