"""The functions behind ``gleam-data import``, ``join`` and ``check NAME ROOT``: public sets on disk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

from gleam_common.commands import run_function
from gleam_common.errors import DataError

__all__ = ["check_set", "import_command", "import_set", "join", "join_command"]

_SHOWN = 20


def import_set(name: str, root: Path, out: Path) -> None:
    """Import a public set: its folder on disk -> a catalog of all its splits. Pictures stay where they are.

    Short: `gleam-data import NAME ROOT --out CATALOG`.

    Args:
        name: cvact, cvusa, denseuav, folder (pictures of your own), geotext1652, gta_uav, map, setvl480k, sues200,
            university1652 or vigor.
        root: the set's folder, as it was unpacked.
        out: folder that gallery.parquet and queries.parquet are written to.
    """
    from gleam_common.sources.registry import source_named

    source = source_named(name)
    catalog = source.read(root)
    catalog.write(out)
    counts = catalog.statistics()
    splits = ", ".join(f"{split or '(none)'} {number:,}" for split, number in counts["splits"].items())
    print(f"{source.title}: {counts['gallery']:,} tiles, {counts['queries']:,} queries ({splits})")
    print(f"licence: {source.licence}")
    print(f"cite: {source.citation}")
    print(f"catalog: {out}" + ("" if out.resolve() == root.resolve() else f"  (its pictures: --root {root})"))


def check_set(name: str, root: Path) -> None:
    """Check a public set on disk: its lists, the published counts, and that each picture is there and is one.

    Args:
        name: as in `gleam-data import`.
        root: the set's folder, as it was unpacked.
    """
    from gleam_common.catalog_audit import places_in_two_splits
    from gleam_common.sources.registry import source_named
    from gleam_common.sources.source_check import problems_of

    source = source_named(name)
    catalog, problems = problems_of(source, root)
    shown = problems if catalog else problems[:-1]
    for problem in shown[:_SHOWN]:
        print(problem)
    if len(shown) > _SHOWN:
        print(f"... and {len(shown) - _SHOWN:,} more")
    shared = places_in_two_splits(catalog) if catalog else 0
    if shared:
        print(f"note: {shared:,} places have queries in more than one split")
    if catalog is None:
        raise DataError(f"{source.title}: {problems[-1]}", fix=f"it should hold: {source.layout}")
    if problems:
        fix = f"download or unpack again what is missing; it should hold: {source.layout}"
        raise DataError(f"{source.title} at {root}: problems found", value=len(problems), fix=fix)
    print(f"{source.title}: {len(catalog.gallery):,} tiles and {len(catalog.queries):,} queries are in order")


def join(catalogs: Sequence[str], out: Path) -> None:
    """Join catalogs: `gleam-data join CATALOG=ROOT CATALOG=ROOT ... --out JOINT`, to train on several sets.

    Args:
        catalogs: folders of catalogs, each with = and the folder of its pictures where that is another one.
        out: folder that gallery.parquet and queries.parquet are written to.
    """
    from gleam_common.catalog import Catalog
    from gleam_common.catalog_join import join_catalogs

    parts = [one.partition("=") for one in catalogs]
    joint = join_catalogs([Catalog.read(folder, root or None) for folder, _, root in parts])
    joint.write(out)
    print(f"{len(joint.gallery):,} tiles, {len(joint.queries):,} queries of {', '.join(map(str, joint.views))}")
    print(f"catalog: {out}  (its pictures: --root {joint.root})")


def join_command(arguments: Sequence[str]) -> None:
    """``gleam-data join CATALOG=ROOT CATALOG=ROOT ... --out JOINT``."""
    parts = list(takewhile(lambda word: not word.startswith("-"), arguments))
    named = ["--catalogs", json.dumps(parts)] if parts else []
    run_function(join, "gleam-data join", [*named, *arguments[len(parts) :]])


def import_command(arguments: Sequence[str]) -> None:
    """``gleam-data import NAME ROOT --out CATALOG``."""
    run_function(import_set, "gleam-data import", arguments, first=("name", "root"))
