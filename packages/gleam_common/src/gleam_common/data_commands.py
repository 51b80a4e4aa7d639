"""The functions behind ``gleam-data``: their signatures are the options, their docstrings the help.

What renders and reads is imported where it is used, so that ``--help`` does not wait for it; not under TYPE_CHECKING
either, where jsonargparse would look for types.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from gleam_common.commands import run_function
from gleam_common.errors import ConfigError, DataError

__all__ = ["check", "check_command", "pack", "pack_command", "stats", "stats_command", "synth", "synth_command"]


def synth(
    out: Path | None = None,
    seed: int = 1,
    places: int = 1225,
    cities: Sequence[str] = ("grid", "radial", "organic", "mixed"),
    shots: int = 1,
    workers: int | None = None,
    layout: Literal["catalog", "vigor", "university"] = "catalog",
    geotiff: bool = False,
    preview: Path | None = None,
    preview_places: int = 8,
    overwrite: bool = False,
) -> None:
    """Make a SynthCity world: cities from a seed, seen by satellite, UAV, map, panorama and ground camera.

    A killed run goes on when started again; a finished world is kept. The same seed gives the same bytes, whatever the
    number of workers.

    Args:
        out: the world's folder: a catalog with images/, facts.parquet and cities.json. Without it, only a preview.
        seed: 0 or more.
        places: satellite tiles of all cities together, 18 or more. 225 of 1225 (at least 9) are a city that is held out
            whole (split test); of the other cities a tenth is held out (split val).
        cities: styles of the other cities: grid, radial, organic, mixed. Small worlds take only the first few.
        shots: pictures of each query view for each place, 1 to 99.
        workers: processes; all cores if not given.
        layout: also write the world as VIGOR (OUT/VIGOR) or University-1652 (OUT/University-1652) lies on disk.
        geotiff: also write the held-out city as one map, OUT/city.tif, to build a gallery from.
        preview: write a contact sheet to this PNG: places below each other, views side by side.
        preview_places: places on the contact sheet.
        overwrite: empty OUT first if it holds a world made with other options.
    """
    from gleam_common.catalog import Catalog
    from gleam_common.synthcity.build import build_world
    from gleam_common.synthcity.geotiff import write_city_map
    from gleam_common.synthcity.preview import live_rows, sheet_rows, write_sheet
    from gleam_common.synthcity.world import WorldConfig
    from gleam_common.synthcity.writers import LAYOUTS

    config = WorldConfig(seed=seed, places=places, cities=tuple(cities), shots=shots)
    if preview_places < 1:
        raise ConfigError("places on the contact sheet", value=preview_places, allowed="1 or more")
    if out is None and preview is None:
        raise ConfigError("nothing to make", fix="give --out DIR for a world, --preview SHEET.png for a look, or both")
    if geotiff and out is None:
        raise ConfigError("--geotiff without a world", fix="give --out DIR")
    catalog = None if out is None else Catalog.read(build_world(config, out, workers, overwrite))
    if catalog is not None:
        print(f"world: {out}  ({len(catalog.gallery)} tiles, {len(catalog.queries)} queries)")
    if catalog is not None and layout != "catalog":
        folder, write = LAYOUTS[layout]
        print(f"{layout}: {write(catalog.root, catalog.root / folder)}")
    if catalog is not None and geotiff:
        print(f"map of the held-out city: {write_city_map(config, catalog.root)}")
    if preview is not None:
        rows = live_rows(config, preview_places) if catalog is None else sheet_rows(catalog, preview_places)
        write_sheet(preview, f"SynthCity   seed {seed}", rows)
        print(f"contact sheet: {preview}")


def check(folder: Path, root: Path | None = None) -> None:
    """Check a catalog: its tables hold together, every picture opens, no picture is in two splits.

    `gleam-data check NAME ROOT` checks a public set before it is imported: its lists, counts and pictures.

    Args:
        folder: holds gallery.parquet and queries.parquet.
        root: what picture paths are relative to; the folder itself if not given.
    """
    from gleam_common.catalog import Catalog
    from gleam_common.catalog_audit import audit, places_in_two_splits

    catalog = Catalog.read(folder, root)
    problems = list(audit(catalog))
    for problem in problems[:20]:
        print(problem)
    if problems:
        raise DataError(
            f"{folder}: problems found", value=len(problems), fix="repair or remove these rows and pictures"
        )
    shared = places_in_two_splits(catalog)
    if shared:
        print(f"note: {shared} places have queries in more than one split")
    print(f"{folder}: {len(catalog.gallery)} tiles and {len(catalog.queries)} queries are in order")


def stats(folder: Path, root: Path | None = None, as_json: bool = False) -> None:
    """Count a catalog: pictures by view, split, protocol and area, places, ground covered, sizes, missing files.

    Args:
        folder: holds gallery.parquet and queries.parquet.
        root: what picture paths are relative to; the folder itself if not given.
        as_json: print JSON instead of tables.
    """
    from gleam_common.catalog import Catalog
    from gleam_common.catalog_statistics import described, statistics_text

    catalog = Catalog.read(folder, root)
    print(json.dumps(described(catalog), indent=2, ensure_ascii=False) if as_json else statistics_text(catalog))


def pack(
    catalog: Path,
    out: Path,
    root: Path | None = None,
    side: int = 0,
    long_side: int = 0,
    format: Literal["webp", "jpeg", "store"] = "jpeg",
    quality: int = 92,
    workers: int | None = None,
    overwrite: bool = False,
) -> None:
    """Pack a catalog: each picture is decoded, resized and written once, at the size that training wants.

    Ids and columns stay. A killed run goes on when started again. Pictures that cannot be read are left out, counted
    and listed in OUT/skipped.jsonl, and so are tiles and queries that need them.

    Args:
        catalog: folder of gallery.parquet and queries.parquet.
        out: the packed catalog's folder, with its pictures.
        root: what picture paths are relative to; the catalog's folder if not given.
        side: the shorter side becomes at most so many pixels. Training crops from pictures 1.15 times its size: 442 for
            encoders that see 384. 0 leaves the size.
        long_side: the same for the longer side; give one of both.
        format: jpeg, webp (smaller, four times as long to decode) or store (every pixel, uncompressed, the quickest).
        quality: of webp and jpeg, 1 to 100.
        workers: threads; all cores if not given.
        overwrite: empty OUT first if it was packed with other options.
    """
    from gleam_common.catalog import Catalog
    from gleam_common.pack import SKIPPED_FILE, PackConfig, pack_catalog

    config = PackConfig(side=side, long_side=long_side, format=format, quality=quality)
    report = pack_catalog(Catalog.read(catalog, root), out, config, workers, overwrite)
    saved = report.bytes_before - report.bytes_after
    print(
        f"{report.pictures:,} pictures, {report.bytes_before / 1e6:,.1f} MB -> {report.bytes_after / 1e6:,.1f} MB "
        f"({abs(saved) / 1e6:,.1f} MB {'saved' if saved >= 0 else 'more'})"
    )
    if report.skipped:
        rows = report.rows_left_out
        print(
            f"left out: {len(report.skipped):,} pictures that cannot be read ({out / SKIPPED_FILE}), with them "
            f"{rows['gallery']:,} tiles and {rows['queries']:,} queries; first: {report.skipped[0]['path']}"
        )
    print(f"catalog: {out}")


def synth_command(arguments: Sequence[str]) -> None:
    """``gleam-data synth [--out DIR] [--seed 1] ...``."""
    run_function(synth, "gleam-data synth", arguments)


def check_command(arguments: Sequence[str]) -> None:
    """``gleam-data check DIR [--root DIR]``, or ``gleam-data check NAME ROOT`` for a public set."""
    from gleam_common.source_commands import check_set

    if len(arguments) > 1 and not any(word.startswith("-") for word in arguments[:2]):
        run_function(check_set, "gleam-data check", arguments, first=("name", "root"))
    else:
        run_function(check, "gleam-data check", arguments, first="folder")


def stats_command(arguments: Sequence[str]) -> None:
    """``gleam-data stats DIR [--root DIR] [--as-json]``."""
    run_function(stats, "gleam-data stats", arguments, first="folder")


def pack_command(arguments: Sequence[str]) -> None:
    """``gleam-data pack CATALOG --out DIR [--side PX] ...``."""
    run_function(pack, "gleam-data pack", arguments, first="catalog")
