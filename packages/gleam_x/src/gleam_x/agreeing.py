"""Reasons that argue for their verdict: one that argues against it is drawn again.

A verdict is decided from both orders of the pictures and calibrated; the words behind it are generated in one order. A
small model at times argues for what it would have said alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gleam_x.claims_in_text import read_statements
from gleam_x.collate import Sample

__all__ = ["DRAWS", "agreeing_reasons"]

DRAWS = 6
"""How often a reason is drawn again before the first one stays, contradiction and all."""


def agreeing_reasons(
    samples: Sequence[Sample], verdicts: Sequence[str], draw: Callable[[Sequence[Sample], int], Sequence[str]]
) -> list[str]:
    """Return a reason for each verdict: the most likely one, or the first drawn one that does not argue against it.

    Args:
        samples: as they are asked.
        verdicts: "yes" or "no" of each.
        draw: returns the reasons of some samples: the most likely ones for 0, others for each number above.
    """
    reasons = list(draw(samples, 0))
    against = [n for n, reason in enumerate(reasons) if _argues_against(samples[n], verdicts[n], reason)]
    for number in range(1, DRAWS + 1):
        if not against:
            break
        drawn = dict(zip(against, draw([samples[n] for n in against], number), strict=True))
        agreeing = {n: reason for n, reason in drawn.items() if not _argues_against(samples[n], verdicts[n], reason)}
        for n, reason in agreeing.items():
            reasons[n] = reason
        against = [n for n in against if n not in agreeing]
    return reasons


def _argues_against(sample: Sample, verdict: str, reason: str) -> bool:
    statements = read_statements(reason, sample.prompt.view, sample.prompt.language)
    return statements.contradicts(verdict == "yes")
