"""Street maps and satellite tiles of the same places.

GLEAM's own MAP set (12,761 pairs from Google Maps, arXiv 2509.07450) is not released: a manifest stands for it. A
public substitute, CVG-Text (Ye et al., ICCV 2025; three cities, OpenStreetMap), is read from its folders.
"""

from __future__ import annotations

import re
from pathlib import Path

from gleam_common.catalog import Catalog
from gleam_common.errors import DataError
from gleam_common.sources.assemble import Row, assemble
from gleam_common.sources.listing import folder_of, posix, read_json, sub_folders
from gleam_common.sources.manifest import find_manifest, read_manifest
from gleam_common.sources.one_part import one_part
from gleam_common.sources.source import Source
from gleam_common.views import View

__all__ = ["SOURCE", "read"]

_MAPS, _TILES = "-OSM", "-satellite"
_TEXTS = ("CVG-text", "CVG-Text")
_SPLITS = ("train", "test")
_PLACE = re.compile(r"(-?\d{1,2}\.\d+)[,_](-?\d{1,3}\.\d+)[,_].*")


def read(root: Path) -> Catalog:
    """Return the catalog of map and satellite pairs below ``root``: by ``manifest.csv``, or CVG-Text's folders.

    CVG-Text: ``{version}-OSM`` and ``{version}-satellite`` hold pictures of one name, and
    ``CVG-text/{version}/{train,test}.json`` says which names are of which split. Coordinates are read off names
    ``lat,lon_...``.

    Raises:
        DataError: neither is there, or as :func:`~gleam_common.sources.manifest.read_manifest`.
    """
    folder_of(root, "", "street maps and satellite tiles")
    manifest = find_manifest(root)
    if manifest is not None:
        return read_manifest("map", root, manifest, {"view": View.MAP})
    versions = [name.removesuffix(_MAPS) for name in sub_folders(root) if name.endswith(_MAPS)]
    if not versions:
        raise DataError(
            f"{root}: neither pairs of one's own nor CVG-Text",
            allowed="manifest.csv or manifest.jsonl, or folders NAME-OSM, NAME-satellite and CVG-text/NAME",
            fix="write a manifest with the columns query,gallery,split (and lat,lon,area where known)",
        )
    tiles, queries = [], []
    for version in versions:
        for split in _SPLITS:
            with one_part():
                for tile, query in _pairs(root, version, split):
                    tiles.append(tile)
                    queries.append(query)
    return assemble("map", root, tiles, queries)


def _pairs(root: Path, version: str, split: str) -> list[tuple[Row, Row]]:
    folder_of(root, version + _TILES, "tiles of CVG-Text")
    texts = next((name for name in _TEXTS if (root / name).is_dir()), _TEXTS[0])
    path = root / texts / version / f"{split}.json"
    captions = read_json(path)
    if not isinstance(captions, dict):
        raise DataError(f"{path}: no captions by name", value=type(captions).__name__, allowed="{picture: caption}")
    pairs = []
    for name in sorted(map(posix, captions)):
        common: Row = {"place_id": f"{version}/{name}", "split": split, "area": version, **_place(name)}
        tile = {"path": f"{version}{_TILES}/{name}", **common}
        query = {"path": f"{version}{_MAPS}/{name}", "view": View.MAP, "heading_deg": 0.0, **common}
        pairs.append((tile, {**query, "positives": [tile["path"]]}))
    return pairs


def _place(name: str) -> Row:
    found = _PLACE.fullmatch(name)
    return {"lat": float(found[1]), "lon": float(found[2])} if found else {}


SOURCE = Source(
    name="map",
    title="Street maps and satellite tiles",
    layout="manifest.csv with query,gallery,split; or NAME-OSM, NAME-satellite and CVG-text/NAME/{train,test}.json",
    licence="your own; CVG-Text: Apache-2.0, maps by OpenStreetMap (ODbL)",
    citation="your own set; of CVG-Text: Ye et al., Where am I?, ICCV 2025",
    read=read,
)
