"""Ranks against a brute-force reading of the definition, and the traps that made collapsed models look perfect."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gleam_common.errors import DataError
from gleam_common.metrics.ranking import NEVER, positive_ranks, search, top_k
from gleam_common.row_lists import RowLists


def lists(*rows: list[int]) -> RowLists:
    lengths = [len(part) for part in rows]
    flat = np.array([row for part in rows for row in part], dtype=np.int64)
    return RowLists(offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), rows=flat)


def by_definition(scores_QG, positives, ignored):
    """Sort each query's tiles by score, wrong before right where scores are equal, junk taken out."""
    best = []
    for query, scores in enumerate(scores_QG):
        tiles = [tile for tile in range(len(scores)) if tile in positives[query] or tile not in ignored[query]]
        tiles.sort(key=lambda tile: (-scores[tile], tile in positives[query]))
        best.append([rank for rank, tile in enumerate(tiles) if tile in positives[query]])
    return best


def unit(random, *shape):
    rows = random.normal(size=shape)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("chunks", [(1024, 16384), (3, 7), (1, 1)])
@pytest.mark.parametrize("most_positives", [1, 5])
def test_ranks_are_those_of_the_definition(chunks, most_positives):
    random = np.random.default_rng(1)
    query, gallery = unit(random, 11, 8), unit(random, 23, 8)
    gallery[7] = gallery[3]  # an exact tie in every query's ranking
    positives = [list(random.choice(23, random.integers(1, most_positives + 1), replace=False)) for _ in range(11)]
    ignored = [list(random.choice(23, 4, replace=False)) for _ in range(11)]
    found = positive_ranks(
        query, gallery, lists(*positives), lists(*ignored), query_chunk=chunks[0], gallery_chunk=chunks[1]
    )
    expected = by_definition(np.round(query.astype(np.float64) @ gallery.T, 6), positives, ignored)
    assert found.ranks.tolist() == [rank for ranks in expected for rank in ranks]
    assert found.best.tolist() == [ranks[0] for ranks in expected]


def test_three_queries_by_hand():
    # scores: [.9 .1 .0], [.5 .5 .0], [-.3 -.2 -.1]
    query = np.eye(3, dtype=np.float32)
    gallery = np.array([[0.9, 0.5, -0.3], [0.1, 0.5, -0.2], [0.0, 0.0, -0.1]], dtype=np.float32)
    assert positive_ranks(query, gallery, lists([0], [0], [0])).best.tolist() == [0, 1, 2]  # a tie counts against us
    assert positive_ranks(query, gallery, lists([2], [2], [2])).best.tolist() == [2, 2, 0]  # negative scores count too
    assert positive_ranks(query, gallery, lists([2], [0, 1], [0]), lists([0], [2], [1, 2])).ranks.tolist() == [
        1,
        0,
        1,
        0,
    ]


def test_a_positive_listed_twice_or_ignored_is_one_positive():
    query, gallery = np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32)
    found = positive_ranks(query, gallery, lists([0, 0], [1]), lists([0], []))
    assert found.offsets.tolist() == [0, 1, 2]
    assert found.ranks.tolist() == [0, 0]


@pytest.mark.parametrize("size", [64, 257, 1024])
def test_a_collapsed_model_finds_nothing(size):
    """Equal embeddings score equal but for the last bits; Sample4Geo's rule gives such a model R@1 = 100 %."""
    one = unit(np.random.default_rng(2), 1, size)
    found = positive_ranks(
        np.repeat(one, 40, 0), np.repeat(one, 301, 0), lists(*[[i] for i in range(40)]), gallery_chunk=97
    )
    assert (found.best == 300).all()


def test_the_order_of_the_gallery_changes_nothing():
    random = np.random.default_rng(3)
    query, gallery = unit(random, 30, 16), unit(random, 50, 16)
    positives = [[int(row)] for row in random.integers(50, size=30)]
    order = random.permutation(50)
    place = np.argsort(order)
    moved = positive_ranks(query, gallery[order], lists(*[[int(place[row])] for [row] in positives]))
    assert moved.best.tolist() == positive_ranks(query, gallery, lists(*positives)).best.tolist()


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_tensors_of_any_floating_type_are_ranked(dtype):
    query = torch.eye(4, dtype=dtype)
    assert positive_ranks(query, query.flip(0), lists([3], [2], [1], [0])).best.tolist() == [0, 0, 0, 0]


def test_a_query_without_positives_is_an_error_unless_it_is_a_miss():
    query = np.eye(2, dtype=np.float32)
    with pytest.raises(DataError, match=r"without a positive in the gallery: 1.*count them as misses"):
        positive_ranks(query, query, lists([0], []))
    assert positive_ranks(query, query, lists([0], []), no_positive="miss").best.tolist() == [0, NEVER]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("which", ["query", "gallery"])
def test_nan_and_infinity_are_refused(bad, which):
    matrices = {"query": np.eye(3, dtype=np.float32), "gallery": np.eye(3, dtype=np.float32)}
    matrices[which][1, 2] = bad
    with pytest.raises(DataError, match=f"NaN or infinity in the {which} embeddings; first row: 1"):
        positive_ranks(matrices["query"], matrices["gallery"], lists([0], [1], [2]))
    with pytest.raises(DataError, match="NaN or infinity"):
        top_k(matrices["query"], matrices["gallery"], 1)


