"""CVUSA: 44,416 street-level panoramas of the USA, each with one satellite tile.

Workman, Souvenir and Jacobs, Wide-Area Image Geolocalization with Aerial Reference Imagery, ICCV 2015; split by Zhai et
al., CVPR 2017 (``splits/{train,val}-19zl.csv``).
"""

from __future__ import annotations

from pathlib import Path

from gleam_common.catalog import Catalog
from gleam_common.errors import DataError
from gleam_common.sources.assemble import Row, assemble
from gleam_common.sources.listing import folder_of, numbered_lines, posix
from gleam_common.sources.one_part import one_part
from gleam_common.sources.source import Count, Source
from gleam_common.views import View

__all__ = ["SOURCE", "read"]

_SPLITS = {"train": "splits/train-19zl.csv", "val": "splits/val-19zl.csv"}
_LOCATIONS = ("split_locations/all.csv", "all.csv")

_Places = list[dict[str, float]]


def read(root: Path) -> Catalog:
    """Return the catalog of CVUSA below ``root``: splits train and val, searched among their own tiles.

    Panoramas look north in their centre column. Coordinates are those of ``split_locations/all.csv`` (or ``all.csv``),
    which some copies lack: then there are none.

    Raises:
        DataError: no such folder or list, or a line that is none.
    """
    folder_of(root, "splits", "lists of CVUSA")
    places = _places(root)
    tiles, queries = [], []
    lines: list[tuple[str, str, str]] = []
    for split, name in _SPLITS.items():
        with one_part():
            lines += [(split, where, line) for where, line in numbered_lines(root / name)]
    for split, where, line in lines:
        with one_part():
            tile, query = _pair(where, line, places)
            tiles.append({**tile, "split": split})
            queries.append({**query, "split": split})
    return assemble("cvusa", root, tiles, queries)


def _pair(where: str, line: str, places: _Places) -> tuple[Row, Row]:
    """Return the tile and query of a line ``bingmap/19/0000001.jpg,streetview/panos/0000001.jpg,...``."""
    cells = [posix(cell) for cell in line.split(",")]
    stem = Path(cells[0]).stem
    if len(cells) < 2 or not stem.isdecimal() or Path(cells[1]).stem != stem:
        raise DataError(
            f"{where}: no pair of CVUSA",
            value=line[:80],
            allowed="tile,panorama[,annotation] named by one number, without a header",
        )
    place = {}
    if places:
        if not 1 <= int(stem) <= len(places):
            raise DataError(f"{where}: no coordinates of this number", value=stem, allowed=f"1 to {len(places)}")
        place = places[int(stem) - 1]
    common: Row = {"place_id": stem, "area": "USA"}
    tile = {"path": cells[0], **common}
    query = {"path": cells[1], "view": View.PANORAMA, "positives": [cells[0]], "heading_deg": 0.0, **common}
    if place:
        lat, lon = place["lat"], place["lon"]
        tile |= {"lat": place["tile_lat"], "lon": place["tile_lon"]}
        query |= {"lat": lat, "lon": lon, "camera_lat": lat, "camera_lon": lon}
    return tile, query


def _places(root: Path) -> _Places:
    """Return the coordinates of all pairs; row i is that of number i + 1."""
    path = next((root / name for name in _LOCATIONS if (root / name).is_file()), None)
    if path is None:
        return []
    names = ("tile_lat", "tile_lon", "lat", "lon")
    places = []
    for where, line in numbered_lines(path):
        try:
            places.append(dict(zip(names, map(float, line.split(",")[:4]), strict=True)))
        except ValueError:
            allowed = "sat_lat,sat_lon,ground_lat,ground_lon in degrees, without a header"
            raise DataError(f"{where}: no coordinates", value=line[:80], allowed=allowed) from None
    return places


SOURCE = Source(
    name="cvusa",
    title="CVUSA",
    layout="splits/{train,val}-19zl.csv, bingmap/19, streetview/panos, and split_locations/all.csv where you have it",
    licence="none stated; pictures by Bing and Google",
    citation="Workman, Souvenir and Jacobs, ICCV 2015; split by Zhai et al., CVPR 2017",
    read=read,
    published=tuple(
        Count(view=view, split=split, number=number, said="Zhai et al., CVPR 2017")
        for view in (View.PANORAMA, View.SATELLITE)
        for split, number in (("train", 35_532), ("val", 8_884))
    ),
)
