"""A gallery on disk: immutable segments of tiles, and one small file that lists them.

``manifest.json`` says what began the gallery, ``gallery.json`` lists the segments and is replaced as a whole; each
``segments/<name>/`` is an artifact of its own (``tiles.parquet``, ``embeddings/<matrix>.npy`` and its rough copy,
``thumbnails.bin``, ``manifest.json`` with their hashes). A reader sees the gallery before or after a segment, never in
between.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from gleam_common.artifacts import MANIFEST_NAME, Stage, read_manifest, sha256_file, write_atomic
from gleam_common.errors import ArtifactError, ModelError

from gleam_c.gallery.embeddings import matrix_files
from gleam_c.gallery.tiles import TILES
from gleam_c.search.rough import Rough

__all__ = ["GALLERY_JSON", "SCHEMA", "Description", "GalleryFolder", "Listed", "Segment", "model_sha256"]

GALLERY_KIND, SEGMENT_KIND = "gallery", "gallery-segment"
GALLERY_JSON, SEGMENTS, TILES_FILE, THUMBNAILS = "gallery.json", "segments", "tiles.parquet", "thumbnails.bin"
SCHEMA = 2
"""Of the files: 1 had no rough copies."""
_AGAIN = "build the gallery again, or restore it from a copy"


def model_sha256(model: str | Path) -> str:
    """Return a hash of a model folder's weights and configuration: what must be the same for queries and gallery.

    Raises:
        ModelError: a file is missing.
    """
    digest = sha256()
    for name in ("config.json", "model.safetensors"):
        path = Path(model) / name
        if not path.is_file():
            raise ModelError(f"no {name} in the model folder", value=str(model), fix="give the run's `model` folder")
        digest.update(sha256_file(path).encode())
    return digest.hexdigest()


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A segment as ``gallery.json`` lists it."""

    name: str
    tiles: int
    manifest_sha256: str


@dataclass(frozen=True, kw_only=True)
class Description:
    """What ``gallery.json`` says.

    Attributes:
        schema: of the folder, :data:`SCHEMA`.
        model: ``name`` (no path) and ``sha256`` (:func:`model_sha256`).
        dimension: of an embedding.
        dtype: of the matrices, float16.
        size: height and width in pixels that tiles were embedded at.
        mean: of RGB in [0, 1].
        std: of RGB in [0, 1].
        views: names of the matrices that serve queries of each view; the best one counts.
        matrices: ``window`` and ``up_deg`` (None: north-up) of each matrix.
        engine: what searches it: a URL of :data:`gleam_c.search.engine.ENGINES`; ``exact`` is this folder alone.
        manifest_sha256: of the gallery's own manifest.
        segments: in the order that they were added.
    """

    schema: int
    model: dict[str, str]
    dimension: int
    dtype: str
    size: list[int]
    mean: list[float]
    std: list[float]
    views: dict[str, list[str]]
    matrices: dict[str, dict[str, Any]]
    engine: str
    manifest_sha256: str
    segments: list[Listed]

    @property
    def tiles(self) -> int:
        """Tiles of all segments."""
        return sum(segment.tiles for segment in self.segments)

    @property
    def engine_name(self) -> str:
        """What this gallery is called among others in an engine."""
        return f"gleam-{self.manifest_sha256[:12]}"


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
            raise ArtifactError(f"{self.folder / TILES_FILE}: broken ({error})", fix=_AGAIN) from error
        if table.schema.names != TILES.names or len(table) != self.tiles:
            raise ArtifactError(f"{self.folder / TILES_FILE}: other columns or rows than listed", fix=_AGAIN)
        return table

    def matrix(self, name: str) -> npt.NDArray[np.float16]:
        """Return a matrix (N, D), memory-mapped, read-only.

        Raises:
            ArtifactError: missing, broken or of another shape.
        """
        matrix = self._mapped(matrix_files(name)[0])
        if matrix.ndim != 2 or matrix.dtype != np.float16:
            raise ArtifactError(f"{name}: not a float16 matrix", value=(matrix.dtype.name, matrix.shape), fix=_AGAIN)
        return matrix

    def rough(self, name: str) -> Rough:
        """Return the rough copy of a matrix (N,), memory-mapped, read-only.

        Raises:
            ArtifactError: missing, broken or of another shape.
        """
        rough = self._mapped(matrix_files(name)[1])
        if rough.dtype.names != ("codes", "scale", "rest"):
            raise ArtifactError(f"{name}: not a rough copy", value=rough.dtype.name, fix=_AGAIN)
        return rough

    def _mapped(self, file: str) -> npt.NDArray[Any]:
        path = self.folder / file
        try:
            found: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno == errno.EMFILE:
                raise ArtifactError(
                    "the gallery has more files than this process may open",
                    value=str(self.folder.parent),
                    fix="raise the limit (`ulimit -n 65536`), or build it from fewer and larger sources",
                ) from error
            raise ArtifactError(f"{path}: broken or missing ({error})", fix=_AGAIN) from error
        if len(found) != self.tiles:
            raise ArtifactError(f"{path}: another number of rows than listed", value=len(found), fix=_AGAIN)
        return found

    def thumbnail(self, offset: int, size: int) -> bytes:
        """Return the JPEG of a tile by its row's ``thumbnail_offset`` and ``thumbnail_bytes``."""
        with (self.folder / THUMBNAILS).open("rb") as file:
            file.seek(offset)
            return file.read(size)