def test_scores_that_overflow_are_refused():
    huge = np.full((1, 2), 3e38, dtype=np.float32)
    with pytest.raises(DataError, match="NaN or infinity"):
        positive_ranks(huge, huge, lists([0]))


@pytest.mark.parametrize(
    ("query", "gallery", "positives", "words"),
    [
        (np.eye(2), np.eye(3), lists([0], [1]), "differ in size.*one encoder"),
        (np.eye(2), np.eye(2), lists([0]), "another number of queries: 1; allowed: 2"),
        (np.eye(2), np.eye(2), lists([0], [2]), "outside the gallery.*rows 0 to 1"),
        (np.eye(2), np.eye(2), lists([0], [-1]), "outside the gallery"),
        (np.eye(2), np.zeros((0, 2)), lists([0], [0]), "gallery embeddings.*filled"),
        (np.eye(2, dtype=int), np.eye(2), lists([0], [0]), "query embeddings.*floating"),
        (np.ones(2), np.eye(2), lists([0], [0]), "one row each"),
    ],
)
def test_shapes_and_rows_that_do_not_fit(query, gallery, positives, words):
    with pytest.raises(DataError, match=words):
        positive_ranks(query, gallery, positives)


@pytest.mark.parametrize("chunk", [2, 5, 1000])
def test_top_k_is_the_head_of_a_full_sort(chunk):
    random = np.random.default_rng(4)
    query, gallery = unit(random, 9, 6), unit(random, 31, 6)
    rows, scores = top_k(query, gallery, 5, query_chunk=4, gallery_chunk=chunk)
    expected = np.argsort(-(query @ gallery.T), axis=1)[:, :5]
    assert rows.tolist() == expected.tolist()
    np.testing.assert_allclose(scores, np.take_along_axis(query @ gallery.T, expected, 1), atol=1e-6)
    assert top_k(query, gallery, 99)[0].shape == (9, 31)
    with pytest.raises(DataError, match="at least 1"):
        top_k(query, gallery, 0)


@pytest.mark.parametrize("most_positives", [1, 5, 12])
def test_one_pass_finds_what_separate_searches_find(most_positives):
    """Few positives are counted by comparisons, many by sorting; junk is counted beside the whole ranking."""
    random = np.random.default_rng(5)
    query, gallery = unit(random, 13, 8), unit(random, 40, 8)
    positives = [list(random.choice(40, most_positives, replace=False)) for _ in range(13)]
    ignored = [list(random.choice(40, 6, replace=False)) for _ in range(13)]
    found = search(query, gallery, lists(*positives), lists(*ignored), k=3, query_chunk=5, gallery_chunk=11)
    scores = np.round(query.astype(np.float64) @ gallery.T, 6)
    whole, without = by_definition(scores, positives, [[]] * 13), by_definition(scores, positives, ignored)
    assert found.ranks.ranks.tolist() == [rank for ranks in whole for rank in ranks]
    assert found.ranks_without.ranks.tolist() == [rank for ranks in without for rank in ranks]
    assert found.rows.tolist() == np.argsort(-scores, axis=1, kind="stable")[:, :3].tolist()


@pytest.mark.parametrize("likeness", [3.0, 0.2], ids=["few reach the lowest positive", "many do"])
def test_many_positives_stand_where_the_definition_says(likeness):
    random = np.random.default_rng(8)
    query, gallery = unit(random, 7, 8), unit(random, 900, 8)
    positives = [list(range(20 * row, 20 * row + 20)) for row in range(7)]
    for row, own in enumerate(positives):
        gallery[own] += likeness * query[row]
    gallery /= np.linalg.norm(gallery, axis=1, keepdims=True)
    found = search(query, gallery, lists(*positives), gallery_chunk=400)
    expected = by_definition(np.round(query.astype(np.float64) @ gallery.T, 6), positives, [[]] * 7)
    assert found.ranks.ranks.tolist() == [rank for ranks in expected for rank in ranks]


def test_the_first_tiles_of_a_wide_block_are_those_of_a_full_sort():
    random = np.random.default_rng(6)
    query, gallery = unit(random, 5, 4), unit(random, 1000, 4)
    rows, _ = top_k(query, gallery, 1)
    assert rows[:, 0].tolist() == (query @ gallery.T).argmax(axis=1).tolist()
    np.testing.assert_allclose(top_k(query, gallery, 2)[1], -np.sort(-(query @ gallery.T), axis=1)[:, :2], atol=1e-6)


@pytest.mark.parametrize("turned", ["query", "gallery"])
def test_a_picture_with_several_embeddings_scores_by_its_best(turned):
    """A tile turned to several headings may be the one that asks, or the one that is searched."""
    random = np.random.default_rng(7)
    many, single = unit(random, 6 * 3, 8).reshape(6, 3, 8), unit(random, 9, 8)
    best = np.einsum("nhd,md->nmh", many, single).max(axis=2)
    query, gallery, scores = (many, single, best) if turned == "query" else (single, many, best.T)
    positives = [[row % len(gallery)] for row in range(len(query))]
    found = search(query, gallery, lists(*positives), query_chunk=4, gallery_chunk=7)
    expected = by_definition(np.round(scores.astype(np.float64), 6), positives, [[]] * len(query))
    assert found.ranks.best.tolist() == [ranks[0] for ranks in expected]
    assert found.rows[:, 0].tolist() == scores.argmax(axis=1).tolist()
