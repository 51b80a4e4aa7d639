"""What a public set is: where its pictures lie, how it becomes a catalog, and how many there should be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gleam_common.catalog import Catalog, Which
from gleam_common.views import View

__all__ = ["Count", "Source"]


@dataclass(frozen=True, kw_only=True)
class Count:
    """How many pictures were published.

    Args:
        view: of the pictures; ``satellite`` counts tiles.
        split: of the pictures; empty counts all splits.
        number: of pictures.
        said: where.
    """

    view: View
    split: str = ""
    number: int
    said: str

    def found(self, catalog: Catalog) -> int:
        """Return how many such pictures a catalog has."""
        which: Which = "gallery" if self.view is View.SATELLITE else "queries"
        keep = catalog.column("view", which) == str(self.view)
        return int((keep & (catalog.column("split", which) == self.split)).sum() if self.split else keep.sum())


@dataclass(frozen=True, kw_only=True)
class Source:
    """A public set.

    Args:
        name: on the command line, and in front of every id.
        title: as its authors call it.
        layout: what is read, relative to the folder that is imported.
        licence: as far as it is stated.
        citation: of its paper.
        read: folder -> catalog with all splits; lists folders and reads lists, opens no picture.
        published: counts to check against; none where everybody's copy differs.
    """

    name: str
    title: str
    layout: str
    licence: str
    citation: str
    read: Callable[[Path], Catalog]
    published: tuple[Count, ...] = ()
