"""GeoText-1652: the buildings of University-1652 in one folder each, as they were given captions.

Chu et al., Towards Natural Language-Guided Drones, ECCV 2024 (MultimodalGeo/GeoText-1652). The captions are not read.
"""

from __future__ import annotations

from pathlib import Path

from gleam_common.catalog import Catalog
from gleam_common.errors import DataError
from gleam_common.reverse import DISTRACTOR
from gleam_common.sources.assemble import Row, assemble
from gleam_common.sources.listing import folder_of, pictures_by_folder, sub_folders
from gleam_common.sources.one_part import one_part
from gleam_common.sources.source import Count, Source
from gleam_common.views import View

__all__ = ["SOURCE", "read"]

_README = "README of MultimodalGeo/GeoText-1652"
_QUERY, _DISTRACTORS = "query", "gallery_no_train"


def read(root: Path) -> Catalog:
    """Return the catalog of GeoText-1652 below ``root`` (or ``root/images``, as it is unpacked).

    Splits: ``train``; ``test`` for ``test/query(701)``; pictures of ``test/gallery_no_train(250)`` are of split
    ``distractor``, their tiles of split ``test``, as University-1652 is searched. A picture called ``image-..`` or
    ``drone..`` is from a drone, one called like its building or ``satellite..`` is a tile, others are from the ground.

    Raises:
        DataError: no such folders, or a building without a tile.
    """
    base = "images" if (root / "images").is_dir() else ""
    tiles, queries = [], []
    for split, folder in _folders(root, base).items():
        for building, paths in pictures_by_folder(root, folder).items():
            with one_part():
                found, asking = _rows(building, paths, split)
                if not found:
                    raise DataError(
                        f"{root / folder / building}: building without a satellite picture",
                        allowed=f"{building}.jpg or satellite_view.jpg",
                        fix="unpack the images again",
                    )
                tiles += found
                queries += asking
    return assemble("geotext1652", root, tiles, queries)


def _folders(root: Path, base: str) -> dict[str, str]:
    """Return the folder of each split."""
    train, test = f"{base}/train".lstrip("/"), f"{base}/test".lstrip("/")
    folder_of(root, train, "buildings to train on")
    folders = {"train": train}
    there = sub_folders(folder_of(root, test, "buildings to test on"))
    for split, start in (("test", _QUERY), (DISTRACTOR, _DISTRACTORS)):
        name = next((name for name in there if name.startswith(start)), None)
        if name is None:
            allowed = "query(701) and gallery_no_train(250)"
            raise DataError(f"{root / test}: no folder {start}...", value=", ".join(there), allowed=allowed)
        folders[split] = f"{test}/{name}"
    return folders


def _rows(building: str, paths: list[str], split: str) -> tuple[list[Row], list[Row]]:
    """Return the tiles and queries of a building; all its tiles are positives of all its queries."""
    views = {path: _view(building, Path(path).stem.lower()) for path in paths}
    positives = [path for path, view in views.items() if view is View.SATELLITE]
    tile_split = "test" if split == DISTRACTOR else split
    tiles: list[Row] = [{"path": path, "place_id": building, "split": tile_split} for path in positives]
    asking = [(path, view) for path, view in views.items() if view is not View.SATELLITE]
    common: Row = {"place_id": building, "split": split, "positives": positives}
    return tiles, [{"path": path, "view": view, **common} for path, view in asking]


def _view(building: str, stem: str) -> View:
    if stem.startswith(("image-", "drone")):
        return View.UAV
    return View.SATELLITE if stem == building.lower() or stem.startswith("satellite") else View.GROUND


SOURCE = Source(
    name="geotext1652",
    title="GeoText-1652",
    layout="train, test/query(701), test/gallery_no_train(250), or all of it in images",
    licence="none stated",
    citation="Chu et al., Towards Natural Language-Guided Drones, ECCV 2024",
    read=read,
    published=tuple(
        Count(view=view, split=split, number=number, said=said)
        for view, split, number, said in (
            (View.UAV, "train", 37_854, _README),
            (View.UAV, "test", 37_855, "University-1652, query_drone"),
            (View.UAV, DISTRACTOR, 13_500, f"{_README}: 51,355 less those of the queries"),
            (View.GROUND, "train", 11_663, _README),
            (View.GROUND, "test", 2_579, "University-1652, query_street"),
            (View.GROUND, DISTRACTOR, 342, f"{_README}: 2,921 less those of the queries"),
            (View.SATELLITE, "train", 701, _README),
            (View.SATELLITE, "test", 951, _README),
        )
    ),
)
