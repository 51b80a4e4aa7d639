"""What a probe did: how far scores moved, which verdicts turned, how much of what was claimed is still claimed.

Axes: N rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gleam_common.errors import DataError
from gleam_common.metrics import verdict

from gleam_x.evaluation.consistency import claim_overlap
from gleam_x.evaluation.predictions import Prediction, check_predictions
from gleam_x.evaluation.resampled import Draws, draws_of

__all__ = ["summarise_probe"]


def summarise_probe(
    rows: Sequence[Prediction], changed_rows: Sequence[Prediction], seed: int = 0, resamples: int = 1000
) -> dict[str, Any]:
    """Return what a probe changed, every number with its interval by place.

    ``shift_positives`` and ``shift_negatives`` are means of the changed minus the old log odds; ``yes_to_no`` and
    ``no_to_yes`` shares of the old yes and no that turned; ``auroc`` and ``yes_rate`` are after the change, by the old
    truth; ``claims_changed`` is one minus the overlap of a text's claims before and after.

    Args:
        rows: as the model answered the pictures as they are.
        changed_rows: of the same records in the same order, with changed pictures.
        seed: of the bootstrap.
        resamples: of the bootstrap.

    Raises:
        DataError: other records.
    """
    check_predictions(rows)
    check_predictions(changed_rows)
    if [row.record_id for row in rows] != [row.record_id for row in changed_rows]:
        raise DataError("a probe of other records", fix="ask the same records in the same order")
    draws = draws_of([row.place_id for row in rows], seed, resamples)
    label_N = np.array([row.same_place for row in rows])
    score_N, changed_N = (np.array([row.score for row in found]) for found in (rows, changed_rows))
    yes_N, changed_yes_N = (np.array([row.says_yes for row in found]) for found in (rows, changed_rows))
    shift_N = changed_N - score_N
    return {
        "records": len(rows),
        "shift_positives": draws.ratio(shift_N * label_N, label_N),
        "shift_negatives": draws.ratio(shift_N * ~label_N, ~label_N),
        "yes_to_no": draws.ratio(yes_N & ~changed_yes_N, yes_N),
        "no_to_yes": draws.ratio(~yes_N & changed_yes_N, ~yes_N),
        "yes_rate": draws.ratio(changed_yes_N),
        "auroc": draws.of(lambda weight_N: verdict.auroc(changed_N, label_N, weight_N), is_share=True),
        **_claims(rows, changed_rows, draws),
    }


def _claims(rows: Sequence[Prediction], changed_rows: Sequence[Prediction], draws: Draws) -> dict[str, Any]:
    found = [
        (index, claim_overlap(row.statements.said, changed.statements.said))
        for index, (row, changed) in enumerate(zip(rows, changed_rows, strict=True))
    ]
    known = [(index, overlap) for index, overlap in found if overlap is not None]
    if not known:
        return {}
    changed_share = np.array([1 - overlap for _, overlap in known])
    return {"claims_changed": draws.take([index for index, _ in known]).ratio(changed_share)}
