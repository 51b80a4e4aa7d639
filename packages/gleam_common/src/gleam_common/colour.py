"""Changing the colours of a picture with one matrix, blurring it, covering parts of it."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from gleam_common.augment import AugmentConfig

__all__ = ["change_colours", "colour_matrix"]

Picture = npt.NDArray[np.uint8]

_LUMA = np.array([0.299, 0.587, 0.114])
_TO_YIQ = np.array([_LUMA, [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])  # NTSC: hue is an angle in the IQ plane
_FROM_YIQ = np.linalg.inv(_TO_YIQ)


def colour_matrix(
    *,
    gain: float = 1.0,
    contrast: float = 1.0,
    saturation: float = 1.0,
    hue_deg: float = 0.0,
    white: tuple[float, float, float] = (1.0, 1.0, 1.0),
    mean: npt.ArrayLike = (127.5, 127.5, 127.5),
) -> npt.NDArray[np.float64]:
    """Return (3, 4): the affine map of RGB in [0, 255] that white balance, hue, saturation, contrast and gain make.

    ``mean`` is the picture's mean colour; contrast keeps its luma.
    """
    angle = math.radians(hue_deg)
    cos, sin = math.cos(angle), math.sin(angle)
    hue = _FROM_YIQ @ np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]]) @ _TO_YIQ
    grey = np.tile(_LUMA, (3, 1))
    linear = (saturation * np.eye(3) + (1 - saturation) * grey) @ hue * np.array(white)
    middle = _LUMA @ linear @ np.asarray(mean, dtype=np.float64)
    offset = np.full((3, 1), gain * (1 - contrast) * middle)
    return np.hstack([gain * contrast * linear, offset])


def change_colours(picture: Picture, config: AugmentConfig, rng: np.random.Generator) -> Picture:
    """Return the picture (H, W, 3) in another light and through another sensor, blurred or partly covered.

    Always takes the same count of numbers from ``rng``, whatever the configuration and the draw.
    """
    draw = rng.random(10 + 4 * config.dropout_holes)
    mean = np.array(cv2.mean(picture)[:3])
    signed = 2 * draw[:7] - 1
    matrix = colour_matrix(
        gain=1 + config.brightness * signed[0],
        contrast=1 + config.contrast * signed[1],
        saturation=0.0 if draw[7] < config.grey else 1 + config.saturation * signed[2],
        hue_deg=config.hue_deg * signed[3],
        white=(
            1 + config.white_balance * signed[4],
            1 + config.white_balance * signed[5],
            1 + config.white_balance * signed[6],
        ),
        mean=mean,
    )
    changed: Picture = np.asarray(cv2.transform(picture, matrix), dtype=np.uint8)
    if draw[8] < config.blur and config.blur_px > 0:
        sigma = config.blur_px * max(draw[8] / config.blur, 0.1)
        changed = np.asarray(cv2.GaussianBlur(changed, (0, 0), sigma), dtype=np.uint8)
    if draw[9] < config.dropout:
        holes = draw[10:].reshape(-1, 4)
        _cover(changed, holes[: math.ceil(len(holes) * draw[9] / config.dropout)], config.dropout_side)
    return changed


def _cover(picture: Picture, holes: npt.NDArray[np.float64], side: float) -> None:
    """Fill rectangles of ``picture`` in place with its mean; ``holes`` (N, 4) in [0, 1]: centre x, y and two sizes."""
    height, width = picture.shape[:2]
    colour = np.array(cv2.mean(picture)[:3], dtype=np.uint8)
    half = holes[:, 2:] * side / 2
    low = np.maximum((holes[:, :2] - half) * (width, height), 0).astype(int)
    high = np.ceil((holes[:, :2] + half) * (width, height)).astype(int)
    for (left, top), (right, bottom) in zip(low, high, strict=True):
        picture[top:bottom, left:right] = colour
