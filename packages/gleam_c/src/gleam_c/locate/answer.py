"""One answer from the tiles that were found: candidates, the estimate, its radius, and whether to abstain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gleam_c.gallery.gallery import Gallery, Hits
from gleam_c.locate.calibration import KNOWN, ViewCalibration
from gleam_c.locate.located import Candidate, Located, Place
from gleam_c.locate.photos import Photo
from gleam_c.locate.posterior import Posterior, frame_around, frame_back, posterior_of

__all__ = ["answer"]

Floats = npt.NDArray[np.float64]


def answer(
    photos: Sequence[Photo],
    hits: Hits,
    gallery: Gallery,
    fit: ViewCalibration | None,
    candidates: int,
    min_confidence: float,
) -> Located:
    """Return the answer for one photo, or for several of one spot.

    Args:
        photos: one, or a set.
        hits: the tiles found, best first, :data:`gleam_c.locate.posterior.NEIGHBOURS` where there are so many.
        gallery: that they were found in.
        fit: of the photos' view; None where there is no calibration of it.
        candidates: tiles in the answer, at least 1.
        min_confidence: of the first candidate, below which the answer is abstained from.
    """
    tiles = [gallery.tile(int(row)) for row in hits.rows]
    first = tiles[0]
    is_on_globe = first["lat"] is not None
    xy_K2 = _positions(hits, tiles)
    width_m_K = np.array([tile["width_m"] for tile in tiles], dtype=np.float64)
    is_known = fit is not None and not np.isnan(width_m_K).any()
    found = posterior_of(hits.scores.astype(float), xy_K2, width_m_K, fit.temperature) if fit and is_known else None
    place = _centre(first)
    if found is not None and is_on_globe:
        lat, lon = frame_back(first["lat"], first["lon"], found.xy)
        place = Place(lat=lat, lon=lon)
    elif found is not None:
        place = Place(x_m=float(found.xy[0]), y_m=float(found.xy[1]))
    facts = photos[0].facts
    own = facts.position
    return Located(
        photos=tuple(photo.name for photo in photos),
        view=photos[0].guess.view,
        view_reason=photos[0].guess.reason,
        candidates=tuple(
            _candidate(hits, number, tiles[number], found, gallery) for number in range(min(candidates, len(tiles)))
        ),
        place=place,
        radius_m=None if fit is None or found is None else fit.radius_factor * found.reach_m,
        abstained=_why_not(hits, fit, found, min_confidence),
        taken_at=facts.taken_at,
        photo_place=None if own is None else Place(lat=own.lat, lon=own.lon),
    )


def _positions(hits: Hits, tiles: Sequence[dict[str, Any]]) -> Floats:
    """Return the tiles' centres in metres: around the first on the globe, from the map's corner off it."""
    if tiles[0]["lat"] is None:
        return np.array([(tile["x_m"], tile["y_m"]) for tile in tiles], dtype=np.float64)
    return frame_around(tiles[0]["lat"], tiles[0]["lon"], hits.lat, hits.lon)


def _centre(tile: dict[str, Any]) -> Place:
    if tile["lat"] is None:
        return Place(x_m=tile["x_m"], y_m=tile["y_m"])
    return Place(lat=tile["lat"], lon=tile["lon"])


def _candidate(hits: Hits, number: int, tile: dict[str, Any], found: Posterior | None, gallery: Gallery) -> Candidate:
    corners = tile["corners"] or []
    return Candidate(
        gallery_id=tile["gallery_id"],
        centre=_centre(tile),
        score=float(hits.scores[number]),
        confidence=None if found is None else float(found.confidence_K[number]),
        heading_deg=gallery.description.matrices[hits.matrices[number]]["up_deg"],
        width_m=tile["width_m"],
        corners=tuple(zip(corners[::2], corners[1::2], strict=True)),
        thumbnail=gallery.thumbnail(int(hits.rows[number])),
    )


def _why_not(hits: Hits, fit: ViewCalibration | None, found: Posterior | None, min_confidence: float) -> str:
    """Return why the answer should not be used, "" where it may."""
    if fit is None or found is None:
        return ""
    best, confidence = float(hits.scores[0]), float(found.confidence_K[0])
    if best < fit.least_score:
        return (
            f"nothing in the gallery looks like it: similarity {best:.2f}, and {KNOWN:.0%} of photos of known places "
            f"reach {fit.least_score:.2f}"
        )
    if confidence < min_confidence:
        return f"other tiles fit nearly as well: confidence {confidence:.2f} is below {min_confidence:g}"
    return ""
