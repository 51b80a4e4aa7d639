import math
from dataclasses import replace

import numpy as np
import pytest
import shapely
from gleam_common.errors import ConfigError
from gleam_common.synthcity.camera import draw_camera, project
from gleam_common.synthcity.ground import paint_ground
from gleam_common.synthcity.model import Kind
from gleam_common.synthcity.picture import DYNAMIC_ID_BASE, Camera
from gleam_common.synthcity.scene import Scene
from gleam_common.synthcity.weather import Season, Sensor, Weather, draw_weather
from gleam_common.views import View
from toy_village import BLOCK, COURT, HOUSE, OAK, POND, STREET, TOWER, empty_village, village

CITY = village()
PLACE = CITY.places[0]
TRACED = (View.SATELLITE, View.UAV, View.PANORAMA, View.GROUND)
SENSOR = Sensor(
    exposure=0.3, white_balance=(1.0, 1.0, 1.0), contrast=1.0, saturation=1.0, noise=0.0, blur_px=0.0, vignette=0.0
)  # fmt: skip
NOON = Weather(
    season=Season.SUMMER, sun_azimuth_deg=180.0, sun_elevation_deg=45.0, sun_strength=1.0, cloud_cover=0.1, cloud_shadow=0.0,
    visibility_m=9000.0, snow=0.0, leaf=1.0, sensor=SENSOR,
)  # fmt: skip


@pytest.fixture(scope="module")
def scene():
    return Scene(CITY, paint_ground(CITY))


def test_passing_clouds_darken_parts_of_the_ground_and_move_nothing(scene):
    camera = draw_camera(CITY, PLACE, View.UAV, 3)
    clear, cloudy = (scene.render(camera, replace(NOON, cloud_shadow=share), 6) for share in (0.0, 0.5))
    assert (clear.items == cloudy.items).all()
    # The exposure follows the mean, so that what is still in the sun becomes brighter.
    change = cloudy.rgb.mean(axis=-1) - clear.rgb.mean(axis=-1)
    assert (change < -20).mean() > 0.08
    assert (change > 3).mean() > 0.3


def look_from(x_m: float, y_m: float, z_m: float, heading_deg: float, pitch_deg: float, view: View) -> Camera:
    return Camera(
        view=view, x_m=x_m, y_m=y_m, z_m=z_m, heading_deg=heading_deg, pitch_deg=pitch_deg, fov_deg=70.0,
        width_px=342, height_px=256, extent_m=0.0, target_x_m=x_m, target_y_m=y_m,
    )  # fmt: skip


def item_at(picture, point):
    col, row, depth = project(picture.camera, point)[0]
    assert depth > 0
    return int(picture.items[int(row), int(col)])


@pytest.mark.parametrize("view", TRACED)
def test_the_same_seeds_give_the_same_bytes(scene, view):
    camera, weather = draw_camera(CITY, PLACE, view, 3), draw_weather(view, 4)
    first, again = scene.render(camera, weather, 5), Scene(CITY, paint_ground(CITY)).render(camera, weather, 5)
    other = scene.render(camera, weather, 6)
    assert first.rgb.tobytes() == again.rgb.tobytes()
    assert first.items.tobytes() == again.items.tobytes()
    assert first.dynamic == again.dynamic
    assert first.rgb.tobytes() != other.rgb.tobytes()


@pytest.mark.parametrize("view", TRACED)
def test_a_picture_is_what_it_says(scene, view):
    camera = draw_camera(CITY, PLACE, view, 3)
    picture = scene.render(camera, draw_weather(view, 4), 5)
    assert picture.rgb.shape == (camera.height_px, camera.width_px, 3)
    assert picture.items.shape == (camera.height_px, camera.width_px)
    assert (picture.rgb.dtype, picture.items.dtype) == (np.uint8, np.int32)
    assert picture.rgb.std() > 10
    known = {0, *CITY.items, *picture.dynamic}
    assert set(np.unique(picture.items).tolist()) <= known
    assert all(number >= DYNAMIC_ID_BASE for number in picture.dynamic)


def test_a_tile_shows_each_flat_roof_where_the_plan_has_it(scene):
    picture = scene.render(draw_camera(CITY, PLACE, View.SATELLITE, 1), NOON, 1)
    step_m = 120 / 256
    x, y = np.meshgrid((np.arange(256) + 0.5) * step_m - 60, 60 - (np.arange(256) + 0.5) * step_m)
    for building in CITY.buildings:
        if building.roof == "flat":
            inside = shapely.contains_xy(building.footprint, x, y)
            shown = picture.items == building.item_id
            assert (inside & shown).sum() / (inside | shown).sum() > 0.97, building.item_id


@pytest.mark.parametrize(
    ("name", "point"),
    [
        ("roof", (-31, 21, 36.0)),
        ("south wall", (-31, 12, 20.0)),
        ("other roof", (25, -51, 15.0)),
        ("eaves", (24, 5.5, 6.2)),
    ],
)
@pytest.mark.parametrize("heading_deg", [330, 0, 25])
def test_a_uav_sees_points_of_buildings_where_they_project(scene, name, point, heading_deg):
    items = {"roof": TOWER, "south wall": TOWER, "other roof": COURT, "eaves": HOUSE}
    heading = math.radians(heading_deg)
    camera = look_from(-130 * math.sin(heading), -130 * math.cos(heading), 110.0, heading_deg, 38.0, View.UAV)
    assert item_at(scene.render(camera, NOON, 2), point) == items[name]


