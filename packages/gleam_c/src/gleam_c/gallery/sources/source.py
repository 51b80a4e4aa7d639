"""What a gallery needs of a source of tiles, and the options that say how it is cut."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from gleam_common.errors import ConfigError

__all__ = ["CutOptions", "TileSource", "files_fingerprint"]

Picture = npt.NDArray[np.uint8]

RASTER_WIDTH_M = 120.0
"""Ground width of tiles that are cut when none is asked for: that of SynthCity's tiles."""


@dataclass(frozen=True, kw_only=True)
class CutOptions:
    """How tiles are cut.

    Args:
        widths_m: ground widths of the tiles in metres, one level each; None takes tiles as they are, and 120 m where
            there are none.
        overlap: share of a tile's width that neighbours share, 0 to 0.9.
        min_covered: share of a tile that must have data, 0 to 1; the rest is black.
        crs: of rasters that name none, as PROJ understands it; ``local`` for a picture without a place on the globe.
        gsd_m: ground width of a pixel, with ``crs=local``.
        zoom: of XYZ tiles; None takes all zooms as they are, or cuts the deepest.

    Raises:
        ConfigError: a value out of range.
    """

    widths_m: tuple[float, ...] | None = None
    overlap: float = 0.5
    min_covered: float = 0.75
    crs: str | None = None
    gsd_m: float | None = None
    zoom: int | None = None

    def __post_init__(self) -> None:
        for width_m in self.widths_m or ():
            if not 1 <= width_m <= 1e6:
                raise ConfigError("ground width of a tile", value=width_m, allowed="1 to 1,000,000 metres")
        if not 0 <= self.overlap <= 0.9:
            raise ConfigError("overlap of tiles", value=self.overlap, allowed="0 to 0.9 of their width")
        if not 0 < self.min_covered <= 1:
            raise ConfigError("share of a tile that must have data", value=self.min_covered, allowed="over 0, up to 1")
        if self.gsd_m is not None and (self.crs != "local" or not 0 < self.gsd_m < 1e5):
            raise ConfigError("--gsd-m is for --crs local", value=self.gsd_m, allowed="metres of a pixel, over 0")
        if self.zoom is not None and not 0 <= self.zoom <= 30:
            raise ConfigError("zoom of XYZ tiles", value=self.zoom, allowed="0 to 30")


class TileSource(Protocol):
    """Tiles to be embedded. Planning reads headers only; pictures are read one by one."""

    @property
    def name(self) -> str:
        """First part of the tiles' ids."""

    def fingerprint(self) -> str:
        """Return a hash of names, sizes and times of the files: another one means other tiles."""

    def plan(self) -> pa.Table:
        """Return the tiles, with the columns :data:`gleam_c.gallery.tiles.PLANNED`.

        Raises:
            DataError: there is none, or the source cannot be understood.
        """

    def read(self, tile: dict[str, object], side_px: int) -> tuple[Picture, float]:
        """Return a planned tile, north-up RGB, and the share of it that has data.

        Sources that are cut give about ``side_px`` pixels a side (fewer where they have fewer), others their picture.

        Raises:
            DataError: the picture is missing or broken.
        """


def files_fingerprint(paths: Iterable[Path], root: Path) -> str:
    """Return a hash of the paths under ``root``, sizes and times of files."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        status = path.stat()
        name = path.relative_to(root).as_posix() if path != root else path.name
        digest.update(f"{name}|{status.st_size}|{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()
