"""The only door to GLEAM-C: what the retriever thinks of pairs, and the tiles that it finds.

Needs the extra ``gleam-x[match]``.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from gleam_common.artifacts import sha256_file
from gleam_common.catalog import Catalog
from gleam_common.errors import DataError, ModelError
from gleam_common.views import View

from gleam_x.pipeline.found import Found, Search, Tile

__all__ = ["Matcher", "TileFinder", "build_tile_gallery", "model_digest", "photo_files"]


class Matcher:
    """A trained GLEAM-C model.

    Args:
        folder: a run's ``model`` folder (model.safetensors and config.json).

    Raises:
        ModelError: GLEAM-C is not installed, or the folder holds no model.
    """

    def __init__(self, folder: str | Path) -> None:
        _require_gleam_c()
        from gleam_c.model_folder import load_encoder

        self._encoder = load_encoder(Path(folder))
        self.sha256 = sha256_file(Path(folder) / "model.safetensors")
        """Of the weights."""

    def similarity(self, catalog: Catalog, view: View, *_: Sequence[object]) -> npt.NDArray[np.float64]:
        """Return the cosine of each query of ``view`` and each query's own tile, in the queries' order, (P, P)."""
        from gleam_c.similarity import similarity_of_view

        matrix = similarity_of_view(self._encoder, catalog, view)
        return np.asarray(matrix[:, catalog.query_positives().rows], dtype=np.float64)

    def similarity_of_pairs(self, catalog: Catalog, pairs: Sequence[tuple[str, str, str]]) -> npt.NDArray[np.float64]:
        """Return the cosine of each (view, query_id, gallery_id), float64 (N,); only these pictures are embedded.

        Raises:
            DataError: an id is not in the catalog.
        """
        from gleam_c.similarity import similarity_of_view

        found = np.empty(len(pairs))
        for view in dict.fromkeys(pair[0] for pair in pairs):
            own = [number for number, pair in enumerate(pairs) if pair[0] == view]
            part = _only(catalog, {pairs[number][1] for number in own}, {pairs[number][2] for number in own})
            matrix = similarity_of_view(self._encoder, part, View(view))
            query_row = {query_id: row for row, query_id in enumerate(part.query_ids)}
            for number in own:
                found[number] = matrix[query_row[pairs[number][1]], part.gallery_index[pairs[number][2]]]
        return found


def _only(catalog: Catalog, query_ids: set[str], gallery_ids: set[str]) -> Catalog:
    """Return the catalog of these queries, these tiles, and the queries' own tiles."""
    unknown = sorted((query_ids - set(catalog.query_ids)) | (gallery_ids - set(catalog.gallery_ids)))
    if unknown:
        fix = "give the catalog that the benchmark was built from"
        raise DataError("a picture of the benchmark is not in the catalog", value=unknown[0], fix=fix)
    queries = catalog.queries.filter(pc.is_in(catalog.queries["query_id"], pa.array(sorted(query_ids))))
    for column in ("positives", "semi_positives"):
        gallery_ids = gallery_ids | {tile for tiles in queries[column].to_pylist() for tile in tiles or ()}
    tiles = catalog.gallery.filter(pc.is_in(catalog.gallery["gallery_id"], pa.array(sorted(gallery_ids))))
    return Catalog(gallery=tiles, queries=queries, root=catalog.root)


def _require_gleam_c() -> None:
    if find_spec("gleam_c") is None:
        raise ModelError("GLEAM-C is not installed", fix='pip install "gleam-x[match]"')


