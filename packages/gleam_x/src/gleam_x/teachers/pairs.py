"""Which pairs teachers are asked about: of a catalog's queries and tiles, or of a list."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from gleam_common.catalog import Catalog
from gleam_common.errors import ConfigError, DataError
from gleam_common.images import check_picture
from gleam_common.pairs import make_pairs
from gleam_common.views import View

from gleam_x.benchmark.schema import NEGATIVE_KINDS

__all__ = ["Pair", "by_chance", "check_pictures", "draw_pairs", "read_pairs", "sample"]

_SPLITS = {"train": "train", "val": "validation", "validation": "validation", "test": "test"}
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A query and a tile. ``area`` is the query's; the other columns are those of a benchmark record."""

    query_id: str
    gallery_id: str
    place_id: str
    split: str
    view: View
    area: str
    same_place: bool
    negative_kind: str
    query_path: Path
    tile_path: Path

    @property
    def pair_id(self) -> str:
        """Query and tile in one word."""
        return f"{self.query_id}~{self.gallery_id}"


def by_chance(seed: int, name: str) -> str:
    """Return what to sort by for an order that looks random, but stays the same when others are added or taken out."""
    return hashlib.sha256(f"{seed}|{name}".encode()).hexdigest()


def sample(pairs: Sequence[Pair], share: float, seed: int) -> list[Pair]:
    """Return ``share`` of the pairs, at least one unless the share is 0; a larger share holds the smaller one."""
    chosen = sorted(pairs, key=lambda pair: by_chance(seed, pair.pair_id))
    return chosen[: max(1, round(share * len(pairs))) if share else 0]


def draw_pairs(catalog: Catalog, seed: int, limit: int | None = None) -> list[Pair]:
    """Return a positive and a random negative pair for each query, the queries in an order by chance.

    A negative tile is of the same city (or area) where it has others, and neither a positive nor a semi-positive nor
    one that overlaps the positive.

    Args:
        catalog: whose queries.
        seed: of the order and of the tiles.
        limit: pairs in all; half of them are positive.
    """
    pairs = make_pairs(catalog)
    rows = sorted(range(len(catalog.queries)), key=lambda row: by_chance(seed, catalog.query_ids[row]))
    homes = _homes(catalog)
    drawn: list[Pair] = []
    for row in rows if limit is None else rows[: (limit + 1) // 2]:
        rng = np.random.default_rng(int(by_chance(seed, catalog.query_ids[row])[:16], 16))
        drawn.append(_pair(catalog, row, int(rng.choice(pairs.tiles[row])), ""))
        here = np.flatnonzero(homes["gallery"] == homes["queries"][row])
        others = np.setdiff1d(here, pairs.related[row])
        if len(others):
            drawn.append(_pair(catalog, row, int(rng.choice(others)), "random"))
    return drawn[:limit]


def _homes(catalog: Catalog) -> dict[str, Any]:
    """Return the city of every row, or its area where the catalog does not know cities."""
    tables = {"gallery": catalog.gallery, "queries": catalog.queries}
    name = "city" if all("city" in table.column_names for table in tables.values()) else "area"
    return {"gallery": catalog.column(name, "gallery"), "queries": catalog.column(name, "queries")}


def read_pairs(catalog: Catalog, path: Path) -> list[Pair]:
    """Return the pairs of a JSONL file: query_id, gallery_id, same_place, and negative_kind where it is not "random".

    Raises:
        DataError: the file is missing or empty; a line is no such object, names an unknown id, or repeats a pair.
    """
    if not path.is_file():
        raise DataError("no such list of pairs", value=str(path), fix="check --pairs, or leave it out to draw pairs")
    try:
        lines = path.read_text("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text ({error})") from None
    query_rows = {query_id: row for row, query_id in enumerate(catalog.query_ids)}
    pairs: dict[str, Pair] = {}
    for number, line in enumerate(lines, start=1):
        pair = _read_pair(catalog, query_rows, line, f"{path}: line {number}")
        if pair.pair_id in pairs:
            raise DataError(f"{path}: line {number} repeats a pair", value=pair.pair_id, fix="take one of them out")
        pairs[pair.pair_id] = pair
    if not pairs:
        raise DataError(f"{path}: no pairs in it")
    return list(pairs.values())


def _read_pair(catalog: Catalog, query_rows: dict[str, int], line: str, where: str) -> Pair:
    keys = "query_id, gallery_id (text), same_place (true or false), and for a negative maybe negative_kind"
    try:
        row = json.loads(line)
        query_id, gallery_id, same_place = row["query_id"], row["gallery_id"], row["same_place"]
        kind = row.get("negative_kind", "" if same_place else "random")
    except (ValueError, KeyError, TypeError, RecursionError):
        raise DataError(f"{where} is no pair", value=line[:200], allowed=keys) from None
    if not isinstance(same_place, bool) or not isinstance(query_id, str) or not isinstance(gallery_id, str):
        raise DataError(f"{where} is no pair", value=line[:200], allowed=keys)
    if kind not in (("",) if same_place else NEGATIVE_KINDS):
        allowed = "none, since it is the same place" if same_place else NEGATIVE_KINDS
        raise DataError(f"{where}: negative_kind", value=kind, allowed=allowed)
    for name, value, known in (("query", query_id, query_rows), ("tile", gallery_id, catalog.gallery_index)):
        if value not in known:
            raise DataError(f"{where}: no such {name} in the catalog", value=value, fix="check --catalog and --pairs")
    return _pair(catalog, query_rows[query_id], catalog.gallery_index[gallery_id], kind)


def _pair(catalog: Catalog, row: int, tile: int, negative_kind: str) -> Pair:
    query = catalog.queries.slice(row, 1).to_pylist()[0]
    if query["split"] not in _SPLITS:
        raise DataError(
            f"query {query['query_id']} is in no split of the benchmark", value=query["split"], allowed=list(_SPLITS)
        )
    return Pair(
        query_id=query["query_id"],
        gallery_id=catalog.gallery_ids[tile],
        place_id=query["place_id"],
        split=_SPLITS[query["split"]],
        view=View(query["view"]),
        area=query["area"] or "",
        same_place=not negative_kind,
        negative_kind=negative_kind,
        query_path=catalog.picture_path("queries", row),
        tile_path=catalog.picture_path("gallery", tile),
    )


def check_pictures(pairs: Iterable[Pair]) -> None:
    """Open the header of every picture, before money is spent.

    Raises:
        DataError: the first picture that is missing, too large or no picture.
        ConfigError: there are no pairs.
    """
    paths = sorted({path for pair in pairs for path in (pair.query_path, pair.tile_path)})
    if not paths:
        raise ConfigError("no pairs to ask about", fix="raise --limit, or choose another split")
    for path in paths:
        check_picture(path)
