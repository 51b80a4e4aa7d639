"""Pictures decoded, resized and written once, at the size that training wants: a catalog with the same ids and columns.

A picture of 2048 x 1024 costs a core 12 ms to decode each time it is seen; at 442 x 884 it has a fifth of the pixels.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from PIL import Image

from gleam_common.artifacts import Stage, open_stage, write_atomic
from gleam_common.catalog import GALLERY_FILE, QUERIES_FILE, Catalog
from gleam_common.errors import ConfigError, DataError
from gleam_common.images import load_array
from gleam_common.pack_tables import without_pictures
from gleam_common.progress import progress
from gleam_common.transforms import resize_picture

__all__ = ["PACK_FORMATS", "PackConfig", "PackReport", "pack_catalog"]

PACK_FORMATS = {"webp": "webp", "jpeg": "jpg", "store": "tif"}
"""Formats and their file endings; ``store`` keeps every pixel, uncompressed: the largest and the quickest to read."""

SKIPPED_FILE = "skipped.jsonl"
"""Lists the pictures that could not be read, and why."""


@dataclass(frozen=True, kw_only=True)
class PackConfig:
    """How pictures are packed. They are never enlarged, and keep their aspect.

    Args:
        side: the shorter side becomes at most so many pixels; 0 leaves it. Training crops from pictures 1.15 times its
            size, so 442 serves encoders that see 384.
        long_side: the same for the longer side; one of both.
        format: ``jpeg`` or ``webp`` (a fifth smaller, four times as long to decode; both lossy), or ``store`` (every
            pixel, uncompressed).
        quality: of the lossy formats, 1 to 100.

    Raises:
        ConfigError: a value is outside its range.
    """

    side: int = 0
    long_side: int = 0
    format: str = "jpeg"
    quality: int = 92

    def __post_init__(self) -> None:
        if self.format not in PACK_FORMATS:
            raise ConfigError("unknown format of packed pictures", value=self.format, allowed=PACK_FORMATS)
        for name in ("side", "long_side"):
            if getattr(self, name) and not 8 <= getattr(self, name) <= 16384:
                raise ConfigError(f"{name} of packed pictures", value=getattr(self, name), allowed="8 to 16384 pixels")
        if self.side and self.long_side:
            raise ConfigError("both side and long_side", value=(self.side, self.long_side), fix="give one of them")
        if not 1 <= self.quality <= 100:
            raise ConfigError("quality of packed pictures", value=self.quality, allowed="1 to 100")

    def size_of(self, height: int, width: int) -> tuple[int, int]:
        """Return (height, width) in pixels that a picture of ``height`` x ``width`` is packed at."""
        limit, own = (self.side, min(height, width)) if self.side else (self.long_side, max(height, width))
        if not limit or own <= limit:
            return height, width
        return max(1, round(height * limit / own)), max(1, round(width * limit / own))


@dataclass(frozen=True, kw_only=True)
class PackReport:
    """What packing did: pictures that are there, bytes before and after, and what was left out, with the reasons."""

    pictures: int
    bytes_before: int
    bytes_after: int
    skipped: list[dict[str, str]]
    rows_left_out: dict[str, int]


def pack_catalog(
    catalog: Catalog, out: Path, config: PackConfig, workers: int | None = None, overwrite: bool = False
) -> PackReport:
    """Write the packed catalog into ``out``; a stopped run goes on. Pictures that cannot be read are left out.

    Raises:
        ArtifactError: ``out`` holds something else, or was packed from other pictures or with other options.
        ConfigError: ``workers`` is below 1.
        DataError: no query is left.
    """
    if workers is not None and workers < 1:
        raise ConfigError("threads that pack", value=workers, allowed="1 or more")
    paths = list(dict.fromkeys([*catalog.column("path", "gallery").tolist(), *catalog.column("path").tolist()]))
    names = {path: _packed_name(path, config) for path in paths}
    before = {path: _size(catalog.root / path) for path in paths}
    stage = open_stage(out, "packed catalog", {**asdict(config), "pictures": _digest(catalog, before)}, overwrite)
    if stage.is_complete:
        return _report(stage, before, names, _read_skipped(out), catalog, Catalog.read(out))
    skipped = _write_pictures(catalog.root, out, names, config, workers)
    packed = without_pictures(catalog, {one["path"] for one in skipped}, names, out)
    packed.write(out)
    with write_atomic(out / SKIPPED_FILE) as file:
        file.write("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in skipped).encode())
    there = [name for name in names.values() if (out / name).exists()]
    stage.finish([GALLERY_FILE, QUERIES_FILE, SKIPPED_FILE, *there])
    return _report(stage, before, names, skipped, catalog, packed)


def _packed_name(path: str, config: PackConfig) -> str:
    if ".." in PurePosixPath(path).parts:
        raise DataError("a picture outside the catalog's root", value=path, fix="give a root that is above all of them")
    return f"{path}.{PACK_FORMATS[config.format]}"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _digest(catalog: Catalog, sizes: dict[str, int]) -> str:
    """Return what stands for both tables and the sizes of the pictures, wherever they lie."""
    key = hashlib.sha256()
    for table in (catalog.gallery, catalog.queries):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table.combine_chunks())
        key.update(sink.getvalue())
    key.update(repr(sorted(sizes.items())).encode())
    return key.hexdigest()[:16]


def _write_pictures(
    root: Path, out: Path, names: dict[str, str], config: PackConfig, workers: int | None
) -> list[dict[str, str]]:
    """Write what is not there yet, and return the pictures that could not be read, with the reasons, in order."""
    todo = [path for path, name in names.items() if not (out / name).exists()]
    skipped = []
    threads = workers or (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    # Decoding, resizing and encoding let go of the interpreter lock, so threads are enough.
    with (
        ThreadPoolExecutor(threads) as pool,
        progress(total=len(names), initial=len(names) - len(todo), desc="packing", unit="picture") as bar,
    ):
        for path, reason in _mapped(pool, partial(_pack_one, root, out, names, config), todo):
            if reason:
                skipped.append({"path": path, "reason": reason})
            bar.update()
    return skipped


def _mapped(
    pool: ThreadPoolExecutor, work: Callable[[str], tuple[str, str]], paths: Sequence[str]
) -> Iterator[tuple[str, str]]:
    for start in range(0, len(paths), 512):  # map() would queue a million at once, and Ctrl-C wait for them
        yield from pool.map(work, paths[start : start + 512])


def _pack_one(root: Path, out: Path, names: dict[str, str], config: PackConfig, path: str) -> tuple[str, str]:
    """Write one picture and return its path and why it could not be read ("" if it could)."""
    try:
        picture = load_array(root / path)
    except DataError as error:
        return path, str(error).replace(f"{root / path}: ", "")
    content = _encoded(resize_picture(picture, config.size_of(*picture.shape[:2])), config)
    with write_atomic(out / names[path]) as file:
        file.write(content)
    return path, ""


def _encoded(picture: npt.NDArray[np.uint8], config: PackConfig) -> bytes:
    options: dict[str, dict[str, Any]] = {
        "webp": {"format": "WEBP", "quality": config.quality, "method": 4},
        "jpeg": {"format": "JPEG", "quality": config.quality, "subsampling": 0},
        "store": {"format": "TIFF"},
    }
    Image.fromarray(picture).save(buffer := io.BytesIO(), **options[config.format])
    return buffer.getvalue()


def _read_skipped(out: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (out / SKIPPED_FILE).read_text("utf-8").splitlines()]


def _report(
    stage: Stage,
    before: dict[str, int],
    names: dict[str, str],
    skipped: list[dict[str, str]],
    catalog: Catalog,
    packed: Catalog,
) -> PackReport:
    after = [_size(stage.folder / name) for name in names.values()]
    return PackReport(
        pictures=sum(size >= 0 for size in after),
        bytes_before=sum(max(size, 0) for size in before.values()),
        bytes_after=sum(max(size, 0) for size in after),
        skipped=skipped,
        rows_left_out={
            "gallery": len(catalog.gallery) - len(packed.gallery),
            "queries": len(catalog.queries) - len(packed.queries),
        },
    )
