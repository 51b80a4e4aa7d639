"""The searched area from above, with every query at its place: found, or with a line to where the model put it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from PIL import Image, ImageEnhance

from gleam_common.catalog import Catalog
from gleam_common.geo import LatLon, LocalFrame
from gleam_common.images import open_image
from gleam_common.progress import progress
from gleam_common.report.pictures import jpeg_uri

__all__ = ["CityMap", "Mark", "draw_city_map"]

SIDE_PX = 1100
MOST_TILES = 4000
MOST_MARKS = 400
REACH_M = 6000.0

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A query on the map, in map pixels; ``placed_x``, ``placed_y``: the first tile's centre."""

    query_id: str
    x: float
    y: float
    placed_x: float
    placed_y: float
    hit: bool
    error_m: float


@dataclass(frozen=True, kw_only=True)
class CityMap:
    """A mosaic of the tiles at their places (None where their sizes are unknown) and the marks of every view.

    ``width``, ``height`` in map pixels, ``metres_per_px``; ``left_out``: queries that are not drawn, because they lie
    in another city or are too many.
    """

    mosaic_uri: str | None
    width: float
    height: float
    metres_per_px: float
    marks: dict[str, list[Mark]]
    left_out: int


def draw_city_map(catalog: Catalog, predictions: pa.Table, seed: int = 0) -> CityMap | None:
    """Return the map of the city with the most queries, or None where queries or tiles have no coordinates.

    Args:
        catalog: the queries and tiles with their coordinates and pictures.
        predictions: from :func:`gleam_c.evaluate.predict`.
        seed: of the choice of marks where there are more than :data:`MOST_MARKS` in a view.
    """
    queries, first = _rows_of(catalog, predictions)
    query_latlon = np.stack([catalog.column("lat"), catalog.column("lon")], axis=1)[queries]
    tile_latlon = catalog.gallery_latlon()
    known = np.isfinite(query_latlon).all(axis=1) & np.isfinite(tile_latlon[first]).all(axis=1)
    if not known.any():
        return None
    frame = LocalFrame(origin=_busiest_place(query_latlon[known]))
    query_xy, tile_xy = _local(frame, query_latlon), _local(frame, tile_latlon)
    near_tiles = np.flatnonzero(np.hypot(*tile_xy.T) < REACH_M)
    inside = (np.hypot(*query_xy.T) < REACH_M) & (np.hypot(*tile_xy[first].T) < REACH_M)
    boxes = _tile_boxes(catalog, frame, near_tiles)
    corners = [query_xy[inside], tile_xy[near_tiles], *([] if boxes is None else [boxes[:, :2], boxes[:, 2:]])]
    to_map = _fit(np.concatenate(corners))
    marks = _marks(predictions, inside, to_map(query_xy), to_map(tile_xy[first]), seed)
    return CityMap(
        mosaic_uri=None if boxes is None else _mosaic(catalog, near_tiles, boxes, to_map),
        width=to_map.width,
        height=to_map.height,
        metres_per_px=to_map.metres_per_px,
        marks=marks,
        left_out=len(predictions) - sum(map(len, marks.values())),
    )


@dataclass(frozen=True, kw_only=True)
class _ToMap:
    """Local metres -> map pixels, y down."""

    left: float
    top: float
    width: float
    height: float
    metres_per_px: float

    def __call__(self, xy: Floats) -> Floats:
        return (xy - [self.left, self.top]) / [self.metres_per_px, -self.metres_per_px]


def _fit(xy: Floats) -> _ToMap:
    (left, bottom), (right, top) = xy.min(axis=0).tolist(), xy.max(axis=0).tolist()
    metres_per_px = max(right - left, top - bottom, 1.0) / SIDE_PX
    width, height = (right - left) / metres_per_px, (top - bottom) / metres_per_px
    return _ToMap(left=left, top=top, width=width, height=height, metres_per_px=metres_per_px)


