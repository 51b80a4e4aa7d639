from __future__ import annotations

from dataclasses import fields, replace

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from gleam_common.augment import NO_AUGMENT, AugmentConfig
from gleam_common.colour import change_colours, colour_matrix
from gleam_common.errors import ConfigError, DataError
from gleam_common.pair_motion import PairMotion, crop_matrix, draw_motion, move_query, move_tile
from gleam_common.transforms import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    eval_picture,
    normalise,
    parse_sizes,
    resize_picture,
    store_size,
    train_arrays,
    train_pair,
    view_sizes,
)
from gleam_common.views import QUERY_VIEWS, View

Picture = npt.NDArray[np.uint8]

WHOLE = np.array([[1.0, 0, 0], [0, 1.0, 0]])


def smooth(height: int, width: int, seed: int = 0) -> Picture:
    small = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def around(tile: Picture) -> Picture:
    """The panorama of a flat tile from its centre: column = heading (S-W-N-E-S), row = nearness."""
    side = len(tile)
    heading = (np.arange(4 * side) + 0.5) / (4 * side) * 2 * np.pi - np.pi
    reach = (side / 2 * 0.9 * (1 - (np.arange(side) + 0.5) / side))[:, None]
    x, y = side / 2 - 0.5 + reach * np.sin(heading), side / 2 - 0.5 - reach * np.cos(heading)
    return np.asarray(cv2.remap(tile, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR), dtype=np.uint8)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("turn_deg", [0.0, 90.0, 180.0, 270.0, -10.0, 37.0])
def test_a_panorama_rolls_as_its_tile_turns(turn_deg: float, flip: bool) -> None:
    tile, motion = smooth(90, 90), PairMotion(turn_deg=turn_deg, flip=flip)
    moved = move_query(around(tile), View.PANORAMA, motion, WHOLE, (90, 360))
    expected = around(move_tile(tile, motion, WHOLE, (90, 90)))
    assert np.abs(moved.astype(int) - expected).mean() < 1.5
    other = PairMotion(turn_deg=turn_deg + 20, flip=flip)
    wrong = around(move_tile(tile, other, WHOLE, (90, 90)))
    assert np.abs(moved.astype(int) - wrong).mean() > 6


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_a_map_turns_clockwise_with_its_tile(quarters: int) -> None:
    picture, motion = smooth(32, 32), PairMotion(turn_deg=90.0 * quarters, flip=False)
    expected = np.rot90(picture, -quarters)
    assert np.array_equal(move_tile(picture, motion, WHOLE, (32, 32)), expected)
    assert np.array_equal(move_query(picture, View.MAP, motion, WHOLE, (32, 32)), expected)


@pytest.mark.parametrize("view", [View.UAV, View.GROUND])
def test_photos_are_mirrored_with_their_tile_but_never_turned(view: View) -> None:
    picture = smooth(30, 40)
    motion = PairMotion(turn_deg=90.0, flip=True)
    assert np.array_equal(move_query(picture, view, motion, WHOLE, (30, 40)), picture[:, ::-1])
    assert np.array_equal(move_tile(smooth(30, 30), motion, WHOLE, (30, 30)), np.rot90(smooth(30, 30)[:, ::-1], -1))


def test_a_map_is_never_mirrored_nor_tilted_and_all_else_is() -> None:
    for view in QUERY_VIEWS:
        motions = [draw_motion(view, AugmentConfig(), np.random.default_rng(key)) for key in range(200)]
        flips = np.mean([motion.flip for motion in motions])
        tilted = np.mean([motion.turn_deg % 90 != 0 for motion in motions])
        assert (flips == 0) == (tilted == 0) == (view is View.MAP)
        quarters = np.bincount([round(motion.turn_deg / 90) % 4 for motion in motions])
        assert quarters.min() > 25


def test_a_crop_stays_inside_and_is_where_it_says() -> None:
    for key in range(50):
        matrix = crop_matrix(0.3, np.random.default_rng(key))
        corners = matrix @ np.array([[-1, 1], [-1, 1], [1, 1]])
        assert np.abs(corners).max() <= 1 + 1e-12
        assert 0.7 <= matrix[0, 0] <= 1
    quarter = np.array([[0.5, 0, -0.5], [0, 0.5, -0.5]])  # the upper left quarter
    picture = smooth(64, 64)
    still = PairMotion(turn_deg=0.0, flip=False)
    assert np.array_equal(move_tile(picture, still, quarter, (32, 32)), picture[:32, :32])


def test_colour_matrix_against_its_definition() -> None:
    rgb, luma = np.array([200.0, 100.0, 50.0]), np.array([0.299, 0.587, 0.114])

    def apply(**change: object) -> npt.NDArray[np.float64]:
        matrix = colour_matrix(**change)  # type: ignore[arg-type]
        return np.asarray(matrix[:, :3] @ rgb + matrix[:, 3])

    assert np.allclose(apply(), rgb)
    assert np.allclose(apply(gain=1.5), 1.5 * rgb)
    assert np.allclose(apply(white=(1.1, 1.0, 0.9)), rgb * (1.1, 1.0, 0.9))
    assert np.allclose(apply(saturation=0.0), luma @ rgb)
    assert np.allclose(apply(contrast=0.5, mean=(100, 100, 100)), 50 + 0.5 * rgb)
    assert np.allclose(apply(hue_deg=360.0), rgb)
    assert luma @ apply(hue_deg=70.0) == pytest.approx(luma @ rgb)
    assert not np.allclose(apply(hue_deg=70.0), rgb, atol=20)


