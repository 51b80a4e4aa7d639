"""SUES-200: 200 places around Shanghai, each with 50 drone pictures from each of four heights and one satellite tile.

Zhu et al., SUES-200: A Multi-height Multi-scene Cross-view Image Benchmark, IEEE TCSVT 33, 2023
(Reza-Zhu/SUES-200-Benchmark).
"""

from __future__ import annotations

from pathlib import Path

from gleam_common.catalog import Catalog
from gleam_common.errors import DataError
from gleam_common.reverse import DISTRACTOR
from gleam_common.sources.assemble import Row, assemble
from gleam_common.sources.listing import folder_of, pictures, sub_folders
from gleam_common.sources.one_part import one_part
from gleam_common.sources.source import Count, Source
from gleam_common.views import View

__all__ = ["SOURCE", "TRAIN_PLACES", "read"]

HEIGHTS_M = (150, 200, 250, 300)

TRAIN_PLACES = frozenset(
    f"{number:04d}"
    for number in (
        *range(1, 8), 9, 10, 11, 13, 15, 16, 20, 21, *range(24, 35), 36, 37, 39, 43, 44, 45, 51, 55, 56, 57, 58, 60, 64,
        66, 67, 69, 70, 73, 74, 76, 77, *range(80, 83), *range(84, 92), 94, 96, 97, *range(100, 107), 113, 116, 118,
        119, 120, 123, 125, 126, 127, 129, 132, 134, 137, 139, 141, 142, *range(145, 150), 151, 152, *range(155, 161),
        163, *range(166, 170), 171, 174, 179, 180, *range(182, 188), *range(191, 194), *range(196, 201),
    )
)  # fmt: skip
"""The 120 places to train on, as ``script/indexs.yaml`` lists them; the other 80 are tested."""

_SATELLITE = "satellite-view"
_DRONE = {"query_drone": "test", "drone": "train", "gallery_drone": DISTRACTOR}
# The searched folder holds all 200 places, as copies, at each height: a picture is taken where it is met first.
_TILES = ("gallery_satellite", "query_satellite", "satellite")


def read(root: Path) -> Catalog:
    """Return the catalog of SUES-200 below ``root``: splits train and test, ``height_m`` 150, 200, 250 or 300.

    Two layouts are read: as published (``satellite-view/0001``, ``drone../0001/150``), where :data:`TRAIN_PLACES` says
    what is trained on, and as its script splits it (``Training/150/drone/0001``, ``Testing/150/query_drone/0001``; also
    ``train`` and ``test``). In the second, drone pictures that are only in a searched folder are of split distractor.

    Raises:
        DataError: neither layout is there, or a place has no tile.
    """
    if (root / _SATELLITE).is_dir():
        return _assembled(root, _raw_tiles(root), _raw_pictures(root))
    there = sub_folders(folder_of(root, "", "SUES-200"))
    parts = [name for name in there if name.lower() in ("testing", "training", "test", "train")]
    if not parts:
        raise DataError(
            f"{root}: SUES-200 in neither of its layouts",
            allowed=f"{_SATELLITE} and drone.., or Training and Testing",
            fix=f"give the folder that holds them; here are: {', '.join(there[:9]) or 'no folders'}",
        )
    return _assembled(root, _split_tiles(root, parts), _split_pictures(root, parts))


def _raw_tiles(root: Path) -> list[Row]:
    return [_tile(path, _split(path.split("/")[-2])) for path in pictures(root, _SATELLITE)]


def _split(place: str) -> str:
    return "train" if place in TRAIN_PLACES else "test"


def _tile(path: str, split: str) -> Row:
    return {"path": path, "place_id": path.split("/")[-2], "split": split}


def _raw_pictures(root: Path) -> list[Row]:
    """Return the pictures ``drone../0001/150/0.jpg``."""
    rows = []
    for folder in (name for name in sub_folders(root) if "drone" in name.lower()):
        for path in pictures(root, folder):
            place, height = path.split("/")[-3:-1]
            with one_part():
                rows.append(_picture(path, place, height, _split(place)))
    return rows


def _picture(path: str, place: str, height: str, split: str) -> Row:
    if height not in map(str, HEIGHTS_M):
        raise DataError(f"SUES-200: {path}: no height in metres", value=height, allowed=map(str, HEIGHTS_M))
    return {"path": path, "view": View.UAV, "place_id": place, "height_m": float(height), "split": split}


def _folders(root: Path, parts: list[str], name: str) -> list[tuple[str, str]]:
    """Return height and path of the folders ``part/height/name``."""
    paths = [(height, f"{part}/{height}/{name}") for part in parts for height in map(str, HEIGHTS_M)]
    return [(height, path) for height, path in paths if (root / path).is_dir()]


def _split_tiles(root: Path, parts: list[str]) -> list[Row]:
    tested = {
        place
        for name in ("query_satellite", "query_drone")
        for _, path in _folders(root, parts, name)
        for place in sub_folders(root / path)
    }
    tiles: dict[tuple[str, str], Row] = {}
    for name in _TILES:
        for _, folder in _folders(root, parts, name):
            for path in pictures(root, folder):
                place = path.split("/")[-2]
                tiles.setdefault((place, path.split("/")[-1]), _tile(path, "test" if place in tested else "train"))
    return list(tiles.values())


def _split_pictures(root: Path, parts: list[str]) -> list[Row]:
    rows: dict[tuple[str, ...], Row] = {}
    for name, split in _DRONE.items():
        for height, folder in _folders(root, parts, name):
            for path in pictures(root, folder):
                place = path.split("/")[-2]
                rows.setdefault((place, height, path.split("/")[-1]), _picture(path, place, height, split))
    return list(rows.values())


def _assembled(root: Path, tiles: list[Row], queries: list[Row]) -> Catalog:
    own: dict[str, list[str]] = {}
    for row in tiles:
        own.setdefault(row["place_id"], []).append(row["path"])
    for place in sorted({row["place_id"] for row in queries} - set(own)):
        with one_part():
            fix = "unpack the satellite pictures whole"
            raise DataError(f"SUES-200 at {root}: place without a satellite tile", value=place, fix=fix)
    matched = [{**row, "positives": own[row["place_id"]]} for row in queries if row["place_id"] in own]
    return assemble("sues200", root, tiles, matched)


_PAPER = "Zhu et al., TCSVT 2023: 200 places, 50 pictures from each of 4 heights"

SOURCE = Source(
    name="sues200",
    title="SUES-200",
    layout="satellite-view/0001 and drone../0001/{150,200,250,300}; or Training/150/.. and Testing/150/..",
    licence="for research; none stated",
    citation="Zhu et al., SUES-200, IEEE TCSVT 33, 2023",
    read=read,
    published=(
        Count(view=View.SATELLITE, number=200, said=_PAPER),
        Count(view=View.UAV, split="train", number=24_000, said=_PAPER),
        Count(view=View.UAV, split="test", number=16_000, said=_PAPER),
    ),
)
