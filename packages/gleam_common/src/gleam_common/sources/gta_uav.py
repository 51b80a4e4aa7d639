"""GTA-UAV: 33,763 drone pictures of a game's island and 14,640 satellite tiles of four zooms, which overlap freely.

Ji et al., Game4Loc, AAAI 2025 (Yux1angJi/GTA-UAV).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gleam_common.catalog import Catalog
from gleam_common.errors import DataError
from gleam_common.sources.assemble import Row, assemble
from gleam_common.sources.listing import folder_of, pictures, posix, read_json
from gleam_common.sources.one_part import one_part
from gleam_common.sources.source import Count, Source
from gleam_common.views import View

__all__ = ["SOURCE", "read"]

_TILES = "satellite"
_AREAS, _SPLITS = ("cross", "same"), ("train", "test")
_MAP_PX, _M_PER_PX = 24576, 0.45
_NAME = re.compile(r"(\d{1,2})_(?:(\d{1,3})_)?(\d{1,9})_(\d{1,9})")  # zoom, offset (not in older copies), column, row
_POSITIVES, _OVERLAPPING = "pair_pos_sate_img_list", "pair_pos_semipos_sate_img_list"


def read(root: Path) -> Catalog:
    """Return the catalog of GTA-UAV below ``root``: columns ``split_gta_uav_cross`` and ``split_gta_uav_same``.

    ``split`` is that of the cross-area lists, or of the same-area lists where a copy has only those. Every file in
    ``satellite`` is a tile. Positives overlap by an IoU of more than 0.39, semi-positives by more than 0.14
    (``scripts/prepare_dataset/gta.py``); pictures without a positive are left out, as there. ``x_m`` and ``y_m`` are
    metres east and north of the map's north-west corner, so ``y_m`` is the lists' second number with its sign turned.

    Raises:
        DataError: no such folder or list, an entry that is none, or lists that contradict each other.
    """
    folder_of(root, _TILES, "tiles of GTA-UAV")
    tiles = [_tile(path) for path in pictures(root, _TILES)]
    queries: dict[str, Row] = {}
    lists = [(area, split, root / f"{area}-area-drone2sate-{split}.json") for area in _AREAS for split in _SPLITS]
    known = [(area, split, path) for area, split, path in lists if path.is_file()]
    if not known:
        names = ", ".join(path.name for *_, path in lists)
        raise DataError(f"{root} is no GTA-UAV: it has none of the lists", allowed=names, fix="put them there")
    for area, split, path in known:
        for number, entry in enumerate(_entries(path)):
            with one_part():
                _take(f"{path}, entry {number}", entry, f"split_gta_uav_{area}", split, queries)
    present = {(area, split) for area, split, _ in known}
    for area, split, path in lists:
        if (area, split) not in present and any(other == area for other, _ in present):
            with one_part():
                raise DataError("a list of GTA-UAV is missing beside its partner", value=str(path), fix="put it there")
    main = f"split_gta_uav_{known[0][0]}"
    return assemble("gta_uav", root, tiles, [{**row, "split": row.get(main)} for row in queries.values()])


def _entries(path: Path) -> Iterable[Any]:
    entries = read_json(path)
    if not isinstance(entries, list):
        raise DataError(f"{path}: no list of pictures", value=type(entries).__name__, allowed="[{...}, ...]")
    return entries


def _take(where: str, entry: Any, column: str, split: str, queries: dict[str, Row]) -> None:
    try:
        row = _query(entry)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        allowed = f"drone_img_dir, drone_img_name, drone_loc_x_y, sate_img_dir, {_POSITIVES}, {_OVERLAPPING}"
        raise DataError(f"{where}: no picture of GTA-UAV ({error!r})", allowed=allowed) from None
    if not row["positives"]:
        return
    known = queries.setdefault(row["path"], row)
    if any(known[key] != value for key, value in row.items()):
        fix = "import same-area and cross-area lists from folders of their own"
        raise DataError(f"{where}: described otherwise in another list", value=row["path"], fix=fix)
    if known.setdefault(column, split) != split:
        raise DataError(f"{where}: the picture is in train and test", value=row["path"], fix="download the lists again")


def _query(entry: Any) -> Row:
    folder = posix(entry["sate_img_dir"]).rstrip("/")
    positives, overlapping = ([f"{folder}/{name}" for name in entry[key]] for key in (_POSITIVES, _OVERLAPPING))
    x_m, y_m = map(float, entry["drone_loc_x_y"])
    if not math.isfinite(x_m + y_m):
        raise ValueError("drone_loc_x_y is not finite")
    height_m = entry.get("drone_metadata", {}).get("height")
    return {
        "path": f"{posix(entry['drone_img_dir']).rstrip('/')}/{entry['drone_img_name']}",
        "view": View.UAV,
        "place_id": Path(positives[0]).stem if positives else "",
        "positives": positives,
        "semi_positives": [path for path in overlapping if path not in positives],
        "x_m": x_m,
        "y_m": -y_m,
        "height_m": None if height_m is None else float(height_m),
    }


def _tile(path: str) -> Row:
    """Return a tile; its name says where its centre is: 24576 / 2**zoom * (column + 1/2 + offset / 256) * 0.45 m."""
    name = _NAME.fullmatch(Path(path).stem)
    if not name:
        raise DataError("GTA-UAV: no name of a tile", value=path, allowed="zoom_offset_column_row.png")
    zoom, offset, column, row = (int(part or 0) for part in name.groups())
    x_m, y_m = (_MAP_PX / 2**zoom * (index + 0.5 + offset / 256) * _M_PER_PX for index in (column, row))
    return {"path": path, "place_id": Path(path).stem, "x_m": x_m, "y_m": -y_m}


SOURCE = Source(
    name="gta_uav",
    title="GTA-UAV",
    layout="drone/images, satellite, {cross,same}-area-drone2sate-{train,test}.json",
    licence="Apache-2.0, as its repository",
    citation="Ji et al., Game4Loc: A UAV Geo-Localization Benchmark from Game Data, AAAI 2025",
    read=read,
    published=(Count(view=View.SATELLITE, number=14_640, said="README of Yux1angJi/GTA-UAV"),),
)
