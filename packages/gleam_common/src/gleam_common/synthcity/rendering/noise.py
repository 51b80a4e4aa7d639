"""Reproducible randomness without state: hashes of integers, and noise textures that tile."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

__all__ = ["NOISE_SIZE", "hash01", "lookup", "lookup_smooth", "tile_noise"]

Floats = npt.NDArray[np.float32]

NOISE_SIZE = 512
"""Side of a noise texture in texels; a power of two, so that wrapping is a bit mask."""


def hash01(*keys: npt.ArrayLike) -> Floats:
    """Return numbers in [0, 1) that depend on all integer keys, elementwise with broadcasting (at least 1-d).

    The mixing is MurmurHash3's 32-bit finaliser (public domain), applied after each key.
    """
    state = np.full(1, 0x9E3779B9, dtype=np.uint32)
    for key in keys:
        state = state ^ np.atleast_1d(np.asarray(key)).astype(np.uint32)
        state = (state ^ (state >> np.uint32(16))) * np.uint32(0x85EBCA6B)
        state = (state ^ (state >> np.uint32(13))) * np.uint32(0xC2B2AE35)
        state = state ^ (state >> np.uint32(16))
    return (state >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)


@cache
def tile_noise(seed: int, roughness: float) -> Floats:
    """Return a (NOISE_SIZE * NOISE_SIZE,) texture in [-1, 1], mean 0, that tiles.

    The amplitude falls with frequency as ``f ** -roughness``: 0 is white noise, 1 is mottled, 2 is cloudy.
    """
    rng = np.random.default_rng([seed, 7103])
    spectrum = np.fft.rfft2(rng.standard_normal((NOISE_SIZE, NOISE_SIZE)))
    frequency = np.hypot(np.fft.fftfreq(NOISE_SIZE)[:, None], np.fft.rfftfreq(NOISE_SIZE)[None, :])
    frequency[0, 0] = np.inf
    noise = np.fft.irfft2(spectrum * frequency**-roughness if roughness else spectrum, s=(NOISE_SIZE, NOISE_SIZE))
    noise = (noise - noise.mean()) / (2.5 * noise.std())
    return np.asarray(np.clip(noise, -1.0, 1.0).astype(np.float32).ravel())


def lookup(texture: Floats, u: Floats, v: Floats) -> Floats:
    """Return the nearest texels at (u, v), in texels; the texture repeats."""
    mask = np.int32(NOISE_SIZE - 1)
    index = (v.astype(np.int32) & mask) * np.int32(NOISE_SIZE) + (u.astype(np.int32) & mask)
    return np.take(texture, index, mode="clip")


def lookup_smooth(texture: Floats, u: Floats, v: Floats) -> Floats:
    """Return the texture at (u, v) in texels, bilinear; (u, v) must be 0 or more."""
    floor_u, floor_v = np.floor(u), np.floor(v)
    part_u, part_v = u - floor_u, v - floor_v
    left, top = floor_u.astype(np.int32), floor_v.astype(np.int32)
    mask = np.int32(NOISE_SIZE - 1)
    row, below = (top & mask) * np.int32(NOISE_SIZE), ((top + 1) & mask) * np.int32(NOISE_SIZE)
    col, right = left & mask, (left + 1) & mask
    a, b, c, d = (np.take(texture, at, mode="clip") for at in (row + col, row + right, below + col, below + right))
    upper, lower = a + (b - a) * part_u, c + (d - c) * part_u
    result: Floats = upper + (lower - upper) * part_v
    return result
