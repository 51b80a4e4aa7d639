"""A gallery on disk: immutable segments of tiles, and one small file that lists them.

``manifest.json`` says what began the gallery, ``gallery.json`` lists the segments and is replaced as a whole; each
``segments/<name>/`` is an artifact of its own (``tiles.parquet``, ``embeddings/<matrix>.npy`` and its rough copy,
``thumbnails.bin``, ``manifest.json`` with their hashes). A reader sees the gallery before or after a segment, never in
between.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from gleam_common.artifacts import MANIFEST_NAME, Stage, read_manifest, sha256_file
from gleam_common.errors import ArtifactError, ModelError

from gleam_c.gallery.description import (
    AGAIN,
    GALLERY_JSON,
    Description,
    Listed,
    model_sha256,
    read_description,
    write_description,
)
from gleam_c.gallery.stored_segment import Segment

__all__ = ["GALLERY_KIND", "SEGMENTS", "SEGMENT_KIND", "GalleryFolder"]

GALLERY_KIND, SEGMENT_KIND, SEGMENTS = "gallery", "gallery-segment", "segments"


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
        opened = cls(folder=folder, description=read_description(folder))
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
            raise ArtifactError(f"{self.folder / MANIFEST_NAME}: its bytes are not those recorded", fix=AGAIN)
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


def _check_sizes(folder: Path, listed: Listed) -> None:
    if not (folder / MANIFEST_NAME).is_file() or sha256_file(folder / MANIFEST_NAME) != listed.manifest_sha256:
        raise ArtifactError(f"{folder / MANIFEST_NAME}: missing, or its bytes are not those recorded", fix=AGAIN)
    for name, record in read_manifest(folder).files.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != record.bytes:
            raise ArtifactError(f"{path}: missing or of another size than recorded", fix=AGAIN)
