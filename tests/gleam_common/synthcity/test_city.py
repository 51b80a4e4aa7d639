"""A planned city: what may not overlap, where one stands, what is named, and that a seed decides it all."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from gleam_common.errors import ConfigError
from gleam_common.geo import LatLon
from gleam_common.synthcity.city import STYLES, plan_city
from gleam_common.synthcity.model import City, Kind
from gleam_common.synthcity.roads import rail_bed, road_surfaces, roundabout_island
from shapely.geometry import Polygon

PLACES = 36
OTHER_MACHINE = "X86_V4 AVX512_ICL AVX512_SPR"
"""What NumPy may not use in the process that plays another machine: sines and roots then end in other digits."""

PLAN_AND_PICKLE = """
import pickle, sys
from gleam_common.synthcity.city import STYLES, plan_city
cities = [plan_city("test", seed, style, 36) for style in sorted(STYLES) for seed in (3, 11)]
pickle.dump(cities, open(sys.argv[1], "wb"))
"""
CASES = [(style, seed) for style in sorted(STYLES) for seed in (3, 11)]


@cache
def city_of(style: str, seed: int) -> City:
    return plan_city("test", seed, style, PLACES)


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def city(request: pytest.FixtureRequest) -> City:
    return city_of(*request.param)


def largest_overlap(first: list[Polygon], second: list[Polygon]) -> float:
    """The largest common area of a geometry of the first list with one of the second, in square metres."""
    if not first or not second:
        return 0.0
    one, two = np.array(first, dtype=object), np.array(second, dtype=object)
    i, j = shapely.STRtree(two).query(one, predicate="intersects")
    return float(shapely.area(shapely.intersection(one[i], two[j])).max(initial=0.0))


def footprints(city: City) -> list[Polygon]:
    return [building.footprint for building in city.buildings]


def polygons(city: City, *kinds: Kind) -> list[Polygon]:
    return [area.polygon for area in city.areas if area.kind in kinds]


@pytest.mark.parametrize("style", sorted(STYLES))
def test_equal_arguments_give_equal_cities_and_another_seed_another_city(style: str) -> None:
    again = plan_city("test", 3, style, PLACES)
    other = plan_city("test", 4, style, PLACES)
    assert again == city_of(style, 3)
    assert again.buildings != other.buildings
    assert again.name != other.name or again.origin != other.origin


def test_another_processor_gives_equal_cities(tmp_path: Path) -> None:
    features = np._core._multiarray_umath.__cpu_features__
    if missing := [name for name in OTHER_MACHINE.split() if not features.get(name)]:
        pytest.skip(f"NumPy has no {', '.join(missing)} here that could be switched off")
    out = tmp_path / "cities.pkl"
    env = {**os.environ, "NPY_DISABLE_CPU_FEATURES": OTHER_MACHINE}
    subprocess.run([sys.executable, "-c", PLAN_AND_PICKLE, str(out)], env=env, check=True)
    with out.open("rb") as file:
        elsewhere = pickle.load(file)
    assert [there == city_of(*case) for there, case in zip(elsewhere, CASES, strict=True)] == [True] * len(CASES)


def test_styles_differ_for_one_seed() -> None:
    assert len({city_of(style, 3).roads for style in STYLES}) == len(STYLES)


def test_buildings_keep_off_roads_water_tracks_pitches_and_each_other(city: City) -> None:
    built = footprints(city)
    assert shapely.is_valid(built).all()
    assert min(shapely.area(built)) > 8
    assert largest_overlap(list(road_surfaces(list(city.roads))), built) < 0.5
    assert largest_overlap([rail_bed(rail) for rail in city.rails], built) < 0.5
    kinds = (Kind.RIVER, Kind.POND, Kind.ROUNDABOUT, Kind.SPORTS_FIELD, Kind.PARKING)
    assert largest_overlap(polygons(city, *kinds), built) < 0.5
    shapes = np.array(built, dtype=object)
    i, j = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    common = shapely.area(shapely.intersection(shapes[i], shapes[j]))
    assert common[i != j].max(initial=0.0) < 0.5


def test_flat_sites_keep_off_roads_and_each_other(city: City) -> None:
    cars = [road for road in city.roads if road.rank != "path"]
    sites = [a for a in city.areas if a.kind in (Kind.PLAZA, Kind.PARKING, Kind.SPORTS_FIELD)]
    shapes = np.array([area.polygon for area in sites], dtype=object)
    assert largest_overlap(list(road_surfaces(cars)), list(shapes)) < 2.0
    i, j = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    assert shapely.area(shapely.intersection(shapes[i], shapes[j]))[i != j].max(initial=0.0) < 0.5


def test_trees_stand_outside_carriageways_water_and_walls(city: City) -> None:
    trunks = shapely.points([(tree.x_m, tree.y_m) for tree in city.trees])
    islands = shapely.union_all([roundabout_island(a) for a in city.areas if a.kind == Kind.ROUNDABOUT])
    solid = [*road_surfaces(list(city.roads)), *polygons(city, Kind.RIVER, Kind.POND, Kind.SPORTS_FIELD)]
    inside = trunks[shapely.STRtree(trunks).query(solid, predicate="contains")[1]]
    assert shapely.within(inside, islands).all()
    crowns = shapely.buffer(trunks, [tree.radius_m for tree in city.trees])
    assert largest_overlap(list(crowns), footprints(city)) < 0.01
    assert len(city.trees) > 10 * PLACES


def test_stands_are_walkable_and_near_the_centre(city: City) -> None:
    stands = np.array([(place.stand_x_m, place.stand_y_m) for place in city.places])
    centres = np.array([(place.x_m, place.y_m) for place in city.places])
    assert np.abs(stands - centres).max() <= 25.0
    points = shapely.points(stands)
    trunks = shapely.MultiPoint([(tree.x_m, tree.y_m) for tree in city.trees])
    assert shapely.distance(points, shapely.union_all(footprints(city))).min() >= 1.5
    assert shapely.distance(points, trunks).min() >= 1.5
    water = shapely.union_all([*polygons(city, Kind.RIVER, Kind.POND), *(rail_bed(rail) for rail in city.rails)])
    assert not shapely.intersects(points, water).any()
    assert share_paved(city) > 0.5


def share_paved(city: City) -> float:
    paved = shapely.union_all([*road_surfaces(list(city.roads)), *polygons(city, Kind.PLAZA, Kind.PARKING)])
    return float(shapely.intersects(shapely.points([(p.stand_x_m, p.stand_y_m) for p in city.places]), paved).mean())


def test_most_stands_are_on_paved_ground() -> None:
    assert np.mean([share_paved(city_of(*case)) for case in CASES]) > 0.75


def test_names_are_unique_bilingual_and_given_to_streets_and_landmarks(city: City) -> None:
    names = [item.name for item in city.items.values() if item.name is not None]
    assert len({name.en for name in names}) == len({name.zh for name in names}) == len(names)
    assert all(name.en.isascii() and not name.zh.isascii() for name in (*names, city.name))
    assert all(road.name for road in city.roads if road.rank != "path")
    assert all(item.name is None for item in city.trees)
    landmarks = [b for b in city.buildings if b.use in ("school", "hospital", "station", "tower")]
    assert all(building.name for building in landmarks)


def test_item_numbers_are_unique_and_positive(city: City) -> None:
    groups = (city.roads, city.rails, city.areas, city.buildings, city.trees)
    numbers = [item.item_id for group in groups for item in group]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    assert city.items[numbers[-1]].item_id == numbers[-1]


def test_bridges_lie_over_water_and_roads_reach_the_edge(city: City) -> None:
    river = shapely.union_all(polygons(city, Kind.RIVER)).buffer(3.1)
    decks = [road for road in city.roads if road.is_bridge]
    assert all(road.kind == Kind.BRIDGE and river.covers(road.line) for road in decks)
    x = np.concatenate([shapely.get_coordinates(road.line)[:, 0] for road in city.roads])
    assert x.max() == pytest.approx(city.half_width_m, abs=1.0)
    assert x.min() == pytest.approx(-city.half_width_m, abs=1.0)


def test_most_tiles_hold_a_landmark(city: City) -> None:
    landmarks = [a.polygon for a in city.areas if a.kind != Kind.GRASS or a.variant in ("orchard", "meadow", "soil")]
    landmarks += [building.footprint for building in city.buildings if building.name]
    tree = shapely.STRtree(landmarks)
    half = city.tile_m / 2
    tiles = [shapely.box(p.x_m - half, p.y_m - half, p.x_m + half, p.y_m + half) for p in city.places]
    assert len(set(tree.query(tiles, predicate="intersects")[0].tolist())) > 0.95 * len(tiles)


def test_fields_of_a_city_follow_the_model(city: City) -> None:
    assert {b.roof for b in city.buildings} <= {"flat", "gable", "hip"}
    pitched = [b.footprint for b in city.buildings if b.roof != "flat"]
    assert min(shapely.area(pitched) / shapely.area(shapely.oriented_envelope(pitched))) > 0.98
    assert {road.rank for road in city.roads} <= {"primary", "secondary", "residential", "path"}
    assert all(a.colour for a in city.areas if a.kind == Kind.SPORTS_FIELD)
    assert isinstance(city.origin, LatLon)
    assert abs(city.origin.lat) < 65


@pytest.mark.parametrize(
    ("places", "rows", "cols"), [(1, 1, 1), (2, 1, 2), (4, 2, 2), (7, 3, 3), (12, 3, 4), (225, 15, 15)]
)
def test_the_lattice_is_row_major_from_the_north_west(places: int, rows: int, cols: int) -> None:
    city = plan_city("test", 1, "grid", places) if places < 20 else plan_city("test", 1, "grid", places, split="test")
    assert [(p.row, p.col) for p in city.places] == [divmod(index, cols) for index in range(places)]
    assert city.places[-1].row == rows - 1
    first = city.places[0]
    assert (first.x_m, first.y_m) == (-(cols - 1) * 30.0, (rows - 1) * 30.0)
    assert all(p.x_m == first.x_m + 60 * p.col and p.y_m == first.y_m - 60 * p.row for p in city.places)
    assert city.half_width_m == (cols - 1) * 30.0 + 60.0 + 200.0
    assert len({p.place_id for p in city.places}) == places


def test_held_out_places_are_one_compact_patch() -> None:
    places = plan_city("test", 5, "grid", 100, holdout=0.12).places
    held = {(p.row, p.col) for p in places if p.split == "val"}
    assert len(held) == 12
    rows, cols = ({spot[axis] for spot in held} for axis in (0, 1))
    assert len(rows) * len(cols) == len(held)
    assert max(rows) - min(rows) < 4
    assert max(cols) - min(cols) < 4
    assert {p.split for p in places} == {"train", "val"}


@pytest.mark.parametrize(("split", "holdout", "expected"), [("test", 0.3, {"test"}), ("train", 0.0, {"train"})])
def test_whole_cities_can_be_held_out_or_not_at_all(split: str, holdout: float, expected: set[str]) -> None:
    city = plan_city("test", 5, "grid", 9, holdout=holdout, split=split)  # type: ignore[arg-type]
    assert {place.split for place in city.places} == expected


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"style": "gothic"}, ["gothic", "grid", "organic"]),
        ({"places": 0}, ["places", "0", "1 to 1024"]),
        ({"places": 5000}, ["5000"]),
        ({"seed": -1}, ["seed", "-1"]),
        ({"holdout": 0.9}, ["held-out", "0.9", "0 to 0.5"]),
        ({"split": "dev"}, ["dev", "train", "test"]),
    ],
)
def test_bad_arguments_are_named(change: dict[str, Any], words: list[str]) -> None:
    arguments: dict[str, Any] = {"city_id": "test", "seed": 1, "style": "grid", "places": 4, **change}
    with pytest.raises(ConfigError) as caught:
        plan_city(**arguments)
    assert all(word in str(caught.value) for word in words)
