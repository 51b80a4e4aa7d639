"""SetVL-480K: street photos of six cities, about 40 of each satellite tile, searched one by one and as sets.

Wu et al., Set-CVGL with FlexGeo, ISPRS Journal 233, 2026 (Mabel0403/Set-CVGL). The set is published as ids of photos
and coordinates of tiles; everybody downloads the pictures, under names of one's own. So a manifest says what is where.
"""

from __future__ import annotations

from pathlib import Path

from gleam_common.catalog import Catalog
from gleam_common.errors import DataError
from gleam_common.sources.listing import folder_of
from gleam_common.sources.manifest import find_manifest, read_manifest
from gleam_common.sources.one_part import one_part
from gleam_common.sources.source import Source
from gleam_common.views import View

__all__ = ["SOURCE", "read"]


def read(root: Path) -> Catalog:
    """Return the catalog of ``root/manifest.csv`` (or ``.jsonl``); photos with one ``set_id`` are a set of one tile.

    Raises:
        DataError: no manifest, or as :func:`~gleam_common.sources.manifest.read_manifest`; a set with several tiles or
            splits, or no sets at all.
    """
    folder_of(root, "", "SetVL-480K")
    manifest = find_manifest(root)
    if manifest is None:
        raise DataError(
            f"{root} is no SetVL-480K: missing file",
            value="manifest.csv",
            fix="write one: query,gallery,split,set_id[,lat,lon,gallery_lat,gallery_lon,heading_deg,area]",
        )
    catalog = read_manifest("setvl480k", root, manifest, {"view": View.GROUND})
    _check_sets(catalog, manifest)
    return catalog


def _check_sets(catalog: Catalog, manifest: Path) -> None:
    rows = catalog.queries.select(["query_id", "set_id", "positives", "split"]).to_pylist()
    first: dict[str, tuple[str, object]] = {}
    for row in rows:
        if row["set_id"] is not None:
            what = (row["positives"], row["split"])
            known = first.setdefault(row["set_id"], (row["query_id"], what))
            if known[1] != what:
                with one_part():
                    raise DataError(
                        f"{manifest}: set {row['set_id']!r} has photos of different tiles or splits",
                        value=(known[0], row["query_id"]),
                        fix="give each tile's photos set_ids of their own",
                    )
    if not first:
        raise DataError(f"{manifest}: no photo is in a set", fix="add the column set_id: photos searched together")


SOURCE = Source(
    name="setvl480k",
    title="SetVL-480K",
    layout="manifest.csv with query,gallery,split,set_id, and the pictures that it names",
    licence="in its repository; pictures by Google and Esri",
    citation="Wu et al., Set-CVGL with FlexGeo, ISPRS Journal of Photogrammetry and Remote Sensing 233, 2026",
    read=read,
)
