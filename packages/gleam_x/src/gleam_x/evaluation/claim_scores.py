"""Claims of texts against what their own pictures show: right, half right, invented.

Every count is of one text; shares are made of sums over texts, so that a text with more claims counts more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gleam_x.benchmark.landmarks import Landmark, is_same_look, is_the_kind
from gleam_x.benchmark.schema import Claim
from gleam_x.benchmark.vocabulary import COMPASS_SIDES, look_alike
from gleam_x.claims_in_text import Said, Statements
from gleam_x.evaluation.predictions import Prediction

__all__ = ["ClaimCounts", "claim_scores", "count_claims", "is_near", "is_right"]


@dataclass(frozen=True, kw_only=True)
class ClaimCounts:
    """Counts of one text.

    Attributes:
        said: claims: things shown at a place, and things that a picture does not show.
        right: those that are true; a neighbouring place counts.
        right_strict: those that are true at exactly their place; a thing without a place is not.
        gold: claims of the reference.
        found: those that the text makes too; a neighbouring place counts.
        things: different things said to be shown.
        invented: those that neither picture shows, not even in a colour that may be taken for theirs.
        unread: sentences that name things of no picture.
    """

    said: int
    right: int
    right_strict: int
    gold: int
    found: int
    things: int
    invented: int
    unread: int


def claim_scores(rows: Iterable[Prediction]) -> list[ClaimCounts]:
    """Return the counts of the generated text of each row, in order."""
    return [count_claims(row.statements, row) for row in rows]


def count_claims(statements: Statements, row: Prediction) -> ClaimCounts:
    """Return the counts of what a text says about the pictures of ``row``."""
    said = statements.said
    things = {item.look: item for item in said if item.is_there}
    pictures = (*row.query_shows, *row.satellite_shows)
    return ClaimCounts(
        said=len(said),
        right=sum(is_right(item, row.shows(item.picture)) for item in said),
        right_strict=sum(is_right(item, row.shows(item.picture), strict=True) for item in said),
        gold=len(row.claims),
        found=sum(_is_found(claim, said) for claim in row.claims),
        things=len(things),
        invented=sum(not any(_could_be(mark, item) for mark in pictures) for item in things.values()),
        unread=statements.unread,
    )


def _could_be(mark: Landmark, said: Said) -> bool:
    """Return whether a thing is of the kind and may look like what is said: a church is no tower, however alike."""
    return is_the_kind(mark, said.what) and look_alike(mark.colour, said.colour)


def is_right(said: Said, shows: Sequence[Landmark], strict: bool = False) -> bool:
    """Return whether one claim is true of what its picture shows.

    "There is X at W": a thing of that kind and colour (of any, where none is said) is at W, or beside it unless
    ``strict``. A claim without a place is true of a thing at any place, but not when ``strict``. "There is no X":
    nothing that may be taken for X is shown.
    """
    if not said.is_there:
        return not any(is_same_look(mark, _as_mark(said)) for mark in shows)
    fitting = [mark for mark in shows if is_the_kind(mark, said.what) and said.colour in ("", mark.colour)]
    if strict:
        return any(mark.where == said.where for mark in fitting)
    return any(not said.where or is_near(mark.where, said.where) for mark in fitting)


def _as_mark(said: Said) -> Landmark:
    return Landmark(
        item_id=0, what=said.what, colour=said.colour, part=said.part, where=said.where, share=0.0, is_nameable=True
    )


def is_near(first: str, second: str) -> bool:
    """Return whether two places are the same or side by side.

    Compass sides are a ring; their centre is small, and beside nothing, since it would be beside all. Fields of a
    picture are a grid, and beside each other along its lines, not across a corner. No place is beside none.
    """
    if first == second or not first or not second:
        return first == second
    ring = COMPASS_SIDES[1:]
    if first in ring and second in ring:
        return (ring.index(first) - ring.index(second)) % len(ring) in (1, len(ring) - 1)
    if first in ring or second in ring:
        return False
    (across, down), (other_across, other_down) = _cell(first), _cell(second)
    return abs(across - other_across) + abs(down - other_down) == 1


def _cell(field: str) -> tuple[int, int]:
    words = field.split()
    return ("right" in words) - ("left" in words), ("bottom" in words) - ("top" in words)


def _is_found(claim: Claim, said: Sequence[Said]) -> bool:
    """Return whether a text says what a claim of the reference says, in the same pictures."""
    places = {"query": claim.query_where, "satellite": claim.satellite_where}
    pictures = ("query", "satellite") if claim.shown_in == "both" else (claim.shown_in,)
    return all(
        any(
            item.picture == picture
            and item.is_there
            and item.what == claim.what
            and claim.colour in ("", item.colour)
            and is_near(item.where, places[picture])
            for item in said
        )
        for picture in pictures
    )
