"""Answers in a file whose ending says how: .json .geojson .csv .gpkg .parquet .html; tracks as .geojson or .json."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gleam_common.artifacts import write_atomic, write_json
from gleam_common.errors import ConfigError

from gleam_c.gallery.gallery import Gallery
from gleam_c.locate.geojson import answers_geojson, outline, place_properties, track_geojson
from gleam_c.locate.located import Located
from gleam_c.locate.table import candidate_rows, csv_text
from gleam_c.locate.track import Track

__all__ = ["SUFFIXES", "TRACK_SUFFIXES", "check_suffix", "write_answers", "write_track"]

SUFFIXES = (".json", ".geojson", ".csv", ".gpkg", ".parquet", ".html")
TRACK_SUFFIXES = (".geojson", ".json")


def check_suffix(out: Path, is_track: bool) -> None:
    """Refuse what cannot be written before the work starts.

    Raises:
        ConfigError: another ending, or a folder.
    """
    allowed = TRACK_SUFFIXES if is_track else SUFFIXES
    if out.suffix.lower() not in allowed:
        raise ConfigError("ending of --out", value=out.name, allowed=allowed)
    if out.is_dir():
        raise ConfigError("--out is a folder", value=str(out), fix="give a file, such as places.geojson")


def write_answers(out: Path, located: Sequence[Located], gallery: Gallery) -> None:
    """Write answers, whole or not at all. ``gallery`` gives the pictures of the map in .html.

    Raises:
        DataError: the gallery has no place on the globe, and the format needs one.
    """
    suffix = out.suffix.lower()
    if suffix == ".json":
        write_json(out, {"results": [one.to_json() for one in located]})
    elif suffix == ".geojson":
        _write_text(out, _json(answers_geojson(located)))
    elif suffix == ".csv":
        _write_text(out, csv_text(located))
    elif suffix == ".html":
        from gleam_c.locate.page import page_of

        _write_text(out, page_of(located, gallery))
    else:
        _write_layers(out, located)


def write_track(out: Path, track: Track) -> None:
    """Write a track as GeoJSON."""
    _write_text(out, _json(track_geojson(track)))


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n"


def _write_text(out: Path, text: str) -> None:
    with write_atomic(out) as file:
        file.write(text.encode())


def _write_layers(out: Path, located: Sequence[Located]) -> None:
    """Write a GeoPackage (layers ``places`` and ``tiles``) or GeoParquet (places alone), WGS84, by GeoPandas.

    GDAL writes beside its file while it works, so that this happens in a folder of its own.
    """
    import geopandas
    from shapely.geometry import Point

    points = [Point(one.place.latlon[::-1]) for one in located]
    properties = [place_properties(one) for one in located]
    places = geopandas.GeoDataFrame(properties, geometry=points, crs="EPSG:4326")
    with TemporaryDirectory() as folder:
        made = Path(folder) / out.name
        if out.suffix.lower() == ".parquet":
            places.to_parquet(made)
        else:
            outlines = [outline(candidate) for one in located for candidate in one.candidates]
            tiles = geopandas.GeoDataFrame(candidate_rows(located), geometry=outlines, crs="EPSG:4326")
            places.to_file(made, layer="places", driver="GPKG")
            tiles.to_file(made, layer="tiles", driver="GPKG")
        with write_atomic(out) as file:
            file.write(made.read_bytes())
