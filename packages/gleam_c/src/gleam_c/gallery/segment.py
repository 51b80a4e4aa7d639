"""Making one segment: tiles cut, embedded and written part by part; killed anywhere, it goes on."""

from __future__ import annotations

import hashlib
import io
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from gleam_common.artifacts import Stage, write_atomic
from gleam_common.errors import DataError
from gleam_common.progress import progress
from gleam_common.transforms import normalise
from gleam_common.views import View

from gleam_c.embed import embed_batch
from gleam_c.encoder import Encoder
from gleam_c.gallery.embeddings import matrix_files, write_matrix
from gleam_c.gallery.matrices import TileSide, least_side_px, show
from gleam_c.gallery.sources.source import TileSource
from gleam_c.gallery.stored_segment import THUMBNAILS, TILES_FILE
from gleam_c.gallery.tiles import TILES

__all__ = ["TileMaker", "content_sha256", "write_segment"]

Picture = npt.NDArray[np.uint8]

PARTS = "parts"
PART_TILES = 128
_BATCH = 64
_THUMBNAIL_PX, _THUMBNAIL_QUALITY = 128, 85


def content_sha256(picture: Picture) -> str:
    """Return a hash of a picture's size and pixels."""
    return hashlib.sha256(repr(picture.shape).encode() + picture.tobytes()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class TileMaker:
    """What makes embeddings of tiles: the source that they come from, and the encoder with the sides it wants."""

    source: TileSource
    encoder: Encoder
    sides: Sequence[TileSide]
    min_covered: float

    @property
    def side_px(self) -> int:
        """Pixels a side that tiles are cut at."""
        return 2 * least_side_px(self.sides, self.encoder.sizes[View.SATELLITE])

    def cut(self, tile: dict[str, Any]) -> Picture | None:
        """Return a planned tile; None when too little of it has data."""
        picture, covered = self.source.read(tile, self.side_px)
        return picture if covered >= self.min_covered else None

    def embed(self, pictures: Sequence[Picture], ids: Sequence[str]) -> npt.NDArray[np.float16]:
        """Return the embeddings (M, N, D) of N tiles from each of M sides."""
        size = self.encoder.sizes[View.SATELLITE]
        shown = [
            (picture, name)
            for tile, name in zip(pictures, ids, strict=True)
            for picture in show(tile, self.sides, size)
        ]
        parts = []
        for start in range(0, len(shown), _BATCH):
            batch = shown[start : start + _BATCH]
            tensor = normalise(np.stack([picture for picture, _ in batch]), self.encoder.mean, self.encoder.std)
            with torch.inference_mode():
                rows = torch.arange(start, start + len(batch))
                parts.append(
                    embed_batch(self.encoder, {"pictures": tensor, "ids": [name for _, name in batch], "rows": rows})
                )
        embeddings = np.concatenate(parts).reshape(len(pictures), len(self.sides), -1)
        return np.ascontiguousarray(embeddings.transpose(1, 0, 2)).astype(np.float16)


def write_segment(stage: Stage, planned: pa.Table, maker: TileMaker) -> int:
    """Make the segment of ``planned`` tiles in a stage's folder; return how many tiles it has.

    Tiles with too little data are left out. What an earlier, killed run finished of it is kept.

    Raises:
        DataError: a picture is broken, or no tile has enough data.
        ModelError: the encoder gives NaN.
    """
    parts = stage.folder / PARTS
    starts = range(0, len(planned), PART_TILES)
    paths = [parts / f"{start:09d}.npz" for start in starts]
    done = sum(
        min(PART_TILES, len(planned) - start) for start, path in zip(starts, paths, strict=True) if path.exists()
    )
    with progress(desc="gallery", unit="tile", total=len(planned), initial=done, delay=1, smoothing=0.1) as bar:
        for start, path in zip(starts, paths, strict=True):
            if not path.exists():
                _write_part(path, planned.slice(start, PART_TILES), maker, bar.update)
    count = _assemble(stage, planned, paths, [side.name for side in maker.sides])
    shutil.rmtree(parts, ignore_errors=True)
    return count


def _write_part(path: Path, planned: pa.Table, maker: TileMaker, on_tile: Any) -> None:
    kept, pictures, ids = [], [], []
    for number, tile in enumerate(planned.to_pylist()):
        picture = maker.cut(tile)
        if picture is not None:
            kept.append(number)
            pictures.append(picture)
            ids.append(tile["gallery_id"])
        on_tile()
    thumbnails = [_thumbnail(picture) for picture in pictures]
    arrays: dict[str, npt.NDArray[Any]] = {
        "kept": np.array(kept, dtype=np.int64),
        "sha256": np.array([content_sha256(picture) for picture in pictures], dtype="U64"),
        "thumbnails": np.frombuffer(b"".join(thumbnails), dtype=np.uint8),
        "thumbnail_bytes": np.array([len(thumbnail) for thumbnail in thumbnails], dtype=np.int64),
    }
    if pictures:
        embeddings = maker.embed(pictures, ids)
        arrays |= {f"embeddings-{side.name}": embeddings[row] for row, side in enumerate(maker.sides)}
    with write_atomic(path) as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def _thumbnail(picture: Picture) -> bytes:
    shrink = min(1.0, _THUMBNAIL_PX / max(picture.shape[:2]))
    size = (max(1, round(picture.shape[1] * shrink)), max(1, round(picture.shape[0] * shrink)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _THUMBNAIL_QUALITY])[1].tobytes()


def _arrays(paths: Sequence[Path], name: str) -> Iterator[npt.NDArray[Any]]:
    for path in paths:
        with np.load(path, allow_pickle=False) as part:
            if name in part:
                yield part[name]


def _assemble(stage: Stage, planned: pa.Table, paths: Sequence[Path], matrices: Sequence[str]) -> int:
    """Write the segment's files from its parts, one matrix after the other, and mark it complete."""
    kept = np.concatenate([own + number * PART_TILES for number, own in enumerate(_arrays(paths, "kept"))])
    if not len(kept):
        raise DataError("no tile of the source has enough data", fix="see --min-covered, and look at the source")
    lengths = np.concatenate(list(_arrays(paths, "thumbnail_bytes")))
    added = {
        "content_sha256": pa.array(np.concatenate(list(_arrays(paths, "sha256"))).tolist(), pa.string()),
        "thumbnail_offset": pa.array(np.cumsum(lengths) - lengths),
        "thumbnail_bytes": pa.array(lengths),
        "row": pa.array(np.arange(len(kept))),
    }
    table = pa.Table.from_arrays([*planned.take(pa.array(kept)).columns, *added.values()], schema=TILES)
    buffer = io.BytesIO()
    pq.write_table(table.combine_chunks(), buffer, compression="zstd", row_group_size=65536)
    with write_atomic(stage.folder / TILES_FILE) as file:
        file.write(buffer.getvalue())
    with write_atomic(stage.folder / THUMBNAILS) as file:
        for thumbnails in _arrays(paths, "thumbnails"):
            file.write(thumbnails.tobytes())
    for name in matrices:
        write_matrix(stage.folder, name, len(kept), _arrays(paths, f"embeddings-{name}"))
    stage.finish([TILES_FILE, THUMBNAILS, *(file for name in matrices for file in matrix_files(name))])
    return len(kept)
