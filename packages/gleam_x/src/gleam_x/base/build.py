"""build_base: a world in, a small Qwen2.5-VL out that sees and compares; cached, and each half is done once."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from gleam_common.artifacts import MANIFEST_NAME, Stage, open_stage, sha256_file, write_atomic
from gleam_common.catalog import Catalog
from gleam_common.errors import ConfigError
from gleam_common.synthcity.build import FACTS_FILE
from gleam_common.synthcity.camera import SIZES_PX
from gleam_common.views import View
from safetensors.torch import load_file, save
from torch.utils.data import Dataset

from gleam_x.architecture import PRESETS, TinySpec, build_model, build_processor, save_base
from gleam_x.base.captions import CaptionBatches
from gleam_x.base.comparisons import Comparison, ComparisonBatches, draw_comparisons
from gleam_x.base.fitting import fit, process_rank
from gleam_x.base.language import Comparer, Describer
from gleam_x.base.seen import see_pictures
from gleam_x.base.sights import Sight, read_sights
from gleam_x.base.tower import PATCH, SightBatches, Tower, level_output, one_frame_patches
from gleam_x.benchmark.pairs import read_landmarks
from gleam_x.benchmark.schema import LANGUAGES
from gleam_x.collate import Collator
from gleam_x.even import write_preparation
from gleam_x.pixel_budget import PixelBudget, picture_grid
from gleam_x.tokenizer import train_tokenizer

__all__ = ["BaseConfig", "build_base"]

KIND = "gleam-x base"
_TOWER_FILE = "tower.safetensors"
_TOKEN_PX = 28
_LEVELLED, _READ = 100, 3000
"""Pictures to measure the tower's tokens on, comparisons to learn a tokenizer from."""


