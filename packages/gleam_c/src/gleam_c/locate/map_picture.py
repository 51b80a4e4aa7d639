"""The map of an answer: the gallery's own thumbnails at their places, pins and circles of uncertainty above them.

East is right, north is up; metres are those around the first answer. Off the globe, metres of the gallery's map.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from gleam_common.images import decode_array
from gleam_common.report.pictures import jpeg_uri
from PIL import Image

from gleam_c.gallery.gallery import Gallery
from gleam_c.locate.located import Located, Place
from gleam_c.locate.posterior import frame_around

__all__ = ["MapPicture", "Pin", "draw_map", "picture_uri"]

Floats = npt.NDArray[np.float64]

WIDTH_PX = 1000
MOST_TILES = 600
"""Thumbnails on a map; of larger galleries, those nearest to the answers."""

_MARGIN = 0.04
_LEAST_M = 20.0
"""Ground around a pin that is on the map where no tile is."""


@dataclass(frozen=True, kw_only=True)
class Pin:
    """An answer on the map; pixels from the upper left corner. ``radius_px`` is None where there is no radius."""

    number: int
    name: str
    x_px: float
    y_px: float
    radius_px: float | None
    is_open: bool


@dataclass(frozen=True, kw_only=True)
class MapPicture:
    """What the page draws: a background, its size in pixels, pins, and a scale bar."""

    uri: str
    width_px: int
    height_px: int
    pins: tuple[Pin, ...]
    scale_m: float
    scale_px: float


def draw_map(located: Sequence[Located], gallery: Gallery) -> MapPicture:
    """Return the map around the answers."""
    pins_P2 = _metres([one.place for one in located], located[0].place)
    rows, xy_N2, width_m_N = _tiles_near(located, gallery, pins_P2)
    half_N1 = width_m_N[:, None] / 2
    edges = np.concatenate([xy_N2 - half_N1, xy_N2 + half_N1, pins_P2 - _LEAST_M, pins_P2 + _LEAST_M])
    low, high = edges.min(axis=0), edges.max(axis=0)
    border = _MARGIN * float((high - low).max())
    low, high = low - border, high + border
    scale = WIDTH_PX / float((high - low).max())
    size = (max(1, round(float(high[0] - low[0]) * scale)), max(1, round(float(high[1] - low[1]) * scale)))
    mosaic = Image.new("RGB", size, (226, 226, 222))
    for row, (x, y), width_m in zip(rows.tolist(), xy_N2, width_m_N, strict=True):
        side = max(1, round(width_m * scale))
        tile = Image.fromarray(decode_array(gallery.thumbnail(row), f"tile {row}")).resize((side, side))
        mosaic.paste(tile, (round((x - low[0]) * scale - side / 2), round((high[1] - y) * scale - side / 2)))
    pins = tuple(
        Pin(
            number=number,
            name=one.photo,
            x_px=round(float((x - low[0]) * scale), 1),
            y_px=round(float((high[1] - y) * scale), 1),
            radius_px=None if one.radius_m is None else round(one.radius_m * scale, 1),
            is_open=bool(one.abstained),
        )
        for number, (one, (x, y)) in enumerate(zip(located, pins_P2, strict=True), start=1)
    )
    length_m = _round_length(size[0] / scale / 4)
    return MapPicture(
        uri=jpeg_uri(mosaic),
        width_px=size[0],
        height_px=size[1],
        pins=pins,
        scale_m=length_m,
        scale_px=length_m * scale,
    )


def picture_uri(jpeg: bytes) -> str:
    """Return a JPEG's bytes as a data URI, as it is."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def _metres(places: Sequence[Place], origin: Place) -> Floats:
    if origin.lat is None or origin.lon is None:
        return np.array([(place.x_m or 0.0, place.y_m or 0.0) for place in places])
    lat, lon = (np.array([getattr(place, name) for place in places], dtype=np.float64) for name in ("lat", "lon"))
    return frame_around(origin.lat, origin.lon, lat, lon)


def _tiles_near(
    located: Sequence[Located], gallery: Gallery, pins_P2: Floats
) -> tuple[npt.NDArray[np.int64], Floats, Floats]:
    """Return rows, centres and widths in metres of the tiles on the map, wide ones first: small ones cover them."""
    tiles = pa.concat_tables(segment.read_tiles() for segment in gallery.folder.segments)
    columns = {name: tiles[name].to_numpy().astype(np.float64) for name in ("lat", "lon", "x_m", "y_m", "width_m")}
    origin, width_m_G = located[0].place, columns["width_m"]
    if origin.lat is None or origin.lon is None:
        xy_G2 = np.stack([columns["x_m"], columns["y_m"]], axis=1)
    else:
        xy_G2 = frame_around(origin.lat, origin.lon, columns["lat"], columns["lon"])
    known = np.flatnonzero(~np.isnan(width_m_G))
    xy_G2, width_m_G = xy_G2[known], width_m_G[known]
    distance_G = np.full(len(xy_G2), np.inf)
    for pin in pins_P2:
        np.minimum(distance_G, np.hypot(*(xy_G2 - pin).T), out=distance_G)
    rows = np.argsort(distance_G, kind="stable")[:MOST_TILES]
    rows = rows[np.argsort(-width_m_G[rows], kind="stable")]
    return known[rows], xy_G2[rows], width_m_G[rows]


def _round_length(longest_m: float) -> float:
    steps = [step * 10.0**power for power in range(-1, 8) for step in (1, 2, 5)]
    return max((step for step in steps if step <= longest_m), default=steps[0])
