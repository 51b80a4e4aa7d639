"""What of a picture's facts a reason may name: things that an eye recognises from above and from the ground."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gleam_common.synthcity.facts import COMPASS
from gleam_common.views import View

from gleam_x.benchmark.vocabulary import COARSE_COLOUR, COMPASS_SIDES, look_alike

__all__ = ["Landmark", "is_same_look", "is_the_kind", "landmarks_of", "where_in_picture"]

_SPORTS = {
    "basketball": "basketball_court",
    "football": "football_pitch",
    "running_track": "running_track",
    "tennis": "tennis_court",
}
_PLAIN = ("bridge", "parking", "plaza", "pond", "railway", "river", "roundabout")
_VIVID = ("blue", "green", "orange", "pink", "purple", "red", "teal", "yellow")
_LEAST_NAMED, _LEAST_NAMED_UAV = 0.006, 0.01
"""Share of the picture; a UAV picture shows more ground than a tile, and its edges cut things off."""


@dataclass(frozen=True, kw_only=True)
class Landmark:
    """A thing in one picture.

    Attributes:
        item_id: of its city.
        what: of ``vocabulary.KINDS``.
        colour: basic term, or empty where the picture cannot show it.
        part: "roof" or "surface"; empty without a colour.
        where: field of the picture or compass side, as in a claim.
        share: of the picture's pixels.
        is_nameable: large and distinct enough for a reason; the others only speak against "there is none".
    """

    item_id: int
    what: str
    colour: str
    part: str
    where: str
    share: float
    is_nameable: bool


def landmarks_of(facts: Iterable[Mapping[str, Any]], view: View) -> list[Landmark]:
    """Return the landmarks of one picture from its rows of ``facts.parquet``, the largest first."""
    found = [_landmark(fact, view) for fact in facts if fact["count"] is None]
    return [landmark for landmark in found if landmark is not None]


def _landmark(fact: Mapping[str, Any], view: View) -> Landmark | None:
    what, colour, part = _look(fact)
    if not what:
        return None
    is_distinct = what != "building" or view is View.MAP or colour in _VIVID
    # A map draws all buildings alike.
    is_distinct &= not (what in ("building", "church", "tower") and view is View.MAP)
    return Landmark(
        item_id=fact["item_id"],
        what=what,
        colour=colour,
        part=part,
        where=where_in_picture(fact, view),
        share=fact["share"],
        is_nameable=is_distinct and fact["share"] >= (_LEAST_NAMED_UAV if view is View.UAV else _LEAST_NAMED),
    )


def _look(fact: Mapping[str, Any]) -> tuple[str, str, str]:
    kind, detail = fact["kind"], fact["detail"]
    if kind == "building":
        colour = COARSE_COLOUR.get(fact["roof_colour"], "")
        what = detail if detail in ("church", "tower") else "building"
        return what, colour, "roof" if colour else ""
    if kind == "sports_field":
        colour = COARSE_COLOUR.get(fact["colour"], "")
        return _SPORTS.get(detail, ""), colour, "surface" if colour else ""
    return (kind if kind in _PLAIN and detail != "fountain" else ""), "", ""


def where_in_picture(fact: Mapping[str, Any], view: View) -> str:
    """Return where a fact's thing is: compass side in tiles and maps, one of nine fields in UAV pictures, else left,
    centre or right.
    """
    if view in (View.SATELLITE, View.MAP):
        side = fact["side"]
        return COMPASS_SIDES[1 + COMPASS.index(side)] if side in COMPASS else "centre"
    field = str(fact["image_side"])
    if view is View.UAV:
        return field
    words = [word for word in ("left", "right") if word in field.split()]
    return words[0] if words else "centre"


def is_the_kind(mark: Landmark, what: str) -> bool:
    """Return whether a thing may be called ``what``; a church or a tower is also a building."""
    return mark.what == what or (what == "building" and mark.what in ("church", "tower"))


def is_same_look(first: Landmark, second: Landmark) -> bool:
    """Return whether one picture's thing may be taken for another's: the same kind, and colours that may be one."""
    is_kind = is_the_kind(first, second.what) or is_the_kind(second, first.what)
    return is_kind and look_alike(first.colour, second.colour)
