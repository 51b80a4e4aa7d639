"""Answers in a file whose ending says how: .json, .geojson or .html."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gleam_common.artifacts import write_atomic, write_json
from gleam_common.errors import ConfigError, DataError
from shapely.geometry import Point, Polygon, mapping
from shapely.geometry.base import BaseGeometry

from gleam_x.pipeline.answer import Answer
from gleam_x.pipeline.found import Tile

__all__ = ["SUFFIXES", "answers_geojson", "check_place", "check_suffix", "write_answers"]

SUFFIXES = (".html", ".json", ".geojson")


def check_suffix(out: Path) -> None:
    """Refuse what cannot be written before the work starts.

    Raises:
        ConfigError: another ending, or a folder.
    """
    if out.suffix.lower() not in SUFFIXES:
        raise ConfigError("ending of --out", value=out.name, allowed=SUFFIXES)
    if out.is_dir():
        raise ConfigError("--out is a folder", value=str(out), fix="give a file, such as answer.html")


def check_place(out: Path, answer: Answer) -> None:
    """Refuse .geojson of a gallery without a place on the globe at the first answer, not behind the last.

    Raises:
        DataError: so it is.
    """
    if out.suffix.lower() == ".geojson":
        answers_geojson([answer])


def write_answers(out: Path, answers: Sequence[Answer]) -> None:
    """Write answers, whole or not at all.

    Raises:
        DataError: .geojson of a gallery without a place on the globe; a photo has gone meanwhile.
    """
    suffix = out.suffix.lower()
    if suffix == ".json":
        write_json(out, {"schema": 1, "results": [answer.to_json() for answer in answers]})
        return
    if suffix == ".html":
        from gleam_x.pipeline.page import page_of

        text = page_of(answers)
    else:
        text = json.dumps(answers_geojson(answers), ensure_ascii=False, allow_nan=False) + "\n"
    with write_atomic(out) as file:
        file.write(text.encode())


def answers_geojson(answers: Sequence[Answer]) -> dict[str, Any]:
    """Return a FeatureCollection (RFC 7946): for each photo a point (``kind`` place) and its candidates (``tile``).

    Raises:
        DataError: the gallery has no place on the globe.
    """
    features = []
    for answer in answers:
        told = answer.to_json()
        about = {name: value for name, value in told.items() if name not in ("candidates", "claims", "times_s")}
        features.append(_feature(_centre(answer.best.tile), {"kind": "place", **about}))
        for rank, candidate in enumerate(answer.candidates, start=1):
            properties = {"kind": "tile", "photo": str(answer.photo), "rank": rank, **candidate.to_json()}
            features.append(_feature(_outline(candidate.tile), properties))
    return {"type": "FeatureCollection", "features": features}


def _centre(tile: Tile) -> Point:
    if tile.lat is None or tile.lon is None:
        raise DataError(
            "the gallery has no place on the globe, so there are no coordinates", fix="write .json or .html instead"
        )
    return Point(tile.lon, tile.lat)


def _outline(tile: Tile) -> BaseGeometry:
    """Return a tile's outline, counter-clockwise (RFC 7946); its centre where the corners are not known."""
    if not tile.corners:
        return _centre(tile)
    return Polygon([(lon, lat) for lat, lon in reversed(tile.corners)])


def _feature(shape: BaseGeometry, properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "geometry": mapping(shape), "properties": properties}
