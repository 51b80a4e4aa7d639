"""What a retrieval looks like: a query beside its first tiles, each framed by whether it is right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gleam_common.catalog import Catalog
from gleam_common.geo import distance_m
from gleam_common.report.pictures import Thumbnail, thumbnail

__all__ = ["Panel", "Tile", "view_panels"]

TILES = 5
PANELS = 3


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A tile beside a query. ``verdict``: right, near (semi-positive) or wrong; numbers are None where unknown."""

    gallery_id: str
    picture: Thumbnail
    verdict: str
    score: float | None
    distance_m: float | None


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A query, its first tiles, and the right tile where it is not among them. ``rank`` counts from 1."""

    query_id: str
    picture: Thumbnail
    rank: int
    tiles: list[Tile]
    truth: Tile | None


def view_panels(catalog: Catalog, predictions: pa.Table, view: str, seed: int) -> dict[str, list[Panel]]:
    """Return up to :data:`PANELS` ``right`` and ``wrong`` retrievals of a view, drawn at random.

    Args:
        catalog: the queries and tiles with their pictures.
        predictions: of all views (:func:`gleam_c.evaluate.predict`).
        view: whose retrievals are shown.
        seed: of the drawing.
    """
    rows = np.flatnonzero(np.asarray(predictions["view"].to_pylist()) == view)
    ranks = predictions["rank"].to_numpy()[rows]
    random = np.random.default_rng([seed, 0x9A7])
    builder = _PanelBuilder(catalog)
    panels: dict[str, list[Panel]] = {}
    for name, chosen in (("right", rows[ranks == 0]), ("wrong", rows[ranks > 0])):
        drawn = random.permutation(chosen)[:PANELS]
        panels[name] = [builder.panel(predictions.slice(int(row), 1).to_pylist()[0]) for row in drawn]
    return panels


class _PanelBuilder:
    """Builds panels; looks ids up once."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.query_row = {query_id: row for row, query_id in enumerate(catalog.query_ids)}
        self.positives, self.semi = catalog.query_positives(), catalog.query_semi_positives()
        self.query_latlon = np.stack([catalog.column("lat"), catalog.column("lon")], axis=1)
        self.tile_latlon: npt.NDArray[np.float64] = catalog.gallery_latlon()

    def panel(self, prediction: Mapping[str, Any]) -> Panel:
        query = self.query_row[prediction["query_id"]]
        rows = [self.catalog.gallery_index[gallery_id] for gallery_id in prediction["top_ids"][:TILES]]
        tiles = [
            self._tile(query, row, score) for row, score in zip(rows, prediction["top_scores"][:TILES], strict=True)
        ]
        found = any(tile.verdict == "right" for tile in tiles)
        return Panel(
            query_id=prediction["query_id"],
            picture=thumbnail(self.catalog.picture_path("queries", query)),
            rank=prediction["rank"] + 1,
            tiles=tiles if found else tiles[: TILES - 1],
            truth=None if found else self._tile(query, int(self.positives[query][0]), None),
        )

    def _tile(self, query: int, row: int, score: float | None) -> Tile:
        verdict = "right" if row in self.positives[query] else "near" if row in self.semi[query] else "wrong"
        metres = float(distance_m(*self.query_latlon[query], *self.tile_latlon[row]))
        return Tile(
            gallery_id=self.catalog.gallery_ids[row],
            picture=thumbnail(self.catalog.picture_path("gallery", row)),
            verdict=verdict,
            score=score,
            distance_m=None if np.isnan(metres) else metres,
        )
