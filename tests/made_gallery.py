"""A gallery of given places and embeddings in the real layout: nothing is cut or embedded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from gleam_c.gallery.description import SCHEMA, Description, write_description
from gleam_c.gallery.embeddings import matrix_files, write_matrix
from gleam_c.gallery.folder import GALLERY_KIND, SEGMENT_KIND, SEGMENTS, GalleryFolder
from gleam_c.gallery.stored_segment import THUMBNAILS, TILES_FILE
from gleam_c.gallery.tiles import TILES, spatial_order, table_points, tile_table
from gleam_common.artifacts import MANIFEST_NAME, open_stage, sha256_file

__all__ = ["make_gallery", "unit_rows"]

PART = 8192
THUMBNAIL = b"\xff\xd8 no picture \xff\xd9"


def unit_rows(rng: np.random.Generator, count: int, dimension: int) -> npt.NDArray[np.float32]:
    rows = rng.standard_normal((count, dimension)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def make_gallery(
    folder: Path,
    latlon: Sequence[npt.NDArray[np.float64] | None],
    matrices: Sequence[Mapping[str, npt.NDArray[np.float32]]],
    views: Mapping[str, Sequence[str]],
) -> GalleryFolder:
    """Write one segment for each of ``latlon`` (N, 2; None: local) with its ``matrices`` (N, D)."""
    open_stage(folder, GALLERY_KIND, {}).finish([])
    first = next(iter(matrices[0].values()))
    description = Description(
        schema=SCHEMA, model={"name": "made", "sha256": "0" * 64}, dimension=first.shape[1], dtype="float16", size=[64, 64],
        mean=[0.5] * 3, std=[0.25] * 3, views={view: list(names) for view, names in views.items()},
        matrices={name: {"window": "", "up_deg": None} for name in matrices[0]}, engine="exact",
        manifest_sha256=sha256_file(folder / MANIFEST_NAME), segments=[],
    )  # fmt: skip
    gallery = GalleryFolder(folder=folder, description=description)
    write_description(folder, description)
    for number, (places, own) in enumerate(zip(latlon, matrices, strict=True)):
        name, count = f"s{number}", len(next(iter(own.values())))
        stage = open_stage(folder / SEGMENTS / name, SEGMENT_KIND, {"number": number})
        columns: dict[str, object] = {"gallery_id": [f"{name}/{row}" for row in range(count)]}
        if places is None:
            columns |= {"x_m": np.arange(count, dtype=float), "y_m": np.zeros(count)}
        else:
            columns |= {"lat": places[:, 0], "lon": places[:, 1]}
        planned = tile_table(columns)
        order = spatial_order(table_points(planned))
        added = [[""] * count, np.zeros(count, int), np.full(count, len(THUMBNAIL)), np.arange(count)]
        names = ("content_sha256", "thumbnail_offset", "thumbnail_bytes", "row")
        extra = [pa.array(values, TILES.field(column).type) for column, values in zip(names, added, strict=True)]
        table = pa.Table.from_arrays([*planned.take(pa.array(order)).columns, *extra], schema=TILES)
        pq.write_table(table, stage.folder / TILES_FILE)
        (stage.folder / THUMBNAILS).write_bytes(THUMBNAIL)
        for matrix, values in own.items():
            starts = range(0, count, PART)
            parts = (values[order[start : start + PART]].astype(np.float16) for start in starts)
            write_matrix(stage.folder, matrix, count, parts)
        stage.finish([TILES_FILE, THUMBNAILS, *(file for matrix in own for file in matrix_files(matrix))])
        gallery = gallery.with_segment(name, count)
    return gallery
