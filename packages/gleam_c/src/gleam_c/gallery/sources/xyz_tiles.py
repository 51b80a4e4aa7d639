"""Where XYZ (slippy map) tiles are kept: a folder, a .zip, an .mbtiles file. A tile is (zoom, x, y from the north)."""

from __future__ import annotations

import re
import sqlite3
import zipfile
from functools import cached_property
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from gleam_common.errors import DataError

from gleam_c.gallery.sources.source import files_fingerprint

__all__ = ["FolderTiles", "MbTiles", "Tile", "XyzTiles", "ZipTiles"]

Tile = tuple[int, int, int]

_PATH = re.compile(r"(?:^|/)(\d{1,2})/(\d{1,10})/(\d{1,10})\.(?:png|jpe?g|webp)$", re.IGNORECASE)
_MOST_BYTES = 50_000_000


class XyzTiles(Protocol):
    """A pyramid of tiles, or a part of one."""

    path: Path

    def tiles(self) -> list[Tile]:
        """Return the tiles that there are."""

    def content(self, tile: Tile) -> bytes:
        """Return a tile's file.

        Raises:
            DataError: it cannot be read.
        """

    def fingerprint(self) -> str:
        """Return a hash of names, sizes and times."""


def _parsed(name: str) -> Tile | None:
    found = _PATH.search(name)
    if not found:
        return None
    zoom, x, y = (int(part) for part in found.groups())
    return (zoom, x, y) if zoom <= 30 and max(x, y) < 2**zoom else None


class FolderTiles:
    """Tiles as ``z/x/y.png`` (or .jpg, .webp) under a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def _files(self) -> dict[Tile, Path]:
        found = ((_parsed(f"/{file.relative_to(self.path).as_posix()}"), file) for file in self.path.rglob("*.*"))
        return {tile: file for tile, file in found if tile is not None}

    def tiles(self) -> list[Tile]:
        """Return the tiles that there are."""
        return sorted(self._files)

    def content(self, tile: Tile) -> bytes:
        """Return a tile's file."""
        return self._files[tile].read_bytes()

    def fingerprint(self) -> str:
        """Return a hash of names, sizes and times."""
        return files_fingerprint(self._files.values(), self.path)


class ZipTiles:
    """Tiles as ``z/x/y.png`` in an archive, read without unpacking.

    Raises:
        DataError: not an archive.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._archive = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError) as error:
            raise DataError(f"{path}: not a .zip archive ({error})", fix="pack it again") from error
        found = ((_parsed(f"/{info.filename}"), info) for info in self._archive.infolist())
        self._infos = {tile: info for tile, info in found if tile is not None}

    def tiles(self) -> list[Tile]:
        """Return the tiles that there are."""
        return sorted(self._infos)

    def content(self, tile: Tile) -> bytes:
        """Return a tile's file."""
        info = self._infos[tile]
        if info.file_size > _MOST_BYTES:
            raise DataError(f"{self.path}: {info.filename} is too large", value=info.file_size, allowed="50 MB")
        try:
            return self._archive.read(info)
        except (zipfile.BadZipFile, RuntimeError, OSError, NotImplementedError, EOFError) as error:
            raise DataError(f"{self.path}: {info.filename} cannot be read ({error})", fix="pack it again") from error

    def fingerprint(self) -> str:
        """Return a hash of the archive's name, size and time."""
        return files_fingerprint([self.path], self.path)


class MbTiles:
    """Tiles in an SQLite file (MBTiles 1.3; its rows count from the south).

    Raises:
        DataError: not MBTiles, or vector tiles.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._database = sqlite3.connect(
            f"file:{quote(str(path.resolve()))}?mode=ro", uri=True, check_same_thread=False
        )
        try:
            metadata = dict(self._database.execute("SELECT name, value FROM metadata WHERE name = 'format'"))
            self._rows = self._database.execute("SELECT zoom_level, tile_column, tile_row FROM tiles").fetchall()
        except sqlite3.Error as error:
            raise DataError(
                f"{path}: not an .mbtiles file ({error})", fix="see the MBTiles 1.3 specification"
            ) from error
        if metadata.get("format") == "pbf":
            raise DataError(f"{path}: vector tiles", value="pbf", allowed="png, jpg, webp", fix="render them first")

    def tiles(self) -> list[Tile]:
        """Return the tiles that there are."""
        return sorted((zoom, x, 2**zoom - 1 - row) for zoom, x, row in self._rows)

    def content(self, tile: Tile) -> bytes:
        """Return a tile's file."""
        zoom, x, y = tile
        query = "SELECT tile_data FROM tiles WHERE zoom_level = ? AND tile_column = ? AND tile_row = ?"
        try:
            (found,) = self._database.execute(query, (zoom, x, 2**zoom - 1 - y)).fetchone()
        except (sqlite3.Error, TypeError) as error:
            raise DataError(f"{self.path}: tile {zoom}/{x}/{y} cannot be read ({error})", fix="restore it") from error
        return bytes(found)

    def fingerprint(self) -> str:
        """Return a hash of the file's name, size and time."""
        return files_fingerprint([self.path], self.path)
