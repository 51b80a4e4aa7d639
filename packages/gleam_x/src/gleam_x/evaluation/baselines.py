"""What needs no picture: the most frequent claims of the train split, and a model that is shown grey."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from statistics import mean

from gleam_common.errors import DataError

from gleam_x.benchmark.schema import Claim, Record
from gleam_x.claims_in_text import Statements, from_claims
from gleam_x.evaluation.claim_scores import ClaimCounts, count_claims
from gleam_x.evaluation.predictions import Prediction

__all__ = ["frequent_statements", "most_frequent_claims"]

Group = tuple[str, bool]


def most_frequent_claims(train_records: Iterable[Record], test_rows: Sequence[Prediction]) -> list[ClaimCounts]:
    """Return the counts of the text that names what reasons of the train split name most, for each test row.

    It is told the true verdict, which favours it: a model must do better than this to have looked.

    Raises:
        DataError: a view and verdict of the test rows is not in the train split.
    """
    said = frequent_statements(train_records)
    for row in test_rows:
        if (row.view, row.same_place) not in said:
            value = f"{row.view}, {'same' if row.same_place else 'different'} place"
            raise DataError("no train record of this view and verdict", value=value, fix="give the whole train split")
    return [count_claims(said[row.view, row.same_place], row) for row in test_rows]


def frequent_statements(records: Iterable[Record]) -> dict[Group, Statements]:
    """Return what that text says, by view and verdict: as many claims of each picture as reasons have on average."""
    claims: dict[tuple[Group, str], Counter[Claim]] = defaultdict(Counter)
    sizes: dict[tuple[Group, str], list[int]] = defaultdict(list)
    for record in records:
        group = (record.view, record.same_place)
        for shown_in in ("both",) if record.same_place else ("query", "satellite"):
            own = [claim for claim in record.claims if claim.shown_in == shown_in]
            claims[group, shown_in].update(own)
            sizes[group, shown_in].append(len(own))
    chosen: dict[Group, list[Claim]] = defaultdict(list)
    for (group, shown_in), counter in claims.items():
        most = max(1, round(mean(sizes[group, shown_in])))
        # Sorted before, so that equally frequent claims come in an order of their own.
        chosen[group] += sorted(counter, key=lambda claim: (-counter[claim], repr(claim)))[:most]
    return {group: from_claims(found) for group, found in chosen.items()}
