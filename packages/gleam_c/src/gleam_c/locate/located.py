"""What is known of a photo once it was looked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gleam_common.errors import DataError
from gleam_common.views import View

__all__ = ["Candidate", "Located", "Place"]


@dataclass(frozen=True, kw_only=True)
class Place:
    """A point: degrees on WGS84, or metres right and up from the corner of a map without a place on the globe."""

    lat: float | None = None
    lon: float | None = None
    x_m: float | None = None
    y_m: float | None = None

    @property
    def is_on_globe(self) -> bool:
        """Whether there are a latitude and a longitude."""
        return self.lat is not None

    @property
    def latlon(self) -> tuple[float, float]:
        """Latitude and longitude.

        Raises:
            DataError: off the globe.
        """
        if self.lat is None or self.lon is None:
            raise DataError(
                "the gallery has no place on the globe, so there are no coordinates",
                fix="write .json, .csv or .html: they have metres on the map",
            )
        return self.lat, self.lon

    def to_json(self) -> dict[str, float | None]:
        """Return ``lat`` and ``lon`` (null off the globe), and ``x_m`` and ``y_m`` off the globe."""
        degrees = {"lat": _rounded(self.lat, 8), "lon": _rounded(self.lon, 8)}
        return degrees if self.is_on_globe else {**degrees, "x_m": _rounded(self.x_m, 3), "y_m": _rounded(self.y_m, 3)}


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A tile that may show the photo's place.

    Attributes:
        gallery_id: of the tile.
        centre: of the tile.
        score: cosine of photo and tile, in the tile's best heading.
        confidence: that the photo's place lies in this tile, from 0 to 1; None without a calibration or widths.
        heading_deg: that points up in the tile as it fits best; None where tiles are not turned.
        width_m: of the tile on the ground; None where the gallery does not know.
        corners: latitude and longitude of the tile's NW, NE, SE and SW corners; empty where they are not known.
        thumbnail: the tile as JPEG.
    """

    gallery_id: str
    centre: Place
    score: float
    confidence: float | None
    heading_deg: float | None
    width_m: float | None
    corners: tuple[tuple[float, float], ...] = ()
    thumbnail: bytes = field(default=b"", repr=False)

    def to_json(self) -> dict[str, Any]:
        """Return plain values, without the picture."""
        return {
            "gallery_id": self.gallery_id,
            **self.centre.to_json(),
            "score": _rounded(self.score, 6),
            "confidence": _rounded(self.confidence, 4),
            "heading_deg": self.heading_deg,
            "width_m": self.width_m,
        }


@dataclass(frozen=True, kw_only=True)
class Located:
    """The answer for one photo, or for several photos of one spot.

    Attributes:
        photos: as they were named; one, unless they are a set.
        view: that they were taken for.
        view_reason: why.
        candidates: best first.
        place: the estimate; between tiles that fit alike.
        radius_m: around ``place``, which holds the true one with the calibration's coverage; None without one.
        abstained: why no answer should be used; "" where one may.
        taken_at: of the (first) photo, by its own clock.
        photo_place: where the (first) photo's own tags place its camera; never used unless asked for.
    """

    photos: tuple[str, ...]
    view: View
    view_reason: str
    candidates: tuple[Candidate, ...]
    place: Place
    radius_m: float | None
    abstained: str
    taken_at: datetime | None = None
    photo_place: Place | None = None

    @property
    def photo(self) -> str:
        """The photo's name; of a set, the first."""
        return self.photos[0]

    @property
    def confidence(self) -> float | None:
        """That of the first candidate."""
        return self.candidates[0].confidence

    @property
    def heading_deg(self) -> float | None:
        """Heading of the camera, as the first candidate fits best; None where tiles are not turned."""
        return self.candidates[0].heading_deg

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "photo": self.photo,
            **({"photos": list(self.photos)} if len(self.photos) > 1 else {}),
            "view": str(self.view),
            "view_reason": self.view_reason,
            **self.place.to_json(),
            "radius_m": _rounded(self.radius_m, 2),
            "confidence": _rounded(self.confidence, 4),
            "heading_deg": self.heading_deg,
            "abstained": self.abstained or None,
            "candidates": [candidate.to_json() for candidate in self.candidates],
        }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(float(value), digits)
