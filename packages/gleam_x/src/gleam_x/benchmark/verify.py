"""An independent check of claims: render the pictures again and look at the item under each pixel.

Nothing here uses the facts, the landmarks or the wording that the claims were made from. Axes: H rows, W columns.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from gleam_common.artifacts import config_hash, read_manifest
from gleam_common.errors import ArtifactError, DataError
from gleam_common.progress import progress
from gleam_common.synthcity.build import read_world_config
from gleam_common.synthcity.model import Area, Building, City, Item
from gleam_common.synthcity.photographer import Studio
from gleam_common.synthcity.picture import Picture
from gleam_common.synthcity.world import plan_world, shots_of
from gleam_common.views import View

from gleam_x.benchmark.folder import check_benchmark
from gleam_x.benchmark.schema import Claim
from gleam_x.benchmark.vocabulary import COARSE_COLOUR, COMPASS_SIDES, look_alike

__all__ = ["claim_fault", "verify_benchmark"]

_OWN_WORLD = "name the world that it was built from with --world"
_LEAST_SHARE = 0.003
_FIELD_SLACK = 0.03
_SIDE_SLACK_DEG = 30.0
_CENTRE_SHARE, _CENTRE_SLACK = 0.12, 0.03
_GAMES = {
    "basketball_court": "basketball",
    "football_pitch": "football",
    "running_track": "running_track",
    "tennis_court": "tennis",
}


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """One item of a picture: pixels, mean column and row as shares of the picture, and whether it is in the middle."""

    item: Item
    x: float
    y: float
    is_in_middle: bool


def verify_benchmark(folder: str | Path, world: str | Path, records: int, seed: int = 0) -> tuple[int, int]:
    """Check the claims of ``records`` records drawn over all splits; return how many records and claims were checked.

    Raises:
        ArtifactError: no finished benchmark or world, or the benchmark is of another world.
        DataError: a record is broken, or a claim does not hold (names the first, counts all).
    """
    every = check_benchmark(folder)
    _check_world(folder, world)
    chosen = np.random.default_rng(seed).permutation(len(every))[:records].tolist()
    wanted = [every[index] for index in chosen]
    pictures = sorted({picture for record in wanted for picture in (record.query_id, record.gallery_id)})
    seen = dict(_look(world, pictures))
    if strange := [picture for picture in pictures if picture not in seen]:
        raise DataError(f"pictures that are not of {world}: {len(strange)}; first", value=strange[0], fix=_OWN_WORLD)
    faults = [
        f"record {record.record_id}: {claim.what} {fault}"
        for record in wanted
        for claim in record.claims
        if (fault := claim_fault(claim, View(record.view), seen[record.query_id], seen[record.gallery_id]))
    ]
    if faults:
        raise DataError(f"{len(faults)} claims do not hold; first: {faults[0]}", fix="build the benchmark again")
    return len(wanted), sum(len(record.claims) for record in wanted)


def _check_world(folder: str | Path, world: str | Path) -> None:
    """Check that the benchmark was built from this world, as far as it says."""
    made, own = asdict(read_world_config(world)), read_manifest(folder).config.get("world")
    if own is not None and config_hash(own) != config_hash(made):
        raise ArtifactError(f"{folder} was not built from the world {world}", fix=_OWN_WORLD)


def _look(world: str | Path, pictures: Sequence[str]) -> Iterator[tuple[str, list[_Seen]]]:
    """Render pictures again, city by city, and yield what each shows."""
    config = read_world_config(world)
    by_city: dict[str, set[str]] = defaultdict(set)
    for picture_id in pictures:
        by_city[picture_id.split("/")[1]].add(picture_id)
    with progress(total=len(pictures), desc="rendering again", unit="picture", leave=False) as bar:
        for plan in plan_world(config):
            if plan.city_id not in by_city:
                continue
            studio = Studio(plan)
            for place in studio.city.places:
                for shot in shots_of(plan, place, config.shots):
                    if shot.picture_id in by_city[plan.city_id]:
                        yield shot.picture_id, _seen_in(studio.take(place, shot), studio.city)
                        bar.update()


def _seen_in(picture: Picture, city: City) -> list[_Seen]:
    """Return the items that take at least 0.3 % of a picture."""
    items_HW = picture.items
    numbers, counts = np.unique(items_HW, return_counts=True)
    large = numbers[counts >= _LEAST_SHARE * items_HW.size]
    return [
        _seen(city.items[number], items_HW == number, picture.camera.view is View.PANORAMA)
        for number in large.tolist()
        if number in city.items
    ]


def _seen(item: Item, mask_HW: npt.NDArray[np.bool_], is_round: bool) -> _Seen:
    height, width = mask_HW.shape
    rows, columns = np.nonzero(mask_HW)
    x = float((columns.mean() + 0.5) / width)
    if is_round:
        turn = np.exp(2j * math.pi * columns / width).sum()
        x = float((np.angle(turn) / (2 * math.pi)) % 1.0)
    middle = bool(mask_HW[height // 2, width // 2])
    return _Seen(item=item, x=x, y=float((rows.mean() + 0.5) / height), is_in_middle=middle)


def claim_fault(claim: Claim, view: View, query: Sequence[_Seen], tile: Sequence[_Seen]) -> str:
    """Return why a claim does not hold of what two pictures show, or nothing when it does."""
    for picture, where, name, picture_view in (
        (query, claim.query_where, "query", view),
        (tile, claim.satellite_where, "satellite", View.SATELLITE),
    ):
        if claim.shown_in in ("both", name):
            shown = [thing for thing in picture if _is_it(thing.item, claim)]
            if not any(_is_there(thing, where, picture_view) for thing in shown):
                return f"is not {where} in the {name} picture"
            if claim.count is not None and len(shown) != claim.count:
                return f"stands {len(shown)} times in the {name} picture, not {claim.count}"
        elif any(_is_like(thing.item, claim) for thing in picture):
            return f"is in the {name} picture too"
    if claim.shown_in == "both" and not _same_item(claim, query, tile):
        return "is not the same thing in both pictures"
    return ""


def _same_item(claim: Claim, query: Sequence[_Seen], tile: Sequence[_Seen]) -> bool:
    numbers = [{thing.item.item_id for thing in picture if _is_it(thing.item, claim)} for picture in (query, tile)]
    return bool(numbers[0] & numbers[1])


def _is_it(item: Item, claim: Claim) -> bool:
    """Whether an item is of the claim's kind and colour."""
    return _is_kind(item, claim.what) and (not claim.colour or _colour(item) == claim.colour)


