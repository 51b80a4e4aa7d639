"""A catalog looked at closely: every picture opened, places in two splits."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gleam_common.catalog import Catalog, Which
from gleam_common.errors import DataError
from gleam_common.images import open_image
from gleam_common.progress import progress

__all__ = ["audit", "places_in_two_splits"]

_THREADS = 4
_WHICH: tuple[Which, ...] = ("gallery", "queries")


def audit(catalog: Catalog) -> Iterator[str]:
    """Yield a sentence for each picture that is a query of two splits, and for each picture that does not decode.

    Tables are checked by reading a catalog; see :meth:`Catalog.validate`.
    """
    yield from _in_two_splits(catalog, "path", "query")
    paths = [catalog.root / path for which in _WHICH for path in catalog.column("path", which)]
    with ThreadPoolExecutor(_THREADS) as pool:
        results = pool.map(_problem, paths)
        yield from filter(None, progress(results, total=len(paths), desc="opening", unit="picture"))


def places_in_two_splits(catalog: Catalog) -> int:
    """Return how many places have queries in more than one split: none in SynthCity, many in VIGOR's same-area sets."""
    return len(list(_in_two_splits(catalog, "place_id", "place")))


def _in_two_splits(catalog: Catalog, column: str, what: str) -> Iterator[str]:
    splits: dict[str, set[str]] = {}
    for value, split in zip(catalog.column(column), catalog.column("split"), strict=True):
        splits.setdefault(value, set()).add(split)
    yield from (
        f"{what} {value} is in splits {', '.join(sorted(map(str, own)))}"
        for value, own in splits.items()
        if len(own) > 1
    )


def _problem(path: Path) -> str | None:
    try:
        open_image(path)
    except DataError as error:
        return str(error)
    return None
