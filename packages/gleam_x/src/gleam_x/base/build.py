"""build_base: a world in, a small Qwen2.5-VL out that sees and compares; cached, and each half is done once."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from gleam_common.artifacts import MANIFEST_NAME, Stage, open_stage, sha256_file
from gleam_common.catalog import Catalog
from gleam_common.distributed import process_number
from gleam_common.synthcity.build import FACTS_FILE
from gleam_common.synthcity.camera import SIZES_PX
from gleam_common.views import View

from gleam_x.architecture import build_model, build_processor, save_base
from gleam_x.base.comparisons import Comparison, draw_comparisons
from gleam_x.base.config import BaseConfig
from gleam_x.base.sights import read_sights
from gleam_x.base.teaching import teach_language, teach_tower
from gleam_x.base.tower import PATCH, level_output
from gleam_x.benchmark.schema import LANGUAGES
from gleam_x.pixel_budget import PixelBudget, picture_grid
from gleam_x.preparation import write_preparation
from gleam_x.tokenizer import train_tokenizer

__all__ = ["build_base"]

KIND = "gleam-x base"
_TOKEN_PX = 28
_LEVELLED, _READ = 100, 3000
"""Pictures to measure the tower's tokens on, comparisons to learn a tokenizer from."""


def build_base(world: str | Path, out: str | Path, config: BaseConfig, overwrite: bool = False) -> Path:
    """Train the offline base on the train places of a SynthCity world, or find it finished; return ``out``.

    With several processes every one of them runs this function: Lightning starts the others with the same command line.

    Args:
        world: a finished world.
        out: new or empty, or begun or finished with the same configuration.
        config: how.
        overwrite: empty ``out`` first if it holds a base of another configuration.

    Raises:
        ArtifactError: ``out`` holds something else.
        DataError: the world lacks pictures or facts.
    """
    world, out = Path(world), Path(out)
    stage = None
    if process_number() == 0:
        stage = open_stage(out, KIND, {**asdict(config), "facts_sha256": sha256_file(world / FACTS_FILE)}, overwrite)
        if stage.is_complete:
            return out
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // config.processes))
    lightning.seed_everything(config.seed, verbose=False)
    catalog = Catalog.read(world)
    tokenizer = _make_tokenizer(draw_comparisons(catalog, 1, config.seed), config)
    processor = build_processor(tokenizer, PixelBudget(max_pixels=config.max_pixels))
    model = build_model(config.spec, tokenizer, config.seed)
    sights = read_sights(catalog, ["train"], _sizes(processor), _TOKEN_PX)
    teach_tower(model, processor, sights, config, out)
    some = [sight.whole.picture_HWC for sight in sights[:: max(1, len(sights) // _LEVELLED)]]
    made = processor.image_processor(images=some, input_data_format="channels_last", return_tensors="pt")
    level_output(model.model.visual, made["pixel_values"], made["image_grid_thw"])
    teach_language(model, processor, catalog, sights, config)
    if stage is not None:
        _finish(stage, model, processor)
    return out


def _make_tokenizer(comparisons: list[Comparison], config: BaseConfig) -> Any:
    # By draw: right and wrong pairs, and both languages, take turns in the list.
    some = np.random.default_rng(config.seed).permutation(len(comparisons))[:_READ].tolist()
    return train_tokenizer(
        [comparisons[number].reasons[language].text for number in some for language in LANGUAGES], config.merges
    )


def _sizes(processor: Any) -> dict[View, tuple[int, int]]:
    """Return (height, width) in pixels at which the model sees each view of a world."""
    sizes = {}
    for view, (width, height) in SIZES_PX.items():
        down, across = picture_grid(processor.image_processor, height, width)
        sizes[view] = (down * PATCH, across * PATCH)
    return sizes


def _finish(stage: Stage, model: Any, processor: Any) -> None:
    save_base(stage.folder, model.eval(), processor)
    write_preparation(stage.folder)
    stage.finish(path.name for path in stage.folder.iterdir() if path.is_file() and path.name != MANIFEST_NAME)