class TileFinder:
    """A gallery of tiles and the GLEAM-C model that made it: photos in, candidates out.

    Args:
        gallery: folder that ``gleam-c gallery build`` wrote.
        model: folder of the model that made it; looked for in ``runs`` when None.
        device: cpu, cuda, cuda:N, or auto (a GPU when there is one).
        tiles: folder of the pictures or the catalog that the gallery was built from, so that candidates come with their
            files; without it they have the gallery's thumbnails alone.

    Raises:
        ModelError: GLEAM-C is not installed, or the model is not the gallery's.
        ArtifactError: not a finished gallery.
        DataError: ``tiles`` is not the folder of its pictures.
    """

    def __init__(
        self,
        gallery: str | Path,
        model: str | Path | None = None,
        device: str = "auto",
        tiles: str | Path | None = None,
    ) -> None:
        _require_gleam_c()
        from gleam_c.evaluate_command import chosen_device
        from gleam_c.gallery.gallery import Gallery
        from gleam_c.locate.locator import Locator

        self._gallery = Gallery.open(gallery)
        self._locator = Locator.open(self._gallery, model, device=chosen_device(device))
        self._sources = {} if tiles is None else _sources(self._gallery, Path(tiles))

    def __len__(self) -> int:
        return len(self._gallery)

    @property
    def sha256(self) -> str:
        """Of the model's weights and configuration."""
        return self._gallery.description.model["sha256"]

    @property
    def name(self) -> str:
        """Of the model's run."""
        return self._gallery.description.model["name"]

    def find(self, photos: Sequence[Path], search: Search) -> list[Found]:
        """Return what was found for each photo, in order; a folder is no photo here.

        Raises:
            GleamError: as :meth:`gleam_c.locate.locator.Locator.locate`.
        """
        from gleam_c.locate.locator import Question
        from gleam_c.locate.photos import view_given
        from gleam_c.locate.prior import near_given

        question = Question(
            view=view_given(search.view),
            area=near_given(search.near, search.radius_m),
            candidates=search.tiles,
            min_confidence=0.0,
        )
        located = self._locator.locate(photos, question)
        return [
            Found(
                photo=photo,
                view=str(one.view),
                view_reason=one.view_reason,
                tiles=tuple(_tile(found, self._sources.get(found.gallery_id)) for found in one.candidates),
            )
            for photo, one in zip(photos, located, strict=True)
        ]


def _sources(gallery: Any, folder: Path) -> dict[str, Path]:
    """Return the file of each tile of a gallery that was built from north-up pictures in ``folder``.

    Raises:
        DataError: a tile was cut from a map or turned, or its file is not there.
    """
    found = {}
    for segment in gallery.folder.segments:
        for tile in segment.read_tiles().to_pylist():
            file = Path(tile["source_file"])
            is_whole = not tile["window"] and not tile["rotation_deg"]
            is_inside = not file.is_absolute() and ".." not in file.parts
            if not (is_whole and is_inside and (folder / file).is_file()):
                fix = "give the folder that `gleam-c gallery build` was given, or leave --tiles out"
                raise DataError(f"no picture of tile {tile['gallery_id']} in {folder}", value=str(file), fix=fix)
            found[tile["gallery_id"]] = folder / file
    return found


def _tile(candidate: Any, source: Path | None) -> Tile:
    """Return a candidate of GLEAM-C in the words of the pipeline."""
    centre = candidate.centre
    return Tile(
        gallery_id=candidate.gallery_id,
        similarity=candidate.score,
        lat=centre.lat,
        lon=centre.lon,
        x_m=centre.x_m,
        y_m=centre.y_m,
        width_m=candidate.width_m,
        heading_deg=candidate.heading_deg,
        corners=candidate.corners,
        picture=candidate.thumbnail,
        source=source,
    )


def photo_files(photos: Sequence[str | Path]) -> list[Path]:
    """Return the photos that are meant, a folder standing for its pictures by name; their headers are checked.

    Raises:
        DataError: no such file; not a picture, or one of too many pixels; a folder without a picture.
        ConfigError: no photo at all.
    """
    _require_gleam_c()
    from gleam_c.locate.photos import photo_paths

    return photo_paths(photos)


def build_tile_gallery(source: Path, model: Path, out: Path, views: Sequence[str]) -> int:
    """Embed the tiles of a catalog's folder as a gallery, or go on with it, and return how many it holds.

    Raises:
        GleamError: as :func:`gleam_c.gallery.build.build_gallery`.
    """
    _require_gleam_c()
    from gleam_c.evaluate_command import chosen_device
    from gleam_c.gallery.build import build_gallery

    built = build_gallery(source, model, out, views=views, device=chosen_device("auto"))
    return built.gallery.description.tiles


def model_digest(model: Path) -> str:
    """Return the hash of a model's weights and configuration: :attr:`TileFinder.sha256` of its galleries.

    Raises:
        ModelError: GLEAM-C is not installed, or the folder holds no model.
    """
    _require_gleam_c()
    from gleam_c.gallery.description import model_sha256

    return model_sha256(model)
