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
        area: of the pictures, such as a city; empty counts all areas.
        number: of pictures.
        said: where.
    """

    view: View
    split: str = ""
    area: str = ""
    number: int
    said: str

    def found(self, catalog: Catalog) -> int:
        """Return how many such pictures a catalog has."""
        which: Which = "gallery" if self.view is View.SATELLITE else "queries"
        keep = catalog.column("view", which) == str(self.view)
        for column, wanted in (("split", self.split), ("area", self.area)):
            if wanted:
                keep = keep & (catalog.column(column, which) == wanted)
        return int(keep.sum())

    def said_of(self, found: int) -> str:
        """Return the sentence for another number than the published one."""
        what = "tiles" if self.view is View.SATELLITE else f"{self.view} pictures"
        of = "".join(f" of {name} {one}" for name, one in (("split", self.split), ("area", self.area)) if one)
        return f"{found:,} {what}{of}, published are {self.number:,} ({self.said})"


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