def _rows_of(catalog: Catalog, predictions: pa.Table) -> tuple[Rows, Rows]:
    """Return the row of each prediction's query, and of its first tile."""
    row_of = {query_id: row for row, query_id in enumerate(catalog.query_ids)}
    queries = [row_of[query_id] for query_id in predictions["query_id"].to_pylist()]
    first = [catalog.gallery_index[ids[0]] for ids in predictions["top_ids"].to_pylist()]
    return np.array(queries, dtype=np.int64), np.array(first, dtype=np.int64)


def _busiest_place(latlon: Floats) -> LatLon:
    """Return the middle of the tenth of a degree that has the most queries: one city where there are several."""
    _, which, counts = np.unique(np.round(latlon, 1), axis=0, return_inverse=True, return_counts=True)
    lat, lon = np.median(latlon[which.reshape(-1) == counts.argmax()], axis=0)
    return LatLon(lat=float(lat), lon=float(lon))


def _local(frame: LocalFrame, latlon: Floats) -> Floats:
    xy = np.stack(frame.to_local(latlon[:, 0], latlon[:, 1]), axis=1)
    return np.where(np.isfinite(xy), xy, np.inf)


def _tile_boxes(catalog: Catalog, frame: LocalFrame, rows: Rows) -> Floats | None:
    """Return left, bottom, right, top in metres of the tiles, or None where bounds are unknown or tiles too many."""
    bounds = catalog.gallery["bounds"].take(pa.array(rows))
    if not len(rows) or len(rows) > MOST_TILES or bounds.null_count:
        return None
    south, west, north, east = np.array(bounds.to_pylist(), dtype=np.float64).T
    left, bottom = frame.to_local(south, west)
    right, top = frame.to_local(north, east)
    return np.stack([left, bottom, right, top], axis=1)


def _mosaic(catalog: Catalog, rows: Rows, boxes: Floats, to_map: _ToMap) -> str:
    """Return the tiles at their places, muted; where tiles overlap, the middle of each covers its neighbours' edges."""
    mosaic = Image.new("RGB", (max(1, round(to_map.width)), max(1, round(to_map.height))), (128, 128, 128))
    middles = []
    for row, box in progress(
        zip(rows, boxes, strict=True), total=len(rows), desc="map", unit="tile", delay=1, leave=False
    ):
        left, top = to_map(box[[0, 3]])
        right, bottom = to_map(box[[2, 1]])
        size = (max(1, round(right - left)), max(1, round(bottom - top)))
        tile = open_image(catalog.picture_path("gallery", int(row))).resize(size, Image.Resampling.BOX)
        corner = (round(left), round(top))
        mosaic.paste(tile, corner)
        inner = (size[0] // 4, size[1] // 4, size[0] - size[0] // 4, size[1] - size[1] // 4)
        middles.append((tile.crop(inner), (corner[0] + inner[0], corner[1] + inner[1])))
    for middle, corner in middles:
        mosaic.paste(middle, corner)
    muted = ImageEnhance.Color(mosaic).enhance(0.55)
    return jpeg_uri(ImageEnhance.Brightness(muted).enhance(0.85), quality=72)


def _marks(
    predictions: pa.Table, inside: npt.NDArray[np.bool_], query_xy: Floats, placed_xy: Floats, seed: int
) -> dict[str, list[Mark]]:
    views = np.asarray(predictions["view"].to_pylist())
    ids, hit = predictions["query_id"].to_pylist(), predictions["rank"].to_numpy() == 0
    error_m = predictions["error_m"].to_numpy()
    random = np.random.default_rng([seed, 0x3A9])
    marks = {}
    for view in dict.fromkeys(views.tolist()):
        rows = np.flatnonzero(inside & (views == view))
        drawn = np.sort(random.permutation(rows)[:MOST_MARKS])
        marks[view] = [
            Mark(
                query_id=ids[row],
                x=float(query_xy[row, 0]),
                y=float(query_xy[row, 1]),
                placed_x=float(placed_xy[row, 0]),
                placed_y=float(placed_xy[row, 1]),
                hit=bool(hit[row]),
                error_m=float(error_m[row]),
            )
            for row in drawn
        ]
    return marks
