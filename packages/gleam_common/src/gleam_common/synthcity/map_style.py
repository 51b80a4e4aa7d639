"""The two cartographic styles: what colour and line each kind of thing gets. Colours are 8-bit sRGB."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["MAP_STYLES", "Colour", "Ink", "MapStyle"]

Colour = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class Ink:
    """How a polygon or line is drawn; ``edge_px`` is the outline's whole width (0: none)."""

    fill: Colour
    edge: Colour = (0, 0, 0)
    edge_px: float = 0.0


@dataclass(frozen=True, kw_only=True)
class MapStyle:
    """A cartographic style.

    Attributes:
        name: as given to ``draw_map``.
        land: ground on which nothing stands.
        inks: by what is drawn: area kinds, road ranks, building, water, pitch_line.
        rail: line of a railway; ``rail_gap`` is the light dash between (or the ground between two ties).
        rail_gap: see ``rail``.
        hatch: colour of the lines across buildings, or None.
        trees: colour of single trees' symbols (rim, fill), or None.
        text: colour of labels by what they name.
        halo: rim of labels.
        icons: whether points of interest have symbols.
    """

    name: str
    land: Colour
    inks: Mapping[str, Ink]
    rail: Colour
    rail_gap: Colour
    hatch: Colour | None
    trees: tuple[Colour, Colour] | None
    text: Mapping[str, Colour]
    halo: Colour
    icons: bool


_STREET = MapStyle(
    name="street",
    land=(246, 244, 239),
    inks={
        "park": Ink(fill=(200, 230, 190)),
        "grass": Ink(fill=(219, 238, 208)),
        "plaza": Ink(fill=(237, 229, 216), edge=(222, 210, 192), edge_px=1.0),
        "parking": Ink(fill=(232, 232, 236), edge=(208, 208, 214), edge_px=1.0),
        "sports_field": Ink(fill=(170, 218, 170), edge=(140, 190, 142), edge_px=1.0),
        "pitch_line": Ink(fill=(222, 242, 220)),
        "water": Ink(fill=(156, 208, 236), edge=(134, 190, 222), edge_px=1.0),
        "building": Ink(fill=(226, 223, 218), edge=(200, 196, 190), edge_px=1.2),
        "landmark": Ink(fill=(240, 224, 204), edge=(216, 192, 162), edge_px=1.2),
        "path": Ink(fill=(255, 255, 255), edge=(214, 206, 192), edge_px=1.4),
        "residential": Ink(fill=(255, 255, 255), edge=(208, 206, 202), edge_px=2.0),
        "secondary": Ink(fill=(255, 246, 202), edge=(220, 196, 128), edge_px=2.4),
        "primary": Ink(fill=(252, 218, 120), edge=(226, 172, 66), edge_px=2.8),
        "island": Ink(fill=(206, 232, 196), edge=(214, 190, 130), edge_px=1.4),
    },
    rail=(150, 150, 156),
    rail_gap=(250, 250, 250),
    hatch=None,
    trees=None,
    text={
        "road": (86, 84, 80),
        "park": (40, 116, 60),
        "water": (44, 110, 160),
        "building": (96, 74, 56),
        "plaza": (104, 92, 78),
        "rail": (96, 96, 108),
    },
    halo=(255, 255, 255),
    icons=True,
)

_TOPO = MapStyle(
    name="topo",
    land=(249, 245, 232),
    inks={
        "park": Ink(fill=(220, 230, 200), edge=(150, 172, 126), edge_px=1.0),
        "grass": Ink(fill=(234, 238, 216)),
        "plaza": Ink(fill=(243, 234, 220), edge=(168, 156, 140), edge_px=0.8),
        "parking": Ink(fill=(240, 236, 228), edge=(150, 146, 140), edge_px=0.8),
        "sports_field": Ink(fill=(226, 232, 206), edge=(122, 132, 108), edge_px=1.0),
        "pitch_line": Ink(fill=(142, 150, 126)),
        "water": Ink(fill=(205, 225, 232), edge=(88, 138, 164), edge_px=1.4),
        "building": Ink(fill=(229, 216, 203), edge=(84, 72, 66), edge_px=1.4),
        "landmark": Ink(fill=(212, 184, 168), edge=(84, 62, 56), edge_px=1.8),
        "path": Ink(fill=(249, 245, 232), edge=(150, 134, 116), edge_px=1.0),
        "residential": Ink(fill=(254, 252, 245), edge=(110, 102, 96), edge_px=1.3),
        "secondary": Ink(fill=(252, 238, 208), edge=(110, 96, 84), edge_px=1.5),
        "primary": Ink(fill=(244, 208, 164), edge=(116, 84, 62), edge_px=1.8),
        "island": Ink(fill=(226, 234, 206), edge=(110, 96, 84), edge_px=1.2),
    },
    rail=(64, 60, 58),
    rail_gap=(249, 245, 232),
    hatch=(170, 146, 130),
    trees=((112, 140, 92), (190, 208, 164)),
    text={
        "road": (74, 62, 54),
        "park": (72, 100, 56),
        "water": (48, 98, 130),
        "building": (60, 46, 42),
        "plaza": (92, 76, 62),
        "rail": (64, 60, 58),
    },
    halo=(252, 249, 240),
    icons=False,
)

MAP_STYLES: dict[str, MapStyle] = {style.name: style for style in (_STREET, _TOPO)}
"""The styles by name."""
