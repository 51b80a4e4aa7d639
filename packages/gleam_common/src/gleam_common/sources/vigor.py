"""VIGOR: 105,214 panoramas of four US cities and 90,618 satellite tiles, which overlap by half.

Zhu, Yang and Chen, VIGOR: Cross-View Image Geo-localization beyond One-to-one Retrieval, CVPR 2021 (Jeff-Zilence/VIGOR,
``data/DATASET.md`` and its label files); corrected labels by Lentsch et al., SliceMatch, CVPR 2023.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gleam_common.catalog import Catalog
from gleam_common.errors import DataError
from gleam_common.sources.assemble import Row, assemble
from gleam_common.sources.listing import folder_of, numbered_lines, posix
from gleam_common.sources.one_part import one_part
from gleam_common.sources.source import Count, Source
from gleam_common.views import View

__all__ = ["CITIES", "SOURCE", "read"]

CITIES = {"NewYork": "train", "Seattle": "train", "SanFrancisco": "test", "Chicago": "test"}
"""The cities, with their split of the cross-area protocol."""

# The published numbers of this field are on the first; both name the same tiles, the second shifts places within them.
_SPLITS = {"splits": "", "splits__corrected": "__corrected"}
_LISTS = {"same_area_balanced_train": "train", "same_area_balanced_test": "test", "pano_label_balanced": ""}
_COLUMNS = "panorama, then four times: tile and two deltas, with blanks between"
_TILE_PX, _ZOOM_20_M_PER_PX = 640, 156543.03392 / 2**20  # Web Mercator at the equator


def read(root: Path) -> Catalog:
    """Return the catalog of VIGOR below ``root``: columns ``split_vigor_same`` and ``split_vigor_cross``.

    ``split`` is that of the same-area protocol. Both layouts are read, ``city/panorama`` and ``city/satellite``, and
    Sample4Geo's ``ground/city`` and ``satellite/city``; lists are those of ``splits``, else ``splits__corrected``. The
    same-area protocol searches all tiles, the cross-area protocol those of its cities. Panoramas look north in their
    centre column; their coordinates, and the tiles', are in their names.

    Raises:
        DataError: no such folder or list, or a line that is none.
    """
    folder, cities = _lists(root)
    tiles: list[Row] = []
    queries: list[Row] = []
    for city in cities:
        with one_part():
            own = _tiles(root, folder, city)
            tiles += own.values()
            queries += _panoramas(root, folder, city, own)
    return assemble("vigor", root, tiles, queries)


def _lists(root: Path) -> tuple[str, list[str]]:
    """Return the folder of the lists, and the cities that are in it."""
    folder = next((name for name in _SPLITS if (root / name).is_dir()), "splits")
    folder_of(root, folder, "lists of VIGOR")
    cities = [city for city in CITIES if (root / folder / city).is_dir()]
    if not cities:
        raise DataError("VIGOR: no city in its lists", value=str(root / folder), allowed=list(CITIES))
    return folder, cities


@dataclass(frozen=True)
class _Files:
    """The files of a city's folder, ``folder`` relative to the root, by their names without ends."""

    folder: str
    names: dict[str, str]

    def path(self, listed: str) -> str:
        """Return the path of a listed file: lists say .png where some copies have .jpg."""
        return f"{self.folder}/{self.names.get(listed.rpartition('.')[0], listed)}"


def _files(root: Path, raw: str, sample4geo: str, holds: str) -> _Files:
    name = raw if (root / raw).is_dir() or not (root / sample4geo).is_dir() else sample4geo
    found = sorted(os.listdir(folder_of(root, name, f"{holds} of VIGOR; {sample4geo} is looked at as well")))
    return _Files(name, {one.rpartition(".")[0]: one for one in found if not one.startswith(".")})


def _tiles(root: Path, folder: str, city: str) -> dict[str, Row]:
    """Return the tiles of a city by their names without ends."""
    files = _files(root, f"{city}/satellite", f"satellite/{city}", "tiles")
    rows = {}
    for where, line in numbered_lines(root / folder / city / "satellite_list.txt"):
        with one_part():
            name = posix(line)
            rows[name.rpartition(".")[0]] = _tile(where, name, city, files)
    return rows


