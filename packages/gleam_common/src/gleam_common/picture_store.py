"""Decoded pictures, resized once: a memory-mapped array beside the data, so that training never decodes twice."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from gleam_common.artifacts import read_json, write_atomic, write_json
from gleam_common.errors import DataError
from gleam_common.images import load_array
from gleam_common.layout import LAYOUT_VERSION, lay_out
from gleam_common.progress import progress
from gleam_common.transforms import Size, resize_picture
from gleam_common.views import View

__all__ = ["DecodedPictures", "PictureStore", "Pictures", "open_pictures"]


class Pictures(Protocol):
    """Pictures of one size by their number: uint8 (H, W, 3)."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> npt.NDArray[np.uint8]: ...


class DecodedPictures:
    """Pictures decoded each time they are asked for. Nothing is written."""

    def __init__(self, paths: Sequence[Path], size: Size, laid_out: View | None = None) -> None:
        self.paths = list(paths)
        self.size = size
        self.laid_out = laid_out

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> npt.NDArray[np.uint8]:
        picture = load_array(self.paths[index])
        return (
            resize_picture(picture, self.size) if self.laid_out is None else lay_out(picture, self.laid_out, self.size)
        )


class PictureStore:
    """Pictures in one ``.npy`` file (N, H, W, 3), memory-mapped by each process for itself.

    Args:
        path: the file that :func:`open_pictures` wrote; ``<path>.bad.json`` says which pictures could not be read,
            and why.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        bad = _bad_file(path)
        self.bad: dict[int, str] = {int(at): why for at, why in read_json(bad).items()} if bad.is_file() else {}
        self._array: npt.NDArray[np.uint8] = np.load(path, mmap_mode="r")

    def __len__(self) -> int:
        return len(self._array)

    def __getitem__(self, index: int) -> npt.NDArray[np.uint8]:
        if index in self.bad:
            raise DataError(self.bad[index])
        return np.asarray(self._array[index])

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path}  # a pickled memory map would carry all of its bytes to the worker

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["path"])  # type: ignore[misc]


def open_pictures(
    paths: Sequence[Path],
    size: Size,
    cache: Path | None,
    name: str = "pictures",
    laid_out: View | None = None,
    *,
    keep_bad: bool = False,
) -> Pictures:
    """Return the pictures at ``paths``, resized to ``size`` (height, width), or laid out like tiles.

    ``laid_out`` is the view of the pictures if they are to be laid out (:func:`gleam_common.layout.lay_out`).

    With a ``cache`` folder they are decoded once, in parallel, into ``<cache>/<name>_<h>x<w>_<key>.npy``; the key
    stands for the paths, sizes and times of the files, so changed files get a new store. Without one they are decoded
    each time.

    ``keep_bad`` builds a store although some of its pictures are bad: only asking for one of those is an error then.

    Raises:
        DataError: a picture is missing or broken (when building the store, or when opened).
    """
    if cache is None:
        return DecodedPictures(paths, size, laid_out)
    name = name if laid_out is None else f"{name}_{LAYOUT_VERSION}"
    path = cache / f"{name}_{size[0]}x{size[1]}_{_files_key(paths, size, keep_bad)}.npy"
    if not path.exists():
        _build(DecodedPictures(paths, size, laid_out), path, name, keep_bad)
    return PictureStore(path)


def _bad_file(store: Path) -> Path:
    return store.with_name(f"{store.name}.bad.json")


def _files_key(paths: Sequence[Path], size: Size, keep_bad: bool) -> str:
    key = hashlib.sha256(repr(size).encode())
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            if keep_bad:
                key.update(f"{path}|missing\n".encode())
                continue
            raise DataError(f"{path}: no such picture", fix="check the catalog's root, or restore the file") from None
        key.update(f"{path}|{status.st_size}|{status.st_mtime_ns}\n".encode())
    return key.hexdigest()[:16]


def _build(pictures: DecodedPictures, path: Path, name: str, keep_bad: bool) -> None:
    count, bad = len(pictures), {}

    def pixels(index: int) -> npt.NDArray[np.uint8]:
        try:
            return pictures[index]
        except DataError as error:
            if not keep_bad:
                raise
            bad[index] = str(error)
            return np.zeros((*pictures.size, 3), dtype=np.uint8)

    header = {"descr": "|u1", "fortran_order": False, "shape": (count, *pictures.size, 3)}
    # Decoding and resizing let go of the interpreter lock, so threads are enough.
    with write_atomic(path) as file, ThreadPoolExecutor(os.cpu_count()) as pool:
        np.lib.format.write_array_header_1_0(file, header)
        bar = progress(total=count, desc=f"decoding {name}", unit="picture", disable=count < 500)
        for start in range(0, count, 512):
            for picture in pool.map(pixels, range(start, min(start + 512, count))):
                file.write(picture.tobytes())
                bar.update()
        bar.close()
        if bad:  # before the store itself is there
            write_json(_bad_file(path), {str(index): bad[index] for index in sorted(bad)})
