"""A set on disk looked at closely: lists, counts, and whether each picture is there and is one."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gleam_common.catalog import Catalog, Which
from gleam_common.errors import DataError
from gleam_common.images import check_picture
from gleam_common.progress import progress
from gleam_common.sources.one_part import all_told
from gleam_common.sources.source import Source

__all__ = ["count_problems", "picture_problems", "problems_of"]

_THREADS = 4
_WHICH: tuple[Which, ...] = ("gallery", "queries")


def problems_of(source: Source, root: Path) -> tuple[Catalog | None, list[str]]:
    """Return the catalog of a set, without what is broken, and a sentence for all that is wrong with it.

    There is no catalog when the set cannot be read at all.
    """
    with all_told() as problems:
        try:
            catalog = source.read(root)
        except DataError as error:
            return None, [*problems, str(error)]
    return catalog, [*problems, *count_problems(source, catalog), *picture_problems(catalog)]


def count_problems(source: Source, catalog: Catalog) -> Iterator[str]:
    """Yield a sentence for each count that is not the published one."""
    for count in source.published:
        found = count.found(catalog)
        if found != count.number:
            yield count.said_of(found)


def picture_problems(catalog: Catalog) -> Iterator[str]:
    """Yield a sentence for each picture that is missing or whose header cannot be read."""
    paths = [catalog.root / path for which in _WHICH for path in catalog.column("path", which)]
    with ThreadPoolExecutor(_THREADS) as pool:
        results = pool.map(_problem, paths)
        yield from filter(None, progress(results, total=len(paths), desc="headers", unit="picture", delay=2))


def _problem(path: Path) -> str | None:
    try:
        check_picture(path)
    except DataError as error:
        return str(error)
    return None
