"""plan_city: a whole city from a seed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import count
from typing import TypedDict, TypeVar

import numpy as np

from gleam_common.errors import ConfigError
from gleam_common.synthcity.lots import subdivide
from gleam_common.synthcity.model import Area, Building, City, Item, Place, Rail, Road, Tree
from gleam_common.synthcity.names import Namer, city_name, city_origin
from gleam_common.synthcity.planning.arterials import STYLES
from gleam_common.synthcity.planning.buildings import build_lots
from gleam_common.synthcity.planning.drafts import CityDraft, Draft
from gleam_common.synthcity.planning.lattice import STRIDE_M, TILE_M, Lattice, Split, make_lattice, place_splits
from gleam_common.synthcity.planning.network import Network, build_network
from gleam_common.synthcity.planning.programmes import build_site
from gleam_common.synthcity.planning.sites import Site, cut_sites
from gleam_common.synthcity.planning.stands import make_room
from gleam_common.synthcity.planning.vegetation import plant_trees

__all__ = ["STYLES", "plan_city"]

ItemT = TypeVar("ItemT", bound=Item)


def plan_city(
    city_id: str, seed: int, style: str, places: int, *, holdout: float = 0.1, split: Split = "train"
) -> City:
    """Plan a city.

    Args:
        city_id: its name in ids, such as "alfa".
        seed: 0 or more; equal arguments give equal cities on any machine.
        style: a key of ``STYLES``: grid, radial, organic or mixed.
        places: tiles of the lattice (near-square, row-major from the north-west).
        holdout: share of places in split "val" when ``split`` is "train"; one compact patch (see place_splits).
        split: "train" for a city to learn from, "test" for one that is held out whole.

    Raises:
        ConfigError: for an unknown style or split, a negative seed, or counts out of range.
    """
    if style not in STYLES:
        raise ConfigError("unknown city style", value=style, allowed=STYLES)
    if split not in ("train", "test"):
        raise ConfigError("unknown split of a city", value=split, allowed=("train", "test"))
    if seed < 0:
        raise ConfigError("seed of a city", value=seed, allowed="0 or more")
    lattice = make_lattice(places)
    splits = place_splits(lattice, np.random.default_rng([seed, 0]), holdout, split)
    network = build_network(seed, style, lattice)
    sites = cut_sites(np.random.default_rng([seed, 2]), network, lattice.centres_m)
    draft = _build(np.random.default_rng([seed, 3]), network, sites)
    draft = replace(draft, trees=tuple(plant_trees(np.random.default_rng([seed, 4]), network, sites, draft)))
    draft, stands = make_room(lattice.centres_m, draft)
    naming = np.random.default_rng([seed, 5])
    name, origin = city_name(naming), city_origin(naming)
    return City(
        city_id=city_id,
        seed=seed,
        style=style,
        name=name,
        origin=origin,
        half_width_m=lattice.half_width_m,
        half_height_m=lattice.half_height_m,
        tile_m=TILE_M,
        stride_m=STRIDE_M,
        places=_places(lattice, splits, stands),
        **_number_all(draft, Namer(naming)),
    )


def _build(rng: np.random.Generator, network: Network, sites: list[Site]) -> CityDraft:
    """Build on all sites: special ones one by one, the ordinary lots together."""
    areas: list[Draft[Area]] = [Draft(item=area, naming="roundabout") for area in network.roundabouts]
    areas += [Draft(item=area, naming="" if index else "river") for index, area in enumerate(network.rivers)]
    areas += [Draft(item=area) for area in network.verges]
    buildings: list[Draft[Building]] = []
    roads = list(network.roads)
    ordinary: list[Site] = []
    for site in sites:
        drafts, to_lots = build_site(rng, site)
        if to_lots:
            ordinary.append(site)
        for draft in drafts:
            if isinstance(draft.item, Area):
                areas.append(Draft(item=draft.item, naming=draft.naming))
            elif isinstance(draft.item, Building):
                buildings.append(Draft(item=draft.item, naming=draft.naming))
            else:
                roads.append(Draft(item=draft.item, naming=draft.naming))
    polygons = np.array([site.polygon for site in ordinary], dtype=object)
    lots, parent = subdivide(rng, polygons, np.array([site.district.character.lot_m2 for site in ordinary]))
    buildings += build_lots(rng, lots, [ordinary[index].district for index in parent])
    rails = [Draft(item=rail, naming="" if index else "railway") for index, rail in enumerate(network.rails)]
    return CityDraft(roads=tuple(roads), rails=tuple(rails), areas=tuple(areas), buildings=tuple(buildings))


def _places(lattice: Lattice, splits: list[str], stands: np.ndarray) -> tuple[Place, ...]:
    return tuple(
        Place(
            place_id=f"{row}_{col}",
            row=int(row),
            col=int(col),
            x_m=float(x),
            y_m=float(y),
            stand_x_m=float(stand[0]),
            stand_y_m=float(stand[1]),
            split=split,
        )
        for (row, col), (x, y), stand, split in zip(lattice.row_col, lattice.centres_m, stands, splits, strict=True)
    )


class _Numbered(TypedDict):
    """The fields of a City that hold items."""

    roads: tuple[Road, ...]
    rails: tuple[Rail, ...]
    areas: tuple[Area, ...]
    buildings: tuple[Building, ...]
    trees: tuple[Tree, ...]


def _number_all(draft: CityDraft, namer: Namer) -> _Numbered:
    """Number the items from 1, those of the ground first, and name them."""
    numbers = count(1)
    return _Numbered(
        roads=_number(draft.roads, numbers, namer),
        rails=_number(draft.rails, numbers, namer),
        areas=_number(draft.areas, numbers, namer),
        buildings=_number(draft.buildings, numbers, namer),
        trees=tuple(replace(tree, item_id=next(numbers)) for tree in draft.trees),
    )


def _number(drafts: Iterable[Draft[ItemT]], numbers: Iterator[int], namer: Namer) -> tuple[ItemT, ...]:
    return tuple(replace(draft.item, item_id=next(numbers), name=namer.named(draft.naming)) for draft in drafts)
