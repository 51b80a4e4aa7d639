"""The independent check finds nothing on a good benchmark, and every kind of broken claim by its name."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from gleam_common.errors import ArtifactError, DataError
from gleam_common.synthcity.model import Area, Building, Item, Kind
from gleam_common.views import View
from gleam_x.benchmark import verify
from gleam_x.benchmark.schema import Claim, Record
from gleam_x.benchmark.verify import _look, _Seen, claim_fault, verify_benchmark
from gleam_x.benchmark.vocabulary import COMPASS_SIDES, KINDS
from shapely.geometry import box

Shown = dict[str, list[_Seen]]
FOOTPRINT = box(0, 0, 10, 10)


@pytest.fixture(scope="module")
def checked(records: list[Record]) -> list[Record]:
    """English records of the held-out city, and some of the other that name colours."""
    english = [record for record in records if record.language == "en"]
    coloured = [record for record in english if record.same_place and any(claim.colour for claim in record.claims)]
    return [record for record in english if record.split == "test"] + coloured[:4]


@pytest.fixture(scope="module")
def shown(world: Path, checked: list[Record]) -> Shown:
    """What the pictures of these records show, rendered again."""
    return dict(
        _look(world, sorted({picture for record in checked for picture in (record.query_id, record.gallery_id)}))
    )


def fault(record: Record, claim: Claim, shown: Shown) -> str:
    return claim_fault(claim, View(record.view), shown[record.query_id], shown[record.gallery_id])


def claims_in(records: list[Record], shown_in: str) -> Iterator[tuple[Record, Claim]]:
    found = [(record, claim) for record in records for claim in record.claims if claim.shown_in == shown_in]
    assert found
    yield from found


def opposite(side: str) -> str:
    number = COMPASS_SIDES.index(side)
    return "north" if number == 0 else COMPASS_SIDES[1 + (number - 1 + 4) % 8]


def test_every_claim_of_a_good_build_holds(checked: list[Record], shown: Shown) -> None:
    assert [
        fault(record, claim, shown) for record in checked for claim in record.claims if fault(record, claim, shown)
    ] == []
    assert sum(len(record.claims) for record in checked) > 16


def test_a_wrong_side_of_a_tile_is_found(checked: list[Record], shown: Shown) -> None:
    for record, claim in claims_in(checked, "both"):
        if sum(verify._is_it(seen.item, claim) for seen in shown[record.gallery_id]) == 1:
            where = opposite(claim.satellite_where)
            assert (
                fault(record, replace(claim, satellite_where=where), shown)
                == f"is not {where} in the satellite picture"
            )


def test_a_wrong_field_of_a_query_is_found(checked: list[Record], shown: Shown) -> None:
    moved = {"left": "right", "right": "left"}
    found = 0
    for record, claim in claims_in(checked, "query"):
        if claim.query_where in moved and sum(verify._is_it(s.item, claim) for s in shown[record.query_id]) == 1:
            where = moved[claim.query_where]
            assert fault(record, replace(claim, query_where=where), shown) == f"is not {where} in the query picture"
            found += 1
    assert found


def test_a_wrong_colour_is_found(checked: list[Record], shown: Shown) -> None:
    coloured = [(record, claim) for record, claim in claims_in(checked, "both") if claim.colour]
    assert len(coloured) >= 4
    for record, claim in coloured:
        assert fault(record, replace(claim, colour="pink"), shown) == f"is not {claim.query_where} in the query picture"


def test_a_wrong_count_is_found(checked: list[Record], shown: Shown) -> None:
    for record, claim in claims_in(checked, "both"):
        assert fault(record, replace(claim, count=8), shown).endswith("times in the query picture, not 8")


def test_a_thing_that_is_not_there_is_found(checked: list[Record], shown: Shown) -> None:
    for record, claim in claims_in(checked, "both"):
        kinds = [kind for kind in KINDS if not any(verify._is_kind(s.item, kind) for s in shown[record.query_id])]
        for kind in kinds:
            broken = replace(claim, what=kind, colour="", part="")
            assert fault(record, broken, shown) == f"is not {claim.query_where} in the query picture"


@pytest.mark.parametrize(("shown_in", "other"), [("query", "satellite"), ("satellite", "query")])
def test_a_contradiction_that_the_other_picture_does_show_is_found(
    checked: list[Record], shown: Shown, shown_in: str, other: str
) -> None:
    for record, claim in claims_in(checked, "both"):
        broken = replace(claim, shown_in=shown_in, relation="contradicting", **{f"{other}_where": ""})
        assert fault(record, broken, shown) == f"is in the {other} picture too"


def test_it_says_how_much_it_checked(
    world: Path, benchmark: Path, monkeypatch: pytest.MonkeyPatch, shown: Shown
) -> None:
    asked: list[str] = []

    def look(_: Path, pictures: list[str]) -> list[tuple[str, list[_Seen]]]:
        asked.extend(pictures)
        return [(picture, []) for picture in pictures]

    monkeypatch.setattr(verify, "_look", look)
    monkeypatch.setattr(verify, "claim_fault", lambda *_: "")
    assert verify_benchmark(benchmark, world, 9999)[0] == 160
    records, claims = verify_benchmark(benchmark, world, 10, seed=3)
    assert records == 10
    assert claims >= 10
    asked.clear()
    verify_benchmark(benchmark, world, 10, seed=3)
    again = list(asked)
    asked.clear()
    verify_benchmark(benchmark, world, 10, seed=3)
    assert asked == again
    monkeypatch.setattr(verify, "claim_fault", lambda claim, *_: "is a lie")
    with pytest.raises(DataError, match=rf"^{claims} claims do not hold; first: record synthcity/\S+: \w+ is a lie"):
        verify_benchmark(benchmark, world, 10, seed=3)


def test_another_world_is_refused(world: Path, benchmark: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    text = (world / "manifest.json").read_text()
    (other / "manifest.json").write_text(text.replace('"seed": 5', '"seed": 6'))
    with pytest.raises(ArtifactError, match=r"was not built from the world .*--world"):
        verify_benchmark(benchmark, other, 10)
    shutil.rmtree(other)
    with pytest.raises(ArtifactError, match=r"manifest\.json: no such file"):
        verify_benchmark(benchmark, other, 10)


def test_pictures_of_no_world_are_named(world: Path, benchmark: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "_look", lambda *_: [])
    with pytest.raises(DataError, match=r"pictures that are not of \S+: \d+; first: 'synthcity/"):
        verify_benchmark(benchmark, world, 10)


def house(item_id: int, roof_colour: str, use: str = "house") -> Item:
    return Building(
        item_id=item_id, kind=Kind.BUILDING, colour="cream", footprint=FOOTPRINT, height_m=6, floors=2, roof="gable",
        roof_colour=roof_colour, facade="brick", use=use, seed=1,
    )  # fmt: skip


def area(item_id: int, kind: Kind, variant: str = "", colour: str = "") -> Item:
    return Area(item_id=item_id, kind=kind, polygon=FOOTPRINT, variant=variant, colour=colour)


def at(item: Item, x: float = 0.5, y: float = 0.1) -> _Seen:
    return _Seen(item=item, x=x, y=y, is_in_middle=False)


POND = Claim(what="pond", query_where="top", satellite_where="north")
RED = Claim(what="building", colour="red", part="roof", query_where="top", satellite_where="north")


@pytest.mark.parametrize(
    ("claim", "query", "tile", "words"),
    [
        (POND, [at(area(1, Kind.POND))], [at(area(1, Kind.POND))], ""),
        (POND, [at(area(1, Kind.POND))], [at(area(2, Kind.POND))], "is not the same thing in both pictures"),
        (POND, [at(area(1, Kind.POND, "fountain"))], [at(area(1, Kind.POND))], "is not top in the query picture"),
        (POND, [at(area(1, Kind.POND), x=0.8)], [at(area(1, Kind.POND))], "is not top in the query picture"),
        (POND, [at(area(1, Kind.POND))], [at(area(1, Kind.POND), y=0.9)], "is not north in the satellite picture"),
        (RED, [at(house(1, "dark red"))], [at(house(1, "red"))], ""),
        (RED, [at(house(1, "dark red", "church"))], [at(house(1, "red", "church"))], ""),
        (RED, [at(house(1, "blue"))], [at(house(1, "red"))], "is not top in the query picture"),
        (replace(RED, count=1), [at(house(1, "red")), at(house(2, "red"))], [at(house(1, "red"))],
         "stands 2 times in the query picture, not 1"),
        (replace(RED, shown_in="query", satellite_where=""), [at(house(1, "red"))], [at(house(9, "orange"))],
         "is in the satellite picture too"),
        (replace(RED, shown_in="query", satellite_where=""), [at(house(1, "red"))], [at(house(9, "blue"))], ""),
        (replace(POND, shown_in="satellite", query_where=""), [at(area(1, Kind.POND), x=0.9)], [at(area(2, Kind.POND))],
         "is in the query picture too"),
    ],
)  # fmt: skip
def test_each_kind_of_fault_has_its_words(claim: Claim, query: list[_Seen], tile: list[_Seen], words: str) -> None:
    assert claim_fault(claim, View.UAV, query, tile) == words
