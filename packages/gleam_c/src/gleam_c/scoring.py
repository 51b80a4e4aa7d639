"""Predictions -> results.json: recall, precision and metres per view, with intervals, under a named protocol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from gleam_common.catalog import Catalog
from gleam_common.errors import DataError
from gleam_common.metrics.intervals import Weights, interval, mean_samples, median_samples, place_weights
from gleam_common.metrics.ranking import PositiveRanks
from gleam_common.metrics.retrieval import average_precisions, chance_recall, hits_at_k, k_of_percent, within_m
from gleam_common.provenance import commit, hardware, versions

from gleam_c.protocols import Protocol, protocol_named
from gleam_c.spatial_scores import spatial_values

__all__ = ["KS", "RADII_M", "SCHEMA", "Outcome", "score", "score_outcomes"]

SCHEMA = 1
KS = (1, 5, 10)
RADII_M = (25, 50, 100)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What was found in one trial (:class:`gleam_c.trials.Trial`): its name, direction, catalog and predictions."""

    name: str
    direction: str
    catalog: Catalog
    predictions: pa.Table


def score(predictions: pa.Table, catalog: Catalog, *, protocol: str = "synthcity", seed: int = 0) -> dict[str, Any]:
    """Return the results of ``predictions`` of pictures that were searched among all tiles of ``catalog``.

    Args:
        predictions: from :func:`gleam_c.evaluate.predict`.
        catalog: whose queries and tiles they were made from.
        protocol: a name of :func:`gleam_c.protocols.protocols`.
        seed: of the bootstrap.

    Raises:
        ConfigError: unknown protocol.
        DataError: a prediction of a query that the catalog does not have.
    """
    rules = protocol_named(protocol)
    outcomes = []
    for view in predictions["view"].unique().to_pylist():
        part = predictions.filter(pc.equal(predictions["view"], view))
        outcomes.append(Outcome(name=view, direction=f"{view}2satellite", catalog=catalog, predictions=part))
    if not outcomes:
        raise DataError("there are no predictions to score", fix="check the split and the views that were chosen")
    return score_outcomes(outcomes, rules, seed)


def score_outcomes(outcomes: list[Outcome], protocol: Protocol, seed: int = 0) -> dict[str, Any]:
    """Return the results of all trials of a protocol as results.json holds them (DESIGN section 3).

    Every metric is ``{"value", "low", "high"}`` with a bootstrap interval resampled by place; the same places are drawn
    in every trial. ``mean`` is over the views that search tiles photo by photo, each counting the same. ``hit_rate`` is
    there when the set has semi-positives, metres when it has coordinates.

    Args:
        outcomes: of the trials.
        protocol: that they were made under.
        seed: of the bootstrap.

    Raises:
        DataError: a prediction of a query that the catalog does not have, or none at all.
    """
    rows = [_rows(outcome) for outcome in outcomes]
    place_ids = [
        outcome.catalog.column("place_id")[row_Q].astype(str) for outcome, row_Q in zip(outcomes, rows, strict=True)
    ]
    place = np.unique(np.concatenate(place_ids), return_inverse=True)[1]
    weights_RP = place_weights(int(place.max()) + 1, seed)
    ends = np.cumsum([len(row_Q) for row_Q in rows])
    views: dict[str, dict[str, Any]] = {}
    samples: dict[str, dict[str, Floats]] = {}
    for outcome, row_Q, place_Q in zip(outcomes, rows, np.split(place, ends[:-1]), strict=True):
        views[outcome.name], samples[outcome.name] = _scored(outcome, protocol, row_Q, place_Q, weights_RP)
    single = [outcome.name for outcome in outcomes if outcome.direction == f"{outcome.name}2satellite"]
    averaged = single or list(views)
    return {
        "schema": SCHEMA,
        "protocol": protocol.name,
        "about_protocol": protocol.about,
        **{key: text for key, text in (("source", protocol.source), ("peers", protocol.peers)) if text},
        "average_precision": protocol.average_precision,
        "gallery_size": len(outcomes[0].catalog.gallery),
        "queries": int(ends[-1]),
        "directions": {outcome.name: outcome.direction for outcome in outcomes},
        "views": views,
        "mean": _mean({name: views[name] for name in averaged}, [samples[name] for name in averaged]),
        "mean_of": averaged,
        "seed": seed,
        "versions": versions(),
        "hardware": hardware(),
        "commit": commit(),
    }


