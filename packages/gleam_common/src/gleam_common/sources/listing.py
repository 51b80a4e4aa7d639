"""Folders and lists of public sets: read whatever wrote them (Windows, links, stray files), sorted, nothing opened."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gleam_common.errors import DataError

__all__ = [
    "PICTURE_SUFFIXES",
    "folder_of",
    "numbered_lines",
    "pictures",
    "pictures_by_folder",
    "posix",
    "read_json",
    "sub_folders",
]

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp"})
"""Ends of the names of pictures, in small letters."""

MAX_LIST_BYTES = 2_000_000_000
"""Size above which a list is not taken for one (the largest, GeoText-1652's captions, has a few hundred MB)."""


def posix(path: str) -> str:
    """Return a path of a list with ``/`` between its parts, whatever system wrote it, without a leading ``./``."""
    return path.strip().replace("\\", "/").removeprefix("./")


def folder_of(root: Path, name: str, holds: str) -> Path:
    """Return the folder ``root/name``.

    Args:
        root: of the set.
        name: relative to ``root``, with ``/``; empty for ``root`` itself.
        holds: what is in it, for the error.

    Raises:
        DataError: there is none.
    """
    folder = root / name if name else root
    if not folder.is_dir():
        near = next((path for path in (folder.parent, root) if path.is_dir()), None)
        there = sorted(path.name for path in near.iterdir())[:12] if near else []
        raise DataError(
            f"no such folder ({holds})",
            value=str(folder),
            fix=f"give the folder that holds {name or 'the set'}; found beside it: {', '.join(there) or 'nothing'}",
        )
    return folder


def sub_folders(folder: Path) -> list[str]:
    """Return the names of the folders in ``folder``, sorted; links to folders count, hidden ones do not."""
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))


def pictures(root: Path, name: str = "") -> list[str]:
    """Return the paths of all pictures below ``root/name``, relative to ``root``, with ``/``, sorted.

    Links to folders are followed (once each: no loops), hidden files are left out (macOS leaves ``._x.jpg`` beside
    ``x.jpg``), and a name's end may be in capitals.
    """
    return sorted(_below(root / name, name, set()))


def pictures_by_folder(root: Path, name: str) -> dict[str, list[str]]:
    """Return the paths of :func:`pictures` by the name of the folder that they lie in: a building, a place."""
    folders: dict[str, list[str]] = defaultdict(list)
    for path in pictures(root, name):
        folders[path.split("/")[-2]].append(path)
    return folders


def _below(folder: Path, name: str, seen: set[str]) -> Iterator[str]:
    real = os.path.realpath(folder)
    if real in seen or not os.path.isdir(real):
        return
    seen.add(real)
    with os.scandir(folder) as entries:
        for entry in entries:
            path = f"{name}/{entry.name}" if name else entry.name
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                yield from _below(folder / entry.name, path, seen)
            elif os.path.splitext(entry.name)[1].lower() in PICTURE_SUFFIXES:
                yield path


def numbered_lines(path: Path) -> list[tuple[str, str]]:
    """Return (``path, line n``, text) of each line of a list that is not blank, without blanks around.

    Lines may end with LF or CRLF, the last with nothing, and the file may begin with a byte order mark.

    Raises:
        DataError: no such file, or no text in UTF-8.
    """
    lines = enumerate(map(str.strip, _text(path).splitlines()), start=1)
    return [(f"{path}, line {number}", line) for number, line in lines if line]


def read_json(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises:
        DataError: no such file, or no JSON.
    """
    try:
        return json.loads(_text(path))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: no JSON ({error})", fix="download it again") from None


def _text(path: Path) -> str:
    if not path.is_file():
        raise DataError("no such list of the set", value=str(path), fix="check the folder, or download it again")
    if path.stat().st_size > MAX_LIST_BYTES:
        raise DataError(f"{path}: too large for a list", value=path.stat().st_size, allowed=f"{MAX_LIST_BYTES} bytes")
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: no text in UTF-8 ({error.reason})", fix="download it again") from None
