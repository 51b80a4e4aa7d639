"""What is done to the offline base's pictures: white balance taken away, places woven in; the same wherever it is done."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from gleam_common.artifacts import write_json
from gleam_common.errors import ModelError
from gleam_common.views import View
from gleam_x.architecture import build_processor
from gleam_x.base.sights import make_sight
from gleam_x.base.tower import patch_rows
from gleam_x.collate import Collator, Sample
from gleam_x.pixel_budget import PixelBudget
from gleam_x.preparation import (
    PREPARATION_FILE,
    even_channels,
    is_prepared,
    prepare,
    read_preparation,
    weave_coordinates,
    write_preparation,
)
from gleam_x.prompts import Prompt
from gleam_x.tokenizer import train_tokenizer

RNG = np.random.default_rng(3)


@pytest.fixture
def processor():
    return build_processor(
        train_tokenizer(["a pond in the north", "北部有一个池塘"] * 20, 500), PixelBudget(max_pixels=16_800)
    )


def test_even_channels_take_a_cast_away() -> None:
    # not below 60 nor above 190: nothing is clipped
    picture = RNG.integers(60, 190, (40, 40, 3)).astype(np.float32)
    cast = picture * np.array([0.8, 1.0, 1.2]) + np.array([12, 0, -9])
    plain, other = (even_channels(value.round().astype(np.uint8)).astype(int) for value in (picture, cast))
    assert np.abs(plain - other).max() <= 3
    assert plain.mean(axis=(0, 1)) == pytest.approx([122] * 3, abs=2)
    grey = even_channels(np.full((8, 8, 3), 17, np.uint8))
    assert (grey == 122).all()


def read_place(picture: np.ndarray) -> tuple[float, float]:
    """Right of the middle and below it, from the chequer of a square of a picture."""
    chequer = 1.0 - 2.0 * (np.indices(picture.shape[:2]).sum(axis=0) % 2)
    red, green, blue = (float((picture[..., channel] * chequer).mean()) / 14.0 for channel in range(3))
    assert abs(blue) < 0.1
    return red, green


def test_every_square_says_where_it_is() -> None:
    smooth = np.full((112, 140, 3), 100, np.uint8)
    smooth[:, 60:] = 160
    woven = weave_coordinates(smooth)
    for row in range(4):
        for column in range(5):
            right, below = read_place(woven[28 * row : 28 * row + 28, 28 * column : 28 * column + 28])
            assert right == pytest.approx((column + 0.5) / 5 * 2 - 1, abs=0.05)
            assert below == pytest.approx((row + 0.5) / 4 * 2 - 1, abs=0.05)
    assert np.abs(woven.astype(int) - smooth).max() <= 15


def test_what_is_taught_is_what_is_asked(processor) -> None:
    picture = RNG.integers(0, 256, (8, 11, 3), dtype=np.uint8).repeat(32, axis=0).repeat(32, axis=1)
    asked = prepare(picture, processor.image_processor)
    taught = make_sight("a", View.UAV, picture, [], asked.shape[:2], 28).whole.picture_HWC
    assert asked.shape == taught.shape
    assert np.abs(asked.astype(int) - taught).mean() < 8


def test_the_collator_gives_prepared_pictures_as_they_are(processor, tmp_path: Path) -> None:
    write_preparation(tmp_path)
    read_preparation(tmp_path, processor)
    picture = RNG.integers(0, 256, (256, 342, 3), dtype=np.uint8)
    prompt = Prompt(view="uav", language="en")
    batch = Collator(processor)([Sample(query=picture, satellite=picture[:, :256], prompt=prompt)])
    own = patch_rows(prepare(picture, processor.image_processor))
    images = processor.image_processor
    mean, std = (np.array(values)[:, None] for values in (images.image_mean, images.image_std))
    first = batch["pixel_values"].numpy()[: len(own)].reshape(-1, 3, 2, 196)[:, :, 0]
    assert np.abs((first * std + mean) * 255 - own.reshape(-1, 3, 196)).max() < 0.01


def test_another_preparation_is_refused(processor, tmp_path: Path) -> None:
    read_preparation(tmp_path, processor)
    assert not is_prepared(processor)
    write_json(tmp_path / PREPARATION_FILE, {"even_channels": True})
    with pytest.raises(ModelError, match=r"prepared in another way.*--overwrite"):
        read_preparation(tmp_path, processor)