def _is_like(item: Item, claim: Claim) -> bool:
    """Whether an item could be taken for what the claim says is missing."""
    return _is_kind(item, claim.what) and look_alike(_colour(item), claim.colour)


def _is_kind(item: Item, what: str) -> bool:
    if isinstance(item, Building):
        return what == "building" or what == item.use
    if isinstance(item, Area) and what in _GAMES:
        return item.variant == _GAMES[what]
    return str(item.kind) == what and not (isinstance(item, Area) and item.variant == "fountain")


def _colour(item: Item) -> str:
    return COARSE_COLOUR.get(item.roof_colour if isinstance(item, Building) else item.colour, "")


def _is_there(thing: _Seen, where: str, view: View) -> bool:
    if view in (View.SATELLITE, View.MAP):
        return _is_on_side(thing, where)
    across, down = ("left", "centre", "right"), ("top", "centre", "bottom")
    words = where.split()
    column = next((word for word in words if word in ("left", "right")), "centre")
    row = next((word for word in words if word in ("top", "bottom")), "centre")
    is_level = view is not View.UAV or _is_in_third(thing.y, down.index(row))
    return is_level and _is_in_third(thing.x, across.index(column))


def _is_in_third(share: float, third: int) -> bool:
    return third / 3 - _FIELD_SLACK <= share <= (third + 1) / 3 + _FIELD_SLACK


def _is_on_side(thing: _Seen, side: str) -> bool:
    east, north = thing.x - 0.5, 0.5 - thing.y
    if side == "centre":
        return thing.is_in_middle or math.hypot(east, north) <= _CENTRE_SHARE + _CENTRE_SLACK
    bearing_deg = math.degrees(math.atan2(east, north))
    off_deg = abs((bearing_deg - 45.0 * (COMPASS_SIDES.index(side) - 1) + 180.0) % 360.0 - 180.0)
    return off_deg <= _SIDE_SLACK_DEG
