from dataclasses import replace

import numpy as np
import pytest
import shapely
from gleam_common.synthcity.camera import draw_camera
from gleam_common.synthcity.rendering.traffic import CAR_SIZES_M, draw_cars, draw_furniture, find_spots
from gleam_common.synthcity.rendering.vehicles import build_dynamic
from gleam_common.views import View
from shapely import affinity
from shapely.geometry import LineString, box
from toy_village import village

CITY = village()
SPOTS = find_spots(CITY)
TRACED = (View.SATELLITE, View.UAV, View.PANORAMA, View.GROUND)


def outlines(pose, length_m=4.0, width_m=1.7):
    car = box(-width_m / 2, -length_m / 2, width_m / 2, length_m / 2)
    return [affinity.translate(affinity.rotate(car, -heading, origin=(0, 0)), x, y) for x, y, heading in pose]


def test_no_two_cars_share_a_place():
    cars = outlines(np.concatenate([SPOTS.bays, SPOTS.kerbs, SPOTS.lanes]))
    assert len(cars) > 80
    first, second = shapely.STRtree(cars).query(cars, predicate="intersects")
    assert (first == second).all()


def test_cars_drive_on_the_right():
    west_to_east = SPOTS.lanes[(np.abs(SPOTS.lanes[:, 2] - 90) < 1) & (np.abs(SPOTS.lanes[:, 1] + 10) < 4)]
    east_to_west = SPOTS.lanes[(np.abs(SPOTS.lanes[:, 2] - 270) < 1) & (np.abs(SPOTS.lanes[:, 1] + 10) < 4)]
    assert len(west_to_east) and len(east_to_west)  # noqa: PT018
    assert (west_to_east[:, 1] < -10).all()
    assert (east_to_west[:, 1] > -10).all()


@pytest.mark.parametrize("seed", range(8))
def test_cars_stay_on_roads_and_in_bays_and_off_the_camera(seed):
    camera = draw_camera(CITY, CITY.places[0], View.PANORAMA, seed)
    poses = draw_cars(SPOTS, camera, np.random.default_rng(seed))
    ground = shapely.union_all(
        [road.line.buffer(road.width_m / 2 + 0.3) for road in CITY.roads] + [area.polygon for area in CITY.areas]
    )
    assert all(ground.contains(shapely.Point(x, y)) for x, y, _ in poses.pose)
    assert (np.abs(poses.pose[:, :2] - [camera.x_m, camera.y_m]).max(axis=1) > 4).all()


@pytest.mark.parametrize("view", [View.PANORAMA, View.GROUND])
def test_no_vehicle_stands_over_the_camera_or_fills_a_photo(view):
    """Buses everywhere; each one's outline is measured against the camera."""
    heading = np.random.default_rng(0).uniform(0, 360, (400, 1))
    for seed in range(6):
        camera = draw_camera(CITY, CITY.places[0], view, seed)
        around = np.random.default_rng(seed).uniform(-20, 20, (400, 2)) + np.array([camera.x_m, camera.y_m])
        crowd = replace(SPOTS, lanes=np.hstack([around, heading]))
        poses = draw_cars(crowd, camera, np.random.default_rng(seed))
        here = shapely.Point(camera.x_m, camera.y_m)
        for pose, kind in zip(poses.pose, poses.kind, strict=True):
            length_m, width_m = CAR_SIZES_M[kind]
            outline = outlines([pose], length_m, width_m)[0]
            assert outline.distance(here) > 1.4
            edges = np.radians(camera.heading_deg + np.linspace(-0.5, 0.5, 31) * camera.fov_deg)
            rays = [LineString([here, (here.x + 7.9 * np.sin(a), here.y + 7.9 * np.cos(a))]) for a in edges]
            assert view is not View.GROUND or not any(outline.intersects(ray) for ray in rays)


@pytest.mark.parametrize("view", TRACED)
def test_each_thing_lies_in_its_box_and_is_numbered(view):
    camera = draw_camera(CITY, CITY.places[0], view, 1)
    rng = np.random.default_rng(3)
    cars, furniture = draw_cars(SPOTS, camera, rng), draw_furniture(SPOTS, camera, rng)
    things = build_dynamic(cars, furniture, near=4)
    assert things is not None
    assert (len(furniture.pose) == 0) == (view is View.SATELLITE)
    numbers = things.mesh.surfaces.item[things.mesh.surface]
    for index, number in enumerate(things.items):
        vertices = things.mesh.vertex[things.mesh.face[numbers == number]].reshape(-1, 3)
        corners = things.box_K83[index]
        assert len(vertices)
        assert (vertices >= corners.min(axis=0) - 1e-3).all()
        assert (vertices <= corners.max(axis=0) + 1e-3).all()


def test_nothing_comes_of_nothing():
    nowhere = replace(SPOTS, **{name: np.zeros((0, 3)) for name in ("lanes", "kerbs", "bays", "pavements", "lamps")})
    camera, rng = draw_camera(CITY, CITY.places[0], View.GROUND, 1), np.random.default_rng(0)
    assert build_dynamic(draw_cars(nowhere, camera, rng), draw_furniture(nowhere, camera, rng), near=4) is None
