"""The map of the city, made of the gallery's own tiles: no web tiles, no other host. Pins and the prior go on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gleam_common.catalog import Catalog
from gleam_common.errors import DataError
from gleam_common.images import open_image
from PIL import Image, ImageDraw, ImageFont

__all__ = ["CityMap", "Prior"]

_WIDTH_PX = 800
_PIN_PX = 17
_SMOOTH = 2
"""Pins are drawn so many times larger and made smaller: Pillow draws without anti-aliasing."""
_METRES_PER_DEGREE = 111_320.0
_FIRST, _OTHER, _INK, _PAPER = (10, 125, 120), (255, 255, 255), (16, 23, 31), (255, 255, 255)


@dataclass(frozen=True, kw_only=True)
class Prior:
    """Where to search: degrees and metres."""

    lat: float
    lon: float
    radius_m: float


@dataclass(frozen=True, kw_only=True)
class CityMap:
    """A picture with north up, and where its edges are in degrees."""

    picture: Image.Image
    south: float
    west: float
    north: float
    east: float

    @classmethod
    def of(cls, catalog: Catalog) -> CityMap:
        """Lay the tiles of a catalog beside each other.

        Raises:
            DataError: the tiles have no place on the globe, or one cannot be read.
        """
        bounds = [row["bounds"] for row in catalog.gallery.to_pylist()]
        if not bounds or not all(bounds):
            raise DataError("the tiles of the city have no bounds on the globe", fix="give a world with `bounds`")
        south, west = (min(one[edge] for one in bounds) for edge in (0, 1))
        north, east = (max(one[edge] for one in bounds) for edge in (2, 3))
        narrowing = math.cos(math.radians((south + north) / 2))
        height = max(1, round(_WIDTH_PX * (north - south) / ((east - west) * narrowing)))
        empty = cls(picture=Image.new("RGB", (_WIDTH_PX, height)), south=south, west=west, north=north, east=east)
        for path, (low, left, high, right) in zip(catalog.column("path", "gallery"), bounds, strict=True):
            (x0, y0), (x1, y1) = empty.pixel(high, left), empty.pixel(low, right)
            size = max(1, round(x1) - round(x0)), max(1, round(y1) - round(y0))
            empty.picture.paste(open_image(catalog.root / path).resize(size), (round(x0), round(y0)))
        return empty

    def pixel(self, lat: float, lon: float) -> tuple[float, float]:
        """Return where a place is in the picture: right of its left edge, down from its top."""
        width, height = self.picture.size
        x = (lon - self.west) / (self.east - self.west) * width
        return x, (self.north - lat) / (self.north - self.south) * height

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return latitude and longitude of a pixel."""
        width, height = self.picture.size
        lat = self.north - y / height * (self.north - self.south)
        return lat, self.west + x / width * (self.east - self.west)

    def drawn(self, pins: Sequence[tuple[float, float]] = (), prior: Prior | None = None) -> Image.Image:
        """Return the map with pins numbered from 1, the first above all others, and the area of the prior."""
        width, height = self.picture.size
        layer = Image.new("RGBA", (width * _SMOOTH, height * _SMOOTH))
        if prior is not None:
            self._draw_area(layer, prior)
        draw = ImageDraw.Draw(layer)
        for number in range(len(pins), 0, -1):
            x, y = self.pixel(*pins[number - 1])
            _draw_pin(draw, x * _SMOOTH, y * _SMOOTH, number)
        over = layer.resize((width, height), Image.Resampling.LANCZOS)
        return Image.alpha_composite(self.picture.convert("RGBA"), over).convert("RGB")

    def _draw_area(self, layer: Image.Image, prior: Prior) -> None:
        """Darken everything outside the circle, and draw its edge."""
        x, y = (_SMOOTH * value for value in self.pixel(prior.lat, prior.lon))
        scale = layer.height / ((self.north - self.south) * _METRES_PER_DEGREE)
        # A circle far beyond the picture is the same picture, and Pillow wants numbers that fit into 32 bits.
        radius = min(prior.radius_m * scale, 4.0 * max(layer.size))
        box = x - radius, y - radius, x + radius, y + radius
        layer.paste((*_INK, 120), (0, 0, *layer.size))
        ImageDraw.Draw(layer).ellipse(box, fill=(0, 0, 0, 0), outline=_PAPER, width=3 * _SMOOTH)


def _draw_pin(draw: ImageDraw.ImageDraw, x: float, y: float, number: int) -> None:
    radius = _SMOOTH * (_PIN_PX + 4 * (number == 1))
    fill, text = (_FIRST, _PAPER) if number == 1 else (_OTHER, _INK)
    box = x - radius, y - radius, x + radius, y + radius
    draw.ellipse(box, fill=fill, outline=text, width=2 * _SMOOTH)
    draw.text((x, y), str(number), fill=text, font=ImageFont.load_default(1.15 * radius), anchor="mm")
