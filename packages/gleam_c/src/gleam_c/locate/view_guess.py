"""Which view a photo is: its tags where they tell, else what it looks like.

A guess, measured on SynthCity's held-out city and on six real sets (``tests/gleam_c/locate/test_view_guess.py``); who
knows better says so with ``--view``.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from gleam_common.photo_facts import PhotoFacts
from gleam_common.views import View

__all__ = ["Guess", "Looks", "guess_view", "looks_of"]

Picture = npt.NDArray[np.uint8]

_SIDE_PX = 256
_SAME = 3
"""Neighbouring pixels that differ by no more levels are one flat area (JPEG leaves that much)."""

_PANORAMA_ASPECT = (1.96, 2.04)
_SEAM = 4.0
"""A panorama's first and last columns are neighbours: they differ about as much as any two."""

_DOWN_DEG, _UP_M = 20.0, 25.0

# Logistic regression on 200 UAV pictures and 200 ground photos of SynthCity's training cities.
_SKY_WEIGHTS = (12.86, 10.94, -3.46, 7.23)
_SKY_BIAS = -7.63


@dataclass(frozen=True, kw_only=True)
class Guess:
    """A view and why."""

    view: View
    reason: str


@dataclass(frozen=True, kw_only=True)
class Looks:
    """What a picture looks like, shrunk to 256 pixels; shares and levels in [0, 1].

    Attributes:
        aspect: width over height.
        seam: difference of the first and last columns over that of neighbouring columns.
        flat: share of pixels that are as their right and lower neighbours.
        few_colours: share of the eight most frequent of 4096 colours.
        brightness: mean of the largest of R, G, B.
        saturation: mean, of HSV.
        sky: log odds that the upper fifth is sky: lighter and bluer than the lower third, flat, with edges before it.
    """

    aspect: float
    seam: float
    flat: float
    few_colours: float
    brightness: float
    saturation: float
    sky: float


def guess_view(picture: Picture, facts: PhotoFacts) -> Guess:
    """Return the likeliest view of an upright picture (H, W, 3)."""
    looks = looks_of(picture)
    if facts.is_equirectangular:
        return Guess(view=View.PANORAMA, reason="its tags say equirectangular")
    if facts.is_drone:
        return _of_drone(facts)
    low, high = _PANORAMA_ASPECT
    if low <= looks.aspect <= high and looks.seam <= _SEAM:
        return Guess(view=View.PANORAMA, reason="twice as wide as high, and its left edge goes on at its right")
    if _is_drawn(looks):
        return Guess(view=View.MAP, reason="light, flat and of few colours, as if drawn")
    if looks.sky > 0:
        return Guess(view=View.GROUND, reason="its upper part looks like sky")
    return Guess(view=View.UAV, reason="no sky, not drawn: seen from above")


def _of_drone(facts: PhotoFacts) -> Guess:
    """A drone's photo; on the ground only when it looks level and is not up."""
    is_level = facts.pitch_deg is not None and facts.pitch_deg < _DOWN_DEG
    if is_level and facts.height_m is not None and facts.height_m < _UP_M:
        return Guess(view=View.GROUND, reason=f"a drone's tags, level and {facts.height_m:.0f} m up")
    return Guess(view=View.UAV, reason="a drone's tags")


def _is_drawn(looks: Looks) -> bool:
    light = looks.brightness >= 0.78 and looks.saturation <= 0.35 and looks.flat >= 0.3
    dark = looks.flat >= 0.85 and looks.few_colours >= 0.95
    return light or dark


def looks_of(picture: Picture) -> Looks:
    """Return the numbers that :func:`guess_view` decides by."""
    height, width = picture.shape[:2]
    scale = min(1.0, _SIDE_PX / max(height, width))
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.int16)
    across, down = np.abs(np.diff(small, axis=1)).max(axis=2), np.abs(np.diff(small, axis=0)).max(axis=2)
    flat = (across[:-1] <= _SAME) & (down[:, :-1] <= _SAME)
    code = (small // 16) @ np.array([256, 16, 1])
    counts = np.sort(np.bincount(code.ravel(), minlength=4096))
    value = small.max(axis=2)
    saturation = (value - small.min(axis=2)) / np.maximum(value, 1)
    return Looks(
        aspect=width / height,
        seam=_seam(picture),
        flat=float(flat.mean()),
        few_colours=float(counts[-8:].sum() / counts.sum()),
        brightness=float(value.mean() / 255),
        saturation=float(saturation.mean()),
        sky=_sky(small, across[:-1] + down[:, :-1], flat),
    )


def _seam(picture: Picture) -> float:
    small = cv2.resize(picture, (_SIDE_PX, _SIDE_PX // 2), interpolation=cv2.INTER_AREA).astype(np.float64)
    return float(np.abs(small[:, 0] - small[:, -1]).mean() / max(np.abs(np.diff(small, axis=1)).mean(), 1e-6))


def _sky(small: npt.NDArray[np.int16], roughness: npt.NDArray[np.int16], flat: npt.NDArray[np.bool_]) -> float:
    height = len(small)
    top, bottom = slice(0, max(1, height // 5)), slice(height - height // 3 - 1, height)
    blue = small[..., 2] - small[..., 0]
    signs = (
        (small[top].mean() - small[bottom].mean()) / 255,
        flat[top].mean(),
        np.clip(np.log((roughness[bottom].mean() + 0.1) / (roughness[top].mean() + 0.1)), -1.0, 0.5),
        (blue[top].mean() - blue[bottom].mean()) / 255,
    )
    return float(np.dot(_SKY_WEIGHTS, signs) + _SKY_BIAS)
