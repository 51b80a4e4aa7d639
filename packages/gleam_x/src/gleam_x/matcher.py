"""The only door to GLEAM-C: what the retriever thinks of pairs. Needs the extra ``gleam-x[match]``."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
from gleam_common.artifacts import sha256_file
from gleam_common.catalog import Catalog
from gleam_common.errors import ModelError
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
