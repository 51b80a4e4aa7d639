"""The most similar tiles: equal to brute force, whatever is excluded and however many processes search."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
from gleam_common import nearest_embeddings
from gleam_common.errors import DataError
from gleam_common.metrics.score_blocks import score_blocks
from gleam_common.nearest_embeddings import gather_slices, most_similar, most_similar_by_ranks
from gleam_common.row_lists import RowLists
from gloo_processes import run_in_processes

WORLD = 2
QUERIES, TILES, K = 37, 90, 12


def drawn(queries: int, tiles: int, headings: int = 1) -> tuple[torch.Tensor, torch.Tensor, RowLists]:
    random, rng = torch.Generator().manual_seed(queries), np.random.default_rng(tiles)
    query = torch.randn(queries, 16, generator=random)
    gallery = torch.randn(tiles, headings, 16, generator=random)
    lengths = rng.integers(0, 6, queries)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return query, gallery, RowLists(offsets=offsets, rows=rng.integers(0, tiles, offsets[-1]))


def by_brute_force(query: torch.Tensor, gallery: torch.Tensor, excluded: RowLists, k: int) -> np.ndarray:
    scores = torch.einsum("qd,ghd->qgh", query.double(), gallery.double()).amax(dim=2).numpy()
    expected = np.full((len(query), k), -1)
    for number, row in enumerate(scores):
        allowed = [tile for tile in np.argsort(-row) if tile not in excluded[number]]
        expected[number, : len(allowed[:k])] = allowed[:k]
    return expected


@pytest.fixture
def small_blocks() -> Iterator[None]:
    with mock.patch.object(
        nearest_embeddings,
        "score_blocks",
        lambda query, gallery, title: score_blocks(query, gallery, title=title, query_chunk=8, gallery_chunk=20),
    ):
        yield


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(
    ("queries", "tiles", "headings", "k"), [(37, 90, 1, 12), (37, 95, 3, 5), (5, 9, 1, 30), (1, 1, 1, 1)]
)
def test_the_stream_finds_what_brute_force_finds(queries: int, tiles: int, headings: int, k: int) -> None:
    query, gallery, excluded = drawn(queries, tiles, headings)
    found = most_similar(query, gallery, excluded, k)
    assert found.dtype == np.int64
    assert np.array_equal(found, by_brute_force(query, gallery, excluded, k))


@pytest.mark.usefixtures("small_blocks")
def test_the_order_of_tiles_changes_nothing() -> None:
    """Rising scores, each better than all before, are the stream's worst case."""
    gallery = torch.linspace(0.1, 1.0, 90)[:, None]
    nothing = RowLists(offsets=np.zeros(2, dtype=np.int64), rows=np.zeros(0, dtype=np.int64))
    assert most_similar(torch.ones(1, 1), gallery, nothing, 4).tolist() == [[89, 88, 87, 86]]
    assert most_similar(torch.ones(1, 1), gallery.flip(0), nothing, 4).tolist() == [[0, 1, 2, 3]]


def test_wrong_input_is_refused() -> None:
    query, gallery, excluded = drawn(5, 9)
    with pytest.raises(DataError, match="neighbours to look for: 0; allowed: at least 1"):
        most_similar(query, gallery, excluded, 0)
    with pytest.raises(DataError, match="excluded tiles point outside the gallery"):
        most_similar(query, gallery[:3], excluded, 1)
    with pytest.raises(DataError, match="NaN or infinity in the gallery"):
        most_similar(query, gallery * torch.nan, excluded, 1)
    with pytest.raises(DataError, match="excluded tiles are listed for another number of queries"):
        most_similar(query[:4], gallery, excluded, 1)


def search(rank: int, world: int, folder: Path) -> None:
    query, gallery, excluded = drawn(QUERIES, TILES)
    found = most_similar_by_ranks(query[rank::world], gallery, excluded, K)
    assert torch.equal(gather_slices(query[rank::world], QUERIES), query)
    np.save(folder / f"found{rank}.npy", found)


def test_two_processes_find_what_one_finds(tmp_path: Path) -> None:
    """37 queries: one process has one more."""
    run_in_processes(search, WORLD, tmp_path)
    query, gallery, excluded = drawn(QUERIES, TILES)
    alone = most_similar_by_ranks(query, gallery, excluded, K)
    assert np.array_equal(alone, by_brute_force(query, gallery, excluded, K))
    for rank in range(WORLD):
        assert np.array_equal(np.load(tmp_path / f"found{rank}.npy"), alone)
