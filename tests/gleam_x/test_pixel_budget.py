"""The pixel budget is the one that is applied, is said in words, and is checked on what comes out."""

from __future__ import annotations

from typing import ClassVar

import pytest
from gleam_common.errors import ConfigError, DataError
from gleam_x.architecture import build_processor
from gleam_x.pixel_budget import PixelBudget, budget_of, check_grids, check_shape, picture_grid
from tiny_vlm import picture, tiny_tokenizer


@pytest.mark.parametrize("side", [56, 112, 224])
def test_the_budget_at_construction_is_the_one_that_is_applied(side: int) -> None:
    budget = PixelBudget(min_pixels=56 * 56, max_pixels=side * side)
    images = build_processor(tiny_tokenizer(), budget).image_processor
    assert budget_of(images) == budget
    grid_N3 = images(images=[picture(0, 400, 300), picture(1, 30, 30)], return_tensors="pt")["image_grid_thw"]
    check_grids(grid_N3, images, budget)
    assert (grid_N3.prod(-1) * 14**2).max() > 0.7 * budget.max_pixels
    assert [tuple(row) for row in grid_N3[:, 1:].tolist()] == [
        picture_grid(images, 400, 300),
        picture_grid(images, 30, 30),
    ]


def test_a_budget_set_as_for_transformers_4_has_no_effect_and_shows() -> None:
    images = build_processor(tiny_tokenizer(), PixelBudget(max_pixels=224 * 224)).image_processor
    wanted = PixelBudget(max_pixels=56 * 56)
    # Qwen's own finetuning code, qwenvl/data/data_processor.py
    if hasattr(images, "max_pixels"):
        images.max_pixels = wanted.max_pixels
    if isinstance(images.size, dict):
        images.size["longest_edge"] = wanted.max_pixels
    assert budget_of(images).max_pixels == 224 * 224
    made = images(images=[picture(0, 224, 224)], return_tensors="pt")
    with pytest.raises(DataError, match=r"50176 pixels after resizing: \[1, 16, 16\].*at most 3136"):
        check_grids(made["image_grid_thw"], images, wanted)


def test_attributes_set_by_hand_are_seen_because_they_are_obeyed() -> None:
    images = build_processor(tiny_tokenizer(), PixelBudget(max_pixels=224 * 224)).image_processor
    images.max_pixels = 56 * 56
    assert budget_of(images).max_pixels == 56 * 56
    check_grids(images(images=[picture(0, 224, 224)], return_tensors="pt")["image_grid_thw"], images, budget_of(images))


def test_a_long_narrow_picture_breaks_the_budget_and_is_refused() -> None:
    budget = PixelBudget(max_pixels=112 * 112)
    images = build_processor(tiny_tokenizer(), budget).image_processor
    made = images(images=[picture(0, 28, 5000)], return_tensors="pt")
    with pytest.raises(DataError, match="long and narrow"):
        check_grids(made["image_grid_thw"], images, budget)
    with pytest.raises(DataError, match="aspect ratio of at most 200"):
        check_shape(10, 2001)
    with pytest.raises(DataError, match="no pixels"):
        check_shape(10, 0)
    check_shape(10, 2000)


def test_it_says_what_it_costs() -> None:
    assert "at most 16 tokens of 28 x 28 pixels" in PixelBudget(max_pixels=112 * 112).describe()
    assert "at most 12 tokens of 32 x 32 pixels" in PixelBudget(max_pixels=112 * 112).describe(patch_size=16)


def test_budgets_that_hold_nothing_are_refused() -> None:
    with pytest.raises(ConfigError, match="0 < min <= max"):
        PixelBudget(min_pixels=5000, max_pixels=4000)

    class NoBudget:
        size: ClassVar = {"height": 224, "width": 224}

    with pytest.raises(ConfigError, match="NoBudget has no pixel budget"):
        budget_of(NoBudget())
