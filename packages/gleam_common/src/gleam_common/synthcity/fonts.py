"""The font of the maps and contact sheets: shipped, so that text has the same pixels on every machine."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

__all__ = ["TextMask", "font", "text_mask"]


@dataclass(frozen=True, kw_only=True)
class TextMask:
    """Text as two coverages, uint8 (h, w), 0 to 255: ``fill`` of the glyphs, ``halo`` of the glyphs with their rim."""

    fill: npt.NDArray[np.uint8]
    halo: npt.NDArray[np.uint8]


@cache
def _font_bytes() -> bytes:
    return files("gleam_common.synthcity").joinpath("fonts/gleam-map-sans.otf").read_bytes()


@cache
def font(size_px: int) -> ImageFont.FreeTypeFont:
    """Return the map font (Latin and simplified Chinese) at ``size_px`` pixels an em."""
    # Basic layout: the Raqm library is not part of every build of Pillow, and it would place glyphs differently.
    return ImageFont.truetype(BytesIO(_font_bytes()), size_px, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=2048)
def text_mask(text: str, size_px: int, halo_px: int) -> TextMask:
    """Return ``text``, centred line under line, tightly cut around its halo; both arrays are shared: do not write."""
    face, lines = font(size_px), text.split("\n")
    boxes = [face.getbbox(line, stroke_width=halo_px, anchor="ms") for line in lines]
    x0, x1 = min(bbox[0] for bbox in boxes), max(bbox[2] for bbox in boxes)
    advance = size_px * 9 // 8
    y0, y1 = boxes[0][1], boxes[-1][3] + advance * (len(lines) - 1)
    layers = []
    for stroke_px in (0, halo_px):
        image = Image.new("L", (math.ceil(x1 - x0), math.ceil(y1 - y0)))
        draw = ImageDraw.Draw(image)
        for row, line in enumerate(lines):
            draw.text((-x0, advance * row - y0), line, 255, face, anchor="ms", stroke_width=stroke_px)
        layers.append(np.asarray(image))
    return TextMask(fill=layers[0], halo=layers[1])