@dataclass(frozen=True, kw_only=True)
class BaseConfig:
    """How the offline base is trained.

    Attributes:
        seed: of weights and draws.
        size: of the language model and tower: a preset of ``architecture.PRESETS``.
        max_pixels: of a picture; a little over the least at which photos of 342 x 256 have four rows of tokens. Below,
            they have three, and panoramas of 512 x 256 two.
        merges: of the tokenizer.
        draws: of pairs over the train places.
        tower_steps: batches of the tower on each process.
        tower_per_view: pictures of each of the five views in them.
        tower_lr: peak learning rate.
        variants: of each picture that verdicts are learnt from, beside the whole.
        caption_steps: batches of single pictures that are described, on each process.
        caption_batch_size: of those.
        verdict_steps: batches of comparisons without a reason on each process.
        reason_steps: batches of comparisons with reasons, after them.
        batch_size: of comparisons.
        lr: peak learning rate of the language model.
        verdict_weight: of the verdict in the loss, 0 to 1.
        shows_weight: of what pictures show, while captions and verdicts are learnt.
        later_shows_weight: of the same beside reasons. Gradients are clipped together, so that a large one leaves
            little of the others.
        explained: share of the later comparisons that say why, 0 to 1.
        processes: on CPU cores; 1 trains in this process.

    Raises:
        ConfigError: for an unknown size or no process.
    """

    seed: int = 1
    size: str = "small"
    max_pixels: int = 16_800
    merges: int = 1600
    draws: int = 4
    tower_steps: int = 1300
    tower_per_view: int = 8
    tower_lr: float = 2e-3
    variants: int = 2
    caption_steps: int = 250
    caption_batch_size: int = 48
    verdict_steps: int = 400
    reason_steps: int = 250
    batch_size: int = 32
    lr: float = 1.5e-3
    verdict_weight: float = 0.3
    shows_weight: float = 0.3
    later_shows_weight: float = 0.03
    explained: float = 0.85
    processes: int = 2

    def __post_init__(self) -> None:
        if self.size not in PRESETS:
            raise ConfigError("unknown size of the base", value=self.size, allowed=PRESETS)
        if self.processes < 1:
            raise ConfigError("processes that train the base", value=self.processes, allowed="1 or more")

    @property
    def spec(self) -> TinySpec:
        """Sizes of the model."""
        return PRESETS[self.size]


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
    if process_rank() == 0:
        stage = open_stage(out, KIND, {**asdict(config), "facts_sha256": sha256_file(world / FACTS_FILE)}, overwrite)
        if stage.is_complete:
            return out
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // config.processes))
    lightning.seed_everything(config.seed, verbose=False)
    catalog = Catalog.read(world)
    comparisons = draw_comparisons(catalog, config.draws, config.seed)
    tokenizer = _make_tokenizer(comparisons, config)
    processor = build_processor(tokenizer, PixelBudget(max_pixels=config.max_pixels))
    model = build_model(config.spec, tokenizer, config.seed)
    sights = read_sights(catalog, ["train"], _sizes(processor), _TOKEN_PX)
    _teach_tower(model, processor, sights, config, out)
    some = [sight.whole.picture_HWC for sight in sights[:: max(1, len(sights) // _LEVELLED)]]
    made = processor.image_processor(images=some, input_data_format="channels_last", return_tensors="pt")
    level_output(model.model.visual, made["pixel_values"], made["image_grid_thw"])
    _teach_language(model, processor, catalog, sights, comparisons, config)
    if stage is not None:
        _finish(stage, model, processor)
    return out


def _make_tokenizer(comparisons: list[Comparison], config: BaseConfig) -> Any:
    # By draw: right and wrong pairs, and both languages, take turns in the list.
    some = np.random.default_rng(config.seed).permutation(len(comparisons))[:_READ].tolist()
    return train_tokenizer(
        [comparisons[number].reasons[language] for number in some for language in LANGUAGES], config.merges
    )


def _sizes(processor: Any) -> dict[View, tuple[int, int]]:
    """Return (height, width) in pixels at which the model sees each view of a world."""
    sizes = {}
    for view, (width, height) in SIZES_PX.items():
        down, across = picture_grid(processor.image_processor, height, width)
        sizes[view] = (down * PATCH, across * PATCH)
    return sizes


def _teach_tower(model: Any, processor: Any, sights: list[Sight], config: BaseConfig, out: Path) -> None:
    visual = model.model.visual
    if (out / _TOWER_FILE).is_file():
        visual.load_state_dict(load_file(out / _TOWER_FILE))
        return
    images = processor.image_processor
    tower = Tower(visual, images.image_mean, images.image_std, config.tower_lr, config.tower_steps)

    def batches(rank: int) -> Dataset[Any]:
        return SightBatches(sights, config.tower_steps, config.tower_per_view, config.seed, rank)

    with one_frame_patches(visual):
        fit(tower, batches, config.tower_steps, config.processes, "vision tower")
    if process_rank() == 0:
        state = {name: value.detach().cpu().contiguous() for name, value in sorted(visual.state_dict().items())}
        with write_atomic(out / _TOWER_FILE) as file:
            file.write(save(state))


def _teach_language(
    model: Any,
    processor: Any,
    catalog: Catalog,
    sights: list[Sight],
    comparisons: list[Comparison],
    config: BaseConfig,
) -> None:
    """First what single pictures show; then verdicts, many and short; then reasons beside them."""
    by_id = {sight.picture_id: sight for sight in sights}
    seen = see_pictures(model.model.visual, processor, sights, config.variants, config.seed)
    marks = read_landmarks(catalog)

    def captions(rank: int) -> Dataset[Any]:
        return CaptionBatches(
            marks, by_id, seen, processor, steps=config.caption_steps, batch_size=config.caption_batch_size,
            seed=config.seed, rank=rank,
        )  # fmt: skip

    describer = Describer(model, config.lr, config.shows_weight, config.caption_steps)
    fit(describer, captions, config.caption_steps, config.processes, "describing")
    collator, shows = Collator(processor), None
    for title, steps, explained, shows_weight in (
        ("comparing", config.verdict_steps, 0.0, config.shows_weight),
        ("explaining", config.reason_steps, config.explained, config.later_shows_weight),
    ):

        def batches(rank: int, steps: int = steps, explained: float = explained) -> Dataset[Any]:
            return ComparisonBatches(
                comparisons, by_id, seen, collator, steps=steps, batch_size=config.batch_size, explained=explained,
                seed=config.seed, rank=rank,
            )  # fmt: skip

        comparer = Comparer(model, config.lr, config.verdict_weight, shows_weight, steps, shows)
        fit(comparer, batches, steps, config.processes, title)
        shows = comparer.shows


def _finish(stage: Stage, model: Any, processor: Any) -> None:
    save_base(stage.folder, model.eval(), processor)
    write_preparation(stage.folder)
    stage.finish(path.name for path in stage.folder.iterdir() if path.is_file() and path.name != MANIFEST_NAME)
