"""Each protocol's number against one written out from its publication, on small sets in memory."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
import torch
from gleam_c.evaluate import outcomes_of
from gleam_c.protocols import protocol_named, protocols
from gleam_c.scoring import score_outcomes
from gleam_c.trial_embeddings import fused
from gleam_c.trials import trials_of
from gleam_common.catalog import Catalog
from gleam_common.errors import ConfigError, DataError
from gleam_common.metrics.set_fusion import fuse_sets
from gleam_common.reverse import DISTRACTOR
from toy_sets import draw_embeddings, university_toy, vigor_toy


class Drawn:
    """Embeddings of a trial from a dict of vectors by id."""

    def __init__(self, vectors):
        self.vectors = vectors

    def of(self, trial):
        queries, gallery = (
            torch.from_numpy(np.stack([self.vectors[one] for one in ids]))[:, None]
            for ids in (trial.catalog.query_ids, trial.catalog.gallery_ids)
        )
        return fused(trial, queries), gallery


def results_of(catalog, name, vectors, **options):
    rules = protocol_named(name)
    trials = trials_of(catalog, rules, options.pop("split", rules.split), **options)
    return score_outcomes(outcomes_of(trials, Drawn(vectors)), rules)


def by_university(query_ids, gallery_ids, vectors, label):
    """Recall@1 and trapezoid average precision as University-1652's code defines them; ties do not occur here."""
    hits, precisions = [], []
    for query in query_ids:
        order = sorted(gallery_ids, key=lambda one: -float(vectors[one] @ vectors[query]))
        good = [rank for rank, one in enumerate(order) if label(one) == label(query)]
        hits.append(good[0] == 0)
        area = 0.0
        for number, rank in enumerate(good):
            before = number / rank if rank else 1.0
            area += (before + (number + 1) / (rank + 1)) / 2
        precisions.append(area / len(good))
    return np.mean(hits), np.mean(precisions)


def place_of(one):
    return one.split("/")[1]


def drones(places):
    return [f"toy/{number:04d}/uav/{shot:02d}" for number in places for shot in range(4)]


def satellites(places):
    return [f"toy/{number:04d}/satellite" for number in places]


@pytest.mark.parametrize(("name", "searched"), [("university-official", range(8)), ("university-sample4geo", range(5))])
def test_university_in_both_directions_with_and_without_distractors(name, searched):
    catalog = university_toy()
    vectors = draw_embeddings(catalog, seed=3)
    results = results_of(catalog, name, vectors)
    sides = {
        "uav": (drones(range(5)), satellites(searched)),
        "satellite": (satellites(range(5)), drones(searched)),
        "ground": ([f"toy/{number:04d}/ground/g" for number in range(5)], satellites(searched)),
    }
    for view, (queries, gallery) in sides.items():
        metrics = results["views"][view]
        recall, precision = by_university(queries, gallery, vectors, place_of)
        assert (metrics["queries"], metrics["gallery_size"]) == (len(queries), len(gallery))
        assert metrics["recall@1"]["value"] == pytest.approx(recall)
        assert metrics["ap"]["value"] == pytest.approx(precision)
    assert results["directions"] == {
        "uav": "uav2satellite", "ground": "ground2satellite",
        "satellite": "satellite2uav", "satellite2ground": "satellite2ground",
    }  # fmt: skip
    assert results["mean_of"] == ["uav", "ground"]
    ours = [results["views"][view]["recall@1"]["value"] for view in ("uav", "ground")]
    assert results["mean"]["recall@1"]["value"] == pytest.approx(np.mean(ours))
    json.dumps(results, allow_nan=False)


def test_distractors_make_it_harder():
    catalog = university_toy(distractors=30)
    vectors = draw_embeddings(catalog, noise=1.2)
    hard, easy = (results_of(catalog, f"university-{kind}", vectors) for kind in ("official", "sample4geo"))
    assert hard["views"]["uav"]["ap"]["value"] < easy["views"]["uav"]["ap"]["value"]
    assert hard["views"]["satellite"]["ap"]["value"] < easy["views"]["satellite"]["ap"]["value"]


def by_vigor(catalog, vectors, tiles):
    """Sample4Geo's VIGOR rule: tiles above the right one; for the hit rate without the semi-positives."""
    ranks, hits = [], []
    for row in catalog.queries.to_pylist():
        score = {one: float(vectors[one] @ vectors[row["query_id"]]) for one in tiles}
        above = [one for one in tiles if score[one] > score[row["positives"][0]]]
        ranks.append(len(above))
        hits.append(not set(above) - set(row["semi_positives"]))
    return np.array(ranks), np.array(hits)