def _scored(
    outcome: Outcome,
    protocol: Protocol,
    row_Q: npt.NDArray[np.int64],
    place_Q: npt.NDArray[np.int64],
    weights_RP: Weights,
) -> tuple[dict[str, Any], dict[str, Floats]]:
    """Return the metrics of one trial, and their resamples."""
    catalog, predictions = outcome.catalog, outcome.predictions
    gallery_size = len(catalog.gallery)
    values = _values(predictions, gallery_size, protocol, bool(catalog.query_semi_positives().lengths.any()))
    values |= spatial_values(protocol.spatial, catalog, row_Q, predictions["top_ids"])
    metrics, samples = _with_intervals(values, _error_m(predictions), place_Q, weights_RP)
    metrics |= {"queries": len(row_Q), "places": len(np.unique(place_Q)), "gallery_size": gallery_size}
    metrics["chance"] = _chance(catalog.query_positives().lengths[row_Q], gallery_size)
    return metrics, samples


def _rows(outcome: Outcome) -> npt.NDArray[np.int64]:
    row_of = {query_id: row for row, query_id in enumerate(outcome.catalog.query_ids)}
    ids = outcome.predictions["query_id"].to_pylist()
    unknown = [query_id for query_id in ids if query_id not in row_of]
    if unknown or not ids:
        raise DataError(
            f"predictions of {len(unknown)} queries that the catalog does not have; first",
            value=unknown[0] if unknown else None,
            fix="score them with the catalog and split that they were made from",
        )
    return np.array([row_of[query_id] for query_id in ids], dtype=np.int64)


def _values(part: pa.Table, gallery_size: int, protocol: Protocol, has_semi: bool) -> dict[str, Floats]:
    """Return each metric that is a mean over queries, one value a query."""
    best = part["rank"].to_numpy()
    values: dict[str, npt.NDArray[Any]] = {f"recall@{k}": hits_at_k(best, k) for k in KS}
    values["recall@1%"] = hits_at_k(best, k_of_percent(gallery_size))
    ranks = part["ranks"].combine_chunks()
    offsets = np.concatenate([[0], np.cumsum(ranks.value_lengths().to_numpy())]).astype(np.int64)
    every = PositiveRanks(offsets=offsets, ranks=ranks.flatten().to_numpy())
    values["ap"] = average_precisions(every, protocol.average_precision)
    if has_semi:
        values["hit_rate"] = hits_at_k(part["rank_without_semi"].to_numpy(), 1)
    error_m = _error_m(part)
    if error_m is not None:
        values |= {f"recall@{radius}m": within_m(error_m, radius) for radius in RADII_M}
    return {name: value.astype(np.float64) for name, value in values.items()}


def _error_m(part: pa.Table) -> Floats | None:
    """Return metres to the first tile, or None where any is unknown: half a median would be a wrong one."""
    column = part["error_m"]
    return None if column.null_count else np.asarray(column.to_numpy(), dtype=np.float64)


def _with_intervals(
    values: dict[str, Floats], error_m: Floats | None, place_Q: npt.NDArray[np.int64], weights_RP: Weights
) -> tuple[dict[str, Any], dict[str, Floats]]:
    samples = {name: mean_samples(value_Q, place_Q, weights_RP) for name, value_Q in values.items()}
    places = len(np.unique(place_Q))
    metrics: dict[str, Any] = {
        name: interval(float(values[name].mean()), samples_R, 0 if name.endswith("_m") else places).as_dict()
        for name, samples_R in samples.items()
    }
    if error_m is not None:
        median = interval(float(np.median(error_m)), median_samples(error_m, place_Q, weights_RP))
        metrics["median_error_m"] = median.as_dict()
    return metrics, samples


def _chance(positives_Q: npt.NDArray[np.int64], gallery_size: int) -> dict[str, float]:
    chance = {f"recall@{k}": chance_recall(positives_Q, gallery_size, k) for k in KS}
    return chance | {"recall@1%": chance_recall(positives_Q, gallery_size, k_of_percent(gallery_size))}


def _mean(views: dict[str, dict[str, Any]], samples: list[dict[str, Floats]]) -> dict[str, Any]:
    """Return the means over views of the metrics that all views have."""
    shared = [name for name in samples[0] if all(name in part for part in samples)]
    places = min(view["places"] for view in views.values())
    return {
        name: interval(
            float(np.mean([view[name]["value"] for view in views.values()])),
            np.mean(np.stack([part[name] for part in samples]), axis=0),
            0 if name.endswith("_m") else places,
        ).as_dict()
        for name in shared
    }
