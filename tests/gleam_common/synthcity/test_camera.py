import math
from dataclasses import replace

import numpy as np
import pytest
from gleam_common.errors import ConfigError
from gleam_common.synthcity.camera import covered_pixels, draw_camera, pixel_rays, pixel_to_ground, project
from gleam_common.synthcity.picture import Camera
from gleam_common.views import View
from shapely.geometry import LineString, Point, box
from toy_village import village

CITY = village()
PLACE = CITY.places[0]
TRACED = (View.SATELLITE, View.UAV, View.PANORAMA, View.GROUND)


def look(view: View, **changes: object) -> Camera:
    values: dict[str, object] = {
        "view": view, "x_m": 10.0, "y_m": -20.0, "z_m": 50.0, "heading_deg": 40.0, "pitch_deg": 35.0, "fov_deg": 70.0,
        "width_px": 64, "height_px": 48, "extent_m": 0.0, "target_x_m": 0.0, "target_y_m": 0.0,
    }  # fmt: skip
    return Camera(**{**values, **changes})


@pytest.mark.parametrize("view", list(View))
def test_cameras_follow_their_seed(view):
    first, again, other = (draw_camera(CITY, PLACE, view, seed) for seed in (5, 5, 6))
    assert first == again
    assert (first == other) == (view is View.SATELLITE)


@pytest.mark.parametrize("seed", range(40))
def test_cameras_stay_within_their_promises(seed):
    uav, plan, panorama, ground = (
        draw_camera(CITY, PLACE, view, seed) for view in (View.UAV, View.MAP, View.PANORAMA, View.GROUND)
    )
    for camera in (uav, plan):
        assert math.hypot(camera.target_x_m - PLACE.x_m, camera.target_y_m - PLACE.y_m) <= 15.0
    assert 80 <= uav.z_m <= 200
    assert 30 <= uav.pitch_deg <= 60
    width_m = 2 * math.tan(math.radians(uav.fov_deg / 2)) * uav.z_m / math.sin(math.radians(uav.pitch_deg))
    assert 0.99 * CITY.tile_m <= width_m <= 1.41 * CITY.tile_m
    assert 100 <= plan.extent_m <= 150
    assert (panorama.x_m, panorama.y_m) == (PLACE.stand_x_m, PLACE.stand_y_m)
    assert 1.7 <= panorama.z_m <= 2.6
    assert 60 <= ground.fov_deg <= 90
    assert math.hypot(ground.x_m - PLACE.stand_x_m, ground.y_m - PLACE.stand_y_m) < 1.0