@dataclass(frozen=True, kw_only=True)
class GalleryFolder:
    """An opened gallery folder."""

    folder: Path
    description: Description

    @classmethod
    def read(cls, folder: str | Path) -> GalleryFolder:
        """Open a gallery: its list is checked byte for byte, its files by their presence and size.

        Raises:
            ArtifactError: not a finished gallery, or one that was changed (see :meth:`verify` for every byte).
        """
        folder = Path(folder)
        path = folder / GALLERY_JSON
        if not path.is_file():
            raise ArtifactError(
                f"{folder} is not a finished gallery: no {GALLERY_JSON}",
                fix="run `gleam-c gallery build`; a killed build goes on when it is started again",
            )
        opened = cls(folder=folder, description=_parse(path))
        for listed in opened.description.segments:
            _check_sizes(folder / SEGMENTS / listed.name, listed)
        return opened

    @property
    def segments(self) -> list[Segment]:
        """The segments in the order that they were added."""
        return [
            Segment(folder=self.folder / SEGMENTS / listed.name, tiles=listed.tiles)
            for listed in self.description.segments
        ]

    def check_model(self, model: str | Path) -> None:
        """Refuse a model that did not make this gallery.

        Raises:
            ModelError: its weights or configuration are others.
        """
        if model_sha256(model) != self.description.model["sha256"]:
            raise ModelError(
                f"{self.folder} is the gallery of another model",
                value=str(model),
                allowed=f"model {self.description.model['name']}, hash {self.description.model['sha256'][:12]}...",
                fix="give that model, or build a gallery with this one",
            )

    def verify(self) -> int:
        """Compare every byte with the hashes recorded when it was written; return how many files were read.

        Raises:
            ArtifactError: the first file that is missing or was changed.
        """
        count = 2
        if sha256_file(self.folder / MANIFEST_NAME) != self.description.manifest_sha256:
            raise ArtifactError(f"{self.folder / MANIFEST_NAME}: its bytes are not those recorded", fix=_AGAIN)
        for listed in self.description.segments:
            folder = self.folder / SEGMENTS / listed.name
            manifest = read_manifest(folder)
            Stage(folder=folder, manifest=manifest).verify()
            count += 1 + len(manifest.files)
        return count

    def with_segment(self, name: str, tiles: int) -> GalleryFolder:
        """List a finished segment; ``gallery.json`` is replaced as a whole."""
        digest = sha256_file(self.folder / SEGMENTS / name / MANIFEST_NAME)
        listed = Listed(name=name, tiles=tiles, manifest_sha256=digest)
        description = replace(self.description, segments=[*self.description.segments, listed])
        write_description(self.folder, description)
        return replace(self, description=description)


def write_description(folder: Path, description: Description) -> None:
    """Write ``gallery.json`` with a hash of itself."""
    with write_atomic(folder / GALLERY_JSON) as file:
        file.write(_rendered(asdict(description)))


def _rendered(content: Mapping[str, Any]) -> bytes:
    digest = sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return (json.dumps({**content, "sha256": digest}, indent=2) + "\n").encode()


def _parse(path: Path) -> Description:
    found = path.read_bytes()
    try:
        content = json.loads(found)
        content.pop("sha256")
        if _rendered(content) != found:
            raise ArtifactError(f"{path}: its bytes are not those recorded", fix=_AGAIN)
        if content["schema"] != SCHEMA:
            raise ArtifactError(
                f"{path.parent} was written by another version of gleam-c",
                value=f"format {content['schema']}",
                allowed=f"format {SCHEMA}",
                fix="build it again with --overwrite",
            )
        return Description(**{**content, "segments": [Listed(**listed) for listed in content["segments"]]})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(f"{path}: not the list of a gallery ({error})", fix=_AGAIN) from error


def _check_sizes(folder: Path, listed: Listed) -> None:
    if not (folder / MANIFEST_NAME).is_file() or sha256_file(folder / MANIFEST_NAME) != listed.manifest_sha256:
        raise ArtifactError(f"{folder / MANIFEST_NAME}: missing, or its bytes are not those recorded", fix=_AGAIN)
    for name, record in read_manifest(folder).files.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != record.bytes:
            raise ArtifactError(f"{path}: missing or of another size than recorded", fix=_AGAIN)
