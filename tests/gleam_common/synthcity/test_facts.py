import math
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from gleam_common.errors import ConfigError
from gleam_common.synthcity.camera import draw_camera
from gleam_common.synthcity.facts import COMPASS, Fact, facts_table, picture_facts
from gleam_common.synthcity.ground import paint_ground
from gleam_common.synthcity.model import Area, Kind
from gleam_common.synthcity.picture import DYNAMIC_ID_BASE, Picture, Thing
from gleam_common.synthcity.scene import Scene
from gleam_common.synthcity.weather import draw_weather
from gleam_common.views import View
from toy_village import COURT, FIR, HOUSE, LAWN, OAK, POND, STREET, TOWER, village

CITY = village()
PLACE = CITY.places[0]
CAR = DYNAMIC_ID_BASE + 3


def picture(view=View.SATELLITE, seed=1, **patches):
    """A picture whose items are nothing but patches: name -> (item, rows, columns)."""
    camera = draw_camera(CITY, PLACE, view, seed)
    items = np.zeros((camera.height_px, camera.width_px), dtype=np.int32)
    for item, rows, cols in patches.values():
        items[rows, cols] = item
    car = Thing(item_id=CAR, kind=Kind.CAR, colour="red", x_m=30.0, y_m=40.0)
    rgb = np.zeros((*items.shape, 3), dtype=np.uint8)
    return Picture(rgb=rgb, items=items, view=view, camera=camera, dynamic={CAR: car})


@pytest.fixture(scope="module")
def scene():
    return Scene(CITY, paint_ground(CITY))


def by_item(facts):
    return {fact.item_id: fact for fact in facts if fact.item_id}


def test_facts_equal_counting_by_hand():
    rng = np.random.default_rng(4)
    items = rng.choice([0, STREET, HOUSE, TOWER, OAK, POND, CAR], size=(32, 40)).astype(np.int32)
    items = np.kron(items, np.ones((8, 8), dtype=np.int32))
    items = np.ascontiguousarray(items[:256, :256])
    shown = picture()
    shown = Picture(rgb=shown.rgb, items=items, view=shown.view, camera=shown.camera, dynamic=shown.dynamic)
    facts = by_item(picture_facts(shown, CITY))
    assert set(facts) == {STREET, HOUSE, TOWER, OAK, POND, CAR}
    for number, fact in facts.items():
        rows, cols = np.nonzero(items == number)
        assert fact.share == pytest.approx(len(rows) / items.size)
        assert fact.box == (cols.min(), rows.min(), cols.max() + 1, rows.max() + 1)
    shares = [fact.share for fact in picture_facts(shown, CITY) if fact.item_id]
    assert shares == sorted(shares, reverse=True)


def test_a_fact_carries_what_the_city_knows():
    patches = {"house": (HOUSE, slice(0, 60), slice(0, 60)), "car": (CAR, slice(200, 256), slice(0, 40))}
    facts = by_item(picture_facts(picture(**patches), CITY))
    house = facts[HOUSE]
    assert (house.kind, house.name_en, house.name_zh) == ("building", "House 11", "楼11")
    assert (house.detail, house.roof_colour) == ("house", "red")
    assert house.distance_m == pytest.approx(math.hypot(15, 5), abs=0.05)
    assert (facts[CAR].kind, facts[CAR].colour, facts[CAR].distance_m) == ("car", "red", 50.0)


def test_small_and_unknown_items_are_left_out():
    patches = {
        "small": (HOUSE, slice(0, 10), slice(0, 10)),
        "unknown": (999, slice(50, 100), slice(50, 100)),
        "large": (POND, slice(100, 200), slice(0, 200)),
    }
    shown = picture(**patches)
    assert set(by_item(picture_facts(shown, CITY))) == {POND}
    assert set(by_item(picture_facts(shown, CITY, min_share=0.001))) == {POND, HOUSE}


@pytest.mark.parametrize(
    ("row", "col", "side", "image_side"),
    [
        (20, 128, "N", "top"), (20, 230, "NE", "top right"), (128, 230, "E", "right"), (230, 230, "SE", "bottom right"),
        (230, 128, "S", "bottom"), (230, 20, "SW", "bottom left"), (128, 20, "W", "left"), (20, 20, "NW", "top left"),
        (128, 128, "centre", "centre"),
    ],
)  # fmt: skip
def test_sides_in_a_tile(row, col, side, image_side):
    shown = picture(house=(HOUSE, slice(row - 10, row + 10), slice(col - 10, col + 10)))
    fact = by_item(picture_facts(shown, CITY))[HOUSE]
    assert (fact.side, fact.image_side) == (side, image_side)


