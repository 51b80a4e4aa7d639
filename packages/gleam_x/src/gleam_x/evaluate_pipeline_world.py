"""Which photos of a world are located, and the tiles that they are looked for among."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from gleam_common.artifacts import write_atomic
from gleam_common.catalog import Catalog

from gleam_x.matcher import build_tile_gallery

__all__ = ["Area", "KnownPhoto", "area_of"]


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
    """Photos, and the tiles that they are looked for among.

    Attributes:
        name: of the split.
        catalog: its tiles, and the queries that were chosen.
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


def area_of(world: Catalog, split: str, places: int, tiles: int, seed: int) -> Area:
    """Return places of a split drawn at random, with all their photos, and the tiles to look for them among.

    Args:
        world: with the split.
        split: of the queries.
        places: how many are drawn; 0 for all.
        tiles: at most so many of the areas that the split lies in: the places' own, then others of the split, which
            the models have not learnt from either, then those that overlap the own, then any; 0 for all.
        seed: of what is drawn.

    Raises:
        DataError: no such split.
    """
    whole = world.select(split=split, gallery="area")
    rng = np.random.default_rng([seed, 0x91ACE])
    place_of_query = whole.column("place_id").astype(str)
    names = rng.permutation(np.unique(place_of_query))
    queries = whole.queries.filter(pa.array(np.isin(place_of_query, names[: places or None])))
    chosen = Catalog(gallery=whole.gallery, queries=queries, root=whole.root)
    if not tiles or len(whole.gallery) <= tiles:
        return Area(name=split, catalog=chosen)
    own, overlapping = chosen.query_positives().rows, chosen.query_semi_positives().rows
    of_split = np.flatnonzero(whole.column("split", "gallery") == split)
    others = rng.permutation(len(whole.gallery))
    wanted = np.concatenate([own, rng.permutation(of_split), overlapping, others])
    first = np.sort(np.unique(wanted, return_index=True)[1])
    rows = np.sort(wanted[first][: max(tiles, len(np.unique(own)))])
    kept = whole.gallery.take(rows)
    return Area(name=split, catalog=Catalog(gallery=kept, queries=_without_absent(queries, kept), root=whole.root))


def _without_absent(queries: pa.Table, tiles: pa.Table) -> pa.Table:
    """Return queries whose overlapping tiles are those that are there."""
    known, column = set(tiles["gallery_id"].to_pylist()), "semi_positives"
    lists = [[one for one in own or () if one in known] for own in queries[column].to_pylist()]
    field = queries.schema.field(column)
    return queries.set_column(queries.schema.get_field_index(column), field, pa.array(lists, type=field.type))
