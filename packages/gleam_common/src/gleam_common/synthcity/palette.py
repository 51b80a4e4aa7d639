"""Colours that a person would name, and the sRGB value that each stands for before light, season and sensor."""

from __future__ import annotations

__all__ = ["COLOURS"]

COLOURS: dict[str, tuple[int, int, int]] = {
    "white": (236, 234, 228),
    "light grey": (186, 187, 186),
    "grey": (136, 137, 139),
    "dark grey": (84, 86, 91),
    "black": (46, 47, 50),
    "beige": (216, 200, 170),
    "cream": (236, 224, 192),
    "yellow": (224, 190, 98),
    "orange": (211, 130, 66),
    "red": (172, 66, 54),
    "dark red": (118, 48, 44),
    "pink": (221, 164, 152),
    "brown": (126, 88, 62),
    "dark brown": (82, 60, 48),
    "green": (92, 132, 88),
    "teal": (70, 134, 132),
    "light blue": (158, 188, 208),
    "blue": (72, 106, 156),
    "purple": (122, 96, 138),
}
"""Basic colour terms of roofs, facades and sports surfaces, with 8-bit sRGB."""
