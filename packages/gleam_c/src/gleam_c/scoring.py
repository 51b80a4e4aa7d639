"""Predictions -> results.json: recall, precision and metres per view, with intervals, under a named protocol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from gleam_common.catalog import Catalog
from gleam_common.errors import ConfigError, DataError
from gleam_common.metrics.intervals import Weights, interval, mean_samples, median_samples, place_weights
from gleam_common.metrics.ranking import PositiveRanks
from gleam_common.metrics.retrieval import average_precisions, chance_recall, hits_at_k, k_of_percent, within_m
from gleam_common.provenance import commit, hardware, versions

__all__ = ["KS", "PROTOCOLS", "RADII_M", "SCHEMA", "Protocol", "score"]

SCHEMA = 1
KS = (1, 5, 10)
RADII_M = (25, 50, 100)


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How a set is searched and scored.

    Args:
        gallery: which tiles are searched, as in :meth:`gleam_common.catalog.Catalog.select`.
        convention: of the average precision, as in :func:`gleam_common.metrics.retrieval.average_precisions`.
        about: the protocol in words, for the report.
    """

    gallery: Literal["all", "area", "positives"]
    convention: Literal["trapezoid", "step"]
    about: str


PROTOCOLS: dict[str, Protocol] = {
    "synthcity": Protocol(
        gallery="area",
        convention="trapezoid",
        about="search among all tiles of the held-out areas; an overlapping neighbour of the right tile is an error",
    ),
    "vigor": Protocol(
        gallery="area",
        convention="trapezoid",
        about="search among all tiles of the split's cities; a semi-positive is an error, but not in the hit rate",
    ),
    "official": Protocol(
        gallery="all",
        convention="trapezoid",
        about="University-1652 and SUES-200 as their authors score them: distractors stay in the gallery",
    ),
    "sample4geo": Protocol(
        gallery="positives",
        convention="trapezoid",
        about="University-1652 and SUES-200 as Sample4Geo's family scores them: no distractors in the gallery",
    ),
}
"""Numbers of different protocols must not be compared."""


def score(predictions: pa.Table, catalog: Catalog, *, protocol: str = "synthcity", seed: int = 0) -> dict[str, Any]:
    """Return the results of ``predictions`` as results.json holds them (DESIGN section 3).

    Every metric is ``{"value", "low", "high"}`` with a bootstrap interval resampled by place. ``mean`` is over views,
    each counting the same. ``hit_rate`` is there when the set has semi-positives, metres when it has coordinates.

    Args:
        predictions: from :func:`gleam_c.evaluate.predict`.
        catalog: whose queries and tiles they were made from.
        protocol: a name in :data:`PROTOCOLS`.
        seed: of the bootstrap.

    Raises:
        ConfigError: unknown protocol.
        DataError: a prediction of a query that the catalog does not have.
    """
    if protocol not in PROTOCOLS:
        raise ConfigError("unknown protocol", value=protocol, allowed=PROTOCOLS)
    positives = catalog.query_positives().lengths
    row_Q = _rows(predictions, catalog)
    _, place_Q = np.unique(catalog.column("place_id")[row_Q].astype(str), return_inverse=True)
    weights_RP = place_weights(int(place_Q.max()) + 1, seed)
    has_semi = bool(catalog.query_semi_positives().lengths.any())
    gallery_size = len(catalog.gallery)
    view_Q = np.asarray(predictions["view"].to_pylist())
    views: dict[str, dict[str, Any]] = {}
    samples: dict[str, list[npt.NDArray[np.float64]]] = {}
    for view in dict.fromkeys(view_Q.tolist()):
        own = np.flatnonzero(view_Q == view)
        part = predictions.take(own)
        values = _values(part, gallery_size, PROTOCOLS[protocol], has_semi)
        views[view], resampled = _with_intervals(values, _error_m(part), place_Q[own], weights_RP)
        views[view] |= {"queries": len(own), "places": len(np.unique(place_Q[own]))}
        views[view]["chance"] = _chance(positives[row_Q[own]], gallery_size)
        for name, samples_R in resampled.items():
            samples.setdefault(name, []).append(samples_R)
    return {
        "schema": SCHEMA,
        "protocol": protocol,
        "about_protocol": PROTOCOLS[protocol].about,
        "average_precision": PROTOCOLS[protocol].convention,
        "gallery_size": gallery_size,
        "queries": len(predictions),
        "views": views,
        "mean": _mean(views, samples),
        "seed": seed,
        "versions": versions(),
        "hardware": hardware(),
        "commit": commit(),
    }


