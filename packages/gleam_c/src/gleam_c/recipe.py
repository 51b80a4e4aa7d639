"""What a run is: one YAML file, typed, with every default written down."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from gleam_common.augment import AugmentConfig
from gleam_common.errors import ConfigError
from gleam_common.recipes import AboutConfig
from gleam_common.synthcity.world import WorldConfig
from gleam_common.views import View, parse_view

from gleam_c.protocols import protocol_named
from gleam_c.trainer_config import TrainerConfig

__all__ = ["HardNegativesConfig", "LossConfig", "OptimizerConfig", "PhaseConfig", "Recipe"]

LOSSES = ("infonce", "sigmoid")


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """The contrastive loss, and how much of a batch is held in memory at a time.

    Args:
        kind: ``infonce`` (symmetric) or ``sigmoid`` (SigLIP).
        temperature: initial softmax temperature, > 0; SigLIP begins with 0.1.
        label_smoothing: of ``infonce``, in [0, 1); Sample4Geo uses 0.1.
        bias: of the logits of ``sigmoid`` at the beginning.
        pairs_at_once: pairs of a process whose activations are held at a time (GradCache, arXiv 2101.06983): huge
            batches in constant memory for one more forward pass; 0 for all.
        rows_at_once: rows of logits of a process that are held at a time; 0 for all.
    """

    kind: str = "infonce"
    temperature: float = 0.07
    label_smoothing: float = 0.1
    bias: float = -10.0
    pairs_at_once: int = 0
    rows_at_once: int = 0

    def __post_init__(self) -> None:
        if self.kind not in LOSSES:
            raise ConfigError("unknown loss", value=self.kind, allowed=LOSSES)
        for name in ("pairs_at_once", "rows_at_once"):
            if getattr(self, name) < 0:
                raise ConfigError(f"loss.{name}", value=getattr(self, name), allowed="0 (all) or more")
        if not 0.01 <= self.temperature <= 10:
            raise ConfigError("temperature of the loss", value=self.temperature, allowed="0.01 to 10")
        if not 0 <= self.label_smoothing < 1:
            raise ConfigError("label smoothing of the loss", value=self.label_smoothing, allowed="at least 0, under 1")


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """AdamW with linear warm-up and a cosine to one hundredth.

    Args:
        lr: peak learning rate.
        weight_decay: on matrices and kernels; biases, norms and the temperature go without.
        warmup: share of a phase's steps, in [0, 1).
    """

    lr: float = 1e-3
    weight_decay: float = 0.05
    warmup: float = 0.1

    def __post_init__(self) -> None:
        for name, high in (("lr", 10.0), ("weight_decay", 10.0), ("warmup", 0.99)):
            value = getattr(self, name)
            if not 0 <= value <= high:
                raise ConfigError(f"optimizer.{name} out of range", value=value, allowed=f"0 to {high:g}")


@dataclass(frozen=True, kw_only=True)
class HardNegativesConfig:
    """Batches that are chains of places that are hard to tell apart (Sample4Geo, ICCV 2023).

    The nearest places on the map at first, where the catalog has coordinates; then the most similar ones.

    Args:
        neighbours: places that are kept for each pair; Sample4Geo keeps 128.
        chained: of these, drawn into the batch of a pair; Sample4Geo draws 64.
        refresh_every: epochs after which the most similar places are looked up anew, with the weights as they are then;
            0 stays with the map. Sample4Geo does it every 4.
    """

    neighbours: int = 128
    chained: int = 64
    refresh_every: int = 4

    def __post_init__(self) -> None:
        if not 1 <= self.chained <= self.neighbours <= 4096:
            shown = f"chained {self.chained}, neighbours {self.neighbours}"
            raise ConfigError("hard_negatives", value=shown, allowed="1 <= chained <= neighbours <= 4096")
        if self.refresh_every < 0:
            raise ConfigError("hard_negatives.refresh_every", value=self.refresh_every, allowed="0 (never) or more")


@dataclass(frozen=True, kw_only=True)
class PhaseConfig:
    """One phase of training.

    Args:
        name: of the phase; names its checkpoints and curves.
        views: query views that take part; each gets the same number of steps.
        epochs: passes over the largest view.
        batch_size: pairs per step over all processes.
        lr: peak learning rate; 0 takes the optimizer's.
        weights: steps of a view relative to the others; 1 where absent.
        hard_negatives: how places that are hard to tell apart are drawn together; none draws at random.
    """

    name: str
    views: list[str]
    epochs: int
    batch_size: int
    lr: float = 0.0
    weights: dict[str, float] = field(default_factory=dict)
    hard_negatives: HardNegativesConfig | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", self.name):
            raise ConfigError("name of a phase", value=self.name, allowed="letters, digits, _ and -")
        if self.lr < 0 or len(set(self.views)) < len(self.views):
            shown = f"phase {self.name!r}: lr {self.lr}, views {self.views}"
            raise ConfigError(shown, allowed="lr from 0, each view once")
        if not self.views:
            raise ConfigError(f"phase {self.name!r} has no view", allowed=[str(view) for view in View][1:])
        for view in self.views:
            if parse_view(view) is View.SATELLITE:
                raise ConfigError(
                    f"phase {self.name!r} asks for satellite queries; tiles are the gallery of every phase"
                )
        for view, weight in self.weights.items():
            if view not in self.views or not 0 < weight < 100:
                raise ConfigError(
                    f"weight of view {view} in phase {self.name!r}", value=weight, allowed=f"over 0, for {self.views}"
                )
        if self.epochs < 1 or self.batch_size < 2:
            raise ConfigError(
                f"phase {self.name!r}: epochs {self.epochs}, batch size {self.batch_size}",
                allowed="at least 1 epoch and 2 pairs",
            )


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A whole run of GLEAM-C.

    Args:
        phases: trained one after another, each from the weights of the one before.
        about: what the recipe reproduces and what came out.
        seed: of weights, order and augmentation.
        world: the embedded world to make in ``catalog`` when it is not there; none for real data.
        catalog: folder with gallery.parquet and queries.parquet.
        root: folder that the pictures' paths start from; empty for the catalog itself.
        cache: folder for decoded pictures; empty decodes each picture each time.
        workers: loader processes of each training process; 0 loads in the training process.
        encoder: a preset's name.
        encoder_overrides: fields of the preset to replace.
        loss: of every phase.
        optimizer: of every phase.
        augment: of the training pairs.
        trainer: strategy, processes, precision.
        protocol: how the set is split and searched, as in ``gleam-c evaluate --protocol``. A run is judged on pictures
            that look for tiles; other directions and sets of photos are left to that command.
        train_split: split of the queries that are trained on.
        test_split: split of the queries that the run is judged on.
        val_split: split of the queries that the curves show; empty for none.
        bad_share: share of the training pairs whose pictures may be unreadable: others stand for them, and they are
            counted; the run stops beyond it.
        val_every: epochs between two points of the curves.
    """

    phases: list[PhaseConfig]
    about: AboutConfig = field(default_factory=AboutConfig)
    seed: int = 1
    world: WorldConfig | None = None
    catalog: str = "data/synthcity"
    root: str = ""
    cache: str = ""
    workers: int = 0
    encoder: str = "nano"
    encoder_overrides: dict[str, Any] = field(default_factory=dict)
    loss: LossConfig = field(default_factory=LossConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    protocol: str = "synthcity"
    train_split: str = "train"
    test_split: str = "test"
    val_split: str = "val"
    val_every: int = 5
    bad_share: float = 0.001

    def __post_init__(self) -> None:
        if not 0 <= self.bad_share <= 0.1:
            raise ConfigError("bad_share of the recipe", value=self.bad_share, allowed="0 to 0.1")
        for name, least in (("seed", 0), ("workers", 0), ("val_every", 1)):
            if getattr(self, name) < least:
                raise ConfigError(f"{name} of the recipe", value=getattr(self, name), allowed=f"{least} or more")
        protocol_named(self.protocol)
        names = [phase.name for phase in self.phases]
        if not names:
            raise ConfigError("the recipe has no phase", fix="add at least one under `phases:`")
        if len(set(names)) != len(names):
            raise ConfigError("two phases share a name", value=names)
        for phase in self.phases:
            if phase.batch_size % self.trainer.world_size:
                raise ConfigError(
                    f"batch size of phase {phase.name!r}",
                    value=phase.batch_size,
                    allowed=f"multiples of the {self.trainer.world_size} processes",
                )