@pytest.mark.parametrize(
    ("item", "point"),
    [
        (HOUSE, (24, 5, 3.0)),
        (TOWER, (-22.1, 12, 18.0)),
        (BLOCK, (-20, -41, 6.0)),
        (COURT, (28, -25, 9.0)),
        (0, (2, -9, 40)),
    ],
)
def test_a_panorama_sees_walls_where_they_project(scene, item, point):
    camera = replace(draw_camera(CITY, PLACE, View.PANORAMA, 1), x_m=2.0, y_m=-12.0)
    assert item_at(scene.render(camera, NOON, 2), point) == item


def test_five_pictures_show_one_place(scene):
    """The pond lies north of the tile's centre in the tile, and north in a panorama from above the roofs."""
    tile = scene.render(draw_camera(CITY, PLACE, View.SATELLITE, 1), NOON, 1)
    rows, cols = np.nonzero(tile.items == POND)
    assert (rows.mean(), cols.mean()) == pytest.approx((18, 142), abs=4)
    high = replace(draw_camera(CITY, PLACE, View.PANORAMA, 1), z_m=60.0, x_m=6.5, y_m=0.0)
    columns = np.nonzero(scene.render(high, NOON, 1).items == POND)[1]
    assert columns.mean() == pytest.approx(256, abs=3)


def test_shadows_fall_away_from_the_sun(scene):
    camera = draw_camera(CITY, PLACE, View.SATELLITE, 1)
    noon = scene.render(camera, NOON, 1).rgb.astype(float).mean(axis=2)
    evening = scene.render(camera, replace(NOON, sun_azimuth_deg=270.0), 1).rgb.astype(float).mean(axis=2)
    col, row = project(camera, [-31, 45, 0])[0, :2].astype(int)
    north = (slice(row - 8, row + 8), slice(col - 8, col + 8))
    col, row = project(camera, [-8, 15, 0])[0, :2].astype(int)
    east = (slice(row - 8, row + 8), slice(col - 8, col + 8))
    assert noon[north].mean() < 0.75 * evening[north].mean()
    assert evening[east].mean() < 0.75 * noon[east].mean()


def test_a_bare_tree_hides_less_than_one_in_leaf(scene):
    camera = look_from(-4.0, 2.0, 1.7, 0.0, -8.0, View.GROUND)
    winter = replace(NOON, season=Season.WINTER, leaf=0.08)
    counts = [int((scene.render(camera, weather, 1).items == OAK).sum()) for weather in (winter, NOON)]
    assert 0 < counts[0] < 0.6 * counts[1]


def test_snow_whitens_roofs_and_lawns(scene):
    camera = draw_camera(CITY, PLACE, View.SATELLITE, 1)
    winter = replace(NOON, season=Season.WINTER, leaf=0.1)
    plain, snowy = (scene.render(camera, replace(winter, snow=snow), 1) for snow in (0.0, 0.7))
    lawn = plain.items == COURT
    spread = [picture.rgb[lawn].astype(float).std(axis=1).mean() for picture in (plain, snowy)]
    assert spread[1] < 0.8 * spread[0]


def test_cars_are_drawn_anew_and_stand_on_the_ground_they_are_said_to(scene):
    camera = draw_camera(CITY, PLACE, View.SATELLITE, 1)
    pictures = [scene.render(camera, NOON, seed) for seed in range(6)]
    assert len({picture.items.tobytes() for picture in pictures}) > 1
    cars = 0
    for picture in pictures:
        for number, thing in picture.dynamic.items():
            rows, cols = np.nonzero(picture.items == number)
            if thing.kind is Kind.CAR and len(rows) > 25:
                cars += 1
                col, row = project(camera, [thing.x_m, thing.y_m, 0])[0, :2]
                if 6 < col < 250 and 6 < row < 250:
                    assert (cols.mean() + 0.5, rows.mean() + 0.5) == pytest.approx((col, row), abs=2.5)
    assert cars > 3


def test_things_that_do_not_move_stay_where_they_are_whatever_the_weather(scene):
    camera = draw_camera(CITY, PLACE, View.SATELLITE, 1)
    first, second = scene.render(camera, NOON, 1), scene.render(camera, draw_weather(View.SATELLITE, 9), 2)
    for number in (HOUSE, TOWER, COURT, POND):
        assert ((first.items == number) == (second.items == number)).mean() > 0.998
    assert (first.items == STREET).sum() == pytest.approx((second.items == STREET).sum(), rel=0.2)


def test_haze_hides_what_is_far(scene):
    camera = look_from(-128.0, -10.0, 2.0, 70.0, 0.0, View.GROUND)
    clear, foggy = (scene.render(camera, replace(NOON, visibility_m=metres), 1) for metres in (20000.0, 60.0))
    tower = clear.items == COURT
    assert tower.sum() > 50
    assert foggy.rgb[tower].astype(float).std() < 0.5 * clear.rgb[tower].astype(float).std()


def test_nothing_at_all_can_be_photographed():
    city = empty_village()
    scene = Scene(city, paint_ground(city))
    for view in TRACED:
        picture = scene.render(draw_camera(city, city.places[0], view, 1), draw_weather(view, 1), 1)
        assert not picture.items.any()
        assert not picture.dynamic


def test_a_scene_takes_no_maps(scene):
    with pytest.raises(ConfigError, match=r"takes no maps.*draw_map"):
        scene.render(draw_camera(CITY, PLACE, View.MAP, 1), NOON, 1)
