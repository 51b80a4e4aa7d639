"""How many pixels of a picture a model may see, set where it is obeyed and checked where it shows.

transformers 5 keeps the budget in ``image_processor.size``, which is no dict; code that changes ``min_pixels`` and
``max_pixels`` of a built processor where it finds them finds none and does nothing, without a word (transformers issue
41955). So the budget is set at construction, and every batch is measured.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from gleam_common.errors import ConfigError, DataError
from torch import Tensor

__all__ = ["MAX_ASPECT", "PixelBudget", "budget_of", "check_grids", "check_shape", "picture_grid"]

MAX_ASPECT = 200.0
"""Longer pictures are refused by Qwen's resizing rule."""


@dataclass(frozen=True, kw_only=True)
class PixelBudget:
    """Pixels of a picture after resizing: at least ``min_pixels``, at most ``max_pixels``; the aspect ratio is kept.

    Attributes:
        min_pixels: a smaller picture is enlarged, > 0.
        max_pixels: a larger picture is shrunk.
    """

    min_pixels: int = 56 * 56
    max_pixels: int = 112 * 112

    def __post_init__(self) -> None:
        """Check the order of the two.

        Raises:
            ConfigError: the budget holds no picture.
        """
        if not 0 < self.min_pixels <= self.max_pixels:
            raise ConfigError("a pixel budget that no picture fits", value=asdict(self), allowed="0 < min <= max")

    @property
    def size(self) -> dict[str, int]:
        """The budget in transformers' words; they are pixels, not edges."""
        return {"shortest_edge": self.min_pixels, "longest_edge": self.max_pixels}

    def describe(self, patch_size: int = 14, merge_size: int = 2) -> str:
        """Return the budget in words, with the tokens that a picture costs."""
        unit = (patch_size * merge_size) ** 2
        side = round(self.max_pixels**0.5)
        return (
            f"{self.min_pixels} to {self.max_pixels} pixels a picture (a square of about {side}), "
            f"at most {self.max_pixels // unit} tokens of {patch_size * merge_size} x {patch_size * merge_size} pixels"
        )


def budget_of(image_processor: Any) -> PixelBudget:
    """Return the budget that an image processor really applies.

    Raises:
        ConfigError: its ``size`` holds no pixel numbers.
    """
    size = image_processor.size
    try:
        low, high = size["shortest_edge"], size["longest_edge"]
        # Attributes that somebody set by hand go before `size` (transformers 5.24).
        low, high = (
            getattr(image_processor, "min_pixels", None) or low,
            getattr(image_processor, "max_pixels", None) or high,
        )
        return PixelBudget(min_pixels=int(low), max_pixels=int(high))
    except (KeyError, TypeError) as error:
        raise ConfigError(
            f"{type(image_processor).__name__} has no pixel budget", value=str(size), fix="use a Qwen-VL processor"
        ) from error


def check_shape(height: int, width: int, where: str = "a picture") -> None:
    """Refuse what cannot be resized.

    Raises:
        DataError: an empty picture, or one more than ``MAX_ASPECT`` times as long as broad.
    """
    if min(height, width) < 1:
        raise DataError(f"{where} has no pixels", value=(height, width))
    if max(height, width) / min(height, width) > MAX_ASPECT:
        raise DataError(
            f"{where} is too long and narrow (height, width)",
            value=(height, width),
            allowed=f"an aspect ratio of at most {MAX_ASPECT:.0f}",
            fix="cut it into pieces",
        )


def picture_grid(image_processor: Any, height: int, width: int) -> tuple[int, int]:
    """Return the patches (down, across) of a picture of ``height`` x ``width`` pixels, without looking at it."""
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize

    check_shape(height, width)
    budget, patch = budget_of(image_processor), int(image_processor.patch_size)
    resized = smart_resize(height, width, patch * int(image_processor.merge_size), budget.min_pixels, budget.max_pixels)
    return resized[0] // patch, resized[1] // patch


def check_grids(grid_N3: Tensor, image_processor: Any, budget: PixelBudget) -> None:
    """Check that no picture of a batch is larger than the budget.

    Args:
        grid_N3: ``image_grid_thw``, patches of each picture in time, down and across.
        image_processor: made the pictures.
        budget: what was asked for and stands in the adapter's card.

    Raises:
        DataError: names the largest picture.
    """
    pixels_N = grid_N3.prod(dim=-1) * int(image_processor.patch_size) ** 2
    largest = int(pixels_N.argmax())
    if int(pixels_N[largest]) > budget.max_pixels:
        raise DataError(
            f"picture {largest} of the batch has {int(pixels_N[largest])} pixels after resizing",
            value=grid_N3[largest].tolist(),
            allowed=f"at most {budget.max_pixels}",
            fix="build the processor with this budget; pictures that are very long and narrow do not fit one",
        )
