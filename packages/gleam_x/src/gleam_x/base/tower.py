"""Teaching the vision tower to see before the language model looks: what is under each of its tokens.

Real vision-language models start from a tower that was trained on pictures and words; this is its small stand-in. A
token learns which kinds of things and which colours of roofs its square shows, from the boxes of SynthCity's facts, and
where in the picture it is, so that what is seen can be said to be somewhere.

Axes: P patches, D values of a patch, T tokens of all pictures, L looks, N pictures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import lightning
import numpy as np
import numpy.typing as npt
import torch
from gleam_common.views import View
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, linear, mse_loss
from torch.utils.data import Dataset
from typing_extensions import override

from gleam_x.base.optimizer import optimizer_and_schedule
from gleam_x.base.sights import LOOKS, Sight

__all__ = ["PATCH", "SightBatches", "Tower", "level_output", "one_frame_patches", "patch_rows"]

Batch = dict[str, Tensor]
PATCH, _MERGE = 14, 2
_LEAST_PART = 0.95
_WHERE_WEIGHT = 2.0


def patch_rows(picture_HWC: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return the patches of a picture as rows (P, 3 * 14 * 14) in Qwen-VL's order, squares of 2 x 2 together."""
    height, width, _ = picture_HWC.shape
    down, across = height // (PATCH * _MERGE), width // (PATCH * _MERGE)
    cut = picture_HWC.reshape(down, _MERGE, PATCH, across, _MERGE, PATCH, 3)
    return np.ascontiguousarray(cut.transpose(0, 3, 1, 4, 6, 2, 5)).reshape(-1, 3 * PATCH * PATCH)


class SightBatches(Dataset[Batch]):
    """Batch number ``step``, a function of (seed, step, rank) alone: as many pictures of each view.

    Args:
        sights: to draw from.
        steps: how many batches there are.
        per_view: pictures of each view in a batch.
        seed: of the draw.
        rank: of this process.
    """

    def __init__(self, sights: Sequence[Sight], steps: int, per_view: int, seed: int, rank: int) -> None:
        self._by_view = [[sight for sight in sights if sight.view is view] for view in View]
        self._steps, self._per_view, self._key = steps, per_view, (seed, rank)

    def __len__(self) -> int:
        return self._steps

    @override
    def __getitem__(self, step: int) -> Batch:
        rng = np.random.default_rng([*self._key, step])
        drawn = [
            sights[int(index)].part(rng, _LEAST_PART)
            for sights in self._by_view
            for index in rng.integers(len(sights), size=self._per_view)
        ]
        patches = np.concatenate([patch_rows(sight.picture_HWC) for sight in drawn])
        grid = [(1, sight.picture_HWC.shape[0] // PATCH, sight.picture_HWC.shape[1] // PATCH) for sight in drawn]
        return {
            "patches": torch.from_numpy(patches),
            "grid": torch.tensor(grid),
            "looks": torch.from_numpy(np.concatenate([sight.looks_TL for sight in drawn])),
            "where": torch.from_numpy(np.concatenate([_places(sight.picture_HWC) for sight in drawn])),
        }


def _places(picture_HWC: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return how far down and across each token is (T, 2), from -1 to 1."""
    down, across = (count // (PATCH * _MERGE) for count in picture_HWC.shape[:2])
    places = (np.indices((down, across)).reshape(2, -1).T + 0.5) / (down, across)
    return np.asarray(2 * places - 1, dtype=np.float32)


class Tower(lightning.LightningModule):
    """The vision tower with linear heads for looks and places.

    Args:
        visual: Qwen2.5-VL's ``model.visual``; its merger's output is what the language model will read.
        mean: of the processor's channels.
        std: likewise.
        lr: peak learning rate.
        steps: of the training, for the schedule.
    """

    def __init__(self, visual: Any, mean: Sequence[float], std: Sequence[float], lr: float, steps: int) -> None:
        super().__init__()
        self.visual, self._lr, self._steps = visual.train(), lr, steps
        self.head = nn.Linear(visual.config.out_hidden_size, len(LOOKS))
        self.where = nn.Linear(visual.config.out_hidden_size, 2 * len(LOOKS) + 2)
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(mean).view(3, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1), persistent=False)

    @override
    def forward(self, patches_PD: Tensor, grid_N3: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits of looks (T, L) of uint8 patches, and how far down and across each is, where it is, and the
        token itself (T, 2 L + 2).
        """
        values = ((patches_PD.float() / 255).view(len(patches_PD), 3, -1) - self.mean) / self.std
        tokens_TH = self.visual(values.flatten(1), grid_thw=grid_N3).pooler_output
        return self.head(tokens_TH), self.where(tokens_TH)

    @override
    def training_step(self, batch: Batch, _: int) -> Tensor:
        logits_TL, found_TX = self(batch["patches"], batch["grid"])
        looks = binary_cross_entropy_with_logits(logits_TL, batch["looks"], reduction="none").sum(dim=1).mean()
        # Zero where a look is not: even a mean over all tokens then tells where things are, and a language model that
        # cannot yet choose among tokens has something to begin with.
        looks_TX = (batch["where"][:, :, None] * batch["looks"][:, None, :]).flatten(1)
        where_TX = torch.cat([looks_TX, batch["where"]], dim=1)
        where = mse_loss(found_TX, where_TX, reduction="none").sum(dim=1).mean()
        self.log("loss", looks, prog_bar=True)
        self.log("where", where, prog_bar=True)
        return looks + _WHERE_WEIGHT * where

    @override
    def configure_optimizers(self) -> Any:
        return optimizer_and_schedule(self, self._lr, self._steps, weight_decay=0.05)


@contextmanager
def one_frame_patches(visual: Any) -> Iterator[None]:
    """Let a tower take patches of one frame: a picture stands twice in what it usually takes, and costs twice.

    The result is the same: the weights of both frames are added first.
    """
    embed = visual.patch_embed
    usual = embed.forward

    def once(rows_PD: Tensor) -> Tensor:
        return linear(rows_PD, embed.proj.weight.sum(dim=2).flatten(1))

    embed.forward = once
    try:
        yield
    finally:
        embed.forward = usual


def level_output(visual: Any, pixels_PD: Tensor, grid_N3: Tensor, target: float = 0.1) -> float:
    """Scale a tower's last layer so that its tokens have the root mean square ``target``; return what it was.

    Learning looks makes the tokens some sixty times as large as the embeddings of words. The language model adds to
    what it is given: beside such tokens its own work would be lost, and nothing could be compared.

    Args:
        visual: Qwen2.5-VL's ``model.visual``, changed in place.
        pixels_PD: patches of some pictures, as the processor makes them.
        grid_N3: their grids.
        target: a few times the embeddings' own, > 0.
    """
    last = visual.merger.mlp[2]
    with torch.no_grad():
        found = float(visual(pixels_PD, grid_thw=grid_N3).pooler_output.pow(2).mean().sqrt())
        for weight in (last.weight, last.bias):
            weight.mul_(target / found)
    return found
