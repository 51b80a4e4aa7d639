"""Embed, rank, score. Predictions are kept, so that they can be scored and reported again without the model."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from gleam_common.catalog import Catalog

from gleam_c.embed import PictureEncoder
from gleam_c.predictions import predictions_of
from gleam_c.protocols import Protocol, protocol_named
from gleam_c.scoring import Outcome, score_outcomes
from gleam_c.trial_embeddings import EncodedTrials, TrialEmbeddings
from gleam_c.trials import Trial, trials_of

__all__ = ["Evaluation", "evaluate_catalog", "outcomes_of", "predict"]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """``results`` as results.json holds them, and the ``predictions`` that they were computed from."""

    results: dict[str, Any]
    predictions: pa.Table


def evaluate_catalog(
    encoder: PictureEncoder,
    catalog: Catalog,
    *,
    split: str | None = "test",
    protocol: str | Protocol = "synthcity",
    direction: str | None = None,
    seed: int = 0,
    device: torch.device | str | None = None,
    batch_size: int = 64,
    workers: int = 0,
    cache: Path | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Evaluation:
    """Embed the gallery and the queries of ``split``, and score them under a protocol.

    Args:
        encoder: with the sizes per view, mean and std that it was trained with.
        catalog: the whole set; the protocol chooses the tiles.
        split: of the queries; None takes all.
        protocol: one, or a name of :func:`gleam_c.protocols.protocols`.
        direction: only this one of the protocol's, such as ``satellite2uav``; None takes all.
        seed: of the bootstrap.
        device: to embed and rank on; None is where the encoder is.
        batch_size: pictures embedded at once.
        workers: loader processes.
        cache: folder of decoded pictures.
        extra: what else belongs into the results, such as ``baseline`` (recall@1 per view of colour alone) and
            ``phase1`` (results of the first phase).

    Raises:
        ConfigError: unknown protocol or direction, or one of another set.
        DataError: the split is empty, or a picture is missing or broken.
        ModelError: the encoder gives NaN.
    """
    started = time.perf_counter()
    rules = protocol if isinstance(protocol, Protocol) else protocol_named(protocol)
    trials = trials_of(catalog, rules, split, direction)
    embeddings = EncodedTrials(encoder, device=device, batch_size=batch_size, workers=workers, cache=cache)
    outcomes = outcomes_of(trials, embeddings)
    results = score_outcomes(outcomes, rules, seed)
    wall_s = time.perf_counter() - started
    speed = round(results["queries"] / wall_s, 1)
    results |= {"split": split, "wall_s": round(wall_s, 2), "queries_per_s": speed}
    results |= dict(extra or {})
    predictions = pa.concat_tables([outcome.predictions for outcome in outcomes])
    return Evaluation(results=results, predictions=predictions)


def outcomes_of(trials: list[Trial], embeddings: TrialEmbeddings) -> list[Outcome]:
    """Return what the embeddings find in each trial, in order.

    The largest gallery is embedded first: the other trials' pictures are among it.
    """
    found: dict[int, Outcome] = {}
    for number in sorted(range(len(trials)), key=lambda number: -len(trials[number].catalog.gallery)):
        trial = trials[number]
        predictions = predictions_of(trial.queries(), *embeddings.of(trial))
        found[number] = Outcome(
            name=trial.name, direction=trial.direction, catalog=trial.queries(), predictions=predictions
        )
    return [found[number] for number in range(len(trials))]


def predict(encoder: PictureEncoder, catalog: Catalog, **options: Any) -> pa.Table:
    """Return what the encoder says of every query of ``catalog``, view after view: :func:`predictions_of`.

    ``options`` are those of :func:`gleam_c.embed.embed_catalog`; the gallery is embedded once for each number of
    headings that a view asks for (:attr:`gleam_c.encoder.Encoder.headings`).
    """
    embeddings = EncodedTrials(encoder, **options)
    trials = [
        Trial(name=str(view), view=view, catalog=catalog.select(views=[view], gallery="all")) for view in catalog.views
    ]
    return pa.concat_tables([predictions_of(trial.catalog, *embeddings.of(trial)) for trial in trials])
