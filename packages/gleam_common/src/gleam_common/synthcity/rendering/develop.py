"""From light to bytes: exposure, white balance, tone curve, lens and noise. Axes: H rows, W columns."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from gleam_common.synthcity.rendering.noise import NOISE_SIZE, tile_noise
from gleam_common.synthcity.weather import Sensor

__all__ = ["develop"]

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]
_WHITE = 4.0
_SKY_WEIGHT = 0.4
_GREY = np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)


def develop(light_3HW: Floats, is_sky_HW: npt.NDArray[np.bool_], sensor: Sensor, rng: np.random.Generator) -> Bytes:
    """Return an sRGB picture (H, W, 3) uint8 of linear light (3, H, W).

    Exposure is set by the mean, in which the sky counts less, as in a camera.
    """
    _, height, width = light_3HW.shape
    weight = np.where(is_sky_HW, np.float32(_SKY_WEIGHT), np.float32(1.0))
    sums = [float((plane * weight).sum()) for plane in light_3HW]
    grey = float(np.dot(sums, _GREY)) / max(float(weight.sum()), 1.0)
    gain = np.array(sensor.white_balance, dtype=np.float32) * np.float32(sensor.exposure / max(grey, 1e-3))
    exposed = light_3HW * gain[:, None, None]
    grey_HW = sum(plane * weight for plane, weight in zip(exposed, _GREY, strict=True))
    exposed = grey_HW + (exposed - grey_HW) * np.float32(sensor.saturation)
    if sensor.vignette:
        exposed *= _corner_light(height, width, round(sensor.vignette, 2))
    grain = _grain(height, width, rng) * np.float32(2.5 * sensor.noise)
    planes = [_expose(plane, sensor, grain) for plane in exposed]
    return np.asarray(cv2.merge(planes))


def _expose(light_HW: Floats, sensor: Sensor, grain_HW: Floats) -> Bytes:
    """One channel: the lens's blur, Reinhard's tone curve with a white point, gamma 2, contrast about the middle.

    Reinhard et al., Photographic Tone Reproduction for Digital Images, 2002, equation 4.
    """
    if sensor.blur_px > 0.25:
        light_HW = cv2.GaussianBlur(light_HW, (0, 0), sensor.blur_px)
    light = np.maximum(light_HW, np.float32(0.0))
    value = np.sqrt(light * (np.float32(1.0) + light * np.float32(_WHITE**-2)) / (np.float32(1.0) + light))
    toned = np.float32(255 * 0.45 * (1 - sensor.contrast)) + np.float32(255 * sensor.contrast) * value + grain_HW
    return np.asarray(np.minimum(np.maximum(toned, 0.0), 255.0).astype(np.uint8))


@cache
def _corner_light(height: int, width: int, strength: float) -> Floats:
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None, :]
    return np.asarray((1.0 - strength * ((x * x + y * y) / 2.0)).astype(np.float32))


def _grain(height: int, width: int, rng: np.random.Generator) -> Floats:
    """A piece of white noise (H, W) in [-1, 1], from anywhere in a texture that repeats."""
    top, left = (int(value) for value in rng.integers(0, NOISE_SIZE, 2))
    rows, cols = (np.arange(top, top + height) % NOISE_SIZE), (np.arange(left, left + width) % NOISE_SIZE)
    return tile_noise(52, 0.0).reshape(NOISE_SIZE, NOISE_SIZE)[np.ix_(rows, cols)]
