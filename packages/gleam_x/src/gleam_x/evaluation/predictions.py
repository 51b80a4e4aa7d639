"""What a model said of each record, and the truth beside it: one row a record, as Parquet."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq
from gleam_common.artifacts import write_atomic
from gleam_common.errors import ArtifactError, DataError

from gleam_x.benchmark.landmarks import Landmark
from gleam_x.benchmark.schema import Claim
from gleam_x.claims_in_text import Statements, read_statements

__all__ = ["PREDICTIONS_FILE", "Prediction", "check_predictions", "read_predictions", "write_predictions"]

PREDICTIONS_FILE = "predictions.parquet"


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """One record of the benchmark and what a model says of it.

    Attributes:
        record_id: unique.
        pair_id: shared by the two languages of a pair.
        place_id: of the query; intervals are resampled by it.
        view: of the query.
        language: "en" or "zh".
        negative_kind: of ``schema.NEGATIVE_KINDS``; empty when it is the same place.
        same_place: the truth.
        score: raw log odds of yes, mean of both orders of the pictures.
        score_query_first: with the query as first picture.
        score_satellite_first: with the tile as first picture.
        leftover: share of probability on neither answer, 0 to 1.
        probability: calibrated, of yes, 0 to 1.
        similarity_c: GLEAM-C's cosine, None where it was not asked.
        fused: log odds of both models, None where there is no similarity.
        text: the generated explanation; empty where none was generated.
        reference: the record's own.
        claims: of the reference.
        query_shows: what the query shows; claims are scored against it.
        satellite_shows: what the tile shows.
    """

    record_id: str
    pair_id: str
    place_id: str
    view: str
    language: str
    negative_kind: str
    same_place: bool
    score: float
    score_query_first: float
    score_satellite_first: float
    leftover: float
    probability: float
    similarity_c: float | None
    fused: float | None
    text: str
    reference: str
    claims: tuple[Claim, ...]
    query_shows: tuple[Landmark, ...]
    satellite_shows: tuple[Landmark, ...]

    @property
    def says_yes(self) -> bool:
        """The model's verdict: whether the calibrated probability reaches one half."""
        return self.probability >= 0.5

    @cached_property
    def statements(self) -> Statements:
        """What the generated text says."""
        return read_statements(self.text, self.view, self.language)

    def shows(self, picture: str) -> tuple[Landmark, ...]:
        """Return what a picture, "query" or "satellite", shows."""
        return self.query_shows if picture == "query" else self.satellite_shows


_ARROW = {str: pa.string(), bool: pa.bool_(), int: pa.int64(), float: pa.float64()}


def _schema() -> pa.Schema:
    nested = {"claims": Claim, "query_shows": Landmark, "satellite_shows": Landmark}
    columns = []
    for item in fields(Prediction):
        kind = pa.list_(pa.struct(_plain_fields(nested[item.name]))) if item.name in nested else None
        columns.append(pa.field(item.name, kind) if kind else _plain_field(Prediction, item.name))
    return pa.schema(columns)


def _plain_fields(kind: type[Any]) -> list[pa.Field]:
    return [_plain_field(kind, item.name) for item in fields(kind)]


def _plain_field(kind: type[Any], name: str) -> pa.Field:
    hint = get_type_hints(kind)[name]
    options = [option for option in getattr(hint, "__args__", (hint,)) if option is not type(None)]
    return pa.field(name, _ARROW[options[0]])


def check_predictions(rows: Sequence[Prediction]) -> None:
    """Check that there are rows, that ids are unique, and that numbers are numbers.

    Raises:
        DataError: names the first row that is wrong.
    """
    if not rows:
        raise DataError("predictions of no record", fix="evaluate a split that has records")
    seen: set[str] = set()
    for row in rows:
        numbers = (row.score, row.score_query_first, row.score_satellite_first, row.similarity_c, row.fused)
        problem = ""
        if row.record_id in seen:
            problem = "its id stands twice"
        elif not all(number is None or math.isfinite(number) for number in numbers):
            problem = "a score is no finite number"
        elif not (0 <= row.probability <= 1 and 0 <= row.leftover <= 1):
            problem = "a probability is outside 0 to 1"
        elif row.same_place == bool(row.negative_kind):
            problem = "a negative has a kind, a positive has none"
        if problem:
            raise DataError(f"prediction of {row.record_id}: {problem}", fix="look at what wrote it")
        seen.add(row.record_id)


def write_predictions(path: str | Path, rows: Sequence[Prediction]) -> None:
    """Write the rows, atomically; the same rows give the same bytes.

    Raises:
        DataError: see :func:`check_predictions`.
    """
    check_predictions(rows)
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([asdict(row) for row in rows], schema=_schema()), buffer, compression="zstd")
    with write_atomic(path) as file:
        file.write(buffer.getbuffer())


def read_predictions(path: str | Path) -> list[Prediction]:
    """Return the rows of a file.

    Raises:
        ArtifactError: it is missing, broken, or holds something else.
        DataError: see :func:`check_predictions`.
    """
    try:
        found = pq.read_table(path).to_pylist()
        rows = [_row(values) for values in found]
    except (pa.ArrowInvalid, OSError, KeyError, TypeError) as error:
        raise ArtifactError(f"{path}: no predictions ({error})", fix="run the evaluation again") from None
    check_predictions(rows)
    return rows


def _row(values: dict[str, Any]) -> Prediction:
    marks = {name: tuple(Landmark(**mark) for mark in values[name]) for name in ("query_shows", "satellite_shows")}
    return Prediction(**values | {"claims": tuple(Claim(**claim) for claim in values["claims"])} | marks)