def test_each_change_of_colour_can_be_switched_on_alone() -> None:
    picture = smooth(24, 24)
    for name in ("brightness", "contrast", "saturation", "hue_deg", "white_balance", "grey"):
        changed = change_colours(picture, replace(NO_AUGMENT, **{name: 1.0}), np.random.default_rng(1))
        assert not np.array_equal(changed, picture), name
    grey = change_colours(picture, replace(NO_AUGMENT, grey=1.0), np.random.default_rng(1))
    assert np.ptp(grey.astype(int), axis=2).max() <= 1
    sharp = np.indices((24, 24)).sum(0)[..., None].repeat(3, 2).astype(np.uint8) % 2 * 255
    blurred = change_colours(sharp, replace(NO_AUGMENT, blur=1.0, blur_px=3.0), np.random.default_rng(1))
    assert blurred.std() < sharp.std()
    holes = replace(NO_AUGMENT, dropout=1.0, dropout_holes=8, dropout_side=0.5)
    covered = (change_colours(picture, holes, np.random.default_rng(1)) != picture).any(axis=2).mean()
    assert 0.02 < covered < 0.9


def test_nothing_is_changed_when_all_is_off() -> None:
    picture = smooth(24, 24)
    assert np.array_equal(change_colours(picture, NO_AUGMENT, np.random.default_rng(0)), picture)
    sizes = view_sizes(24)
    query, tile = train_arrays(smooth(24, 48), picture, View.PANORAMA, sizes, (0, 0, 0), NO_AUGMENT)
    assert query.shape == (24, 48, 3)
    assert tile.shape == (24, 24, 3)


@pytest.mark.parametrize("view", QUERY_VIEWS)
def test_a_training_pair_is_a_function_of_its_key(view: View) -> None:
    sizes = view_sizes(32)
    arguments = (smooth(80, 90), smooth(70, 70, 1), view, sizes)
    first = train_pair(*arguments, (7, 3, 11), AugmentConfig())
    np.random.seed(5)
    torch.manual_seed(5)
    second = train_pair(*arguments, (7, 3, 11), AugmentConfig())
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert first[0].shape == (3, *sizes[view])
    assert first[1].shape == (3, *sizes[View.SATELLITE])
    assert first[0].dtype == torch.float32
    for other in ((8, 3, 11), (7, 4, 11), (7, 3, 12)):
        changed = train_pair(*arguments, other, AugmentConfig())
        assert not any(torch.equal(a, b) for a, b in zip(first, changed, strict=True))


def test_pictures_at_store_size_are_taken_as_they_are() -> None:
    sizes = view_sizes(32)
    query, tile = smooth(300, 400), smooth(300, 300, 1)
    kept = resize_picture(query, store_size(sizes[View.UAV])), resize_picture(tile, store_size(sizes[View.SATELLITE]))
    both = [train_arrays(*pair, View.UAV, sizes, (0, 1, 2), AugmentConfig()) for pair in ((query, tile), kept)]
    assert all(np.array_equal(a, b) for a, b in zip(*both, strict=True))


def test_an_evaluation_picture_is_the_area_average_normalised() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (8, 12, 3), dtype=np.uint8)
    averaged = np.rint(picture.reshape(4, 2, 4, 3, 3).astype(float).mean((1, 3))) / 255
    expected = (averaged - IMAGENET_MEAN) / IMAGENET_STD
    tensor = eval_picture(picture, View.UAV, (4, 4))
    assert tensor.shape == (3, 4, 4)
    assert np.allclose(tensor.permute(1, 2, 0).numpy(), expected, atol=0.5 / 255 / 0.22 + 1e-5)
    assert torch.equal(tensor, eval_picture(picture, View.UAV, {View.UAV: (4, 4)}))


def test_normalise_gives_every_bit_of_the_arithmetic() -> None:
    pictures = np.random.default_rng(2).integers(0, 256, (2, 5, 7, 3), dtype=np.uint8)
    mean, std = (torch.tensor(numbers)[:, None, None] * 255 for numbers in (IMAGENET_MEAN, IMAGENET_STD))
    expected = torch.from_numpy(pictures).permute(0, 3, 1, 2).float().sub_(mean).div_(std)
    found = normalise(pictures, IMAGENET_MEAN, IMAGENET_STD)
    assert torch.equal(found, expected)
    assert found.stride() == expected.stride()


def test_normalise_equals_its_definition() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (2, 3, 5, 3), dtype=np.uint8)
    kept = pictures.copy()
    expected = ((pictures / 255 - (0.1, 0.2, 0.3)) / (0.5, 0.6, 0.7)).transpose(0, 3, 1, 2)
    assert np.allclose(normalise(pictures, (0.1, 0.2, 0.3), (0.5, 0.6, 0.7)).numpy(), expected, atol=1e-5)
    assert np.array_equal(pictures, kept)


def test_sizes_of_views() -> None:
    sizes = view_sizes(96)
    photo, square = (96, 128), (96, 96)
    expected = {"satellite": square, "uav": photo, "map": square, "panorama": (96, 192), "ground": photo}
    assert sizes == expected
    assert parse_sizes({"uav": [64, 80]}) == {View.UAV: (64, 80)}
    with pytest.raises(ConfigError, match=r"size of view uav: \[64\]; allowed: \[height, width\]"):
        parse_sizes({"uav": [64]})
    with pytest.raises(DataError, match="unknown view: 'moon'"):
        parse_sizes({"moon": [64, 64]})
    with pytest.raises(ConfigError, match="side of the tiles: 4"):
        view_sizes(4)


@pytest.mark.parametrize("name", [field.name for field in fields(AugmentConfig)])
def test_every_number_of_the_augmentation_has_a_range(name: str) -> None:
    for bad in (-0.1, 1000, float("nan")):
        with pytest.raises(ConfigError, match=rf"augment\.{name} out of range: .*; allowed: 0 to"):
            AugmentConfig(**{name: bad})
