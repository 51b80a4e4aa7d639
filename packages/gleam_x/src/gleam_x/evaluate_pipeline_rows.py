"""What both models say of each photo whose place is known: one row a photo, as Parquet; and the plan that follows.

Axes: Q queries, K tiles, most similar first.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from gleam_common.artifacts import write_atomic
from gleam_common.errors import ArtifactError

from gleam_x.evaluate_pipeline_world import KnownPhoto
from gleam_x.pipeline.fusing import Scores, fit_view
from gleam_x.pipeline.locator import Checked
from gleam_x.pipeline.plan import Plan

__all__ = ["Row", "fit_plan", "of_view", "read_rows", "scores_of_rows", "write_rows"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """A photo and its candidates.

    Attributes:
        query_id: of the photo.
        place_id: intervals are resampled by it.
        view: of the photo.
        gallery_ids: of the tiles.
        similarity: GLEAM-C's of each.
        log_odds: GLEAM-X's of each, calibrated.
        query_first: GLEAM-X's raw score with the photo as first picture.
        satellite_first: with the tile as first picture.
        right: whether each tile is the photo's own.
        find_s: seconds that finding took, its share of a batch.
        verify_s: seconds that the verdicts took.
    """

    query_id: str
    place_id: str
    view: str
    gallery_ids: list[str]
    similarity: list[float]
    log_odds: list[float]
    query_first: list[float]
    satellite_first: list[float]
    right: list[bool]
    find_s: float
    verify_s: float

    @classmethod
    def of(cls, photo: KnownPhoto, checked: Checked) -> Row:
        """Return the row of a photo."""
        return cls(
            query_id=photo.query_id,
            place_id=photo.place_id,
            view=photo.view,
            gallery_ids=[tile.gallery_id for tile in checked.found.tiles],
            similarity=checked.similarity,
            log_odds=checked.log_odds,
            query_first=[verdict.score.query_first for verdict in checked.verdicts],
            satellite_first=[verdict.score.satellite_first for verdict in checked.verdicts],
            right=[tile.gallery_id in photo.positives for tile in checked.found.tiles],
            find_s=checked.times_s["find"],
            verify_s=checked.times_s["verify"],
        )


_KINDS = {"str": pa.string(), "float": pa.float64(), "list[str]": pa.list_(pa.string())}
_KINDS |= {"list[float]": pa.list_(pa.float64()), "list[bool]": pa.list_(pa.bool_())}
_SCHEMA = pa.schema([(field.name, _KINDS[str(field.type)]) for field in fields(Row)])


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write rows, whole or not at all."""
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([asdict(row) for row in rows], schema=_SCHEMA), buffer, compression="zstd")
    with write_atomic(path) as file:
        file.write(buffer.getbuffer())


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a file.

    Raises:
        ArtifactError: missing, broken, or of other columns.
    """
    try:
        return [Row(**row) for row in pq.read_table(path).to_pylist()]
    except (pa.ArrowException, OSError, TypeError) as error:
        raise ArtifactError(f"{path}: no scores of photos ({error})", fix="remove it and start again") from error


def of_view(rows: Sequence[Row], view: str) -> list[Row]:
    """Return the rows of a view."""
    return [row for row in rows if row.view == view]


def scores_of_rows(rows: Sequence[Row]) -> Scores:
    """Return rows of one view as arrays (Q, K)."""
    return Scores(
        similarity_QK=np.array([row.similarity for row in rows], dtype=np.float64),
        log_odds_QK=np.array([row.log_odds for row in rows], dtype=np.float64),
        right_QK=np.array([row.right for row in rows], dtype=bool),
        places=[row.place_id for row in rows],
    )


def fit_plan(rows: Sequence[Row], finder_sha256: str, judge_sha256: str) -> Plan:
    """Return the plan that validation rows decide, view by view."""
    fits = {view: fit_view(scores_of_rows(of_view(rows, view))) for view in dict.fromkeys(row.view for row in rows)}
    views = {view: fit for view, fit in fits.items() if fit is not None}
    return Plan(finder_sha256=finder_sha256, judge_sha256=judge_sha256, views=views)
