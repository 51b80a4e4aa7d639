"""The closed vocabulary of claims: kinds of things, colours and places in a picture."""

from __future__ import annotations

__all__ = ["COARSE_COLOUR", "COLOURS", "COMPASS_SIDES", "IMAGE_SIDES", "KINDS", "look_alike"]

KINDS = (
    "basketball_court",
    "bridge",
    "building",
    "church",
    "football_pitch",
    "parking",
    "plaza",
    "pond",
    "railway",
    "river",
    "roundabout",
    "running_track",
    "tennis_court",
    "tower",
)
"""What a claim may be about: things that an eye can tell from above and from the ground."""

COARSE_COLOUR = {
    "beige": "beige",
    "black": "black",
    "blue": "blue",
    "brown": "brown",
    "cream": "beige",
    "dark brown": "brown",
    "dark grey": "grey",
    "dark red": "red",
    "green": "green",
    "grey": "grey",
    "light blue": "blue",
    "light grey": "grey",
    "orange": "orange",
    "pink": "pink",
    "purple": "purple",
    "red": "red",
    "teal": "teal",
    "white": "white",
    "yellow": "yellow",
}
"""Basic term of each colour of the world; shades are not told apart, since season, sun and sensor change them."""

COLOURS = tuple(sorted(set(COARSE_COLOUR.values())))

COMPASS_SIDES = ("centre", "north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west")
"""Sides of a tile or a map, north up; the second one is 0 degrees, then clockwise in steps of 45."""

IMAGE_SIDES = (
    "centre",
    "left",
    "right",
    "top",
    "top left",
    "top right",
    "bottom",
    "bottom left",
    "bottom right",
)
"""Fields of a UAV picture; panoramas and ground photos use left, centre and right."""

_ALIKE = (
    {"red", "orange", "brown", "pink"},
    {"orange", "yellow", "beige"},
    {"blue", "teal", "purple"},
    {"teal", "green"},
    {"white", "grey", "beige"},
    {"grey", "black"},
    {"pink", "purple"},
)


def look_alike(first: str, second: str) -> bool:
    """Return whether two basic colours may be taken for each other under another sun or sensor; "" is any colour."""
    return not first or not second or first == second or any({first, second} <= group for group in _ALIKE)
