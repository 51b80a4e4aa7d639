"""Pictures laid out like tiles: directions and distances stand where a north-up (or heading-up) tile has them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from gleam_common.errors import ConfigError
from gleam_common.layout import lay_out, window_of
from gleam_common.pair_motion import heading_up
from gleam_common.views import View

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
    right, up = bright_spot(View.PANORAMA, column, 120, 256, 512)
    assert (right, up) == pytest.approx(np.array(direction) * math.hypot(right, up), abs=0.05)
    assert math.hypot(right, up) > 0.5


def test_ground_in_a_panorama_lies_at_its_distance() -> None:
    """A camera 2.1 m high sees the ground 10 m away 11.9 degrees below the horizon; 10 m are a sixth of half a side."""
    row = 128 + math.degrees(math.atan2(2.1, 10)) / 180 * 256
    assert bright_spot(View.PANORAMA, 256, row, 256, 512) == pytest.approx((0, 10 / 60), abs=0.03)


def test_the_seam_of_a_panorama_does_not_show() -> None:
    panorama = np.full((64, 128, 3), 200, np.uint8)
    assert lay_out(panorama, View.PANORAMA, (SIDE, SIDE)).min() == 200


def test_a_photo_is_the_wedge_it_looks_into() -> None:
    photo = np.full((256, 342, 3), 200, np.uint8)
    layout = lay_out(photo, View.GROUND, (SIDE, SIDE))[..., 0]
    assert layout[SIDE // 4, SIDE // 2] == 200
    assert layout[-3:].max() == 0  # behind the camera
    assert layout[-SIDE // 4, : SIDE // 8].max() == 0  # beside it
    right, _ = bright_spot(View.GROUND, 250, 120, 256, 342)
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


def test_a_ground_photo_and_the_tile_ahead_of_it_show_the_same_ground() -> None:
    """A spot 12 m straight ahead of a level camera, seen in its photo and in the tile turned to its heading."""
    row = 128 - 0.5 + 342 / 2 / math.tan(math.radians(37.5)) * 1.75 / 12
    right, up = bright_spot(View.GROUND, 171, row, 256, 342)
    tile = np.zeros((SIDE, SIDE, 3), np.uint8)
    tile[58:63, 70:75] = 255  # 12 m east of the middle
    rows, columns = np.nonzero(heading_up(tile, 90.0, (SIDE, SIDE), window_of(View.GROUND))[..., 0] > 127)
    assert (right, up) == pytest.approx(((columns.mean() - 60) / 60, (60 - rows.mean()) / 60), abs=0.06)
