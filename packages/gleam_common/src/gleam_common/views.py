"""The five views of a place, and what is geometrically true of each."""

from __future__ import annotations

from enum import StrEnum

from gleam_common.errors import DataError

__all__ = ["QUERY_VIEWS", "View", "parse_view"]


class View(StrEnum):
    """A kind of picture of a place."""

    SATELLITE = "satellite"
    UAV = "uav"
    MAP = "map"
    PANORAMA = "panorama"
    GROUND = "ground"

    @property
    def is_north_aligned(self) -> bool:
        """Whether the picture's frame is tied to north: turning the tile means turning (or rolling) the picture too."""
        return self in (View.SATELLITE, View.MAP, View.PANORAMA)


QUERY_VIEWS: tuple[View, ...] = (View.UAV, View.MAP, View.PANORAMA, View.GROUND)
"""Views that are located; satellite tiles are what they are located in."""


def parse_view(name: str) -> View:
    """Return the view called ``name``.

    Raises:
        DataError: for an unknown name, listing the known ones.
    """
    try:
        return View(name)
    except ValueError:
        raise DataError("unknown view", value=name, allowed=[str(view) for view in View]) from None
