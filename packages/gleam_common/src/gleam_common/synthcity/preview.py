"""A contact sheet of a catalog: places below each other, their views side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from gleam_common.artifacts import write_atomic
from gleam_common.catalog import Catalog
from gleam_common.errors import ConfigError
from gleam_common.images import load_array
from gleam_common.progress import progress
from gleam_common.synthcity.fonts import font
from gleam_common.synthcity.model import Place
from gleam_common.synthcity.photographer import Studio
from gleam_common.synthcity.world import WorldConfig, plan_world, shots_of, tile_id
from gleam_common.views import QUERY_VIEWS, View

__all__ = ["SheetRow", "contact_sheet", "live_rows", "sheet_rows", "write_sheet"]

_HEIGHT_PX = 224
_MARGIN_PX, _GAP_PX = 28, 10
_HEAD_PX, _CAPTION_PX = 64, 26
_PAPER, _INK, _FAINT = (255, 255, 255), (28, 30, 34), (112, 116, 124)
_SEPARATOR = "   ·   "
_TITLES = {
    View.SATELLITE: "Satellite tile",
    View.UAV: "UAV",
    View.MAP: "Map",
    View.PANORAMA: "Panorama",
    View.GROUND: "Ground",
}


@dataclass(frozen=True, kw_only=True)
class SheetRow:
    """One place: a caption, and a picture (uint8 RGB, any size) of each view that there is."""

    caption: str
    pictures: dict[View, npt.NDArray[np.uint8]]


def contact_sheet(title: str, rows: Sequence[SheetRow]) -> Image.Image:
    """Return a sheet with a row for each place and a column for each view; views that no place has are left out.

    Raises:
        ConfigError: without rows.
    """
    if not rows:
        raise ConfigError("a contact sheet of no places", value=0, allowed="1 or more")
    views = [view for view in View if any(view in row.pictures for row in rows)]
    widths = {view: _column_width(view, rows) for view in views}
    width = 2 * _MARGIN_PX + sum(widths.values()) + _GAP_PX * (len(views) - 1)
    step = _HEIGHT_PX + _CAPTION_PX + _GAP_PX
    sheet = Image.new("RGB", (width, _HEAD_PX + step * len(rows) + _MARGIN_PX), _PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((_MARGIN_PX, 14), title, _INK, font(18))
    left = _MARGIN_PX
    for view in views:
        draw.text((left, 42), _TITLES[view], _FAINT, font(13))
        for number, row in enumerate(rows):
            if view in row.pictures:
                sheet.paste(_fitted(row.pictures[view]), (left, _HEAD_PX + step * number))
        left += widths[view] + _GAP_PX
    for number, row in enumerate(rows):
        draw.text((_MARGIN_PX, _HEAD_PX + step * number + _HEIGHT_PX + 4), row.caption, _FAINT, font(12))
    return sheet


def _column_width(view: View, rows: Sequence[SheetRow]) -> int:
    return max(_width(row.pictures[view]) for row in rows if view in row.pictures)


def _width(picture: npt.NDArray[np.uint8]) -> int:
    height, width = picture.shape[:2]
    return math.ceil(int(width) * _HEIGHT_PX / int(height))


def _fitted(picture: npt.NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(picture).resize((_width(picture), _HEIGHT_PX), Image.Resampling.LANCZOS)


def sheet_rows(catalog: Catalog, count: int) -> list[SheetRow]:
    """Return ``count`` places of a catalog, spread evenly over its tiles, with the first picture of each view."""
    queries: dict[str, dict[View, str]] = {}
    for place, view, path in zip(
        *(catalog.queries[name].to_pylist() for name in ("place_id", "view", "path")), strict=True
    ):
        queries.setdefault(place, {}).setdefault(View(view), path)
    tiles = [row for row in catalog.gallery.to_pylist() if row["place_id"] in queries]
    chosen = np.unique(np.linspace(0, len(tiles) - 1, min(count, len(tiles)) + 2).astype(int)[1:-1])
    return [_sheet_row(catalog.root, tiles[index], queries[tiles[index]["place_id"]]) for index in chosen.tolist()]


def live_rows(config: WorldConfig, count: int) -> list[SheetRow]:
    """Return ``count`` places of a world that need not exist, spread over its cities and photographed now."""
    rows = []
    plans = plan_world(config)
    for plan, share in zip(plans, np.array_split(np.arange(count), len(plans)), strict=True):
        if len(share):
            studio = Studio(plan)
            places = studio.city.places
            chosen = np.linspace(0, len(places) - 1, len(share) + 2).astype(int)[1:-1]
            rows += [
                _live_row(studio, places[index]) for index in progress(chosen.tolist(), desc=plan.city_id, unit="place")
            ]
    return rows


def _live_row(studio: Studio, place: Place) -> SheetRow:
    pictures = {shot.view: studio.take(place, shot).rgb for shot in shots_of(studio.plan, place, 1)}
    lat, lon = studio.city.frame.to_latlon(place.x_m, place.y_m)
    caption = _SEPARATOR.join([tile_id(studio.plan.city_id, place), f"{lat:.5f}, {lon:.5f}", place.split])
    return SheetRow(caption=caption, pictures=pictures)


def _sheet_row(root: Path, tile: dict[str, object], paths: dict[View, str]) -> SheetRow:
    shown = {View.SATELLITE: str(tile["path"]), **{view: paths[view] for view in QUERY_VIEWS if view in paths}}
    parts = [str(tile["place_id"])]
    if tile["lat"] is not None:
        parts.append(f"{tile['lat']:.5f}, {tile['lon']:.5f}")
    if tile["split"]:
        parts.append(str(tile["split"]))
    pictures = {view: load_array(root / path) for view, path in shown.items()}
    return SheetRow(caption=_SEPARATOR.join(parts), pictures=pictures)


def write_sheet(path: str | Path, title: str, rows: Sequence[SheetRow]) -> None:
    """Write :func:`contact_sheet` as a PNG."""
    with write_atomic(path) as file:
        contact_sheet(title, rows).save(file, format="PNG")
