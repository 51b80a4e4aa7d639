"""Which source a path is: told by what lies there, never guessed from a failing read."""

from __future__ import annotations

from pathlib import Path

from gleam_common.errors import DataError

from gleam_c.gallery.sources.catalog import CatalogSource
from gleam_c.gallery.sources.pictures import PicturesSource, picture_files
from gleam_c.gallery.sources.raster_source import RasterSource
from gleam_c.gallery.sources.source import CutOptions, TileSource
from gleam_c.gallery.sources.xyz import XyzSource, has_xyz
from gleam_c.gallery.sources.xyz_tiles import FolderTiles, MbTiles, ZipTiles

__all__ = ["open_source"]

_KINDS = (
    "a GeoTIFF or COG; a folder or .zip of XYZ tiles (z/x/y.png); .mbtiles; a folder of pictures with world files, "
    "GeoTIFF tags or a .csv (file, lat, lon, width_m); a catalog"
)


def open_source(path: Path, options: CutOptions, name: str | None = None) -> TileSource:
    """Return the source at ``path``.

    Raises:
        DataError: nothing there that can be understood.
        ConfigError: an option that the source has no use for.
    """
    if not path.exists():
        raise DataError("no such source of tiles", value=str(path), allowed=_KINDS)
    if path.is_dir():
        return _open_folder(path, options, name)
    if path.suffix.lower() == ".zip":
        return XyzSource(ZipTiles(path), options, name or path.stem)
    if path.suffix.lower() == ".mbtiles":
        return XyzSource(MbTiles(path), options, name or path.stem)
    return RasterSource(path, options, name)


def _open_folder(path: Path, options: CutOptions, name: str | None) -> TileSource:
    if (path / "gallery.parquet").is_file():
        return CatalogSource(path, options, name)
    if has_xyz(path):
        return XyzSource(FolderTiles(path), options, name or path.resolve().name)
    if any(path.glob("*.csv")) or picture_files(path):
        return PicturesSource(path, options, name or path.resolve().name)
    raise DataError(f"{path}: a folder without tiles or pictures", allowed=_KINDS)