@pytest.mark.parametrize("octant", range(8))
def test_sides_in_a_panorama_are_compass_directions(octant):
    col = (256 + octant * 64) % 512
    cols = np.arange(col - 15, col + 15) % 512
    shown = picture(View.PANORAMA, house=(HOUSE, slice(100, 140), cols))
    assert by_item(picture_facts(shown, CITY))[HOUSE].side == COMPASS[octant]


def test_a_box_may_cross_the_seam_of_a_panorama():
    cols = np.arange(500, 530) % 512
    fact = by_item(picture_facts(picture(View.PANORAMA, house=(HOUSE, slice(90, 150), cols)), CITY))[HOUSE]
    assert fact.box == (500, 90, 18, 150)
    assert fact.side == "S"


def test_what_is_all_around_has_no_side():
    fact = by_item(picture_facts(picture(View.PANORAMA, road=(STREET, slice(140, 256), slice(0, 512))), CITY))[STREET]
    assert fact.side == "centre"
    assert fact.box == (0, 140, 512, 256)


@pytest.mark.parametrize("seed", range(5))
def test_of_roads_and_areas_a_uav_picture_tells_where_the_part_is_that_it_shows(seed):
    shown = picture(
        View.UAV, seed, far=(STREET, slice(0, 40), slice(160, 182)), middle=(POND, slice(118, 138), slice(161, 181))
    )
    facts = by_item(picture_facts(shown, CITY))
    assert facts[STREET].side == COMPASS[round(shown.camera.heading_deg / 45) % 8]
    assert facts[POND].side == "centre"


STANDS = {HOUSE: (24, 10), TOWER: (-31, 21), COURT: (35, -40), OAK: (-4, 24), FIR: (5, 33)}


@pytest.mark.parametrize("seed", range(8))
def test_what_rises_is_where_it_stands_though_a_uav_sees_it_before_the_ground_behind(scene, seed):
    shown = scene.render(draw_camera(CITY, PLACE, View.UAV, seed), draw_weather(View.UAV, seed), seed)
    facts = by_item(picture_facts(shown, CITY, min_share=0.0005))
    assert TOWER in facts
    cars = {number: (thing.x_m, thing.y_m) for number, thing in shown.dynamic.items()}
    for number, (x_m, y_m) in (STANDS | cars).items():
        east, north = x_m - shown.camera.target_x_m, y_m - shown.camera.target_y_m
        if number in facts and math.hypot(east, north) > 20.0:  # nearer ones may be under the optical axis
            assert facts[number].side == COMPASS[round(math.degrees(math.atan2(east, north)) / 45) % 8]


@pytest.mark.parametrize("view", [View.PANORAMA, View.GROUND])
def test_from_the_ground_a_side_is_the_direction_to_a_building(scene, view):
    sides = {TOWER: ("N", "NW"), HOUSE: ("NE",)}
    for seed in range(6):
        shown = scene.render(draw_camera(CITY, PLACE, view, seed), draw_weather(view, seed), seed)
        facts = by_item(picture_facts(shown, CITY))
        assert view is View.GROUND or facts.keys() >= sides.keys()
        assert all(facts[number].side in sides[number] for number in facts.keys() & sides.keys())


@pytest.mark.parametrize(
    ("view", "snow", "colours"),
    [
        (View.UAV, 0.0, ("cream", "red")),
        (View.UAV, 0.4, ("cream", "")),
        (View.SATELLITE, 0.0, ("", "red")),
        (View.MAP, 0.0, ("", "")),
        (View.GROUND, 0.0, ("cream", "red")),  # a gable roof is seen from the street
        (View.PANORAMA, 0.4, ("cream", "")),
    ],
)
def test_only_colours_that_a_view_shows_are_named(view, snow, colours):
    shown = replace(picture(view, 1, house=(HOUSE, slice(0, 80), slice(0, 80))), snow=snow)
    fact = by_item(picture_facts(shown, CITY))[HOUSE]
    assert (fact.colour, fact.roof_colour) == colours


