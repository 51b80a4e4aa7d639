"""What the finished vision tower makes of every train picture, once, so that the language model can learn fast.

Axes: T tokens of a picture, H hidden, L looks, F looks in each of nine fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from gleam_common.distributed import gather, rank, rows_of_ranks, world_size
from gleam_common.progress import progress
from torch import Tensor

from gleam_x.base.sights import Glimpse, Sight
from gleam_x.base.tower import PATCH, one_frame_patches, patch_rows

__all__ = ["FIELDS", "SeenPicture", "see_pictures", "shown_in_fields"]

FIELDS = 9
"""Of a picture, three by three."""

_BATCH, _STREAM = 64, 41
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

    A variant shows the same place, but not the same sides: it serves for verdicts, not for reasons. Processes of one
    group see each its part and tell the others; all of them must call this.
    """
    jobs = [(number, variant) for number in range(len(sights)) for variant in range(1 + variants)]
    shares = [range(start, len(jobs), world_size()) for start in range(world_size())]
    own = shares[rank()]
    tokens: list[Tensor] = []
    shows: list[npt.NDArray[np.float32]] = []
    with one_frame_patches(visual), torch.no_grad():
        for start in progress(range(0, len(own), _BATCH), desc="seeing", unit="batch", leave=False):
            glimpses = [_glimpse(sights[jobs[n][0]], *jobs[n], seed) for n in own[start : start + _BATCH]]
            tokens.append(_see(visual, processor, glimpses))
            grids = (sights[jobs[n][0]].grid for n in own[start : start + _BATCH])
            shows += [shown_in_fields(g.looks_TL, *grid) for g, grid in zip(glimpses, grids, strict=True)]
    all_TH, all_NF = (_of_all_processes(rows) for rows in (torch.cat(tokens), torch.from_numpy(np.stack(shows))))
    order = [jobs[n] for share in shares for n in share]
    parts = torch.split(all_TH, [int(np.prod(sights[number].grid)) for number, _ in order])
    found = dict(zip(order, zip(parts, all_NF.numpy(), strict=True), strict=True))
    return {
        sight.picture_id: [_seen(sight, *found[number, variant]) for variant in range(1 + variants)]
        for number, sight in enumerate(sights)
    }


def _glimpse(sight: Sight, number: int, variant: int, seed: int) -> Glimpse:
    return sight.part(np.random.default_rng([seed, _STREAM, number, variant]), _LEAST_PART) if variant else sight.whole


def _of_all_processes(rows: Tensor) -> Tensor:
    return gather(rows, rows_of_ranks(len(rows)))


def _seen(sight: Sight, tokens_TH: Tensor, shows_F: npt.NDArray[np.float32]) -> SeenPicture:
    grid = (1, 2 * sight.grid[0], 2 * sight.grid[1])
    return SeenPicture(tokens_TH=tokens_TH.clone(), grid_3=grid, shows_F=shows_F)


def _see(visual: Any, processor: Any, glimpses: Sequence[Glimpse]) -> Tensor:
    """Return the tower's tokens of all glimpses, one after another (T, H)."""
    images = processor.image_processor
    mean, std = (torch.tensor(values).view(3, 1) for values in (images.image_mean, images.image_std))
    patches = torch.from_numpy(np.concatenate([patch_rows(glimpse.picture_HWC) for glimpse in glimpses]))
    values = ((patches.float() / 255).view(len(patches), 3, -1) - mean) / std
    grids = [(1, glimpse.picture_HWC.shape[0] // PATCH, glimpse.picture_HWC.shape[1] // PATCH) for glimpse in glimpses]
    tokens_TH: Tensor = visual(values.flatten(1), grid_thw=torch.tensor(grids)).pooler_output
    return tokens_TH


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
