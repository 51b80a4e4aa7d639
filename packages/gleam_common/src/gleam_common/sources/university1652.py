"""University-1652: 1,652 buildings of 72 universities, each with 54 drone pictures, a satellite tile and street photos.

Zheng, Wei and Yang, University-1652: A Multi-view Multi-source Benchmark for Drone-based Geo-localization, ACM MM 2020
(layumi/University1652-Baseline).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gleam_common.catalog import Catalog
from gleam_common.errors import DataError
from gleam_common.reverse import DISTRACTOR
from gleam_common.sources.assemble import Row, assemble
from gleam_common.sources.listing import folder_of, pictures, sub_folders
from gleam_common.sources.source import Count, Source
from gleam_common.views import View

__all__ = ["SOURCE", "WEB", "read"]

WEB = "train_web"
"""Split of the pictures that a search in the web found for the training buildings (``train/google``): noisy."""

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
    queries: dict[tuple[View | str, str, str], Row] = {}
    for folder, view in {**folders, "train/google": View.GROUND}.items():
        for path in pictures(root, folder):
            building, name = _of(path)
            web = folder == "train/google"
            row = _query(path, building, view, tiles)
            row["split"] = WEB if web else "train" if folder[:5] == "train" else _test_split(building, asked)
            queries.setdefault((WEB if web else view, building, name), row)
    shown = [row for rows in tiles.values() for row in rows]
    return assemble("university1652", root, shown, queries.values())


def _buildings(root: Path, name: str) -> Iterable[str]:
    return sub_folders(root / "test" / name)


def _of(path: str) -> tuple[str, str]:
    """Return the building and the name of a picture ``.../0839/image-01.jpeg``."""
    building, name = path.split("/")[-2:]
    return building, name


def _test_split(building: str, asked: set[str]) -> str:
    return "test" if building in asked else DISTRACTOR


def _tiles(root: Path) -> dict[str, list[Row]]:
    """Return the tiles of each building, each once."""
    found: dict[tuple[str, str], Row] = {}
    for folder in _TILES:
        for path in pictures(root, folder):
            building, name = _of(path)
            row = {"path": path, "place_id": building, "split": folder.split("/")[0]}
            found.setdefault((building, name), row)
    tiles: dict[str, list[Row]] = {}
    for (building, _), row in found.items():
        tiles.setdefault(building, []).append(row)
    return tiles


def _query(path: str, building: str, view: View, tiles: dict[str, list[Row]]) -> Row:
    if building not in tiles:
        raise DataError(
            f"University-1652: {path}: building without a satellite tile",
            value=building,
            fix=f"unpack {_TILES[0]} and {_TILES[2]} whole; pictures lie in a folder for each building",
        )
    return {"path": path, "view": view, "place_id": building, "positives": [row["path"] for row in tiles[building]]}


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
