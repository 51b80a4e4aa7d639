"""How the offline base is trained."""

from __future__ import annotations

from dataclasses import dataclass

from gleam_common.errors import ConfigError
from gleam_common.synthcity.world import WorldConfig

from gleam_x.architecture import PRESETS, TinySpec

__all__ = ["OWN_WORLD", "BaseConfig"]

OWN_WORLD = WorldConfig(seed=7703, places=2400, held_out="", holdout=0.0)
"""What the base learns from by default: no city of it is in the benchmark, whose 675 train places a model of this size
knows by heart before it can tell two places apart.
"""


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
        language_steps: batches of the language model on each process.
        batch_size: of comparisons.
        caption_batch_size: of descriptions of single pictures.
        whole: share of those batches that describe pictures, 0 to 1; the others ask for one thing or place.
        captioned: share of batches about single pictures, behind the first ones, 0 to 1.
        captions_first: share of the steps, at the beginning, that are about single pictures alone.
        explained: share of the comparisons that say why, 0 to 1.
        lr: peak learning rate of the language model.
        verdict_weight: of the verdict in the loss, 0 to 1.
        telling_weight: of words that depend on pictures and verdict beside those that could be others.
        shows_weight: of what pictures show, asked half way up the language model.
        gaze_weight: of where some of its heads look.
        processes: on CPU cores; 1 trains in this process.

    Raises:
        ConfigError: for an unknown size or no process.
    """

    seed: int = 1
    size: str = "small"
    max_pixels: int = 16_800
    merges: int = 1600
    draws: int = 2
    tower_steps: int = 1200
    tower_per_view: int = 4
    tower_lr: float = 8e-3
    variants: int = 1
    language_steps: int = 1600
    batch_size: int = 16
    caption_batch_size: int = 32
    whole: float = 0.6
    captioned: float = 0.35
    captions_first: float = 0.25
    explained: float = 0.85
    lr: float = 6e-3
    verdict_weight: float = 0.3
    telling_weight: float = 3.0
    shows_weight: float = 0.1
    gaze_weight: float = 0.3
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