@pytest.mark.parametrize("name", ["vigor-same", "vigor-cross"])
def test_vigor_by_its_definition(name):
    catalog = vigor_toy()
    vectors = draw_embeddings(catalog, dims=24, noise=1.5)
    for row in catalog.queries.to_pylist()[::3]:  # some neighbours look more alike than the right tile
        both = vectors[row["semi_positives"][0]] + 0.9 * vectors[row["positives"][0]]
        vectors[row["query_id"]] = both / np.linalg.norm(both)
    metrics = results_of(catalog, name, vectors)["views"]["panorama"]
    chosen = catalog.select(split="test", protocol=name.replace("-", "_"), gallery="split")
    tiles = [f"toy/{number}" for number in (range(30) if name == "vigor-same" else range(14, 30))]
    assert set(chosen.gallery_ids) <= set(tiles)
    ranks, hits = by_vigor(chosen, vectors, chosen.gallery_ids)
    for k in (1, 5, 10):
        assert metrics[f"recall@{k}"]["value"] == pytest.approx((ranks < k).mean())
    assert metrics["hit_rate"]["value"] == pytest.approx(hits.mean())
    recall = metrics["recall@1"]["value"]
    assert recall <= metrics["ap"]["value"] <= recall + (1 - recall) / 4 + 1e-9
    assert recall < metrics["hit_rate"]["value"]


def test_the_order_of_the_gallery_changes_nothing():
    catalog = university_toy()
    vectors = draw_embeddings(catalog)
    order = np.random.default_rng(1).permutation(len(catalog.gallery))
    moved = Catalog(gallery=catalog.gallery.take(order), queries=catalog.queries, root=catalog.root)
    for name in ("university-official", "distance"):
        there, here = (results_of(one, name, vectors)["views"] for one in (moved, catalog))
        for view, metrics in here.items():
            for metric, number in metrics.items():
                assert there[view][metric] == pytest.approx(number), (view, metric)  # but for the order of sums


@pytest.mark.parametrize("name", ["university-official", "vigor-same"])
def test_a_collapsed_model_finds_nothing(name):
    """Published code counts ties as hits, and such a model as perfect."""
    catalog = vigor_toy() if name == "vigor-same" else university_toy()
    one = np.full(4, 0.5, dtype=np.float32)
    views = results_of(catalog, name, dict.fromkeys([*catalog.query_ids, *catalog.gallery_ids], one))["views"]
    assert all(metrics["recall@1"]["value"] == 0 for metrics in views.values())


def test_a_model_of_nan_is_refused():
    catalog = vigor_toy()
    vectors = draw_embeddings(catalog)
    vectors[catalog.gallery_ids[3]] = np.full(6, np.nan, dtype=np.float32)
    with pytest.raises(DataError, match="NaN or infinity in the gallery embeddings"):
        results_of(catalog, "vigor-same", vectors)


def test_sues_takes_one_height_and_all_places():
    low, high = university_toy(height_m=150.0), university_toy(height_m=300.0)
    names = [f"{one}/h" for one in high.query_ids]
    at = high.queries.column_names.index("query_id")
    queries = pa.concat_tables([low.queries, high.queries.set_column(at, "query_id", pa.array(names))])
    catalog = Catalog(gallery=low.gallery, queries=queries, root=".")
    vectors = draw_embeddings(catalog)
    results = results_of(catalog, "sues200-300", vectors)
    assert {view: metrics["queries"] for view, metrics in results["views"].items()} == {"uav": 20, "satellite": 5}
    sizes = {view: metrics["gallery_size"] for view, metrics in results["views"].items()}
    assert sizes == {"uav": 9, "satellite": 36}  # all nine places, also those that were trained on
    other = results_of(catalog, "sues200-300-sample4geo", vectors)["views"]
    assert {view: metrics["gallery_size"] for view, metrics in other.items()} == {"uav": 5, "satellite": 20}
    with pytest.raises(DataError, match=r"from this height in metres: 250; allowed: 150, 300"):
        results_of(catalog, "sues200-250", vectors)


