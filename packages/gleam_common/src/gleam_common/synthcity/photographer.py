"""Taking the pictures of a run of places: what one worker does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from gleam_common.artifacts import write_atomic, write_json
from gleam_common.synthcity.camera import draw_camera
from gleam_common.synthcity.cartography import draw_map
from gleam_common.synthcity.facts import picture_facts
from gleam_common.synthcity.ground import paint_ground
from gleam_common.synthcity.model import City, Place
from gleam_common.synthcity.picture import Picture
from gleam_common.synthcity.records import city_row, fact_rows, gallery_row, query_row
from gleam_common.synthcity.scene import Scene
from gleam_common.synthcity.weather import draw_weather
from gleam_common.synthcity.world import CityPlan, Shot, WorldConfig, shots_of
from gleam_common.views import View

__all__ = ["Chunk", "Studio", "encode_jpeg", "render_chunks"]

Rows = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """A run of places of one city: the unit of work, and of what a kill can cost. ``part`` is its file."""

    plan: CityPlan
    first: int
    stop: int

    @property
    def part(self) -> str:
        """Where its rows are kept until the world is finished, relative to the world."""
        return f"parts/{self.plan.city_id}_{self.first:05d}.json"


class Studio:
    """A city ready to be photographed: planned, its ground painted, its scene built (takes seconds)."""

    def __init__(self, plan: CityPlan) -> None:
        self.plan = plan
        self.city: City = plan.build()
        self._scene = Scene(self.city, paint_ground(self.city))

    def take(self, place: Place, shot: Shot) -> Picture:
        """Take one picture; it depends on the city, the place and the shot's seed alone."""
        camera = draw_camera(self.city, place, shot.view, shot.seed)
        if shot.view is View.MAP:
            return draw_map(self.city, camera, shot.seed)
        return self._scene.render(camera, draw_weather(shot.view, shot.seed, self.city.origin.lat), shot.seed)


def encode_jpeg(rgb: npt.NDArray[np.uint8], quality: int) -> bytes:
    """Return uint8 (H, W, 3) as the bytes of a JPEG."""
    return cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def render_chunks(
    chunks: Sequence[Chunk],
    config: WorldConfig,
    out: Path,
    on_picture: Callable[[], object],
    is_stopped: Callable[[], bool] = lambda: False,
) -> None:
    """Render chunks one after the other; a chunk's part file is written after its pictures.

    Args:
        chunks: those of one city should stand together, since each change of city costs seconds.
        config: the world's.
        out: the world's folder.
        on_picture: called after each picture.
        is_stopped: asked before each place; True ends the work there.
    """
    studio: Studio | None = None
    for chunk in chunks:
        if studio is None or studio.plan != chunk.plan:
            studio = Studio(chunk.plan)
        rows: Rows = {"cities": [], "gallery": [], "queries": [], "facts": []}
        if chunk.first == 0:
            rows["cities"].append(city_row(studio.plan, studio.city))
        for place in studio.city.places[chunk.first : chunk.stop]:
            for shot in shots_of(studio.plan, place, config.shots):
                if is_stopped():
                    return
                _render_shot(studio, place, shot, config.quality, out, rows)
                on_picture()
        write_json(out / chunk.part, rows)


def _render_shot(studio: Studio, place: Place, shot: Shot, quality: int, out: Path, rows: Rows) -> None:
    picture = studio.take(place, shot)
    with write_atomic(out / shot.path) as file:
        file.write(encode_jpeg(picture.rgb, quality))
    if shot.view is View.SATELLITE:
        rows["gallery"].append(gallery_row(studio.city, place, shot, picture.camera))
    else:
        rows["queries"].append(query_row(studio.city, place, shot, picture.camera))
    rows["facts"] += fact_rows(shot, picture_facts(picture, studio.city))
