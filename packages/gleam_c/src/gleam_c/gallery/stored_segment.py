"""One finished segment of a gallery, opened: its table, its matrices through memory maps, its thumbnails.

Axes: N rows, D dimensions.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from gleam_common.errors import ArtifactError

from gleam_c.gallery.description import AGAIN
from gleam_c.gallery.embeddings import matrix_files
from gleam_c.gallery.tiles import TILES
from gleam_c.search.rough import Rough

__all__ = ["THUMBNAILS", "TILES_FILE", "Segment"]

TILES_FILE, THUMBNAILS = "tiles.parquet", "thumbnails.bin"


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Tiles that were added together; row r of every matrix is row r of the table."""

    folder: Path
    tiles: int

    def read_tiles(self) -> pa.Table:
        """Return the table of :data:`gleam_c.gallery.tiles.TILES`.

        Raises:
            ArtifactError: missing or broken.
        """
        try:
            table = pq.read_table(self.folder / TILES_FILE)
        except (pa.ArrowException, OSError) as error:
            raise ArtifactError(f"{self.folder / TILES_FILE}: broken ({error})", fix=AGAIN) from error
        if table.schema.names != TILES.names or len(table) != self.tiles:
            raise ArtifactError(f"{self.folder / TILES_FILE}: other columns or rows than listed", fix=AGAIN)
        return table

    def matrix(self, name: str) -> npt.NDArray[np.float16]:
        """Return a matrix (N, D), memory-mapped, read-only.

        Raises:
            ArtifactError: missing, broken or of another shape.
        """
        matrix = self._mapped(matrix_files(name)[0])
        if matrix.ndim != 2 or matrix.dtype != np.float16:
            raise ArtifactError(
                f"{self.folder}: {name} is no float16 matrix", value=(matrix.dtype.name, matrix.shape), fix=AGAIN
            )
        return matrix

    def rough(self, name: str) -> Rough:
        """Return the rough copy of a matrix (N,), memory-mapped, read-only.

        Raises:
            ArtifactError: missing, broken or of another shape.
        """
        rough = self._mapped(matrix_files(name)[1])
        if rough.dtype.names != ("codes", "scale", "rest"):
            raise ArtifactError(f"{self.folder}: {name} has no rough copy", value=rough.dtype.name, fix=AGAIN)
        return rough

    def _mapped(self, file: str) -> npt.NDArray[Any]:
        path = self.folder / file
        try:
            found: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno == errno.EMFILE:
                raise ArtifactError(
                    "the gallery has more files than this process may open",
                    value=str(self.folder.parents[1]),
                    fix="raise the limit (`ulimit -n 65536`), or build it from fewer and larger sources",
                ) from error
            raise ArtifactError(f"{path}: broken or missing ({error})", fix=AGAIN) from error
        if found.shape[:1] != (self.tiles,):
            raise ArtifactError(f"{path}: another number of rows than listed", value=found.shape, fix=AGAIN)
        return found

    def thumbnail(self, offset: int, size: int) -> bytes:
        """Return the JPEG of a tile by its row's ``thumbnail_offset`` and ``thumbnail_bytes``."""
        with (self.folder / THUMBNAILS).open("rb") as file:
            file.seek(offset)
            return file.read(size)
