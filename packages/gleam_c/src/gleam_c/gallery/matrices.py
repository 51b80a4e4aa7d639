"""The matrices of embeddings that a gallery needs to serve queries of some views.

An encoder compares queries of each view with a window of the tile, turned to several headings or north-up
(:func:`gleam_c.evaluate.predict`); one matrix holds one (window, heading) of every tile. A convolution does not turn
with its picture, so that turned tiles are embedded, not turned embeddings of cells.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from gleam_common.pair_motion import heading_up
from gleam_common.transforms import Size, resize_picture, store_size
from gleam_common.views import View
from gleam_common.window import WHOLE, Rectangle, Window, shown_window

from gleam_c.embed import PictureEncoder

__all__ = ["TileSide", "least_side_px", "matrices_of_views", "show", "tile_sides"]

Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class TileSide:
    """What one matrix shows of each tile: ``window`` of it, turned to ``up_deg``; None leaves it north-up."""

    window: Window
    up_deg: float | None

    @property
    def name(self) -> str:
        """Such as ``whole-north``, ``middle55-north`` or ``sector-015``."""
        if isinstance(self.window, Rectangle):
            window = "whole" if self.window == WHOLE else f"middle{self.window.scale * 100:.0f}"
        else:
            window = "sector"
        return f"{window}-{'north' if self.up_deg is None else format(self.up_deg, '07.3f').removesuffix('.000')}"


def matrices_of_views(encoder: PictureEncoder, views: Iterable[View]) -> dict[View, list[TileSide]]:
    """Return, for queries of each view, the sides of tiles that they are compared with; the best one counts."""
    found: dict[View, list[TileSide]] = {}
    for view in views:
        window, headings = shown_window(view, encoder.laid_out), encoder.headings.get(view, 1)
        ups = [None] if headings == 1 else [360.0 * number / headings for number in range(headings)]
        found[view] = [TileSide(window=window, up_deg=up_deg) for up_deg in ups]
    return found


def tile_sides(matrices: Mapping[View, Iterable[TileSide]]) -> list[TileSide]:
    """Return each side once, in the order of their first use."""
    return list(dict.fromkeys(side for sides in matrices.values() for side in sides))


def show(tile: Picture, sides: Iterable[TileSide], size: Size) -> list[Picture]:
    """Return a north-up tile (H, W, 3) as each of ``sides`` shows it, at ``size`` (height, width).

    The same resizing as :func:`gleam_common.picture_loader.picture_loader`, so that embeddings are the same.
    """
    kept: dict[Window, Picture] = {}
    shown = []
    for side in sides:
        if side.up_deg is None and side.window == WHOLE:
            shown.append(resize_picture(tile, size))
            continue
        if side.window not in kept:
            kept[side.window] = resize_picture(tile, store_size(size, side.window))
        shown.append(heading_up(kept[side.window], side.up_deg or 0.0, size, side.window))
    return shown


def least_side_px(sides: Iterable[TileSide], size: Size) -> int:
    """Return the pixels a side that tiles are cut at, so that no window of them is enlarged."""
    return max(max(store_size(size, side.window)) for side in sides)
