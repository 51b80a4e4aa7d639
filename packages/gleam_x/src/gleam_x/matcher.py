"""The only door to GLEAM-C: what the retriever thinks of pairs. Needs the extra ``gleam-x[match]``."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from gleam_common.artifacts import sha256_file
from gleam_common.catalog import Catalog
from gleam_common.errors import DataError, ModelError
from gleam_common.views import View

__all__ = ["Matcher"]


class Matcher:
    """A trained GLEAM-C model.

    Args:
        folder: a run's ``model`` folder (model.safetensors and config.json).

    Raises:
        ModelError: GLEAM-C is not installed, or the folder holds no model.
    """

    def __init__(self, folder: str | Path) -> None:
        if find_spec("gleam_c") is None:
            raise ModelError("GLEAM-C is not installed", fix='pip install "gleam-x[match]"')
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