@pytest.mark.parametrize(
    ("view", "snow", "colour"),
    [(View.SATELLITE, 0.0, "blue"), (View.GROUND, 0.0, "blue"), (View.MAP, 0.0, ""), (View.SATELLITE, 0.3, "")],
)
def test_a_sports_field_has_a_colour_where_it_is_bare_and_no_map(view, snow, colour):
    court = Area(
        item_id=LAWN, kind=Kind.SPORTS_FIELD, polygon=CITY.items[LAWN].polygon, variant="tennis", colour="blue"
    )
    shown = replace(picture(view, 1, court=(LAWN, slice(0, 80), slice(0, 80))), snow=snow)
    fact = by_item(picture_facts(shown, replace(CITY, areas=(court,))))[LAWN]
    assert (fact.colour, fact.detail) == (colour, "tennis")


def test_a_scene_tells_its_facts_whether_snow_lies(scene):
    camera = draw_camera(CITY, PLACE, View.SATELLITE, 1)
    for snow, roof in ((0.0, "red"), (0.5, "")):
        shown = scene.render(camera, replace(draw_weather(View.SATELLITE, 1), snow=snow), 1)
        assert by_item(picture_facts(shown, CITY))[HOUSE].roof_colour == roof


@pytest.mark.parametrize("view", [View.GROUND, View.PANORAMA])
def test_a_flat_roof_has_no_colour_from_below(view):
    flat = next(building for building in CITY.buildings if building.roof == "flat")
    fact = by_item(picture_facts(picture(view, 1, flat=(flat.item_id, slice(0, 80), slice(0, 80))), CITY))[flat.item_id]
    assert fact.colour == flat.colour
    assert not fact.roof_colour


@pytest.mark.parametrize(
    ("columns", "box"), [((501, 511, 3, 91), (501, 91)), ((0, 20, 500, 511), (500, 20)), ((10, 20, 40, 60), (10, 60))]
)
def test_a_box_takes_the_shortest_way_round_though_an_edge_pixel_is_missing(columns, box):
    first, second = slice(columns[0], columns[1]), slice(columns[2], columns[3])
    shown = picture(View.PANORAMA, 1, a=(HOUSE, slice(90, 130), first), b=(HOUSE, slice(90, 130), second))
    found = by_item(picture_facts(shown, CITY))[HOUSE].box
    assert (found[0], found[2]) == box


def test_a_ground_photo_looks_along_its_heading():
    shown = picture(View.GROUND, 2, left=(HOUSE, slice(100, 140), slice(0, 20)))
    bearing = shown.camera.heading_deg - math.degrees(
        math.atan(math.tan(math.radians(shown.camera.fov_deg / 2)) * 161 / 171)
    )
    assert by_item(picture_facts(shown, CITY))[HOUSE].side == COMPASS[round(bearing / 45) % 8]


def test_trees_and_cars_are_counted_when_they_can_be_made_out():
    patches = {
        "oak": (OAK, slice(0, 4), slice(0, 4)),
        "fir": (FIR, slice(10, 12), slice(0, 3)),
        "car": (CAR, slice(20, 24), slice(0, 9)),
    }
    groups = [fact for fact in picture_facts(picture(**patches), CITY) if not fact.item_id]
    assert [(fact.kind, fact.count) for fact in groups] == [("tree", 1), ("car", 1)]
    assert groups[0].share == pytest.approx(16 / 65536)


def test_an_empty_picture_has_no_facts():
    assert picture_facts(picture(), CITY) == []


@pytest.mark.parametrize("share", [0.0, -1.0, 1.5])
def test_the_least_share_must_be_a_share(share):
    with pytest.raises(ConfigError, match=r"least share of a fact.*up to 1"):
        picture_facts(picture(), CITY, min_share=share)


def test_facts_become_a_table():
    facts = picture_facts(
        picture(lawn=(LAWN, slice(0, 90), slice(0, 90)), oak=(OAK, slice(90, 120), slice(0, 40))), CITY
    )
    table = pa.table(facts_table(facts))
    assert table.column_names[:3] == ["item_id", "kind", "name_en"]
    assert [Fact(**{**row, "box": row["box"] and tuple(row["box"])}) for row in table.to_pylist()] == facts
    assert COURT not in table["item_id"].to_pylist()
