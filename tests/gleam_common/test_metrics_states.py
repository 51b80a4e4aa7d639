"""Recall gathered from two real processes is the recall of one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from gleam_common.errors import DataError
from gleam_common.metrics.ranking import positive_ranks
from gleam_common.metrics.retrieval import recall_at_k
from gleam_common.metrics.states import RetrievalRecall
from gleam_common.row_lists import RowLists
from gloo_processes import run_in_processes

QUERIES, TILES = 41, 23


def make_embeddings() -> tuple[torch.Tensor, torch.Tensor, RowLists]:
    random = torch.Generator().manual_seed(1)
    positives = RowLists(offsets=np.arange(QUERIES + 1), rows=np.arange(QUERIES) % TILES)
    gallery = torch.randn(TILES, 16, generator=random)
    query = gallery[torch.from_numpy(positives.rows)] + 1.2 * torch.randn(QUERIES, 16, generator=random)
    return query, gallery, positives


def recall_of_a_slice(rank: int, world: int, folder: Path) -> None:
    """Each process sees its slice backwards, in batches of four; both see the first rows, as padding samplers do."""
    query, gallery, positives = make_embeddings()
    recall = RetrievalRecall(positives, TILES)
    for matrix, is_gallery in ((query, False), (gallery, True)):
        rows = torch.cat([torch.arange(rank, len(matrix), world).flip(0), torch.arange(3)])
        for part in rows.split(4):
            recall.update(matrix[part], part, is_gallery=is_gallery)
    (folder / f"{rank}.json").write_text(json.dumps({name: float(value) for name, value in recall.compute().items()}))


def test_two_processes_give_the_recall_of_one(tmp_path):
    run_in_processes(recall_of_a_slice, 2, tmp_path)
    query, gallery, positives = make_embeddings()
    best = positive_ranks(query, gallery, positives).best
    expected = {f"recall@{k}": pytest.approx(recall_at_k(best, k)) for k in (1, 5, 10)}
    assert 0.2 < recall_at_k(best, 1) < 0.9
    for rank in range(2):
        assert json.loads((tmp_path / f"{rank}.json").read_text()) == expected


def test_a_row_that_did_not_come_is_an_error():
    query, gallery, positives = make_embeddings()
    recall = RetrievalRecall(positives, TILES)
    recall.update(query, torch.arange(QUERIES), is_gallery=False)
    recall.update(gallery[:-2], torch.arange(TILES - 2), is_gallery=True)
    with pytest.raises(DataError, match="gallery embeddings for 23 rows: 2 are missing"):
        recall.compute()


def test_the_state_is_forgotten_between_epochs():
    query, gallery, positives = make_embeddings()
    recall = RetrievalRecall(positives, TILES, ks=(1,))
    values = []
    for embeddings in (query, torch.ones_like(query)):
        recall.update(embeddings, torch.arange(QUERIES), is_gallery=False)
        recall.update(gallery, torch.arange(TILES), is_gallery=True)
        values.append(float(recall.compute()["recall@1"]))
        recall.reset()
    assert values[0] > 0.2 > values[1]
