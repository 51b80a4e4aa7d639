"""The built benchmark: same seed, same bytes; balanced; no place in two splits; plain load_dataset reads it."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from pathlib import Path

import datasets
import numpy as np
import pytest
from gleam_common.catalog import Catalog
from gleam_common.geo import distance_m
from gleam_common.synthcity.facts import COMPASS
from gleam_common.views import View
from gleam_x.benchmark import build
from gleam_x.benchmark.build import BenchmarkConfig, build_benchmark
from gleam_x.benchmark.folder import SPLITS, read_records, read_rows
from gleam_x.benchmark.landmarks import Landmark, landmarks_of
from gleam_x.benchmark.naming import choose_named
from gleam_x.benchmark.pairs import facts_similarity
from gleam_x.benchmark.schema import NEGATIVE_KINDS, Record

NAME = "what the pictures show"
CONFIG = BenchmarkConfig(seed=2, records=160)
_SHARES = {"train": 112, "validation": 16, "test": 32}


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(
    world: Path, benchmark: Path, tmp_path: Path
) -> None:
    again = build_benchmark(world, tmp_path / "again", CONFIG, facts_similarity, NAME)
    assert digests(again) == digests(benchmark)
    other = build_benchmark(world, tmp_path / "b", BenchmarkConfig(seed=6, records=160), facts_similarity, NAME)
    for name in digests(benchmark):
        assert digests(other)[name] != digests(benchmark)[name], name


def test_a_finished_benchmark_is_kept(world: Path, benchmark: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "make_pool", lambda *_: pytest.fail("built again"))
    assert build_benchmark(world, benchmark, CONFIG, facts_similarity, NAME) == benchmark


@pytest.mark.parametrize("split", SPLITS)
def test_each_split_is_balanced(records: list[Record], split: str) -> None:
    rows = [record for record in records if record.split == split]
    assert len(rows) == _SHARES[split]
    for name in ("language", "same_place", "verdict"):
        counts = Counter(getattr(record, name) for record in rows)
        assert len(counts) == 2
        assert len(set(counts.values())) == 1, (name, counts)
    views, kinds = Counter(record.view for record in rows), Counter(record.negative_kind for record in rows)
    assert max(views.values()) - min(views[view] for view in ("uav", "map", "panorama", "ground")) <= 8, "one couple"
    wrong = [kinds[kind] for kind in NEGATIVE_KINDS]
    assert max(wrong) - min(wrong) <= 4, "the wrong pairs of one couple"
    assert sum(wrong) == len(rows) // 2
    assert all((record.verdict == "yes") == record.same_place for record in rows)


@pytest.mark.parametrize("picture", ["query_id", "gallery_id"])
def test_each_picture_is_right_as_often_as_wrong(records: list[Record], picture: str) -> None:
    right = defaultdict(list)
    for record in records:
        right[record.split, record.view, getattr(record, picture)].append(record.same_place)
    assert {tuple(sorted(verdicts)) for verdicts in right.values()} == {(False, False, True, True)}


def test_no_pair_and_no_place_stands_in_two_splits(records: list[Record]) -> None:
    splits = defaultdict(set)
    for record in records:
        for name in (record.pair_id, record.place_id, record.gallery_id, record.query_id):
            splits[name].add(record.split)
    assert {len(found) for found in splits.values()} == {1}
    assert {record.place_id.split("/")[1] for record in records if record.split == "test"} == {"echo"}


def test_both_languages_of_a_pair_carry_the_same(records: list[Record]) -> None:
    pairs = defaultdict(dict)
    for record in records:
        assert record.language not in pairs[record.pair_id]
        pairs[record.pair_id][record.language] = record
    for both in pairs.values():
        assert both["en"].claims == both["zh"].claims
        assert both["en"].claims
        assert both["en"].explanation.isascii()
        assert both["en"].same_place == both["zh"].same_place


def test_negatives_lie_where_their_kind_says(world: Path, records: list[Record]) -> None:
    catalog = Catalog.read(world)
    at = dict(zip(catalog.gallery_ids, catalog.gallery_latlon().tolist(), strict=True))
    apart = defaultdict(list)
    for record in records:
        apart[record.negative_kind].append(float(distance_m(*at[record.place_id], *at[record.gallery_id])))
    assert max(apart[""]) == 0
    assert all(119 <= distance <= 400 for distance in apart["near"])
    assert min(apart["random"] + apart["confusable"]) >= 119


def test_plain_load_dataset_reads_it(benchmark: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    loaded = datasets.load_dataset(str(benchmark), cache_dir=str(tmp_path))
    assert {split: len(rows) for split, rows in loaded.items()} == _SHARES
    row = loaded["test"][0]
    assert {
        "query_image", "satellite_image", "view", "same_place", "negative_kind", "language", "verdict", "explanation",
        "claims", "provenance",
    } <= set(row)  # fmt: skip
    assert row["satellite_image"].size == (256, 256)
    assert row["query_image"].mode == "RGB"
    assert row["claims"][0]["what"]
    assert row["provenance"]["teacher"] == "synthcity"


def test_pictures_are_the_world_s_own_bytes(world: Path, benchmark: Path) -> None:
    catalog = Catalog.read(world)
    paths = dict(zip(catalog.query_ids, catalog.column("path"), strict=True))
    row = next(read_rows(benchmark, "validation"))
    assert row["query_image"]["bytes"] == (world / paths[row["query_id"]]).read_bytes()
    assert len(row["query_shows"]) > 0


def test_the_card_counts_what_is_there(benchmark: Path) -> None:
    card = (benchmark / "README.md").read_text()
    assert card.startswith("---\nlanguage: [en, zh]\n")
    assert "160 records of two pictures each" in card
    assert "| train | 112 | 56 |" in card
    assert "path: data/test-00000-of-00001.parquet" in card
    assert "| text of the tile | " in card


def test_what_is_named_is_in_both_pictures_and_the_same_for_right_and_wrong(benchmark: Path) -> None:
    said = defaultdict(set)
    for split in SPLITS:
        for record in read_records(benchmark, split):
            own = [(c.what, c.colour, c.count, c.query_where) for c in record.claims if c.query_where]
            said[record.view, record.query_id].add(tuple(own))
            tile = [(c.what, c.colour, c.count, c.satellite_where) for c in record.claims if c.satellite_where]
            said[record.view, record.gallery_id].add(tuple(tile))
    assert {len(variants) for variants in said.values()} == {1}


def mark(item_id: int, what: str = "tennis_court", colour: str = "", where: str = "north") -> Landmark:
    part = "surface" if colour else ""
    return Landmark(item_id=item_id, what=what, colour=colour, part=part, where=where, share=0.02, is_nameable=True)


@pytest.mark.parametrize(
    ("query", "tile", "count"),
    [
        ([mark(1), mark(2)], [mark(1), mark(2)], 2),
        ([mark(1), mark(2)], [mark(1, colour="blue"), mark(2, colour="blue")], 2),
        ([mark(1), mark(2)], [mark(1, colour="blue"), mark(2, colour="blue"), mark(3, colour="red")], None),
        ([mark(1), mark(2, where="south")], [mark(1), mark(2)], None),
        ([mark(1), mark(2), mark(3)], [mark(1), mark(2)], None),
        ([mark(1)], [mark(1)], None),
        ([mark(n) for n in range(10)], [mark(n) for n in range(10)], None),
    ],
)
def test_things_are_counted_only_where_all_of_them_stand_together(
    query: list[Landmark], tile: list[Landmark], count: int | None
) -> None:
    (named,) = choose_named(query, tile, {}, np.random.default_rng(0))
    assert named.count == count


def test_a_tower_of_that_colour_spoils_the_count_of_buildings() -> None:
    houses = [mark(1, "building", "red"), mark(2, "building", "red")]
    other = [mark(3, "tower", "red")]
    for seed in range(20):
        for named in choose_named([*houses, *other], [*houses, *other], {}, np.random.default_rng(seed)):
            assert named.count is None


def test_a_place_is_told_in_the_words_of_its_view() -> None:
    fact = {"item_id": 1, "kind": "pond", "detail": "", "roof_colour": "", "colour": "", "share": 0.02, "count": None}
    where = {
        view: landmarks_of([{**fact, "side": "NE", "image_side": "top right"}], view)[0].where
        for view in (View.SATELLITE, View.MAP, View.UAV, View.GROUND)
    }
    assert where == {
        View.SATELLITE: "north-east", View.MAP: "north-east", View.UAV: "top right", View.GROUND: "right",
    }  # fmt: skip
    for side in COMPASS:
        (found,) = landmarks_of([{**fact, "side": side, "image_side": "top"}], View.SATELLITE)
        assert [word[0].upper() for word in found.where.split("-")] == list(side)
