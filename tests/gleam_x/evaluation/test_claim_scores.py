"""Claims against pictures: the reference is perfect, and each kind of slip lowers the number that is about it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from gleam_common.errors import DataError
from gleam_x.benchmark.landmarks import Landmark
from gleam_x.benchmark.schema import Claim
from gleam_x.claims_in_text import Said
from gleam_x.evaluation.baselines import frequent_statements, most_frequent_claims
from gleam_x.evaluation.claim_scores import ClaimCounts, claim_scores, is_near, is_right
from gleam_x.evaluation.consistency import claim_overlap, contradictions, order_flips


def mark(what, where, colour=""):
    return Landmark(
        item_id=1, what=what, colour=colour, part="roof" if colour else "", where=where, share=0.1, is_nameable=True
    )


SHOWS = (mark("church", "north", "red"), mark("pond", "centre"), mark("building", "west", "blue"))


def said(what, where="", colour="", is_there=True):
    return Said(picture="satellite", what=what, colour=colour, where=where, is_there=is_there)


@pytest.fixture
def row(rows):
    """A record whose tile shows SHOWS and whose map shows a pond."""
    claims = (
        Claim(what="pond", query_where="west", satellite_where="centre"),
        Claim(
            what="church",
            colour="red",
            part="roof",
            satellite_where="north",
            shown_in="satellite",
            relation="contradicting",
        ),
    )
    return replace(
        rows[0], view="map", language="en", claims=claims, query_shows=(mark("pond", "west"),), satellite_shows=SHOWS
    )


def count(row, text):
    return claim_scores([replace(row, text=text)])[0]


def test_the_references_are_perfect(rows) -> None:
    for counts in claim_scores(rows):
        assert counts.said == counts.right == counts.right_strict > 0
        assert counts.found == counts.gold > 0
        assert (counts.invented, counts.unread) == (0, 0)


@pytest.mark.parametrize(
    ("claim", "right", "strict"),
    [
        (said("church", "north", "red"), True, True),
        (said("church", "north"), True, True),  # no colour is any colour
        (said("building", "north", "red"), True, True),  # a church is a building
        (said("church", "north-east", "red"), True, False),
        (said("church", "east", "red"), False, False),
        (said("church", "centre", "red"), False, False),
        (said("church", "north", "brown"), False, False),
        (said("church", "", "red"), True, False),
        (said("tower", "north"), False, False),
        (said("pond", "centre"), True, True),
        (said("river", is_there=False), True, True),
        (said("church", colour="green", is_there=False), True, True),
        (said("church", colour="brown", is_there=False), False, False),  # red may be taken for brown
        (said("building", colour="blue", is_there=False), False, False),
    ],
)
def test_one_claim(claim, right, strict) -> None:
    assert is_right(claim, SHOWS) == right
    assert is_right(claim, SHOWS, strict=True) == strict


def test_neighbouring_places() -> None:
    assert is_near("north", "north-west")
    assert is_near("north-west", "north")
    assert is_near("south", "south-west")
    assert not is_near("north", "east")
    assert not is_near("north", "centre")
    assert is_near("left", "centre")
    assert is_near("top left", "top")
    assert is_near("top left", "left")
    assert not is_near("top left", "centre")
    assert not is_near("left", "right")
    assert not is_near("left", "west")
    assert not is_near("", "left")


def test_counts_of_one_text(row) -> None:
    text = (
        "The map shows a pond in the west and a river in the east. "
        "The satellite tile has a red-roofed church in the north-east and a pond in the south. "
        "The satellite tile has no tennis court, and the map shows no red-roofed church."
    )
    assert count(row, text) == ClaimCounts(
        said=6, right=4, right_strict=3, gold=2, found=1, things=3, invented=1, unread=0
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The map shows a pond in the west. The satellite tile has a pond in the centre.", 1),
        ("The map shows a pond in the north-west. The satellite tile has a pond in the centre.", 1),
        ("The map shows a pond in the west. The satellite tile has a pond in the north.", 0),
        ("The map shows a pond in the west.", 0),
        ("Both pictures show the pond.", 0),
        ("The satellite tile has a red-roofed church in the north.", 1),
        ("The satellite tile has a church in the north.", 0),
        ("The satellite tile has no red-roofed church.", 0),
        ("", 0),
    ],
)
def test_which_claims_of_the_reference_are_found(row, text, found) -> None:
    assert count(row, text).found == found


def test_an_empty_text_finds_nothing_and_claims_nothing(row) -> None:
    counts = count(row, "")
    assert (counts.said, counts.found, counts.gold, counts.things) == (0, 0, 2, 0)


def test_the_most_frequent_claims_are_those_of_the_train_split(records, rows) -> None:
    said_by = frequent_statements(records)
    assert set(said_by) == {(row.view, row.same_place) for row in rows}
    of_train = most_frequent_claims(records, rows)
    assert 0 < sum(counts.right for counts in of_train) < 0.6 * sum(counts.said for counts in of_train)
    mine = [replace(records[0], claims=(Claim(what="pond", query_where="left", satellite_where="east"),))] * 3
    own = frequent_statements([*mine, *(record for record in records if record.same_place)])
    assert ("pond", "left") in {(item.what, item.where) for item in own[records[0].view, True].said}
    with pytest.raises(DataError, match="no train record"):
        most_frequent_claims([record for record in records if record.view != "map"], rows)


def test_contradictions_are_with_the_own_verdict(rows) -> None:
    assert not contradictions(rows).any()
    wrong = [replace(row, probability=1 - row.probability) for row in rows]
    assert contradictions(wrong).all()
    assert contradictions([replace(row, text="") for row in wrong]).sum() == 0


def test_a_comparison_alone_can_contradict(row) -> None:
    lacks = "The satellite tile has no church, and the map shows no church."
    assert contradictions([replace(row, text=lacks, probability=0.9)]).all()
    assert not contradictions([replace(row, text=lacks, probability=0.1)]).any()


def test_flips_and_overlap(rows) -> None:
    flipped = replace(rows[0], score_query_first=0.5, score_satellite_first=-0.4)
    assert order_flips([rows[0], flipped]).tolist() == [False, True]
    one, other = said("pond", "north"), said("church", "north")
    assert claim_overlap((one, other), (one,)) == 0.5
    assert claim_overlap((one,), (replace(one, where="south"),)) == 0.0
    assert claim_overlap((replace(one, count=2),), (one,)) == 1.0
    assert claim_overlap((), ()) is None


def test_what_is_invented(row) -> None:
    def invented(text):
        counts = count(row, text)
        return counts.invented, counts.things

    assert invented("The satellite tile has a brown-roofed church in the south.") == (0, 1)  # wrong, not invented
    assert invented("The map shows a church in the south.") == (0, 1)  # it is in the other picture
    assert invented("The satellite tile has a blue-roofed church in the north.") == (1, 1)
    assert invented("The satellite tile has a tower block in the north.") == (1, 1)  # no building is a tower
    assert invented("The satellite tile has a building in the north and no river.") == (0, 1)
