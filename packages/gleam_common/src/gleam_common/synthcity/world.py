"""What a world consists of: its cities, and each picture to be taken, with a seed and a name of its own."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Literal

import numpy as np

from gleam_common.errors import ConfigError
from gleam_common.synthcity.city import STYLES, plan_city
from gleam_common.synthcity.model import City, Name, Place
from gleam_common.synthcity.names import city_name
from gleam_common.synthcity.planning.lattice import MOST_PLACES
from gleam_common.views import QUERY_VIEWS, View

__all__ = ["WORLD_VERSION", "CityPlan", "Shot", "WorldConfig", "plan_world", "shots_of", "tile_id"]

WORLD_VERSION = 5
"""Rises whenever the same configuration gives other pictures, so that a finished world of old is not taken for new."""

_CITY_IDS = (
    "alfa",
    "bravo",
    "charlie",
    "delta",
    "foxtrot",
    "golf",
    "hotel",
    "india",
    "juliett",
    "kilo",
    "lima",
    "mike",
)
_HELD_OUT_ID = "echo"
_HELD_OUT_SHARE = 225 / 1225
_LEAST_PLACES = 9
_CITY_STREAM, _SHOT_STREAM = 7401, 7402
_PLANNED_NAME_STREAM = 5  # of plan_city, which names the city first of all things


@dataclass(frozen=True, kw_only=True)
class WorldConfig:
    """What a world is made from; equal configurations give equal bytes.

    Attributes:
        seed: 0 or more.
        places: places of all cities together; 225 of 1225 (at least 9) are in the city that is held out whole. No city
            has more than 1024.
        cities: styles of the cities to learn from; small worlds take only the first few (one for each 9 places).
        held_out: style of the city that is held out whole (split "test"); empty for none, so that all cities are to
            learn from.
        holdout: share of places of the other cities that are held out (split "val"), 0 to 0.5.
        shots: pictures of each query view for each place.
        quality: of JPEG, 1 to 100.

    Raises:
        ConfigError: for a value out of range.
    """

    seed: int = 1
    places: int = 1225
    cities: tuple[str, ...] = ("grid", "radial", "organic", "mixed")
    held_out: str = "mixed"
    holdout: float = 0.1
    shots: int = 1
    quality: int = 92

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("seed of a world", self.seed, 0, 2**63 - 1),
            ("cities of a world", len(self.cities), 1, len(_CITY_IDS)),
            ("pictures of a view for each place", self.shots, 1, 99),
            ("JPEG quality", self.quality, 1, 100),
            ("share of held-out places", self.holdout, 0, 0.5),
        ):
            if not low <= value <= high:
                raise ConfigError(name, value=value, allowed=f"{low} to {high}")
        for style in (*self.cities, *filter(None, [self.held_out])):
            if style not in STYLES:
                raise ConfigError("unknown city style", value=style, allowed=STYLES)
        holds_out = bool(self.held_out)
        least, most = (1 + holds_out) * _LEAST_PLACES, _most_places(len(self.cities), holds_out)
        if not least <= self.places <= most:
            allowed = f"{least} to {most} with {len(self.cities)} cities to learn from, {MOST_PLACES} a city"
            fix = "take fewer places" if self.places > most else "take more places"
            if most < self.places <= _most_places(len(_CITY_IDS), holds_out):
                fix += ", or name more cities"
            raise ConfigError("places of a world", value=self.places, allowed=allowed, fix=fix)


@dataclass(frozen=True, kw_only=True)
class CityPlan:
    """One city of a world, before it is planned in detail."""

    city_id: str
    seed: int
    style: str
    places: int
    split: Literal["train", "test"]
    holdout: float

    def build(self) -> City:
        """Plan the city; takes seconds."""
        return plan_city(self.city_id, self.seed, self.style, self.places, holdout=self.holdout, split=self.split)


def plan_world(config: WorldConfig) -> tuple[CityPlan, ...]:
    """Return the cities to learn from, then the one that is held out whole, if any."""
    *known, held_out = _sizes(config.places, len(config.cities), bool(config.held_out))
    *seeds, last_seed = _city_seeds(config.seed, (*range(len(known)), len(_CITY_IDS)))
    plans = [
        CityPlan(city_id=city_id, seed=seed, style=style, places=places, split="train", holdout=config.holdout)
        for city_id, seed, style, places in zip(_CITY_IDS, seeds, config.cities, known, strict=False)
    ]
    if not held_out:
        return tuple(plans)
    last = CityPlan(
        city_id=_HELD_OUT_ID, seed=last_seed, style=config.held_out, places=held_out, split="test", holdout=0.0
    )
    return (*plans, last)


def _sizes(places: int, cities: int, holds_out: bool) -> list[int]:
    """Places of each city to learn from (up to ``cities`` of them), then of the city that is held out whole."""
    held_out = max(_LEAST_PLACES, round(places * _HELD_OUT_SHARE)) if holds_out else 0
    known = places - held_out
    cities = min(cities, max(1, known // _LEAST_PLACES))
    each, more = divmod(known, cities)
    return [each + (index < more) for index in range(cities)] + [held_out]


def _most_places(cities: int, holds_out: bool) -> int:
    """The most places of a world with so many cities to learn from: none of its cities grows too large."""
    sizes = range(2 * _LEAST_PLACES, MOST_PLACES * (cities + 1) + 1)
    return sizes[bisect_right(sizes, MOST_PLACES, key=lambda places: max(_sizes(places, cities, holds_out))) - 1]


def _city_seeds(seed: int, indices: Iterable[int]) -> list[int]:
    """A seed for each city, drawn again as long as another city of the world has the name that it leads to."""
    seeds: list[int] = []
    taken: set[str] = set()
    for index in indices:
        for attempt in count():
            drawn = int(np.random.default_rng([seed, _CITY_STREAM, index, attempt]).integers(2**31))
            name = _name_of(drawn)
            if taken.isdisjoint((name.en, name.zh)):
                break
        seeds.append(drawn)
        taken |= {name.en, name.zh}
    return seeds


def _name_of(city_seed: int) -> Name:
    """The name that ``plan_city`` will give, without the seconds that planning takes."""
    return city_name(np.random.default_rng([city_seed, _PLANNED_NAME_STREAM]))


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One picture to be taken. ``picture_id`` is its gallery_id or query_id, ``path`` is relative to the world."""

    view: View
    picture_id: str
    path: str
    seed: int


def shots_of(plan: CityPlan, place: Place, shots: int) -> Iterator[Shot]:
    """Yield the pictures of a place: its satellite tile, then ``shots`` of each query view."""
    for view in (View.SATELLITE, *QUERY_VIEWS):
        for number in range(1 if view is View.SATELLITE else shots):
            again = f"-{number + 1}" if number else ""
            where = tile_id(plan.city_id, place)
            key = np.random.SeedSequence(
                [plan.seed, _SHOT_STREAM, place.row, place.col, list(View).index(view), number]
            )
            yield Shot(
                view=view,
                picture_id=where if view is View.SATELLITE else f"{where}/{view}{again}",
                path=f"images/{plan.city_id}/{view}/{place.row}_{place.col}{again}.jpg",
                seed=int(key.generate_state(1)[0]),
            )


def tile_id(city_id: str, place: Place) -> str:
    """Return the gallery_id of a place's tile."""
    return f"synthcity/{city_id}/{place.row}_{place.col}"
