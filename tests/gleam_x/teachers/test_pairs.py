from __future__ import annotations

import json

import pyarrow as pa
import pytest
from gleam_common.catalog import Catalog
from gleam_common.errors import DataError
from gleam_x.teachers.pairs import check_pictures, draw_pairs, read_pairs, sample


def test_each_query_gives_a_positive_and_a_random_negative(tiny_catalog) -> None:
    pairs = draw_pairs(tiny_catalog, seed=1)
    assert len(pairs) == 2 * len(tiny_catalog.queries)
    assert {pair.split for pair in pairs} == {"train", "validation", "test"}
    for pair in pairs:
        query, tile = (int(name.split("/")[1]) for name in (pair.query_id, pair.gallery_id))
        assert pair.same_place == (query == tile)
        assert pair.same_place or abs(query - tile) > 1  # neighbours are semi-positives
        assert (query >= 40) == (tile >= 40)  # of the same area
        assert pair.negative_kind == ("" if pair.same_place else "random")
        assert pair.query_path.name == f"{query}.png"
        assert pair.tile_path.name == f"{tile}.png"


def test_a_limit_takes_the_first_of_the_same_order_and_a_seed_changes_it(tiny_catalog) -> None:
    everything = draw_pairs(tiny_catalog, seed=1)
    assert draw_pairs(tiny_catalog, seed=1, limit=7) == everything[:7]
    assert sum(pair.same_place for pair in everything[:8]) == 4
    assert draw_pairs(tiny_catalog, seed=2) != everything
    assert len({pair.view for pair in everything[:20]}) > 2


def test_samples_are_exact_nested_and_keep_their_pairs_when_others_come(tiny_catalog) -> None:
    pairs = draw_pairs(tiny_catalog, seed=1)
    tenth, fifth = sample(pairs, 0.1, 3), sample(pairs, 0.2, 3)
    assert (len(tenth), len(fifth)) == (round(len(pairs) * 0.1), round(len(pairs) * 0.2))
    assert fifth[: len(tenth)] == tenth
    assert 0.3 < sum(pair.same_place for pair in fifth) / len(fifth) < 0.7
    assert sample(pairs, 0, 3) == []
    assert len(sample(pairs[:3], 0.01, 3)) == 1


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "line 2 is no pair: '{'; allowed: query_id, gallery_id"),
        ("[]", "line 2 is no pair"),
        ("", "line 2 is no pair"),
        ({"same_place": "no"}, "line 2 is no pair"),
        ({"query_id": 7}, "line 2 is no pair"),
        ({"query_id": "toy/999"}, "line 2: no such query in the catalog: 'toy/999'"),
        ({"gallery_id": "toy/999"}, "line 2: no such tile in the catalog: 'toy/999'"),
        ({"negative_kind": "odd"}, "line 2: negative_kind: 'odd'; allowed: confusable, near, random"),
        ({"negative_kind": ["odd"]}, "line 2: negative_kind"),
        ({"same_place": True, "negative_kind": "near"}, "allowed: none, since it is the same place"),
        ({"gallery_id": "toy/1"}, "line 2 repeats a pair"),
    ],
)
def test_a_bad_line_of_a_list_is_named(line, problem, tiny_catalog, tmp_path) -> None:
    good = {"query_id": "toy/0/uav", "gallery_id": "toy/1", "same_place": False}
    second = line if isinstance(line, str) else json.dumps({**good, "gallery_id": "toy/5", **line})
    (tmp_path / "p.jsonl").write_text(f"{json.dumps(good)}\n{second}\n")
    with pytest.raises(DataError, match=problem):
        read_pairs(tiny_catalog, tmp_path / "p.jsonl")


def test_a_list_that_is_missing_empty_or_no_text_is_refused(tiny_catalog, tmp_path) -> None:
    with pytest.raises(DataError, match="no such list of pairs"):
        read_pairs(tiny_catalog, tmp_path / "p.jsonl")
    (tmp_path / "p.jsonl").write_bytes(b"")
    with pytest.raises(DataError, match="no pairs in it"):
        read_pairs(tiny_catalog, tmp_path / "p.jsonl")
    (tmp_path / "p.jsonl").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="not UTF-8"):
        read_pairs(tiny_catalog, tmp_path / "p.jsonl")


def test_a_query_without_a_split_and_a_missing_picture_are_refused(tiny_catalog) -> None:
    queries = tiny_catalog.queries.drop_columns(["split"])
    without = Catalog(gallery=tiny_catalog.gallery, queries=queries, root=tiny_catalog.root)
    with pytest.raises(DataError, match=r"in no split of the benchmark: None; allowed: test, train, val"):
        draw_pairs(without, seed=1, limit=2)
    paths = pa.array([f"gone/{row}.png" for row in range(len(tiny_catalog.queries))])
    at = tiny_catalog.queries.column_names.index("path")
    queries = tiny_catalog.queries.set_column(at, "path", paths)
    gone = Catalog(gallery=tiny_catalog.gallery, queries=queries, root=tiny_catalog.root)
    with pytest.raises(DataError, match="no such picture"):
        check_pictures(draw_pairs(gone, seed=1, limit=2))
