"""Does a model agree with itself: text with verdict, one language with the other, one order of pictures with the other?

Axes: N rows, J pairs in both languages.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gleam_x.benchmark.schema import LANGUAGES
from gleam_x.claims_in_text import Said
from gleam_x.evaluation.predictions import Prediction
from gleam_x.evaluation.resampled import Draws

__all__ = ["claim_overlap", "consistency", "contradictions", "order_flips"]


def contradictions(rows: Sequence[Prediction]) -> npt.NDArray[np.bool_]:
    """Return for each row whether its text argues against the model's own verdict, (N,)."""
    return np.array([row.statements.contradicts(row.says_yes) for row in rows], dtype=bool)


def order_flips(rows: Sequence[Prediction]) -> npt.NDArray[np.bool_]:
    """Return for each row whether the order of the pictures decides the raw verdict, (N,)."""
    return np.array([(row.score_query_first > 0) != (row.score_satellite_first > 0) for row in rows], dtype=bool)


def claim_overlap(first: Sequence[Said], second: Sequence[Said]) -> float | None:
    """Return the Jaccard overlap of what two texts claim, counts left aside; None where neither claims anything."""
    said, other = (
        {(item.picture, item.what, item.colour, item.where, item.is_there) for item in items}
        for items in (first, second)
    )
    return len(said & other) / len(said | other) if said | other else None


def consistency(rows: Sequence[Prediction], draws: Draws) -> dict[str, Any]:
    """Return the shares of rows, and of pairs asked in both languages, where the model agrees with itself.

    ``draws`` are of all rows. Rows without a text are left out of what is said of texts.
    """
    has_text = np.array([bool(row.text.strip()) for row in rows])
    texts = [row for row in rows if row.text.strip()]
    result: dict[str, Any] = {"order_flip_rate": draws.ratio(order_flips(rows))}
    if texts:
        of_texts = draws.take(has_text)
        result["contradiction_rate"] = of_texts.ratio(contradictions(texts))
        result["no_conclusion_rate"] = of_texts.ratio(np.array([not row.statements.argued for row in texts]))
    return result | _between_languages(rows, draws)


def _between_languages(rows: Sequence[Prediction], draws: Draws) -> dict[str, Any]:
    pairs: dict[str, dict[str, int]] = {}
    for index, row in enumerate(rows):
        pairs.setdefault(row.pair_id, {})[row.language] = index
    both = [tuple(found[language] for language in LANGUAGES) for found in pairs.values() if len(found) == 2]
    if not both:
        return {}
    same = [rows[first].says_yes == rows[second].says_yes for first, second in both]
    result: dict[str, Any] = {"language_verdicts_agree": draws.take([pair[0] for pair in both]).ratio(np.array(same))}
    overlaps = [(pair[0], claim_overlap(*(rows[index].statements.said for index in pair))) for pair in both]
    known = [(index, overlap) for index, overlap in overlaps if overlap is not None]
    if known:
        values = np.array([overlap for _, overlap in known])
        result["language_claims_overlap"] = draws.take([index for index, _ in known]).ratio(values)
    return result | {"pairs_in_both_languages": len(both)}
