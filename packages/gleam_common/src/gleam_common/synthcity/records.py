"""Rows of a world's tables: its tiles, its queries and the facts of its pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from gleam_common.synthcity.facts import Fact
from gleam_common.synthcity.model import City, Place
from gleam_common.synthcity.picture import Camera
from gleam_common.synthcity.world import CityPlan, Shot, tile_id
from gleam_common.views import View

__all__ = ["FACTS_SCHEMA", "city_row", "fact_rows", "gallery_row", "query_row"]

Row = dict[str, Any]

_LICENCE = "CC0-1.0"

FACTS_SCHEMA = pa.schema(
    [
        ("picture_id", pa.string()),
        ("view", pa.string()),
        ("item_id", pa.int64()),
        ("kind", pa.string()),
        ("name_en", pa.string()),
        ("name_zh", pa.string()),
        ("detail", pa.string()),
        ("colour", pa.string()),
        ("roof_colour", pa.string()),
        ("share", pa.float64()),
        ("box", pa.list_(pa.int64())),
        ("side", pa.string()),
        ("image_side", pa.string()),
        ("distance_m", pa.float64()),
        ("count", pa.int64()),
    ]
)
"""Columns of ``facts.parquet``: ``picture_id`` is a gallery_id or query_id; the rest is :class:`Fact`."""


def city_row(plan: CityPlan, city: City) -> Row:
    """Return a city's entry in ``cities.json``: its plan, from which it can be planned again, its name and origin."""
    return {
        **asdict(plan),
        "name_en": city.name.en,
        "name_zh": city.name.zh,
        "lat": city.origin.lat,
        "lon": city.origin.lon,
    }


def gallery_row(city: City, place: Place, shot: Shot, camera: Camera) -> Row:
    """Return the row of a tile in ``gallery.parquet``."""
    half = city.tile_m / 2
    lats, lons = city.frame.to_latlon(
        [place.x_m, place.x_m - half, place.x_m + half], [place.y_m, place.y_m - half, place.y_m + half]
    )
    return {
        "gallery_id": shot.picture_id,
        "path": shot.path,
        "place_id": tile_id(city.city_id, place),
        "view": str(View.SATELLITE),
        "lat": float(lats[0]),
        "lon": float(lons[0]),
        "bounds": [float(lats[1]), float(lons[1]), float(lats[2]), float(lons[2])],
        "gsd_m": camera.extent_m / camera.width_px,
        "split": place.split,
        "area": "cross" if place.split == "test" else "same",
        "city": city.city_id,
        "source": "synthcity",
        "licence": _LICENCE,
    }


def query_row(city: City, place: Place, shot: Shot, camera: Camera) -> Row:
    """Return the row of a query in ``queries.parquet``; (lat, lon) is the ground point that it shows."""
    (lat, camera_lat), (lon, camera_lon) = city.frame.to_latlon(
        [camera.target_x_m, camera.x_m], [camera.target_y_m, camera.y_m]
    )
    is_map = camera.view is View.MAP
    return {
        "query_id": shot.picture_id,
        "path": shot.path,
        "view": str(camera.view),
        "place_id": tile_id(city.city_id, place),
        "positives": [tile_id(city.city_id, place)],
        "semi_positives": _other_tiles(city, place, camera.target_x_m, camera.target_y_m),
        "lat": float(lat),
        "lon": float(lon),
        "camera_lat": None if is_map else float(camera_lat),
        "camera_lon": None if is_map else float(camera_lon),
        "height_m": None if is_map else camera.z_m,
        "heading_deg": camera.heading_deg,
        "pitch_deg": camera.pitch_deg,
        "fov_deg": None if is_map else camera.fov_deg,
        "extent_m": camera.extent_m if is_map else None,
        "split": place.split,
        "area": "cross" if place.split == "test" else "same",
        "city": city.city_id,
    }


def _other_tiles(city: City, own: Place, x_m: float, y_m: float) -> list[str]:
    """Return the ids of the tiles around a point, but for a place's own."""
    half = city.tile_m / 2
    return [
        tile_id(city.city_id, place)
        for place in city.places
        if place is not own and abs(place.x_m - x_m) <= half and abs(place.y_m - y_m) <= half
    ]


def fact_rows(shot: Shot, facts: Sequence[Fact]) -> list[Row]:
    """Return a picture's rows in ``facts.parquet``."""
    return [{"picture_id": shot.picture_id, "view": str(shot.view), **asdict(fact)} for fact in facts]
