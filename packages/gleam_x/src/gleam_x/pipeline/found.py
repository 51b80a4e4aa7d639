"""What the retriever hands over: for each photo the tiles that may show its place, most similar first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from gleam_common.errors import ConfigError
from gleam_common.views import QUERY_VIEWS

__all__ = ["MOST_TILES", "Finder", "Found", "Search", "Tile"]

MOST_TILES = 50
"""Tiles that may be asked for: each is verified by a vision-language model in two orders."""


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A tile of a gallery as a candidate.

    Attributes:
        gallery_id: its id.
        similarity: cosine of photo and tile, GLEAM-C's.
        lat: of its centre in degrees; None in a gallery without a place on the globe.
        lon: likewise.
        x_m: right of the map's corner in metres, off the globe; None on it.
        y_m: up from the map's corner, likewise.
        width_m: on the ground; None where the gallery does not know.
        heading_deg: that points up in the tile as it fits best; None where tiles are not turned.
        corners: latitude and longitude of the NW, NE, SE and SW corners; empty where they are not known.
        picture: the tile, north up, as a small JPEG.
        source: the file that it was made from, in full; None where that is not at hand.
    """

    gallery_id: str
    similarity: float
    lat: float | None
    lon: float | None
    x_m: float | None = None
    y_m: float | None = None
    width_m: float | None = None
    heading_deg: float | None = None
    corners: tuple[tuple[float, float], ...] = ()
    picture: bytes = field(default=b"", repr=False)
    source: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Found:
    """The tiles found for one photo.

    Attributes:
        photo: its file.
        view: that it was taken for: uav, map, panorama or ground.
        view_reason: why.
        tiles: most similar first, at least one.
    """

    photo: Path
    view: str
    view_reason: str
    tiles: tuple[Tile, ...]


@dataclass(frozen=True, kw_only=True)
class Search:
    """How tiles are looked for.

    Attributes:
        tiles: how many, 1 to :data:`MOST_TILES`; fewer are found where fewer lie in the area.
        view: of all photos; "auto" guesses it for each.
        near: LAT,LON or LAT,LON,RADIUS_M to search around; everywhere when None.
        radius_m: around ``near``.
    """

    tiles: int
    view: str = "auto"
    near: str | None = None
    radius_m: float | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be searched or verified.

        Raises:
            ConfigError: too few or too many tiles, or an unknown view.
        """
        views = ("auto", *map(str, QUERY_VIEWS))
        if self.view not in views:
            raise ConfigError("view of the photos", value=self.view, allowed=views)
        if not 1 <= self.tiles <= MOST_TILES:
            raise ConfigError("candidates of a photo", value=self.tiles, allowed=f"1 to {MOST_TILES}")


class Finder(Protocol):
    """What looks for tiles: :class:`gleam_x.matcher.TileFinder`."""

    @property
    def sha256(self) -> str:
        """Of the retriever's weights and configuration."""

    @property
    def name(self) -> str:
        """Of the retriever, for people."""

    def find(self, photos: Sequence[Path], search: Search) -> list[Found]:
        """Return what was found for each photo, in order.

        Raises:
            GleamError: a photo that cannot be read, a view that the gallery does not serve, an area without a tile.
        """