def _tile(where: str, name: str, city: str, files: _Files) -> Row:
    stem = name.rpartition(".")[0]
    try:
        kind, lat, lon = stem.split("_")
        place = _place(lat, lon)
        if kind != "satellite":
            raise ValueError(kind)
    except ValueError:
        raise DataError(f"{where}: no tile of VIGOR", value=name[:80], allowed="satellite_LAT_LON.png") from None
    row = {"path": files.path(name), "place_id": f"{city}/{stem}", "area": city}
    searched = {"split_vigor_same": ["train", "test"], "split_vigor_cross": [CITIES[city]]}
    return {**row, **place, **_extent(**place), **searched}


def _place(lat: str, lon: str) -> dict[str, float]:
    place = {"lat": float(lat), "lon": float(lon)}
    if not abs(place["lat"]) < 85 or not abs(place["lon"]) <= 180:
        raise ValueError(place)
    return place


def _extent(lat: float, lon: float) -> Row:
    """Return resolution and bounds of a tile of Google's zoom 20, 640 pixels wide."""
    gsd_m = _ZOOM_20_M_PER_PX * math.cos(math.radians(lat))
    east = 180 * _TILE_PX / 256 / 2**20
    north = east * math.cos(math.radians(lat))
    return {"gsd_m": gsd_m, "bounds": [lat - north, lon - east, lat + north, lon + east]}


def _panoramas(root: Path, folder: str, city: str, tiles: dict[str, Row]) -> Iterable[Row]:
    files = _files(root, f"{city}/panorama", f"ground/{city}", "panoramas")
    rows: dict[str, Row] = {}
    for name, split in _LISTS.items():
        path = root / folder / city / f"{name}{_SPLITS[folder]}.txt"
        column = "split_vigor_same" if split else "split_vigor_cross"
        for where, line in numbered_lines(path):
            with one_part():
                row = _panorama(where, line, city, tiles, files)
                known = rows.setdefault(row["path"], row)
                if known["positives"] != row["positives"]:
                    raise DataError(f"{where}: another list gives the panorama another tile", value=row["path"])
                if column in known:
                    raise DataError(f"{where}: the panorama was listed before", value=row["path"], fix=_AGAIN)
                known[column] = split or CITIES[city]
    return [{**row, "split": row.get("split_vigor_same")} for row in rows.values()]


def _panorama(where: str, line: str, city: str, tiles: dict[str, Row], files: _Files) -> Row:
    cells = line.split()
    try:
        name = posix(cells[0])
        _, lat, lon, _ = name.split(",")
        place = _place(lat, lon)
        shown = [posix(cell).rpartition(".")[0] for cell in cells[1::3]]
        if len(cells) != 13:
            raise ValueError(len(cells))
    except ValueError:
        raise DataError(f"{where}: no panorama of VIGOR", value=line[:80], allowed=_COLUMNS) from None
    if unknown := next((stem for stem in shown if stem not in tiles), None):
        raise DataError(f"{where}: a tile that is not in satellite_list.txt", value=unknown, fix=_AGAIN)
    positive, *overlapping = (tiles[stem] for stem in shown)
    return {
        "path": files.path(name),
        "view": View.PANORAMA,
        "place_id": positive["place_id"],
        "positives": [positive["path"]],
        "semi_positives": list(dict.fromkeys(row["path"] for row in overlapping)),
        "heading_deg": 0.0,
        "area": city,
        **place,
        **{f"camera_{name}": value for name, value in place.items()},
    }


_AGAIN = "download the lists again"
_LABELS = "label files of Jeff-Zilence/VIGOR"

SOURCE = Source(
    name="vigor",
    title="VIGOR",
    layout="splits/CITY (or splits__corrected/CITY), CITY/{panorama,satellite} (or ground/CITY, satellite/CITY)",
    licence="for research, on request to its authors; pictures by Google",
    citation="Zhu, Yang and Chen, VIGOR: Cross-View Image Geo-localization beyond One-to-one Retrieval, CVPR 2021",
    read=read,
    published=(
        *(
            Count(view=View.SATELLITE, area=city, number=number, said=_LABELS)
            for city, number in zip(CITIES, (23_279, 20_776, 24_255, 22_308), strict=True)
        ),
        *(
            Count(view=View.PANORAMA, area=city, split=split, number=number, said=_LABELS)
            for city, split, number in (
                ("NewYork", "train", 13_885),
                ("NewYork", "test", 13_884),
                ("Seattle", "train", 11_876),
                ("Seattle", "test", 11_875),
                ("Chicago", "train", 12_740),
                ("Chicago", "test", 12_739),
            )
        ),
        Count(view=View.PANORAMA, split="test", number=52_605, said="Zhu et al., CVPR 2021"),
    ),
)
