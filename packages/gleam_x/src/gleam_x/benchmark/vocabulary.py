"""The closed vocabulary of claims: kinds of things, colours and places in a picture."""

from __future__ import annotations

__all__ = ["COLOURS", "COMPASS_SIDES", "IMAGE_SIDES", "KINDS"]

KINDS = (
    "apartments",
    "basketball_court",
    "church",
    "football_pitch",
    "hall",
    "hospital",
    "house",
    "office",
    "park",
    "parking",
    "plaza",
    "pond",
    "railway",
    "river",
    "roundabout",
    "running_track",
    "school",
    "shop",
    "station",
    "tank",
    "tennis_court",
    "tower",
    "warehouse",
)
"""What a claim may be about: uses of buildings, sports fields by their game, and pieces of ground."""

COLOURS = (
    "beige",
    "black",
    "blue",
    "brown",
    "green",
    "grey",
    "orange",
    "pink",
    "purple",
    "red",
    "teal",
    "white",
    "yellow",
)
"""Basic colour terms; shades are not told apart, since season, sun and sensor change them."""

COMPASS_SIDES = ("centre", "north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west")
"""Sides of a tile or a map, north up."""

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
