"""plan_city: a whole city from a seed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

import numpy as np
import shapely

from gleam_common.errors import ConfigError
from gleam_common.synthcity.arterials import STYLES
from gleam_common.synthcity.buildings import build_lots
from gleam_common.synthcity.drafts import Draft
from gleam_common.synthcity.lattice import STRIDE_M, TILE_M, Lattice, Split, make_lattice, place_splits
from gleam_common.synthcity.lots import subdivide
from gleam_common.synthcity.model import Area, Building, City, Item, Kind, Place, Rail, Road, Tree
from gleam_common.synthcity.names import Namer, city_name, city_origin
from gleam_common.synthcity.programmes import build_site
from gleam_common.synthcity.roads import Network, build_network
from gleam_common.synthcity.sites import Site, cut_sites
from gleam_common.synthcity.stands import find_stands
from gleam_common.synthcity.vegetation import plant_trees

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
    return _assemble(city_id, seed, style, lattice, splits, network)


def _assemble(city_id: str, seed: int, style: str, lattice: Lattice, splits: list[str], network: Network) -> City:
    sites = cut_sites(np.random.default_rng([seed, 2]), network, lattice.centres_m)
    areas, buildings, paths = _build(np.random.default_rng([seed, 3]), network, sites)
    roads = [*network.roads, *paths]
    plain = [draft.item for draft in roads], [draft.item for draft in areas]
    trees = plant_trees(
        np.random.default_rng([seed, 4]), network, plain[0], sites, plain[1], [draft.item for draft in buildings]
    )
    stands = find_stands(
        lattice.centres_m,
        *plain,
        [draft.item for draft in buildings],
        [draft.item for draft in trees],
    )
    naming = np.random.default_rng([seed, 5])
    name, origin, namer = city_name(naming), city_origin(naming), Namer(naming)
    rails = [Draft(item=rail, naming="railway") for rail in network.rails]
    groups = [roads, rails, areas, buildings, trees]
    starts = np.cumsum([1, *(len(group) for group in groups)]).tolist()
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
        roads=_number(roads, starts[0], namer),
        rails=_number(rails, starts[1], namer),
        areas=_number(areas, starts[2], namer),
        buildings=_number(buildings, starts[3], namer),
        trees=_number(trees, starts[4], namer),
    )


def _build(
    rng: np.random.Generator, network: Network, sites: list[Site]
) -> tuple[list[Draft[Area]], list[Draft[Building]], list[Draft[Road]]]:
    areas: list[Draft[Area]] = [Draft(item=area, naming="roundabout") for area in network.roundabouts]
    areas += [Draft(item=area, naming="river") for area in network.rivers]
    buildings: list[Draft[Building]] = []
    paths: list[Draft[Road]] = []
    for site in sites:
        for draft in build_site(rng, site):
            if isinstance(draft.item, Area):
                areas.append(draft)
            elif isinstance(draft.item, Building):
                buildings.append(draft)
            else:
                paths.append(draft)
    ordinary = [site for site in sites if site.programme == "lots"]
    targets = np.array([site.district.character.lot_m2 for site in ordinary])
    polygons = np.array([site.polygon for site in ordinary], dtype=object)
    lots, parent = subdivide(rng, polygons, targets)
    zones = [ordinary[i].district.zone for i in parent]
    characters = [ordinary[i].district.character for i in parent]
    return areas, buildings + build_lots(rng, lots, zones, characters), paths


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


def _number(drafts: Iterable[Draft[ItemT]], first: int, namer: Namer) -> tuple[ItemT, ...]:
    return tuple(
        replace(draft.item, item_id=first + index, name=namer.named(draft.naming))
        for index, draft in enumerate(drafts)
    )