def test_denseuav_and_gta_add_their_measures_of_distance():
    catalog = university_toy()
    catalog = Catalog(
        gallery=catalog.gallery, queries=catalog.queries.filter(pa.array(catalog.column("view") == "uav")), root="."
    )
    vectors = draw_embeddings(catalog)
    dense = results_of(catalog, "denseuav", vectors)["views"]["uav"]
    test = [row for row in catalog.queries.to_pylist() if row["split"] == "test"]
    tiles = catalog.gallery.to_pylist()
    sdm, dis, within = [], [], []
    for row in test:
        best = sorted(tiles, key=lambda tile: -float(vectors[tile["gallery_id"]] @ vectors[row["query_id"]]))
        degrees = [abs(tile["lat"] - row["lat"]) for tile in best]
        weights = [1 - i / 3 for i in range(3)]
        sdm.append(sum(w * np.exp(-5e3 * d) for w, d in zip(weights, degrees[:3], strict=True)) / sum(weights))
        within.append(np.radians(degrees[0]) * 6378137 < 20)
        dis.append(degrees[0] * 110852.4)  # metres of a degree of latitude at 30 degrees on WGS84
    assert dense["sdm@3"]["value"] == pytest.approx(np.mean(sdm))
    assert dense["ma@20m"]["value"] == pytest.approx(np.mean(within))
    gta = results_of(catalog, "gta-uav", vectors)["views"]["uav"]
    assert gta["dis@1_m"]["value"] == pytest.approx(np.mean(dis), rel=1e-3)
    assert set(gta) >= {"sdm@1", "sdm@3", "sdm@5", "dis@3_m", "dis@5_m"}
    ranks = []
    for row in test:
        score = {tile["gallery_id"]: float(vectors[tile["gallery_id"]] @ vectors[row["query_id"]]) for tile in tiles}
        ranks.append(sum(value > score[row["positives"][0]] for value in score.values()))
    assert max(ranks) > 0
    assert gta["ap"]["value"] == pytest.approx(np.mean([1 / (rank + 1) for rank in ranks]))  # by steps
    assert dense["ap"]["value"] == pytest.approx(np.mean([1 if not rank else 0.5 / (rank + 1) for rank in ranks]))


def test_sets_of_photos_stand_beside_single_photos():
    catalog = university_toy()
    keep = pa.array((catalog.column("view") == "uav") & (catalog.column("split") == "test"))
    queries = catalog.queries.filter(keep)
    queries = queries.append_column(
        "set_id", pa.array([None, *(place_of(one) for one in queries["query_id"].to_pylist()[1:])])
    )
    catalog = Catalog(gallery=catalog.gallery, queries=queries, root=".")
    vectors = draw_embeddings(catalog, noise=1.2)
    views = results_of(catalog, "setvl480k", vectors)["views"]
    assert (views["uav"]["queries"], views["uav_set"]["queries"]) == (20, 6)
    tiles = satellites(range(8))
    photos = np.stack([vectors[one] for one in drones(range(5))])
    numbers = np.array([99, *(number // 4 for number in range(1, 20))])
    which, one_a_set = fuse_sets(photos, numbers)
    right = [tiles[number % 99] for number in which]
    hits = [max(tiles, key=lambda one: float(vectors[one] @ v)) == r for v, r in zip(one_a_set, right, strict=True)]
    assert views["uav_set"]["recall@1"]["value"] == pytest.approx(np.mean(hits))
    with pytest.raises(DataError, match="sets of photos need the column: 'set_id'"):
        results_of(university_toy(), "setvl480k", draw_embeddings(university_toy()))


def test_one_direction_can_be_asked_for():
    catalog = university_toy()
    vectors = draw_embeddings(catalog)
    assert set(results_of(catalog, "university-official", vectors, direction="satellite2uav")["views"]) == {"satellite"}
    with pytest.raises(ConfigError, match=r"no such direction.*'uav2map'; allowed: .*satellite2uav"):
        results_of(catalog, "university-official", vectors, direction="uav2map")


def test_a_protocol_of_another_set_is_refused():
    catalog = university_toy()
    with pytest.raises(ConfigError, match="lacks the column that vigor-cross asks for: 'split_vigor_cross'"):
        results_of(catalog, "vigor-cross", {})
    bare = Catalog(gallery=catalog.gallery.drop_columns(["lat", "lon"]), queries=catalog.queries, root=".")
    with pytest.raises(DataError, match=r"distance asks for coordinates; rows of gallery\.parquet without them: 9"):
        results_of(bare, "distance", {})


def test_every_protocol_is_whole_and_says_where_it_comes_from():
    names = {"vigor-same", "vigor-cross", "university-official", "university-sample4geo", "cvusa", "cvact-val"}
    names |= {"cvact-test", "denseuav", "gta-uav", "gta-uav-same", "setvl480k", "distance", "synthcity"}
    names |= {f"sues200-{height}{tail}" for height in (150, 200, 250, 300) for tail in ("", "-sample4geo")}
    assert set(protocols()) == names
    for name, rules in protocols().items():
        assert rules.about
        assert rules.source or name in ("synthcity", "distance")
        if name.startswith("sues"):
            assert f"-{rules.height_m:g}" in name
    assert DISTRACTOR not in {rules.split for rules in protocols().values()}
