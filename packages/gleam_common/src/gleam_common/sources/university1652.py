"""University-1652: 1,652 buildings of 72 universities, each with 54 drone pictures, a satellite tile and street photos.

Zheng, Wei and Yang, University-1652: A Multi-view Multi-source Benchmark for Drone-based Geo-localization, ACM MM 2020
(layumi/University1652-Baseline).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from gleam_common.catalog import Catalog
from gleam_common.errors import DataError
from gleam_common.reverse import DISTRACTOR
from gleam_common.sources.assemble import Row, assemble
from gleam_common.sources.listing import folder_of, pictures_by_folder, sub_folders
from gleam_common.sources.one_part import one_part
from gleam_common.sources.source import Count, Source
from gleam_common.views import View

__all__ = ["SOURCE", "WEB", "read"]

WEB = "train_web"
"""Split of the pictures that a search in the web found for the training buildings (``train/google``): noisy."""

_WEB = "train/google"
_VIEWS = {"drone": View.UAV, "street": View.GROUND}
# A searched folder holds the queries too, as copies: a picture is taken from the first folder that has it.
_TILES = ("test/gallery_satellite", "test/query_satellite", "train/satellite")
_README = "README of layumi/University1652-Baseline"


def read(root: Path) -> Catalog:
    """Return the catalog of University-1652 below ``root``: splits train, test, distractor and train_web.

    A building is of split test when one of the folders ``test/query_..`` has it. Pictures of the other buildings of
    ``test/gallery_..`` are of split distractor: they ask nothing, but are searched by tiles; their own tiles are of
    split test. Coordinates, headings and heights are not published; ``test/4K_drone`` is not read.

    Raises:
        DataError: no such folder, or a building without a tile.
    """
    for name in ("train/drone", "train/satellite", "test"):
        folder_of(root, name, "pictures of University-1652")
    asked = {one for name in sub_folders(root / "test") if name.startswith("query_") for one in _buildings(root, name)}
    if not asked:
        raise DataError(f"{root}: University-1652 without queries", allowed="test/query_drone, test/query_satellite")
    tiles = _tiles(root)
    folders = {f"train/{name}": view for name, view in _VIEWS.items()}
    folders |= {f"test/{part}_{name}": view for part in ("query", "gallery") for name, view in _VIEWS.items()}
    queries: dict[tuple[str, ...], Row] = {}
    for folder, view in {**folders, _WEB: View.GROUND}.items():
        for building, paths in pictures_by_folder(root, folder).items():
            with one_part():
                _check_tile(folder, building, tiles)
                shown = [row["path"] for row in tiles[building]]
                split = _split(folder, building, asked)
                row: Row = {"view": view, "place_id": building, "positives": shown, "split": split}
                for path in paths:
                    key = ("web" if folder == _WEB else view, building, path.split("/")[-1])
                    queries.setdefault(key, {"path": path, **row})
    return assemble("university1652", root, [row for rows in tiles.values() for row in rows], queries.values())


def _buildings(root: Path, name: str) -> Iterable[str]:
    return sub_folders(root / "test" / name)


def _split(folder: str, building: str, asked: set[str]) -> str:
    if folder.startswith("train/"):
        return WEB if folder == _WEB else "train"
    return "test" if building in asked else DISTRACTOR


def _tiles(root: Path) -> dict[str, list[Row]]:
    """Return the tiles of each building, each once."""
    tiles: dict[str, list[Row]] = defaultdict(list)
    taken: set[tuple[str, str]] = set()
    for folder in _TILES:
        for building, paths in pictures_by_folder(root, folder).items():
            for path in paths:
                name = path.split("/")[-1]
                if (building, name) not in taken:
                    taken.add((building, name))
                    tiles[building].append({"path": path, "place_id": building, "split": folder.split("/")[0]})
    return tiles


def _check_tile(folder: str, building: str, tiles: dict[str, list[Row]]) -> None:
    if building not in tiles:
        raise DataError(
            f"University-1652: {folder}/{building}: building without a satellite tile",
            value=building,
            fix=f"unpack {_TILES[0]} and {_TILES[2]} whole; pictures lie in a folder for each building",
        )


SOURCE = Source(
    name="university1652",
    title="University-1652",
    layout="train/{drone,satellite,street,google}/0839, test/{query,gallery}_{drone,satellite,street}/0001",
    licence="for research, on request to its authors; pictures by Google",
    citation="Zheng, Wei and Yang, University-1652, ACM Multimedia 2020",
    read=read,
    published=tuple(
        Count(view=view, split=split, number=number, said=said)
        for view, split, number, said in (
            (View.UAV, "train", 37_854, _README),
            (View.UAV, "test", 37_855, _README),
            (View.UAV, DISTRACTOR, 13_500, f"{_README}: 51,355 less those of the queries"),
            (View.GROUND, "train", 11_663, _README),
            (View.GROUND, "test", 2_579, _README),
            (View.GROUND, DISTRACTOR, 342, f"{_README}: 2,921 less those of the queries"),
            (View.GROUND, WEB, 21_099, "Zheng et al., ACM MM 2020"),
            (View.SATELLITE, "train", 701, _README),
            (View.SATELLITE, "test", 951, _README),
        )
    ),
)
