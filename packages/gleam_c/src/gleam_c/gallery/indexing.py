"""Filling the engine of a gallery with its embeddings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from gleam_common.progress import progress

from gleam_c.gallery.description import write_description
from gleam_c.gallery.folder import GalleryFolder
from gleam_c.search.engine import EXACT, Part, check_engine, open_engine

__all__ = ["index_gallery"]

_PART = 8192


def index_gallery(folder: str | Path, url: str) -> GalleryFolder:
    """Fill an engine with all embeddings of a gallery, and have the gallery searched by it from then on.

    The gallery is searched as before until the engine is filled; a killed filling is started again.

    Args:
        folder: a finished gallery.
        url: one of :data:`gleam_c.search.engine.ENGINES`; ``exact`` goes back to searching the folder alone.

    Raises:
        ArtifactError: no finished gallery.
        ConfigError: unknown engine, or its package is not installed.
        DataError: the engine's server does not answer.
    """
    gallery = GalleryFolder.read(folder)
    description = gallery.description
    if check_engine(url) != EXACT:
        engine = open_engine(url, gallery.folder, description.engine_name, description.dimension)
        total = description.tiles * len(description.matrices)
        with progress(desc="filling the engine", unit="row", total=total, delay=1) as bar:
            for matrix in description.matrices:

                def told(matrix: str = matrix) -> Iterator[Part]:
                    for part in _parts(gallery, matrix):
                        yield part
                        bar.update(len(part.vectors_ND))

                engine.fill(matrix, told(), description.tiles)
    indexed = replace(description, engine=url)
    write_description(gallery.folder, indexed)
    return replace(gallery, description=indexed)


def _parts(gallery: GalleryFolder, matrix: str) -> Iterator[Part]:
    first = 0
    for segment in gallery.segments:
        tiles, vectors = segment.read_tiles(), segment.matrix(matrix)
        lat, lon = (np.nan_to_num(tiles[name].to_numpy().astype(np.float64)) for name in ("lat", "lon"))
        for start in range(0, segment.tiles, _PART):
            part = slice(start, start + _PART)
            yield Part(first_row=first + start, vectors_ND=vectors[part], lat_N=lat[part], lon_N=lon[part])
        first += segment.tiles