def test_uavs_look_anywhere_but_seldom_north():
    heading_deg = np.array([draw_camera(CITY, PLACE, View.UAV, seed).heading_deg for seed in range(600)])
    assert (np.bincount((heading_deg // 30).astype(int), minlength=12)[1:-1] > 30).all()
    assert 0.02 < ((heading_deg < 30) | (heading_deg > 330)).mean() < 0.09


@pytest.mark.parametrize("seed", range(20))
def test_the_uav_looks_at_its_target(seed):
    camera = draw_camera(CITY, PLACE, View.UAV, seed)
    col, row, depth = project(camera, [camera.target_x_m, camera.target_y_m, 0.0])[0]
    assert (col, row) == pytest.approx((camera.width_px / 2, camera.height_px / 2), abs=1e-6)
    assert depth == pytest.approx(camera.z_m / math.sin(math.radians(camera.pitch_deg)))


def test_a_ground_photo_does_not_stare_at_a_wall_when_it_can_look_elsewhere():
    walls = [building.footprint for building in CITY.buildings]
    for seed in range(30):
        camera = draw_camera(CITY, PLACE, View.GROUND, seed)
        heading = math.radians(camera.heading_deg)
        ahead = (camera.x_m + 8 * math.sin(heading), camera.y_m + 8 * math.cos(heading))
        sight = LineString([(camera.x_m, camera.y_m), ahead])
        assert not any(wall.intersects(sight) for wall in walls)


@pytest.mark.parametrize("view", TRACED)
def test_a_point_on_a_pixels_ray_projects_to_that_pixel(view):
    camera = draw_camera(CITY, PLACE, view, 3)
    rays = pixel_rays(camera)
    assert rays.direction_N3.dtype == rays.origin_N3.dtype == np.float32
    assert np.linalg.norm(rays.direction_N3, axis=1) == pytest.approx(1.0, abs=1e-5)
    pixel = np.random.default_rng(0).integers(0, camera.width_px * camera.height_px, 200)
    at = project(camera, rays.origin_N3[pixel] + 60.0 * rays.direction_N3[pixel])
    row, col = np.divmod(pixel, camera.width_px)
    assert at[:, 0] == pytest.approx(col + 0.5, abs=0.02)
    assert at[:, 1] == pytest.approx(row + 0.5, abs=0.02)


@pytest.mark.parametrize(
    ("east", "north", "col", "row"), [(0, 9, 256, 128), (9, 0, 384, 128), (-9, 0, 128, 128), (9, 9, 320, 128)]
)
def test_a_panorama_has_north_in_the_middle_and_east_right_of_it(east, north, col, row):
    camera = look(View.PANORAMA, heading_deg=0.0, pitch_deg=0.0, fov_deg=360.0, width_px=512, height_px=256)
    assert project(camera, [10.0 + east, -20.0 + north, 50.0])[0, :2] == pytest.approx((col, row))


def test_a_tile_is_north_up():
    camera = look(View.SATELLITE, extent_m=120.0, width_px=60, height_px=60, pitch_deg=90.0)
    assert project(camera, [70.0, 40.0, 0.0])[0].tolist() == pytest.approx([60.0, 0.0, 50.0])


@pytest.mark.parametrize("view", list(View))
def test_pixels_go_to_the_ground_and_back(view):
    camera = draw_camera(CITY, PLACE, view, 8)
    point = pixel_to_ground(camera, 0.7 * camera.width_px, 0.8 * camera.height_px)
    assert point is not None
    assert project(camera, [*point, 0.0])[0, :2] == pytest.approx((0.7 * camera.width_px, 0.8 * camera.height_px))


def test_the_sky_is_not_ground():
    assert pixel_to_ground(draw_camera(CITY, PLACE, View.PANORAMA, 1), 100.0, 20.0) is None


def test_maps_have_no_rays():
    with pytest.raises(ConfigError, match=r"map has no rays.*draw_map"):
        pixel_rays(draw_camera(CITY, PLACE, View.MAP, 1))


@pytest.mark.parametrize("view", TRACED)
def test_covered_pixels_hold_everything_of_a_box_that_a_picture_can_show(view):
    extent = {"extent_m": 120.0} if view is View.SATELLITE else {}
    camera = look(view, z_m=200.0 if view is View.SATELLITE else 2.0, pitch_deg=5.0, **extent)
    rng = np.random.default_rng(2)
    for _ in range(60):
        low = np.array([10.0, -20.0, 0.0]) + rng.uniform((-25, -25, 0), (25, 25, 1))
        size = rng.uniform(0.5, 5.0, 3)
        corners = low + size * [[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)]
        at = project(camera, low + size * rng.uniform(0, 1, (400, 3)))
        shown = (at[:, 2] > 0.01) & (at[:, :2] >= 0).all(axis=1)
        shown &= (at[:, 0] < camera.width_px) & (at[:, 1] < camera.height_px)
        pixels = at[shown, 1].astype(int) * camera.width_px + at[shown, 0].astype(int)
        assert set(pixels.tolist()) <= set(covered_pixels(camera, corners[None]).tolist())


@pytest.mark.parametrize("seed", range(12))
def test_a_ground_photo_does_not_stare_at_a_wall(seed):
    """Walled in but for a gap in the south-east, the camera looks out of the gap."""
    walls = (box(-30, -6, 30, -4), box(-30, -30, -4, -6), box(-30, -30, -2, -28))
    first = CITY.buildings[0]
    walled = replace(CITY, buildings=tuple(replace(first, footprint=wall) for wall in walls), trees=())
    camera = draw_camera(walled, walled.places[0], View.GROUND, seed)
    assert 60 < camera.heading_deg < 240


def test_an_eye_sees_past_high_crowns_but_not_through_low_ones():
    oak, fir = CITY.trees
    for tree, sight in ((replace(oak, x_m=0.0, y_m=12.0), 11.6), (replace(fir, x_m=0.0, y_m=12.0), 9.5)):
        lonely = replace(CITY, buildings=(), trees=(tree,))
        blocked = lonely.sight_blocks.geometries[lonely.sight_blocks.query(LineString([(0, 0), (0, 30)]), "intersects")]
        assert min(blocked_by.distance(Point(0, 0)) for blocked_by in blocked) == pytest.approx(sight, abs=0.1)


def test_a_photographer_who_sways_does_not_step_into_leaves():
    fir, place = CITY.trees[1], CITY.places[0]
    beside = replace(CITY, trees=(replace(fir, x_m=place.stand_x_m + fir.radius_m + 0.6, y_m=place.stand_y_m),))
    cameras = [draw_camera(beside, place, View.GROUND, seed) for seed in range(30)]
    gaps_m = [Point(camera.x_m, camera.y_m).distance(beside.sight_blocks.geometries[-1]) for camera in cameras]
    assert min(gaps_m) >= 0.5
    assert len({camera.x_m for camera in cameras}) > 10
