"""What the finished vision tower makes of every train picture, once, so that the language model can learn fast.

Axes: T tokens of a picture, H hidden, L looks, F looks in each of nine fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from gleam_common.progress import progress
from torch import Tensor

from gleam_x.base.sights import Glimpse, Sight
from gleam_x.base.tower import PATCH, one_frame_patches, patch_rows

__all__ = ["FIELDS", "SeenPicture", "see_pictures", "shown_in_fields"]

FIELDS = 9
"""Of a picture, three by three."""

_BATCH = 64
_LEAST_PART = 0.95
_SHOWN = 0.1


@dataclass(frozen=True, kw_only=True)
class SeenPicture:
    """One picture as the language model is given it.

    Attributes:
        tokens_TH: the tower's output.
        grid_3: frames, patches down, patches across.
        shows_F: float32 (9 L), 1 for each look that fills a tenth of some token's square, in each of nine fields of the
            picture.
    """

    tokens_TH: Tensor
    grid_3: tuple[int, int, int]
    shows_F: npt.NDArray[np.float32]


def see_pictures(
    visual: Any, processor: Any, sights: Sequence[Sight], variants: int, seed: int
) -> dict[str, list[SeenPicture]]:
    """Return each picture by its id: first the whole one, then so many mirrored or turned variants of it.

    A variant shows the same place, but not the same sides: it serves for verdicts, not for reasons.
    """
    rng = np.random.default_rng([seed, 41])
    glimpses = [
        (sight.picture_id, glimpse)
        for sight in sights
        for glimpse in (sight.whole, *(sight.part(rng, _LEAST_PART) for _ in range(variants)))
    ]
    seen: dict[str, list[SeenPicture]] = {}
    starts = range(0, len(glimpses), _BATCH)
    with one_frame_patches(visual), torch.no_grad():
        for start in progress(starts, desc="seeing", unit="batch", leave=False):
            chunk = glimpses[start : start + _BATCH]
            for (name, _), found in zip(chunk, _see(visual, processor, [g for _, g in chunk]), strict=True):
                seen.setdefault(name, []).append(found)
    return seen


def _see(visual: Any, processor: Any, glimpses: Sequence[Glimpse]) -> Iterable[SeenPicture]:
    images = processor.image_processor
    mean, std = (torch.tensor(values).view(3, 1) for values in (images.image_mean, images.image_std))
    patches = torch.from_numpy(np.concatenate([patch_rows(glimpse.picture_HWC) for glimpse in glimpses]))
    values = ((patches.float() / 255).view(len(patches), 3, -1) - mean) / std
    grids = [(1, glimpse.picture_HWC.shape[0] // PATCH, glimpse.picture_HWC.shape[1] // PATCH) for glimpse in glimpses]
    tokens = visual(values.flatten(1), grid_thw=torch.tensor(grids)).pooler_output
    parts = tokens.split([len(glimpse.looks_TL) for glimpse in glimpses])
    for glimpse, grid, part in zip(glimpses, grids, parts, strict=True):
        shows = shown_in_fields(glimpse.looks_TL, grid[1] // 2, grid[2] // 2)
        yield SeenPicture(tokens_TH=part.clone(), grid_3=grid, shows_F=shows)


def shown_in_fields(looks_TL: npt.NDArray[np.float32], down: int, across: int) -> npt.NDArray[np.float32]:
    """Return which looks each of nine fields of a picture shows (9 L), the fields row by row."""
    looks_YXL = looks_TL.reshape(down, across, -1)
    rows, columns = ((3 * np.arange(count) + 1.5).astype(int) // count for count in (down, across))
    fields = [
        looks_YXL[rows == row][:, columns == column].max(axis=(0, 1), initial=0.0)
        for row in range(3)
        for column in range(3)
    ]
    return np.asarray(np.concatenate(fields) > _SHOWN, dtype=np.float32)
