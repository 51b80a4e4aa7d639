"""The base's two halves at school: the tower learns to see, then the language model to describe and to compare."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gleam_common.artifacts import write_atomic
from gleam_common.catalog import Catalog
from gleam_common.distributed import process_number
from safetensors.torch import load_file, save
from torch.utils.data import Dataset

from gleam_x.base.captions import CaptionBatches, InTurn
from gleam_x.base.comparisons import ComparisonBatches, draw_comparisons
from gleam_x.base.config import BaseConfig
from gleam_x.base.fitting import fit
from gleam_x.base.language import Comparer
from gleam_x.base.seen import see_pictures
from gleam_x.base.sights import Sight
from gleam_x.base.telling import telling_weights
from gleam_x.base.tower import SightBatches, Tower, one_frame_patches
from gleam_x.benchmark.pairs import read_landmarks
from gleam_x.collate import Collator

__all__ = ["TOWER_FILE", "teach_language", "teach_tower"]

TOWER_FILE = "tower.safetensors"


def teach_tower(model: Any, processor: Any, sights: list[Sight], config: BaseConfig, out: Path) -> None:
    """Train the model's vision tower on what is under each of its tokens, and keep it in ``out``; or find it there."""
    visual = model.model.visual
    if (out / TOWER_FILE).is_file():
        visual.load_state_dict(load_file(out / TOWER_FILE))
        return
    images = processor.image_processor
    tower = Tower(visual, images.image_mean, images.image_std, config.tower_lr, config.tower_steps)

    def batches(rank: int) -> Dataset[Any]:
        return SightBatches(sights, config.tower_steps, config.tower_per_view, config.seed, rank)

    with one_frame_patches(visual):
        fit(tower, batches, config.tower_steps, config.processes, "vision tower")
    if process_number() == 0:
        state = {name: value.detach().cpu().contiguous() for name, value in sorted(visual.state_dict().items())}
        with write_atomic(out / TOWER_FILE) as file:
            file.write(save(state))


def teach_language(
    model: Any,
    processor: Any,
    catalog: Catalog,
    sights: list[Sight],
    config: BaseConfig,
) -> None:
    """Train the language model on comparisons and, in turn with them, on descriptions of single pictures."""
    by_id = {sight.picture_id: sight for sight in sights}
    collator = Collator(processor)

    def batches(rank: int) -> Dataset[Any]:
        seen = see_pictures(model.model.visual, processor, sights, config.variants, config.seed)
        comparisons, marks = draw_comparisons(catalog, config.draws, config.seed), read_landmarks(catalog)
        draw = {"steps": config.language_steps, "seed": config.seed, "rank": rank}
        compared = ComparisonBatches(
            comparisons, by_id, seen, collator, batch_size=config.batch_size, explained=config.explained, **draw
        )
        described = CaptionBatches(
            marks, by_id, seen, collator, batch_size=config.caption_batch_size, whole=config.whole, **draw
        )
        first = int(config.captions_first * config.language_steps)
        return InTurn(compared, described, config.captioned, first)

    comparer = Comparer(
        model,
        telling_weights(processor.tokenizer, config.telling_weight),
        lr=config.lr,
        steps=config.language_steps,
        verdict_weight=config.verdict_weight,
        shows_weight=config.shows_weight,
        gaze_weight=config.gaze_weight,
    )
    fit(comparer, batches, config.language_steps, config.processes, "language model")
