"""How large a gallery will be and how long it takes, said before the work begins."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pyarrow as pa
from gleam_common.errors import DataError

from gleam_c.gallery.embeddings import matrix_bytes
from gleam_c.gallery.segment import TileMaker

__all__ = ["announce"]

_TIMED_TILES = 4
_THUMBNAIL_BYTES = 5000  # about, with a row of the table


def announce(planned: pa.Table, maker: TileMaker, root: Path) -> None:
    """Print size and time before the work begins; refuse when the disk is too small.

    Raises:
        DataError: too little space.
    """
    tiles = planned.slice(0, _TIMED_TILES).to_pylist()
    started = time.perf_counter()
    pictures = [picture for tile in tiles if (picture := maker.cut(tile)) is not None]
    if pictures:
        maker.embed(pictures, [tile["gallery_id"] for tile in tiles][: len(pictures)])
    tile_s = (time.perf_counter() - started) / len(tiles)
    total_bytes = matrix_bytes(len(planned), maker.encoder.dim) * len(maker.sides) + _THUMBNAIL_BYTES * len(planned)
    print(
        f"{len(planned)} tiles in {len(maker.sides)} matrices of {maker.encoder.dim} numbers: "
        f"{_in_units(total_bytes)}, about {_in_time(tile_s * len(planned))}",
        flush=True,
    )
    free = shutil.disk_usage(root).free
    if free < 2 * total_bytes:
        raise DataError(
            "too little space on the disk", value=_in_units(free), allowed=f"{_in_units(2 * total_bytes)} free",
            fix="serve fewer views (--views), take wider tiles (--widths-m), or another disk",
        )  # fmt: skip


def _in_units(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def _in_time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
