"""A city that pictures can be taken of.

Axes: N pixels row by row, M the pixels that see something, H rows, W columns.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from gleam_common.errors import ConfigError
from gleam_common.synthcity.camera import Rays, covered_pixels, pixel_rays
from gleam_common.synthcity.ground import GroundRaster
from gleam_common.synthcity.model import City
from gleam_common.synthcity.picture import Camera, Picture
from gleam_common.synthcity.rendering.closeup import closeup
from gleam_common.synthcity.rendering.develop import develop
from gleam_common.synthcity.rendering.facade import make_facades
from gleam_common.synthcity.rendering.lighting import Scenery, illuminate
from gleam_common.synthcity.rendering.masonry import add_buildings
from gleam_common.synthcity.rendering.mesh import MeshBuilder
from gleam_common.synthcity.rendering.planar import pick, put
from gleam_common.synthcity.rendering.plants import add_trees
from gleam_common.synthcity.rendering.shading import Stage, look_at
from gleam_common.synthcity.rendering.shelter import Shelter
from gleam_common.synthcity.rendering.sky import Light, make_light, sky_colour
from gleam_common.synthcity.rendering.surfels import see
from gleam_common.synthcity.rendering.terrain import GroundSampler, draw_looks
from gleam_common.synthcity.rendering.tracing import make_layer
from gleam_common.synthcity.rendering.traffic import draw_cars, draw_furniture, find_spots
from gleam_common.synthcity.rendering.vehicles import Dynamic, build_dynamic
from gleam_common.synthcity.weather import Weather
from gleam_common.views import View

__all__ = ["Scene"]

Floats = npt.NDArray[np.float32]
_STREAM = 7003
_NOTHING = -2
_CLOSE_M = 10.0
_DETAILED_CARS = 14


class Scene:
    """A city as a mesh under Embree. Building one takes about a second, a picture 30 to 60 ms.

    Args:
        city: what stands.
        ground: what it stands on, from ``paint_ground(city)``.
    """

    def __init__(self, city: City, ground: GroundRaster) -> None:
        builder = MeshBuilder()
        add_buildings(builder, city.buildings)
        add_trees(builder, city.trees)
        self._city = make_layer(builder.build())
        self._sampler = GroundSampler(ground)
        self._shelter = Shelter(city)
        self._spots = find_spots(city)
        self._facades = make_facades(city.buildings)
        ids = [building.item_id for building in city.buildings]
        self._building_of_item = np.full(max(ids, default=0) + 1, -1, dtype=np.int32)
        self._building_of_item[ids] = np.arange(len(ids))

    def render(self, camera: Camera, weather: Weather, seed: int) -> Picture:
        """Take a picture; the same arguments give the same bytes.

        Raises:
            ConfigError: for a map camera; maps are drawn by ``cartography.draw_map``.
        """
        if camera.view is View.MAP:
            raise ConfigError("a scene takes no maps", value=str(camera.view), fix="use cartography.draw_map")
        rng = np.random.default_rng([seed, _STREAM])
        light = make_light(weather, rng)
        cars, furniture = draw_cars(self._spots, camera, rng), draw_furniture(self._spots, camera, rng)
        things = build_dynamic(cars, furniture, near=_DETAILED_CARS if camera.z_m < _CLOSE_M else 0)
        scenery = self._scenery(camera, things, light)
        rays = pixel_rays(camera)
        seen = see(scenery.city, scenery.things, scenery.things_pixel, rays, weather)
        look = look_at(self._stage(camera, scenery, weather, rng), seen)
        surface = np.full(len(rays.direction_N3), _NOTHING, dtype=np.int64)
        surface[seen.pixel] = seen.surface
        light_3N = _backdrop(rays, surface, light)
        arriving = illuminate(scenery, seen, look, light, weather)
        put(light_3N, seen.pixel, arriving)
        items = np.zeros(len(surface), dtype=np.int32)
        items[seen.pixel] = look.item
        shape = (camera.height_px, camera.width_px)
        smooth = _soften_edges(light_3N.reshape(3, *shape), surface.reshape(shape))
        return Picture(
            rgb=develop(smooth, surface.reshape(shape) == _NOTHING, weather.sensor, rng),
            items=items.reshape(shape),
            view=camera.view,
            camera=camera,
            dynamic={} if things is None else things.items,
            snow=weather.snow,
        )

    def _scenery(self, camera: Camera, things: Dynamic | None, light: Light) -> Scenery:
        if things is None:
            nowhere = np.zeros(0, dtype=np.int64)
            return Scenery(
                city=self._city, shelter=self._shelter, things=None, things_pixel=nowhere, width_px=camera.width_px,
                height_px=camera.height_px,
            )  # fmt: skip
        shadow = things.box_K83 - things.box_K83[..., 2:] / max(float(light.to_sun[2, 0]), 0.1) * light.to_sun[:, 0]
        pixel = covered_pixels(camera, np.concatenate([things.box_K83, shadow], axis=1))
        return Scenery(
            city=self._city, shelter=self._shelter, things=make_layer(things.mesh), things_pixel=pixel,
            width_px=camera.width_px, height_px=camera.height_px,
        )  # fmt: skip

    def _stage(self, camera: Camera, scenery: Scenery, weather: Weather, rng: np.random.Generator) -> Stage:
        surfaces = self._city.mesh.surfaces
        near = closeup(self._sampler, camera.x_m, camera.y_m) if camera.z_m < _CLOSE_M else None
        return Stage(
            surfaces=surfaces if scenery.things is None else surfaces.joined(scenery.things.mesh.surfaces),
            facades=self._facades,
            building_of_item=self._building_of_item,
            sampler=self._sampler,
            closeup=near,
            looks=draw_looks(weather, rng),
            weather=weather,
        )


def _backdrop(rays: Rays, surface_N: npt.NDArray[np.int64], light: Light) -> Floats:
    """The sky (3, N) in every pixel that sees nothing else."""
    light_3N = np.zeros((3, len(surface_N)), dtype=np.float32)
    index = np.flatnonzero(surface_N == _NOTHING)
    if len(index):
        put(light_3N, index, sky_colour(light, pick(rays.direction_3N, index)))
    return light_3N


def _soften_edges(light_3HW: Floats, surface_HW: npt.NDArray[np.int64]) -> Floats:
    """Blur a little where two surfaces meet: one ray a pixel leaves stairs there."""
    edge = np.zeros(surface_HW.shape, dtype=np.float32)
    across, down = surface_HW[:, 1:] != surface_HW[:, :-1], surface_HW[1:] != surface_HW[:-1]
    edge[:, 1:] += across
    edge[:, :-1] += across
    edge[1:] += down
    edge[:-1] += down
    share = np.minimum(edge, np.float32(1.0))
    for plane in light_3HW:
        plane += (cv2.GaussianBlur(plane, (3, 3), 0.7) - plane) * share
    return light_3HW
