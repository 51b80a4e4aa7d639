"""The matrix of similarities equals cosines taken pair by pair, with a trained preset's headings and layout."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from gleam_c.embed import embed_catalog
from gleam_c.encoder import Encoder, create_encoder, preset
from gleam_c.similarity import similarity_of_view
from gleam_common.catalog import Catalog
from gleam_common.views import View
from gleam_common.window import shown_window


def pico(**changes: object) -> Encoder:
    torch.manual_seed(0)
    return create_encoder(preset("pico", changes)).eval()


def cosine(first_D: npt.NDArray[np.float32], second_D: npt.NDArray[np.float32]) -> float:
    return float(np.dot(first_D, second_D) / (np.linalg.norm(first_D) * np.linalg.norm(second_D)))


@pytest.mark.parametrize(
    ("view", "changes"),
    [
        (View.MAP, {}),
        (View.UAV, {}),
        (View.UAV, {"headings": {"uav": 3}}),
        (View.UAV, {"headings": {"ground": 3}}),
        (View.PANORAMA, {"laid_out": ["panorama"]}),
    ],
)
def test_it_is_the_direct_cosine_of_the_best_heading(
    tiny_catalog: Catalog, view: View, changes: dict[str, object]
) -> None:
    catalog, encoder = tiny_catalog.select(split="test"), pico(**changes)
    matrix_QG = similarity_of_view(encoder, catalog, view)
    queries = embed_catalog(encoder, catalog, "queries", view).matrix
    turns = (0.0, 120.0, 240.0) if encoder.headings.get(view) else (None,)
    window = shown_window(view, encoder.laid_out)
    tiles = [embed_catalog(encoder, catalog, "gallery", up_deg=turn, window=window).matrix for turn in turns]
    assert matrix_QG.shape == (12, len(catalog.gallery))
    assert matrix_QG.dtype == np.float32
    for row, query_D in enumerate(queries):
        for column in range(len(catalog.gallery)):
            best = max(cosine(query_D, turned[column]) for turned in tiles)
            assert matrix_QG[row, column] == pytest.approx(best, abs=1e-5)


def test_headings_change_it(tiny_catalog: Catalog) -> None:
    catalog = tiny_catalog.select(split="val")
    plain, turned = (similarity_of_view(pico(headings=headings), catalog, View.UAV) for headings in ({}, {"uav": 3}))
    assert np.abs(turned - plain).max() > 0.01
