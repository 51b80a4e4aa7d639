"""Answers and tracks as GeoJSON (RFC 7946)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shapely.geometry import Point, mapping
from shapely.geometry.base import BaseGeometry

from gleam_c.locate.geometry import circle, line, quadrangle
from gleam_c.locate.located import Candidate, Located
from gleam_c.locate.track import Track

__all__ = ["answers_geojson", "outline", "place_properties", "track_geojson"]


def answers_geojson(located: Sequence[Located]) -> dict[str, Any]:
    """Return a FeatureCollection: for each photo the point (``kind`` place), the circle of its radius (``uncertainty``)
    and the outlines of its candidates (``tile``).

    Raises:
        DataError: the gallery has no place on the globe.
    """
    features = []
    for one in located:
        lat, lon = one.place.latlon
        features.append(_feature(Point(lon, lat), {"kind": "place", **place_properties(one)}))
        if one.radius_m is not None:
            about = {"kind": "uncertainty", "photo": one.photo, "radius_m": round(one.radius_m, 2)}
            features.append(_feature(circle(lat, lon, one.radius_m), about))
        for rank, candidate in enumerate(one.candidates, start=1):
            about = {"kind": "tile", "photo": one.photo, "rank": rank, **candidate.to_json()}
            features.append(_feature(outline(candidate), about))
    return _collection(features)


def track_geojson(track: Track) -> dict[str, Any]:
    """Return a FeatureCollection: the line of the flight, and a point with time and covariance for each fix."""
    points = [(fix.lat, fix.lon) for fix in track.fixes]
    times = [fix.taken_at.isoformat() for fix in track.fixes]
    about = {"kind": "track", "fixes": len(points), "used": sum(fix.is_used for fix in track.fixes), "times": times}
    features = [_feature(line(points), about)]
    for fix, time in zip(track.fixes, times, strict=True):
        about = {
            "kind": "fix",
            "photo": fix.photo,
            "time": time,
            "covariance_m2": [[round(value, 4) for value in row] for row in fix.covariance_m2],
            "speed_m_s": round(fix.speed_m_s, 3),
            "course_deg": round(fix.course_deg, 1),
            "is_used": fix.is_used,
        }
        features.append(_feature(Point(fix.lon, fix.lat), about))
    return _collection(features)


def outline(candidate: Candidate) -> BaseGeometry:
    """Return a tile's outline, or its centre where the gallery does not know its corners."""
    return quadrangle(candidate.corners) if candidate.corners else Point(candidate.centre.latlon[::-1])


def place_properties(one: Located) -> dict[str, Any]:
    """Return what is said of a photo beside its point, flat."""
    first = one.candidates[0]
    told = one.to_json()
    names = ("photo", "view", "lat", "lon", "radius_m", "confidence", "heading_deg", "abstained")
    return {name: told[name] for name in names} | {"gallery_id": first.gallery_id, "score": first.to_json()["score"]}


def _feature(shape: BaseGeometry, properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "geometry": _lists(mapping(shape)), "properties": dict(properties)}


def _lists(value: Any) -> Any:
    """Return tuples as lists, and degrees with nine decimals: a tenth of a millimetre."""
    if isinstance(value, dict):
        return {key: _lists(inner) for key, inner in value.items()}
    if isinstance(value, (tuple, list)):
        return [_lists(inner) for inner in value]
    return round(value, 9) if isinstance(value, float) else value


def _collection(features: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": features}
