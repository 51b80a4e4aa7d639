"""Which photos of a world are located, and the tiles that they are looked for among: those of their own city."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from gleam_common.artifacts import write_atomic
from gleam_common.catalog import Catalog
from gleam_common.errors import DataError

from gleam_x.matcher import build_tile_gallery

__all__ = ["Area", "KnownPhoto", "areas_of"]


@dataclass(frozen=True, kw_only=True)
class KnownPhoto:
    """A photo whose tile is known: its file, its view, its place, the tiles that are right."""

    query_id: str
    path: Path
    view: str
    place_id: str
    positives: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Area:
    """Photos and the tiles of one city.

    Attributes:
        name: of the city, or of the catalog's area where there are no cities.
        catalog: all its tiles, and the queries that were chosen.
    """

    name: str
    catalog: Catalog

    @property
    def views(self) -> list[str]:
        """Of the photos."""
        return [str(view) for view in self.catalog.views]

    def photos(self, view: str) -> list[KnownPhoto]:
        """Return the photos of a view, in the catalog's order."""
        rows = self.catalog.queries.to_pylist()
        return [
            KnownPhoto(
                query_id=row["query_id"],
                path=self.catalog.root / row["path"],
                view=view,
                place_id=row["place_id"],
                positives=tuple(row["positives"]),
            )
            for row in rows
            if row["view"] == view
        ]

    def build(self, folder: Path, model: Path) -> tuple[Path, Path]:
        """Embed the tiles as a gallery, or find it there, and return its folder and that of the tiles' pictures.

        Raises:
            GleamError: see :func:`gleam_x.matcher.build_tile_gallery`.
        """
        source, gallery = folder / f"{self.name}-tiles", folder / self.name
        for path in self.catalog.column("path", "gallery"):
            if not (source / path).is_file():
                with write_atomic(source / path) as file:  # a kill leaves no half picture
                    file.write((self.catalog.root / path).read_bytes())
        if not (source / "gallery.parquet").is_file():
            self.catalog.write(source)
        build_tile_gallery(source, model, gallery, self.views)
        return gallery, source


def areas_of(world: Catalog, split: str, places: int, seed: int) -> list[Area]:
    """Return the cities that queries of a split lie in, with so many of its places drawn at random (0: all).

    Raises:
        DataError: no such split.
    """
    chosen = world.select(split=split, gallery="area")
    names = np.unique(chosen.column("place_id").astype(str))
    drawn = names if not places else np.random.default_rng([seed, 0x91ACE]).permutation(names)[:places]
    of_query, of_tile = _cities(chosen, "queries"), _cities(chosen, "gallery")
    is_drawn = np.isin(chosen.column("place_id").astype(str), drawn)
    areas = []
    for name in dict.fromkeys(of_query[is_drawn].tolist()):
        queries = chosen.queries.filter(pa.array(is_drawn & (of_query == name)))
        tiles = chosen.gallery.filter(pa.array(of_tile == name))
        areas.append(Area(name=name, catalog=Catalog(gallery=tiles, queries=queries, root=chosen.root)))
    if not areas:
        raise DataError("no place of the split", value=split, fix="choose more places")
    return areas


def _cities(catalog: Catalog, which: str) -> np.ndarray:
    """Return the city of each row, or its area in a world without cities."""
    table = catalog.queries if which == "queries" else catalog.gallery
    column = "city" if "city" in table.column_names else "area"
    return np.array([str(value or "all") for value in table[column].to_pylist()])
