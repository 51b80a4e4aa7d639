"""What a gallery holds, in numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gleam_c.gallery.folder import GalleryFolder

__all__ = ["summarise"]


def summarise(folder: str | Path) -> dict[str, Any]:
    """Return tiles, sources, ground widths, extent (south, west, north, east), model, views and bytes of a gallery.

    ``west > east`` means that the extent crosses the antimeridian.

    Raises:
        ArtifactError: no finished gallery.
    """
    gallery = GalleryFolder.read(folder)
    tiles = pa.concat_tables(segment.read_tiles() for segment in gallery.segments)
    description = gallery.description
    sizes = [path.stat().st_size for path in gallery.folder.rglob("*") if path.is_file()]
    return {
        "tiles": description.tiles,
        "segments": len(description.segments),
        "sources": {row["values"]: row["counts"] for row in pc.value_counts(tiles["source"]).to_pylist()},
        "widths_m": _range(tiles["width_m"]),
        "gsd_m": _range(tiles["gsd_m"]),
        "extent": _extent(tiles),
        "model": f"{description.model['name']} ({description.model['sha256'][:12]})",
        "views": {view: _headings(names) for view, names in description.views.items()},
        "matrices": len(description.matrices),
        "dimension": description.dimension,
        "engine": description.engine,
        "bytes": sum(sizes),
    }


def _headings(matrices: list[str]) -> str:
    return f"{len(matrices)} headings" if len(matrices) > 1 else "north-up"


def _range(column: pa.ChunkedArray) -> str:
    low, high = pc.min(column).as_py(), pc.max(column).as_py()
    if low is None:
        return "unknown"
    return f"{low:.4g}" if f"{low:.4g}" == f"{high:.4g}" else f"{low:.4g} to {high:.4g}"


def _extent(tiles: pa.Table) -> list[float] | str:
    if tiles["lat"].null_count == len(tiles):
        return "no place on the globe"
    lat, lon = (np.asarray(tiles[name].drop_null().to_numpy()) for name in ("lat", "lon"))
    west, east = float(lon.min()), float(lon.max())
    turned = (lon + 360.0) % 360.0
    if float(np.ptp(turned)) < east - west:  # shorter across the antimeridian
        west, east = ((float(edge) + 180.0) % 360.0 - 180.0 for edge in (turned.min(), turned.max()))
    return [round(float(lat.min()), 6), round(west, 6), round(float(lat.max()), 6), round(east, 6)]
