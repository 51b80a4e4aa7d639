"""DenseUAV: pictures from 80, 90 and 100 m above Chinese universities, six satellite tiles of each point.

Dai et al., Vision-Based UAV Self-Positioning in Low-Altitude Urban Environments, IEEE TIP 33, 2024 (Dmmm1997/DenseUAV).
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from gleam_common.catalog import Catalog
from gleam_common.errors import DataError
from gleam_common.sources.assemble import Row, assemble
from gleam_common.sources.listing import folder_of, numbered_lines, pictures, pictures_by_folder, posix
from gleam_common.sources.one_part import one_part
from gleam_common.sources.source import Count, Source
from gleam_common.views import View

__all__ = ["SOURCE", "read"]

_DRONE = {"train": "train/drone", "test": "test/query_drone"}
# The searched folder holds the places of train too, as copies: a tile is taken from the first folder that has it.
_TILES = ("test/gallery_satellite", "train/satellite", "test/query_satellite")
_WHOLE_LIST = "Dense_GPS_ALL.txt"
_LISTS = ("Dense_GPS_train.txt", "Dense_GPS_test.txt")
_LINE = re.compile(r"(.+?)\s+([EW])([-\d.]+)\s+([NS])([-\d.]+)(?:\s.*)?")

_Place = tuple[float, float]


def read(root: Path) -> Catalog:
    """Return the catalog of DenseUAV below ``root``: splits train and test; the tiles of both are searched.

    All tiles of a picture's point are its positives (three scales, each also as older imagery, ``_old``). Coordinates
    are those of the points in ``Dense_GPS_ALL.txt``, or in the lists of train and test. ``height_m`` is that of the
    picture's name; headings are not published.

    Raises:
        DataError: no such folder or list, a line that is none, or a point without tile or coordinates.
    """
    tiles = _tiles(root)
    places = _places(root)
    queries = [row for split, folder in _DRONE.items() for row in _queries(root, folder, split, tiles)]
    shown = [row for rows in tiles.values() for row in rows]
    first = {row["place_id"]: row["path"] for row in [*queries, *shown]}
    for point in sorted(set(first) - set(places)):
        with one_part():
            fix = f"download {_WHOLE_LIST} again ({len(places)} points in it)"
            raise DataError(f"DenseUAV: {first[point]}: point without coordinates", value=point, fix=fix)
    for row in [*shown, *queries]:
        row["lat"], row["lon"] = places.get(row["place_id"], (None, None))
    for row in queries:
        row |= {"camera_lat": row["lat"], "camera_lon": row["lon"]}
    return assemble("denseuav", root, shown, queries)


def _tiles(root: Path) -> dict[str, list[Row]]:
    """Return the tiles of each point, every one once, with the splits of its point's pictures."""
    splits = {split: {path.split("/")[-2] for path in pictures(root, folder)} for split, folder in _DRONE.items()}
    tiles: dict[str, list[Row]] = defaultdict(list)
    taken: set[tuple[str, str]] = set()
    for folder in _TILES:
        for path in pictures(root, folder):
            point, name = path.split("/")[-2:]
            if (point, name) not in taken:
                taken.add((point, name))
                split = next((split for split, points in splits.items() if point in points), None)
                tiles[point].append({"path": path, "place_id": point, "split": split})
    return tiles


def _queries(root: Path, folder: str, split: str, tiles: dict[str, list[Row]]) -> list[Row]:
    folder_of(root, folder, "drone pictures of DenseUAV")
    rows = []
    for point, paths in pictures_by_folder(root, folder).items():
        with one_part():
            if point not in tiles:
                fix = f"unpack {_TILES[0]} and train/satellite"
                raise DataError(f"DenseUAV: {paths[0]}: point without a satellite tile", value=point, fix=fix)
            rows += [_query(path, point, split, tiles[point]) for path in paths]
    return rows


def _query(path: str, point: str, split: str, tiles: list[Row]) -> Row:
    height = re.match(r"[Hh](\d+)", path.split("/")[-1])
    row: Row = {"path": path, "view": View.UAV, "place_id": point, "split": split}
    return {**row, "height_m": float(height[1]) if height else None, "positives": [tile["path"] for tile in tiles]}


def _places(root: Path) -> dict[str, _Place]:
    """Return latitude and longitude of each point."""
    names = (_WHOLE_LIST,) if (root / _WHOLE_LIST).is_file() else _LISTS
    places = {}
    for name in names:
        for where, line in numbered_lines(root / name):
            with one_part():
                point, place = _point(where, line)
                places[point] = place
    return places


def _point(where: str, line: str) -> tuple[str, _Place]:
    parts = _LINE.fullmatch(line)
    try:
        path, east, lon, north, lat = parts.groups() if parts else ()
        place = float(lat) * (1 if north == "N" else -1), float(lon) * (1 if east == "E" else -1)
        return posix(path).split("/")[-2], place
    except (ValueError, IndexError):
        allowed = "path E<longitude> N<latitude> height, the path ending in point/picture"
        raise DataError(f"{where}: no point", value=line[:80], allowed=allowed) from None


SOURCE = Source(
    name="denseuav",
    title="DenseUAV",
    layout="Dense_GPS_ALL.txt, train/{drone,satellite}, test/{query_drone,gallery_satellite}",
    licence="Apache-2.0, as its repository",
    citation="Dai et al., Vision-Based UAV Self-Positioning in Low-Altitude Urban Environments, IEEE TIP 33, 2024",
    read=read,
    published=(
        Count(view=View.UAV, split="train", number=6_768, said="README of Dmmm1997/DenseUAV"),
        Count(view=View.UAV, split="test", number=2_331, said="README of Dmmm1997/DenseUAV"),
        Count(view=View.SATELLITE, number=18_198, said="README of Dmmm1997/DenseUAV"),
    ),
)