def _rows(predictions: pa.Table, catalog: Catalog) -> npt.NDArray[np.int64]:
    row_of = {query_id: row for row, query_id in enumerate(catalog.query_ids)}
    ids = predictions["query_id"].to_pylist()
    unknown = [query_id for query_id in ids if query_id not in row_of]
    if unknown or not ids:
        raise DataError(
            f"predictions of {len(unknown)} queries that the catalog does not have; first",
            value=unknown[0] if unknown else None,
            fix="score them with the catalog and split that they were made from",
        )
    return np.array([row_of[query_id] for query_id in ids], dtype=np.int64)


def _values(
    part: pa.Table, gallery_size: int, protocol: Protocol, has_semi: bool
) -> dict[str, npt.NDArray[np.float64]]:
    """Return each metric that is a mean over queries, one value a query."""
    best = part["rank"].to_numpy()
    values: dict[str, npt.NDArray[Any]] = {f"recall@{k}": hits_at_k(best, k) for k in KS}
    values["recall@1%"] = hits_at_k(best, k_of_percent(gallery_size))
    ranks = part["ranks"].combine_chunks()
    offsets = np.concatenate([[0], np.cumsum(ranks.value_lengths().to_numpy())]).astype(np.int64)
    every = PositiveRanks(offsets=offsets, ranks=ranks.flatten().to_numpy())
    values["ap"] = average_precisions(every, protocol.convention)
    if has_semi:
        values["hit_rate"] = hits_at_k(part["rank_without_semi"].to_numpy(), 1)
    error_m = _error_m(part)
    if error_m is not None:
        values |= {f"recall@{radius}m": within_m(error_m, radius) for radius in RADII_M}
    return {name: value.astype(np.float64) for name, value in values.items()}


def _error_m(part: pa.Table) -> npt.NDArray[np.float64] | None:
    """Return metres to the first tile, or None where any is unknown: half a median would be a wrong one."""
    column = part["error_m"]
    return None if column.null_count else np.asarray(column.to_numpy(), dtype=np.float64)


def _with_intervals(
    values: dict[str, npt.NDArray[np.float64]],
    error_m: npt.NDArray[np.float64] | None,
    place_Q: npt.NDArray[np.int64],
    weights_RP: Weights,
) -> tuple[dict[str, Any], dict[str, npt.NDArray[np.float64]]]:
    samples = {name: mean_samples(value_Q, place_Q, weights_RP) for name, value_Q in values.items()}
    places = len(np.unique(place_Q))
    metrics: dict[str, Any] = {
        name: interval(float(values[name].mean()), samples_R, places).as_dict() for name, samples_R in samples.items()
    }
    if error_m is not None:
        median = interval(float(np.median(error_m)), median_samples(error_m, place_Q, weights_RP))
        metrics["median_error_m"] = median.as_dict()
    return metrics, samples


def _chance(positives_Q: npt.NDArray[np.int64], gallery_size: int) -> dict[str, float]:
    chance = {f"recall@{k}": chance_recall(positives_Q, gallery_size, k) for k in KS}
    return chance | {"recall@1%": chance_recall(positives_Q, gallery_size, k_of_percent(gallery_size))}


def _mean(views: dict[str, dict[str, Any]], samples: dict[str, list[npt.NDArray[np.float64]]]) -> dict[str, Any]:
    """Return the means over views of the metrics that all views have; the same places are drawn in every view."""
    shared = {name: parts for name, parts in samples.items() if len(parts) == len(views)}
    places = min(view["places"] for view in views.values())
    return {
        name: interval(
            float(np.mean([view[name]["value"] for view in views.values()])), np.mean(np.stack(parts), axis=0), places
        ).as_dict()
        for name, parts in shared.items()
    }
