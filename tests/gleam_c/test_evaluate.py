"""Predictions and scores of a stand-in encoder, against a reading of the definitions; and each protocol's gallery."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from gleam_c.embed import EmbeddingTable, embed_catalog
from gleam_c.evaluate import evaluate_catalog, predict
from gleam_c.predictions import predictions_of, write_predictions
from gleam_c.scoring import score
from gleam_common.catalog import Catalog
from gleam_common.errors import ConfigError, DataError
from stand_in_encoder import StandInEncoder


@pytest.fixture(scope="module")
def evaluation(tiny_catalog):
    return evaluate_catalog(StandInEncoder(), tiny_catalog, extra={"baseline": {"uav": 0.1}})


def test_the_results_are_those_of_the_definitions(tiny_catalog, evaluation):
    """The gallery is the test area alone: 12 tiles on a line, 60 m apart."""
    chosen = tiny_catalog.select(split="test")
    tiles = embed_catalog(StandInEncoder(), chosen, "gallery").matrix
    for view in chosen.views:
        scores_QG = embed_catalog(StandInEncoder(), chosen, "queries", view).matrix @ tiles.T
        own = np.diag(scores_QG)
        ranks = (scores_QG > own[:, None]).sum(axis=1)
        first = scores_QG.argmax(axis=1)
        metrics = evaluation.results["views"][str(view)]
        for k in (1, 5, 10):
            assert metrics[f"recall@{k}"]["value"] == pytest.approx((ranks < k).mean())
        assert metrics["ap"]["value"] == pytest.approx(np.where(ranks == 0, 1, 0.5 / (ranks + 1)).mean())
        error_m = 60 * np.abs(first - np.arange(12))
        assert metrics["median_error_m"]["value"] == pytest.approx(np.median(error_m), abs=0.1)
        assert metrics["recall@100m"]["value"] == pytest.approx((error_m <= 100).mean())
        near = np.abs(np.arange(12)[:, None] - np.arange(12)[None, :]) == 1
        hits = ~((scores_QG > own[:, None]) & ~near).any(axis=1)
        assert metrics["hit_rate"]["value"] == pytest.approx(hits.mean())
        assert metrics["chance"]["recall@1"] == pytest.approx(1 / 12)
    means = [metrics["recall@1"]["value"] for metrics in evaluation.results["views"].values()]
    assert evaluation.results["mean"]["recall@1"]["value"] == pytest.approx(np.mean(means))


def test_the_results_stand_beside_what_made_them(evaluation):
    results = json.loads(json.dumps(evaluation.results, allow_nan=False))
    assert (results["protocol"], results["gallery_size"], results["queries"], results["seed"]) == (
        "synthcity",
        12,
        48,
        0,
    )
    assert results["schema"] == 1
    assert results["versions"]["torch"]
    assert results["hardware"]["cores"] >= 1
    assert results["wall_s"] > 0
    assert results["baseline"] == {"uav": 0.1}
    for metrics in (*results["views"].values(), results["mean"]):
        found = [value for value in metrics.values() if isinstance(value, dict) and "low" in value]
        assert len(found) >= 9
        assert all(metric["low"] <= metric["value"] <= metric["high"] for metric in found)


def test_predictions_are_kept_and_can_be_scored_again(tmp_path, tiny_catalog, evaluation):
    write_predictions(tmp_path / "predictions.parquet", evaluation.predictions)
    again = score(pq.read_table(tmp_path / "predictions.parquet"), tiny_catalog.select(split="test"))
    assert again["views"] == evaluation.results["views"]
    assert again["mean"] == evaluation.results["mean"]
    assert again["views"] != score(evaluation.predictions, tiny_catalog.select(split="test"), seed=9)["views"]
    row = evaluation.predictions.to_pylist()[0]
    assert set(row) == {"query_id", "view", "rank", "ranks", "rank_without_semi", "top_ids", "top_scores", "error_m"}
    assert len(row["top_ids"]) == 10
    assert sorted(row["top_scores"], reverse=True) == row["top_scores"]


@pytest.mark.parametrize(("protocol", "tiles"), [("synthcity", 12), ("denseuav", 52), ("university-sample4geo", 12)])
def test_the_protocol_chooses_the_gallery(tiny_catalog, protocol, tiles):
    assert evaluate_catalog(StandInEncoder(), tiny_catalog, protocol=protocol).results["gallery_size"] == tiles


def test_a_perfect_model_still_has_an_interval(tiny_catalog):
    chosen = tiny_catalog.select(split="test", views=["uav"])
    tiles = EmbeddingTable(ids=chosen.gallery_ids, matrix=np.eye(12, dtype=np.float32))
    queries = EmbeddingTable(ids=chosen.query_ids, matrix=np.eye(12, dtype=np.float32))
    recall = score(predictions_of(chosen, queries.matrix, tiles.matrix), chosen)["views"]["uav"]["recall@1"]
    assert recall["value"] == recall["high"] == 1
    assert recall["low"] == pytest.approx(0.025 ** (1 / 12))


def test_only_the_hit_rate_forgives_a_neighbour(tiny_catalog):
    chosen = tiny_catalog.select(split="test", views=["uav"])
    tiles = EmbeddingTable(ids=chosen.gallery_ids, matrix=np.eye(12, dtype=np.float32))
    beside = np.eye(12, k=1, dtype=np.float32) + 0.9 * np.eye(12, dtype=np.float32)  # the neighbour wins, but for one
    queries = EmbeddingTable(ids=chosen.query_ids, matrix=beside)
    metrics = score(predictions_of(chosen, queries.matrix, tiles.matrix), chosen)["views"]["uav"]
    assert metrics["recall@1"]["value"] == pytest.approx(1 / 12)
    assert metrics["hit_rate"]["value"] == 1


def test_without_coordinates_there_are_no_metres(tiny_catalog):
    bare = Catalog(
        gallery=tiny_catalog.gallery.drop_columns(["lat", "lon"]),
        queries=tiny_catalog.queries.drop_columns(["lat", "lon", "semi_positives"]),
        root=tiny_catalog.root,
    ).select(split="test", views=["map"])
    results = score(predict(StandInEncoder(), bare), bare)
    assert set(results["views"]["map"]) == {
        "recall@1", "recall@5", "recall@10", "recall@1%", "ap", "queries", "places", "gallery_size", "chance"
    }  # fmt: skip


def test_a_gallery_of_two_views_keeps_its_order(tiny_catalog):
    """University-1652 searches UAV pictures from satellite tiles; a gallery may even mix both."""
    chosen = tiny_catalog.select(split="test", views=["map"])
    views = pa.array(["uav" if row % 2 else "satellite" for row in range(len(chosen.gallery))])
    at = chosen.gallery.column_names.index("view")
    mixed = Catalog(gallery=chosen.gallery.set_column(at, "view", views), queries=chosen.queries, root=chosen.root)
    first = predict(StandInEncoder(), mixed)
    assert first["top_ids"].to_pylist() == predict(StandInEncoder(), chosen)["top_ids"].to_pylist()


def test_unknown_names_and_foreign_predictions_are_refused(tiny_catalog, evaluation):
    with pytest.raises(ConfigError, match=r"unknown protocol: 'luck'.*university-official"):
        evaluate_catalog(StandInEncoder(), tiny_catalog, protocol="luck")
    with pytest.raises(DataError, match="no query has this split"):
        evaluate_catalog(StandInEncoder(), tiny_catalog, split="tets")
    with pytest.raises(DataError, match=r"12 queries that the catalog does not have"):
        score(evaluation.predictions, tiny_catalog.select(split="train"))
