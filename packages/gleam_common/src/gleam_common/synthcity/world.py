"""What a world consists of: its cities, and each picture to be taken, with a seed and a name of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gleam_common.errors import ConfigError
from gleam_common.synthcity.city import STYLES, plan_city
from gleam_common.synthcity.model import City, Place
from gleam_common.synthcity.planning.lattice import MOST_PLACES
from gleam_common.views import QUERY_VIEWS, View

__all__ = ["WORLD_VERSION", "CityPlan", "Shot", "WorldConfig", "plan_world", "shots_of", "tile_id"]

WORLD_VERSION = 3
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


@dataclass(frozen=True, kw_only=True)
class WorldConfig:
    """What a world is made from; equal configurations give equal bytes.

    Attributes:
        seed: 0 or more.
        places: places of all cities together; 225 of 1225 (at least 9) are in the city that is held out whole.
        cities: styles of the cities to learn from; small worlds take only the first few (one for each 9 places).
        held_out: style of the city that is held out whole (split "test").
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
            ("places of a world", self.places, 2 * _LEAST_PLACES, 4096 * len(_CITY_IDS)),
            ("cities of a world", len(self.cities), 1, len(_CITY_IDS)),
            ("pictures of a view for each place", self.shots, 1, 99),
            ("JPEG quality", self.quality, 1, 100),
            ("share of held-out places", self.holdout, 0, 0.5),
        ):
            if not low <= value <= high:
                raise ConfigError(name, value=value, allowed=f"{low} to {high}")
        for style in (*self.cities, self.held_out):
            if style not in STYLES:
                raise ConfigError("unknown city style", value=style, allowed=STYLES)
        largest = max(plan.places for plan in plan_world(self))
        if largest > MOST_PLACES:
            fits = int(self.places * MOST_PLACES / largest)
            raise ConfigError(
                f"a city of the world would have {largest} places, {MOST_PLACES} is the most", value=self.places,
                allowed=f"about {fits} places with {len(self.cities)} cities to learn from",
            )  # fmt: skip


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
    """Return the cities to learn from, then the one that is held out whole."""
    held_out = max(_LEAST_PLACES, round(config.places * _HELD_OUT_SHARE))
    known = config.places - held_out
    styles = config.cities[: max(1, known // _LEAST_PLACES)]
    counts = [len(part) for part in np.array_split(np.arange(known), len(styles))]
    plans = [
        CityPlan(
            city_id=_CITY_IDS[index], seed=_city_seed(config.seed, index), style=style, places=count,
            split="train", holdout=config.holdout,
        )
        for index, (style, count) in enumerate(zip(styles, counts, strict=True))
    ]  # fmt: skip
    last = CityPlan(
        city_id=_HELD_OUT_ID, seed=_city_seed(config.seed, len(_CITY_IDS)), style=config.held_out, places=held_out,
        split="test", holdout=0.0,
    )  # fmt: skip
    return (*plans, last)


def _city_seed(seed: int, index: int) -> int:
    return int(np.random.default_rng([seed, _CITY_STREAM, index]).integers(2**31))


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
