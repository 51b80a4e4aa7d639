"""A trained model on the benchmark's test split: scores, calibration, fusion with GLEAM-C, explanations, results."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from gleam_common.artifacts import write_json
from gleam_common.catalog import Catalog
from gleam_common.progress import progress
from PIL import Image

from gleam_x.benchmark.folder import read_records, read_rows
from gleam_x.benchmark.landmarks import Landmark
from gleam_x.benchmark.schema import Record
from gleam_x.calibration import Fusion, fit_fusion
from gleam_x.collate import Sample
from gleam_x.evaluation.predictions import PREDICTIONS_FILE, Prediction, write_predictions
from gleam_x.evaluation.probe_scores import summarise_probe
from gleam_x.evaluation.probes import PROBES
from gleam_x.evaluation.report import write_report
from gleam_x.evaluation.results import evaluate_predictions
from gleam_x.matcher import Matcher
from gleam_x.pair_data import PairSplit, read_split
from gleam_x.trained import Answer, Trained, open_trained

__all__ = ["evaluate_run", "grey_pictures"]

_GREY = 122
_PROBED = 200


def evaluate_run(
    run: Path,
    benchmark: Path,
    split: str = "test",
    matcher: Matcher | None = None,
    catalog: Path | None = None,
    seed: int = 0,
    explain: bool = True,
) -> dict[str, Any]:
    """Evaluate a run of ``gleam-x train``; write predictions, fusion, results.json and report.html there.

    Args:
        run: its folder.
        benchmark: folder of the benchmark.
        split: of the benchmark.
        matcher: GLEAM-C, for its similarity and the fusion; None leaves them out.
        catalog: that the benchmark was built from; needed with ``matcher``.
        seed: of the bootstrap.
        explain: also generate explanations, where the recipe learnt them, and probe what they depend on; without it
            verdicts alone are judged, in a tenth of the time.

    Raises:
        ArtifactError: no finished run or benchmark.
        DataError: no such split.
    """
    trained = open_trained(run)
    data = read_split(benchmark, split, trained.base.processor.image_processor)
    samples = data.samples("verify")
    answers = trained.answers(samples, explain=trained.explains and explain)
    similarity = fused = None
    if matcher is not None and catalog is not None:
        world = Catalog.read(catalog)
        fusion = _fit_fusion(trained, benchmark, matcher, world)
        write_json(run / "fusion.json", fusion.to_json())
        similarity = matcher.similarity_of_pairs(world, _ids(data.records)).tolist()
        fused = fusion.fuse([answer.score.score for answer in answers], similarity).tolist()
    shows = _shows(benchmark, split)
    rows = _predictions(data, answers, shows, similarity, fused)
    write_predictions(run / PREDICTIONS_FILE, rows)
    results = evaluate_predictions(
        rows,
        train_records=list(read_records(benchmark, "train")),
        blank_rows=_predictions(data, _grey_answers(trained, data), shows, None, None) if explain else (),
        probes=_probes(trained, data, rows, seed) if explain else None,
        seed=seed,
    )
    results |= {"split": split, "recipe": trained.recipe}
    write_json(run / "results.json", results)
    write_report(run, results, rows, _pictures(benchmark, split))
    return results


def _probes(trained: Trained, data: PairSplit, rows: Sequence[Prediction], seed: int) -> dict[str, Any]:
    """Return what changed pictures change in the answers, on records drawn evenly from the split."""
    chosen = np.linspace(0, len(rows) - 1, min(_PROBED, len(rows))).round().astype(int).tolist()
    records, own = [data.records[number] for number in chosen], [rows[number] for number in chosen]
    samples = [data.samples("verify")[number] for number in chosen]
    queries, tiles = [record.query_id for record in records], [record.gallery_id for record in records]
    found = {}
    for name, change in progress(PROBES.items(), desc="probes", unit="probe", leave=False):
        answers = trained.answers(change(samples, queries, tiles), explain=trained.explains, title="")
        changed = [_answered(row, answer) for row, answer in zip(own, answers, strict=True)]
        found[name] = summarise_probe(own, changed, seed)
    return found


def _pictures(benchmark: Path, split: str) -> Callable[[Prediction], tuple[Image.Image, Image.Image]]:
    """Return what gives the pictures of a record, as the benchmark holds them."""
    held = {
        row["record_id"]: (row["query_image"]["bytes"], row["satellite_image"]["bytes"])
        for row in read_rows(benchmark, split)
    }

    def open_both(row: Prediction) -> tuple[Image.Image, Image.Image]:
        query, tile = held[row.record_id]
        return Image.open(io.BytesIO(query)), Image.open(io.BytesIO(tile))

    return open_both


def _answered(row: Prediction, answer: Answer) -> Prediction:
    return replace(
        row,
        score=answer.score.score,
        score_query_first=answer.score.query_first,
        score_satellite_first=answer.score.satellite_first,
        leftover=answer.score.leftover,
        probability=answer.probability,
        text=answer.explanation,
    )


def _fit_fusion(trained: Trained, benchmark: Path, matcher: Matcher, world: Catalog) -> Fusion:
    data = read_split(benchmark, "validation", trained.base.processor.image_processor)
    scores = [score.score for score in trained.scores(data.samples("verify"), title="fusion")]
    similarity = matcher.similarity_of_pairs(world, _ids(data.records))
    return fit_fusion(scores, similarity, [record.same_place for record in data.records])


def _ids(records: Sequence[Record]) -> list[tuple[str, str, str]]:
    return [(record.view, record.query_id, record.gallery_id) for record in records]


def _shows(benchmark: Path, split: str) -> list[tuple[tuple[Landmark, ...], tuple[Landmark, ...]]]:
    """Return what the two pictures of each record show, in the order of the file."""
    return [
        (
            tuple(Landmark(**mark) for mark in row["query_shows"]),
            tuple(Landmark(**mark) for mark in row["satellite_shows"]),
        )
        for row in read_rows(benchmark, split)
    ]


def _predictions(
    data: PairSplit,
    answers: Sequence[Answer],
    shows: Sequence[tuple[tuple[Landmark, ...], tuple[Landmark, ...]]],
    similarity: Sequence[float] | None,
    fused: Sequence[float] | None,
) -> list[Prediction]:
    return [
        Prediction(
            record_id=record.record_id,
            pair_id=record.pair_id,
            place_id=record.place_id,
            view=record.view,
            language=record.language,
            negative_kind=record.negative_kind,
            same_place=record.same_place,
            score=answer.score.score,
            score_query_first=answer.score.query_first,
            score_satellite_first=answer.score.satellite_first,
            leftover=answer.score.leftover,
            probability=answer.probability,
            similarity_c=None if similarity is None else similarity[number],
            fused=None if fused is None else fused[number],
            text=answer.explanation,
            reference=record.explanation,
            claims=record.claims,
            query_shows=shows[number][0],
            satellite_shows=shows[number][1],
        )
        for number, (record, answer) in enumerate(zip(data.records, answers, strict=True))
    ]


def grey_pictures(sample: Sample) -> Sample:
    """Return the sample with both pictures grey all over."""
    grey = [np.full(np.asarray(picture).shape, _GREY, np.uint8) for picture in (sample.query, sample.satellite)]
    return replace(sample, query=grey[0], satellite=grey[1])


def _grey_answers(trained: Trained, data: PairSplit) -> list[Answer]:
    """Return what the model says of every record when it sees nothing: one answer for each view, language and shape."""
    samples = [grey_pictures(sample) for sample in data.samples("verify")]
    keys = [
        (record.view, record.language, np.asarray(sample.query).shape, np.asarray(sample.satellite).shape)
        for record, sample in zip(data.records, samples, strict=True)
    ]
    first = {key: sample for key, sample in zip(reversed(keys), reversed(samples), strict=True)}
    answers = dict(zip(first, trained.answers(list(first.values()), explain=trained.explains, title=""), strict=True))
    return [answers[key] for key in keys]
