"""Pictures laid out like tiles: directions and distances stand where a north-up (or heading-up) tile has them."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from gleam_common.errors import ConfigError
from gleam_common.layout import lay_out
from gleam_common.pair_motion import heading_up
from gleam_common.views import View
from gleam_common.window import Sector, window_of

SIDE = 121


def bright_spot(view: View, column: float, row: float, height: int, width: int) -> tuple[float, float]:
    """Return where a spot of a picture lies in its layout: (right, up) in half sides."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[int(row) - 3 : int(row) + 4, int(column) - 3 : int(column) + 4] = 255
    rows, columns = np.nonzero(lay_out(picture, view, (SIDE, SIDE))[..., 0] > 127)
    middle = (SIDE - 1) / 2
    return float(columns.mean() - middle) / middle, float(middle - rows.mean()) / middle


@pytest.mark.parametrize(("column", "direction"), [(256, (0, 1)), (384, (1, 0)), (128, (-1, 0))])
def test_headings_of_a_panorama(column: int, direction: tuple[int, int]) -> None:
    """Columns run S-W-N-E-S: the middle is north, three quarters to the right is east."""
    right, up = bright_spot(View.PANORAMA, column, 145, 256, 512)
    assert (right, up) == pytest.approx(np.array(direction) * math.hypot(right, up), abs=0.05)
    assert math.hypot(right, up) > 0.25


def test_ground_in_a_panorama_lies_at_its_distance() -> None:
    """A camera 2.1 m high sees the ground 10 m away 11.9 degrees below the horizon; the window reaches 33 m."""
    row = 128 + math.degrees(math.atan2(2.1, 10)) / 180 * 256
    assert bright_spot(View.PANORAMA, 256, row, 256, 512) == pytest.approx((0, 10 / 33), abs=0.04)


def test_the_seam_of_a_panorama_does_not_show() -> None:
    panorama = np.full((64, 128, 3), 200, np.uint8)
    assert lay_out(panorama, View.PANORAMA, (SIDE, SIDE)).min() == 200


def test_a_photo_fills_its_sector() -> None:
    photo = np.full((256, 342, 3), 200, np.uint8)
    layout = lay_out(photo, View.GROUND, (SIDE, SIDE))[..., 0]
    assert (layout[: SIDE * 9 // 10, 2:-2] == 200).all()
    assert layout[-1, SIDE // 2] == 0  # nearer than the lower edge of the photo
    right, _ = bright_spot(View.GROUND, 250, 150, 256, 342)
    assert right > 0.1


@pytest.mark.parametrize("ahead_m", [-30.0, 0.0, 30.0])
@pytest.mark.parametrize("right_m", [-30.0, 0.0, 30.0])
def test_a_uav_picture_lies_on_the_ground(ahead_m: float, right_m: float) -> None:
    """The pinhole model from its definition: camera 160 m from its target, 45 degrees down, 144 m wide there."""
    eye = np.array([0.0, -160 * math.cos(math.pi / 4), 160 * math.sin(math.pi / 4)])
    forward = np.array([0, math.cos(math.pi / 4), -math.sin(math.pi / 4)])
    down = np.array([0, -math.sin(math.pi / 4), -math.cos(math.pi / 4)])
    ray = np.array([right_m, ahead_m, 0.0]) - eye
    focal = 342 * 160 / 144
    column, row = 171 + focal * ray[0] / (ray @ forward), 128 + focal * (ray @ down) / (ray @ forward)
    assert bright_spot(View.UAV, column, row, 256, 342) == pytest.approx((right_m / 60, ahead_m / 60), abs=0.03)


def test_only_pictures_with_a_horizon_or_a_tilt_are_laid_out() -> None:
    with pytest.raises(ConfigError, match=r"cannot be laid out.*'map'.*ground, panorama, uav"):
        lay_out(np.zeros((8, 8, 3), np.uint8), View.MAP, (8, 8))


@pytest.mark.parametrize("ahead_m", [6.0, 12.0, 24.0])
@pytest.mark.parametrize("right_m", [-3.0, 0.0, 3.0])
def test_a_ground_photo_and_the_tile_ahead_of_it_show_the_same_ground(ahead_m: float, right_m: float) -> None:
    """A spot on the ground, seen by a level camera 1.75 m high and 75 degrees wide, and in the tile turned to it."""
    focal = 342 / 2 / math.tan(math.radians(37.5))
    row, column = 128 - 0.5 + focal * 1.75 / ahead_m, 171 - 0.5 + focal * right_m / ahead_m
    photo = np.zeros((256, 342, 3), np.uint8)
    cv2.circle(photo, (round(column), round(row)), 2, (255, 255, 255), -1)
    tile = np.zeros((961, 961, 3), np.uint8)  # an eighth of a metre a pixel; looking east, right is south
    cv2.circle(tile, (480 + round(8 * ahead_m), 480 + round(8 * right_m)), 6, (255, 255, 255), -1)
    seen = heading_up(tile, 90.0, (SIDE, SIDE), window_of(View.GROUND))
    assert middle(lay_out(photo, View.GROUND, (SIDE, SIDE))) == pytest.approx(middle(seen), abs=3.0)


def middle(picture: np.ndarray) -> tuple[float, float]:
    """Return the brightness-weighted row and column."""
    weight = picture[..., 0].astype(float)
    rows, columns = np.indices(weight.shape)
    return float((rows * weight).sum() / weight.sum()), float((columns * weight).sum() / weight.sum())


def test_a_sector_is_near_at_the_bottom_and_wide_at_the_top() -> None:
    sector = Sector(near=0.1, far=0.9, width_deg=90.0)
    right, up = sector.locate(np.array([0.0, 0.0, 1.0, -1.0]), np.array([1.0, -1.0, -1.0, 1.0]))
    diagonal = math.sqrt(0.5)
    np.testing.assert_allclose(right, [0, 0, 0.9 * diagonal, -0.1 * diagonal], atol=1e-12)
    np.testing.assert_allclose(up, [0.1, 0.9, 0.9 * diagonal, 0.1 * diagonal], atol=1e-12)
