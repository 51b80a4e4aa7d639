"""Gallery: tiles that photos are looked for in. Opened from a folder, searched by embeddings.

Axes: Q queries, D dimensions, K hits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from gleam_common.errors import ArtifactError, ConfigError, DataError, ModelError
from gleam_common.views import View, parse_view

from gleam_c.gallery.description import Description
from gleam_c.gallery.folder import GalleryFolder
from gleam_c.gallery.stored_rows import StoredRows
from gleam_c.gallery.stored_segment import TILES_FILE
from gleam_c.search.approximate import RecallWatch, over_fetched, score_proposals
from gleam_c.search.area import Area, bounds_of
from gleam_c.search.engine import EXACT, Engine, check_engine, open_engine
from gleam_c.search.exact import Best
from gleam_c.search.facing import Facing
from gleam_c.search.place_index import Candidates, PlaceIndex

if TYPE_CHECKING:
    from gleam_c.locate.located import Located
    from gleam_c.locate.locator import Locator

__all__ = ["Gallery", "Hits"]

_KEPT = ("gallery_id", "lat", "lon")
EXACT_UP_TO = 100_000
"""Candidates up to which exact search is as fast as an engine, and loses nothing."""


@dataclass(frozen=True, kw_only=True)
class Hits:
    """The tiles found for one query, best first.

    Attributes:
        rows: (K,) of the gallery.
        gallery_ids: of the tiles.
        lat: (K,) of their centres, degrees; NaN in a gallery without a place on the globe.
        lon: likewise.
        scores: (K,) float32, cosine similarity.
        matrices: which matrix matched best, such as ``whole-015``: the window and heading of the tile.
    """

    rows: npt.NDArray[np.int64]
    gallery_ids: tuple[str, ...]
    lat: npt.NDArray[np.float64]
    lon: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float32]
    matrices: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.rows)


class Gallery:
    """An opened gallery; embeddings stay on the disk and are read through memory maps.

    Args:
        folder: from :meth:`GalleryFolder.read`.
        threads: that search; 0 takes all cores.
        engine: URL of the engine that proposes tiles; the gallery's own by default.
        exact_up_to: candidates up to which the folder is searched exactly whatever the engine.

    Raises:
        ConfigError: unknown engine, or its package is not installed.
        ArtifactError: the engine does not hold this gallery.
    """

    def __init__(
        self, folder: GalleryFolder, threads: int = 0, engine: str | None = None, exact_up_to: int = EXACT_UP_TO
    ) -> None:
        self.folder = folder
        self._rows, self._exact_up_to, self.watch = StoredRows(folder.segments, threads), exact_up_to, RecallWatch()
        self._engine = self._opened(check_engine(engine or folder.description.engine))
        self._locators: dict[str, Locator] = {}

    @classmethod
    def open(
        cls, folder: str | Path, threads: int = 0, engine: str | None = None, exact_up_to: int = EXACT_UP_TO
    ) -> Gallery:
        """Open a gallery folder; see the class.

        Raises:
            ArtifactError: not a finished gallery, one that was changed, or one that its engine does not hold.
            ConfigError: unknown engine, or its package is not installed.
        """
        return cls(GalleryFolder.read(folder), threads, engine, exact_up_to)

    def _opened(self, url: str) -> Engine | None:
        if url == EXACT:
            return None
        description = self.description
        engine = open_engine(url, self.folder.folder, description.engine_name, description.dimension)
        for matrix in description.matrices:
            if (held := engine.count(matrix)) != description.tiles:
                raise ArtifactError(
                    f"the engine {url} does not hold this gallery",
                    value=f"{held} of {description.tiles} rows of {matrix}",
                    fix=f"run `gleam-c gallery index {self.folder.folder} --engine {url}`",
                )
        return engine

    @property
    def description(self) -> Description:
        """What ``gallery.json`` says."""
        return self.folder.description

    def __len__(self) -> int:
        return self.description.tiles

    @cached_property
    def _places(self) -> pa.Table:
        tables = [pq.read_table(segment.folder / TILES_FILE, columns=list(_KEPT)) for segment in self.folder.segments]
        return pa.concat_tables(tables).combine_chunks()

    @cached_property
    def _latlon(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        lat, lon = (self._places[name].to_numpy().astype(np.float64) for name in ("lat", "lon"))
        return lat, lon

    @cached_property
    def _index(self) -> PlaceIndex:
        if self._places["lat"].null_count:
            raise DataError(
                "this gallery has no place on the globe, so that it cannot be searched by coordinates",
                value=str(self.folder.folder),
                fix="leave the area out, or build it from a source with a CRS",
            )
        return PlaceIndex(*self._latlon)

    def candidates(self, area: Area) -> Candidates:
        """Return the rows of the tiles whose centres lie in an area.

        Raises:
            DataError: none does, or the gallery has no place on the globe.
        """
        return self._index.rows_in(area)

    def search(
        self,
        queries_QD: npt.NDArray[np.float32],
        k: int = 10,
        *,
        view: View | str,
        area: Area | None = None,
        facing: Facing | None = None,
    ) -> list[Hits]:
        """Return the best tiles for each query: exactly from the folder, or among those that the engine proposes.

        An engine is asked only where more tiles than ``exact_up_to`` come into question; its proposals are scored
        exactly, every 20th query is searched exactly as well, and a low recall is warned of.

        Args:
            queries_QD: embeddings of the gallery's model, of length 1; one query may be given as (D,).
            k: how many tiles; fewer are returned when fewer lie in the area.
            view: of the queries: it decides which windows and headings of the tiles they are compared with.
            area: confines the search.
            facing: confines it to tiles turned to such headings, where tiles are turned for the view.

        Raises:
            ConfigError: ``k`` below 1, or a view that the gallery was not built for.
            DataError: no tile lies in the area.
            ModelError: queries of another dimension, or not of length 1.
        """
        if k < 1:
            raise ConfigError("how many tiles to find", value=k, allowed="1 or more")
        names = self.matrices_for(view, facing)
        queries_QD = self._checked(queries_QD)
        found = None if area is None else self.candidates(area)
        if self._engine is None or (len(self) if found is None else len(found.rows)) <= self._exact_up_to:
            best = self._rows.search(names, queries_QD, k, found)
        else:
            best = self._proposed(self._engine, names, queries_QD, k, area)
            if len(checked := self.watch.due(len(queries_QD))):
                exact = self._rows.search(names, queries_QD[checked], k, found)
                self.watch.compare(best, exact, checked.tolist())
        return [self._hits(best, query, names) for query in range(len(queries_QD))]

    def matrices_for(self, view: View | str, facing: Facing | None = None) -> list[str]:
        """Return the names of the matrices that queries of a view, with a known heading or any, are compared with.

        Raises:
            ConfigError: unknown view, or one that the gallery was not built for.
        """
        views = self.description.views
        if str(parse_view(str(view))) not in views:
            raise ConfigError(
                "the gallery was not built for photos of this view",
                value=str(view),
                allowed=list(views),
                fix="build it with --views",
            )
        names = views[str(view)]
        if facing is None:
            return names
        return [
            names[number] for number in facing.fitting([self.description.matrices[name]["up_deg"] for name in names])
        ]

    def _proposed(
        self, engine: Engine, names: Sequence[str], queries_QD: npt.NDArray[np.float32], k: int, area: Area | None
    ) -> Best:
        """Return the best of an engine's proposals, scored from the folder; those outside the area are dropped."""
        bounds, count = None if area is None else bounds_of(area), over_fetched(k)
        proposals_QP = np.concatenate([engine.propose(name, queries_QD, count, bounds) for name in names], axis=1)
        if area is not None:
            lat_QP, lon_QP = (values[proposals_QP].ravel() for values in self._latlon)
            inside_QP = area.holds(lat_QP, lon_QP).reshape(proposals_QP.shape)
            proposals_QP = np.where(inside_QP, proposals_QP, -1)
        return score_proposals(proposals_QP, queries_QD, k, partial(self._rows.gather, names))

    def _checked(self, queries_QD: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        queries_QD = np.atleast_2d(np.asarray(queries_QD, dtype=np.float32))
        if queries_QD.ndim != 2 or queries_QD.shape[1] != self.description.dimension:
            raise ModelError(
                "the queries' embeddings have another dimension than the gallery's",
                value=queries_QD.shape,
                allowed=f"(queries, {self.description.dimension})",
                fix=f"embed them with model {self.description.model['name']}",
            )
        length_Q = np.linalg.norm(queries_QD, axis=1)
        if not np.allclose(length_Q, 1.0, atol=1e-2):
            raise ModelError(
                "a query's embedding is not of length 1", value=float(length_Q[np.abs(length_Q - 1).argmax()])
            )
        return queries_QD

    def _hits(self, best: Best, query: int, names: Sequence[str]) -> Hits:
        real = best.rows[query] >= 0
        rows = best.rows[query][real]
        lat, lon = self._latlon
        return Hits(
            rows=rows,
            gallery_ids=tuple(self._places["gallery_id"].take(pa.array(rows)).to_pylist()),
            lat=lat[rows],
            lon=lon[rows],
            scores=best.scores[query][real],
            matrices=tuple(names[number] for number in best.matrices[query][real].tolist()),
        )

    def locate(
        self, *photos: str | Path, model: str | Path = "", view: View | str = "auto", **options: Any
    ) -> list[Located]:
        """Return where photos were taken, an answer each. The model is loaded once.

        Args:
            photos: files, or folders of pictures.
            model: the folder of the one that made this gallery; looked for in ``runs`` by default.
            view: of all photos; ``auto`` guesses it for each.
            options: further fields of :class:`gleam_c.locate.locator.Question`, such as ``area`` or ``is_one_spot``.

        Raises:
            GleamError: as ``open`` and ``locate`` of :class:`gleam_c.locate.locator.Locator`.
        """
        from gleam_c.locate.locator import Locator, Question
        from gleam_c.locate.photos import view_given

        if str(model) not in self._locators:
            self._locators[str(model)] = Locator.open(self, model or None)
        return self._locators[str(model)].locate(photos, Question(view=view_given(str(view)), **options))

    def tile(self, row: int) -> dict[str, Any]:
        """Return all columns of ``tiles.parquet`` for one row of the gallery."""
        number, own_row = self._rows.place_of(row)
        return dict(self._tables[number].slice(own_row, 1).to_pylist()[0])

    @cached_property
    def _tables(self) -> list[pa.Table]:
        return [segment.read_tiles() for segment in self._rows.segments]

    def thumbnail(self, row: int) -> bytes:
        """Return the JPEG of a tile."""
        number, _ = self._rows.place_of(row)
        tile = self.tile(row)
        return self._rows.segments[number].thumbnail(tile["thumbnail_offset"], tile["thumbnail_bytes"])
