"""How the offline base is trained."""

from __future__ import annotations

from dataclasses import dataclass

from gleam_common.errors import ConfigError

from gleam_x.architecture import PRESETS, TinySpec

__all__ = ["BaseConfig"]


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
        verdict_steps: batches of comparisons without a reason on each process.
        reason_steps: batches of comparisons with reasons, and of captions, after them.
        batch_size: of comparisons.
        lr: peak learning rate of the language model.
        verdict_weight: of the verdict in the loss, 0 to 1.
        shows_weight: of what pictures show, while verdicts are learnt.
        later_shows_weight: of the same beside reasons. Gradients are clipped together, so that a large one leaves
            little of the others.
        explained: share of the later comparisons that say why, 0 to 1.
        captioned: share of the later batches that describe single pictures, 0 to 1.
        caption_batch_size: of those.
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
    verdict_steps: int = 500
    reason_steps: int = 600
    batch_size: int = 32
    lr: float = 1.5e-3
    verdict_weight: float = 0.3
    shows_weight: float = 0.3
    later_shows_weight: float = 0.03
    explained: float = 0.85
    captioned: float = 0.35
    caption_batch_size: int = 64
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
