"""Any pictures of one's own: folders named by their views and matched by name, or a manifest."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from gleam_common.catalog import Catalog
from gleam_common.errors import DataError
from gleam_common.sources.assemble import Row, assemble
from gleam_common.sources.listing import folder_of, pictures, sub_folders
from gleam_common.sources.manifest import find_manifest, read_manifest
from gleam_common.sources.one_part import one_part
from gleam_common.sources.source import Source
from gleam_common.views import QUERY_VIEWS, View

__all__ = ["SOURCE", "read"]

_SPLITS = ("train", "val", "test")
_ALLOWED = f"satellite beside {', '.join(map(str, QUERY_VIEWS))}; or such folders in each of {', '.join(_SPLITS)}"
_SHOWN = 3


def read(root: Path) -> Catalog:
    """Return the catalog of the pictures below ``root``: by ``manifest.csv`` or ``.jsonl``, or by their folders.

    ``satellite`` holds the tiles, and one or more of ``uav``, ``map``, ``panorama`` and ``ground`` the pictures to be
    found. A picture's place is its sub-folder, or its name without its end where it lies in none; a picture's tiles are
    those of its place (``uav/7.jpg`` and ``satellite/7.png``, ``uav/old town/a.jpg`` and ``satellite/old town.tif``).
    Such folders in ``train``, ``val`` and ``test`` make these splits; otherwise all is of split test.

    Raises:
        DataError: neither is there, or pictures of places without a tile.
    """
    folder_of(root, "", "pictures of your own")
    manifest = find_manifest(root)
    if manifest is not None:
        return read_manifest("folder", root, manifest, {"split": "test"})
    splits = [name for name in sub_folders(root) if name in _SPLITS]
    tiles, queries = [], []
    for split, name in [(split, f"{split}/") for split in splits] or [("test", "")]:
        with one_part():
            found, asking = _rows(root, name, split)
            tiles += found
            queries += asking
    return assemble("folder", root, tiles, queries)


def _rows(root: Path, above: str, split: str) -> tuple[list[Row], list[Row]]:
    there = sub_folders(root / above)
    views = [view for view in QUERY_VIEWS if view in there]
    if View.SATELLITE not in there or not views:
        fix = "name the folders by their views, or write a manifest with the columns query,gallery,view"
        found = ", ".join(there[:9]) or "no folders"
        raise DataError(f"{root / above}: no folders of tiles and pictures", value=found, allowed=_ALLOWED, fix=fix)
    tiles: dict[str, list[Row]] = defaultdict(list)
    for path in pictures(root, f"{above}{View.SATELLITE}"):
        place = _place(path, above)
        # One place may be in several splits, seen by other pictures and other tiles.
        tiles[place].append({"path": path, "place_id": place, "split": split})
    queries: list[Row] = [
        {"path": path, "view": view, "place_id": _place(path, above), "split": split}
        for view in views
        for path in pictures(root, f"{above}{view}")
    ]
    _check_matched(root / above, tiles, queries)
    for row in queries:
        row["positives"] = [tile["path"] for tile in tiles[row["place_id"]]]
    return [row for rows in tiles.values() for row in rows], queries


def _place(path: str, above: str) -> str:
    """Return the first folder below that of the view, or the name without its end."""
    parts = path.removeprefix(above).split("/")[1:]
    return parts[0] if len(parts) > 1 else parts[0].rpartition(".")[0]


def _check_matched(folder: Path, tiles: dict[str, list[Row]], queries: list[Row]) -> None:
    alone = [row["path"] for row in queries if row["place_id"] not in tiles]
    if alone:
        raise DataError(
            f"{folder}: {len(alone)} of {len(queries)} pictures have no tile of their name or sub-folder",
            value=", ".join(alone[:_SHOWN]),
            allowed=f"places of satellite, such as {', '.join(list(tiles)[:_SHOWN]) or 'none'}",
            fix="name tile and pictures of a place alike, or write a manifest with the columns query,gallery,view",
        )


SOURCE = Source(
    name="folder",
    title="Pictures of one's own",
    layout="satellite and uav, map, panorama or ground with equal names or sub-folders; or manifest.csv",
    licence="your own",
    citation="your own",
    read=read,
)
