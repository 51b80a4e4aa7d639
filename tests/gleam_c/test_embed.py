"""Embeddings are of length 1, in order, never NaN; their table is whole or refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from gleam_c.embed import EmbeddingTable, embed_catalog, embed_pictures
from gleam_common.errors import ArtifactError, DataError, ModelError
from gleam_common.picture_loader import picture_loader
from gleam_common.views import View
from stand_in_encoder import StandInEncoder
from torch import nn


def test_every_picture_is_embedded_once_in_order(tiny_catalog):
    encoder = StandInEncoder()
    table = embed_catalog(encoder, tiny_catalog, "queries", View.PANORAMA, batch_size=5)
    views = tiny_catalog.column("view")
    assert table.ids == [query for query, view in zip(tiny_catalog.query_ids, views, strict=True) if view == "panorama"]
    assert table.matrix.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(table.matrix, axis=1), 1, rtol=1e-5)
    whole = embed_catalog(encoder, tiny_catalog, "queries", View.PANORAMA, batch_size=1000)
    np.testing.assert_allclose(table.matrix, whole.matrix, atol=1e-6)
    assert table.meta["size"] == [32, 64]
    assert table.meta == whole.meta


def test_the_encoder_is_evaluated_and_left_as_it_was(tiny_catalog):
    encoder = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout(0.5)).train()
    loader = picture_loader(tiny_catalog, "gallery", size=(32, 32))
    first, second = embed_pictures(encoder, loader), embed_pictures(encoder, loader)
    assert encoder.training
    assert (first == second).all()


def test_an_encoder_in_half_precision_gets_pictures_like_its_weights(tiny_catalog):
    half = embed_catalog(StandInEncoder().bfloat16(), tiny_catalog, "gallery").matrix
    assert half.dtype == np.float32
    np.testing.assert_allclose(half, embed_catalog(StandInEncoder(), tiny_catalog, "gallery").matrix, atol=0.02)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.0])
def test_an_encoder_that_fails_names_the_picture(tiny_catalog, value):
    class Broken(nn.Module):
        def forward(self, image_BCHW: torch.Tensor) -> torch.Tensor:
            embedding_BD = torch.ones(len(image_BCHW), 4)
            embedding_BD[2] = value
            return embedding_BD

    with pytest.raises(ModelError, match=r"NaN, infinity or zero.*'toy/2'.*32-true"):
        embed_pictures(Broken(), picture_loader(tiny_catalog, "gallery", size=(32, 32)))


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_table_comes_back_as_it_was(tmp_path, tiny_catalog, dtype):
    table = embed_catalog(StandInEncoder(), tiny_catalog, "gallery")
    table.write(tmp_path / "table", dtype=dtype)
    found = EmbeddingTable.read(tmp_path / "table")
    assert found.ids == table.ids
    assert isinstance(found.matrix, np.memmap)
    assert (found.matrix == table.matrix.astype(dtype)).all()
    meta = json.loads((tmp_path / "table" / "meta.json").read_text())
    assert (meta["count"], meta["dimension"], meta["dtype"], meta["view"]) == (52, 12, dtype, "satellite")


def test_a_table_of_other_weights_is_refused(tmp_path, tiny_catalog):
    encoder = StandInEncoder()
    embed_catalog(encoder, tiny_catalog, "gallery").write(tmp_path / "table")
    with torch.no_grad():
        encoder.scale.mul_(2)
    other = embed_catalog(encoder, tiny_catalog, "gallery")
    with pytest.raises(ArtifactError, match=r"encoder_sha256.*--overwrite"):
        other.write(tmp_path / "table")
    other.write(tmp_path / "table", overwrite=True)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: (folder / "manifest.json").unlink(), "manifest.json: no such file"),
        (lambda folder: (folder / "embeddings.npy").unlink(), "embeddings.npy: missing or cut off"),
        (lambda folder: (folder / "embeddings.npy").write_bytes(b"x" * 100), "embeddings.npy: missing or cut off"),
        (lambda folder: _swap_bytes(folder / "ids.parquet"), "broken"),
        (lambda folder: _edit(folder / "manifest.json", complete=False), "not a finished table"),
        (lambda folder: _edit(folder / "manifest.json", kind="gallery"), "not a finished table"),
    ],
)
def test_a_broken_table_is_refused(tmp_path, damage, words):
    EmbeddingTable(ids=["a", "b"], matrix=np.eye(2, dtype=np.float32)).write(tmp_path)
    damage(tmp_path)
    with pytest.raises(ArtifactError, match=words):
        EmbeddingTable.read(tmp_path)


def _swap_bytes(path):
    path.write_bytes(path.read_bytes()[::-1])


def _edit(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize("ids", [["a"], ["a", "a"]])
def test_ids_must_fit_and_be_different(ids):
    with pytest.raises(DataError, match="id"):
        EmbeddingTable(ids=ids, matrix=np.eye(2, dtype=np.float32))


def test_a_missing_view_is_an_error(tiny_catalog):
    with pytest.raises(DataError, match="no picture to embed"):
        embed_catalog(StandInEncoder(), tiny_catalog, "gallery", View.UAV)
