"""One set of weights for all views: a timm backbone, a pooling, an L2-normalised embedding.

An encoder travels with the preprocessing that it was trained with: sizes per view, mean and standard deviation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import timm
import torch
import torch.nn.functional as F  # noqa: N812
import yaml
from gleam_common.errors import ConfigError, ModelError
from gleam_common.layout import LAYOUT_VIEWS
from gleam_common.views import View, parse_view
from huggingface_hub import ModelHubMixin, snapshot_download
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint
from typing_extensions import override

from gleam_c.pooling import POOLINGS, create_pooling
from gleam_c.standardise import Standardise

__all__ = ["Encoder", "EncoderConfig", "create_encoder", "list_encoders", "preset"]

_OPENS_FILES = frozenset({"checkpoint_path", "pretrained_cfg", "pretrained_cfg_overlay", "cache_dir"})


@dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """What an encoder is made of.

    Args:
        backbone: timm model name, e.g. ``convnext_base.fb_in22k_ft_in1k_384``.
        backbone_options: keyword arguments of the timm model (depths, dims, ...).
        pretrained: load the backbone's weights from the hub; needs network or a warm hub cache.
        stage: use the feature map after this stage (0-based) instead of the last; -1 is the last.
        pooling: ``backbone`` (timm's own), ``gem`` (generalised mean) or ``grid`` (``grid`` x ``grid`` averages, kept
            apart, so that the embedding knows where things are).
        grid: cells per side of the ``grid`` pooling.
        embedding_dim: size of the projected embedding, for ``grid`` a multiple of ``grid`` squared; 0 keeps the pooled
            features.
        even_pictures: give each channel of each picture mean 0 and variance 1 before the backbone, so that exposure,
            haze and white balance drop out.
        standardise: give each dimension mean 0 and variance 1 (:class:`gleam_c.standardise.Standardise`); for encoders
            that start from random weights.
        sizes: height and width in pixels per view.
        headings: for queries of these views, tiles are embedded turned to so many headings, and a tile scores as the
            best one; in training they are turned to the query's known heading. Views left out see tiles north-up.
        laid_out: views from the ground that are laid out like a tile (:mod:`gleam_common.layout`).
        mean: of RGB in [0, 1].
        std: of RGB in [0, 1].
    """

    backbone: str
    backbone_options: dict[str, Any] = field(default_factory=dict)
    pretrained: bool = False
    stage: int = -1
    pooling: str = "backbone"
    grid: int = 4
    embedding_dim: int = 0
    even_pictures: bool = False
    standardise: bool = False
    sizes: dict[str, list[int]] = field(default_factory=dict)
    headings: dict[str, int] = field(default_factory=dict)
    laid_out: list[str] = field(default_factory=list)
    mean: list[float] = field(default_factory=lambda: [0.485, 0.456, 0.406])
    std: list[float] = field(default_factory=lambda: [0.229, 0.224, 0.225])

    def __post_init__(self) -> None:
        self._check_numbers()
        for view, size in self.sizes.items():
            parse_view(view)
            if len(size) != 2 or min(size) < 32 or not all(isinstance(side, int) for side in size):
                raise ConfigError(f"size of view {view}", value=size, allowed="[height, width], each at least 32 px")
        for view, count in self.headings.items():
            if parse_view(view).is_north_aligned or not isinstance(count, int) or not 1 <= count <= 64:
                raise ConfigError(
                    f"headings of view {view}", value=count, allowed="1 to 64, for views of any heading: uav, ground"
                )
        for view in self.laid_out:
            if parse_view(view) not in LAYOUT_VIEWS:
                raise ConfigError("view of `laid_out`", value=view, allowed=map(str, LAYOUT_VIEWS))
        missing = sorted(set(map(str, View)) - set(self.sizes))
        if missing:
            raise ConfigError("encoder without a size for some views", value=missing, fix="add them under `sizes:`")

    def _check_numbers(self) -> None:
        if self.pooling not in POOLINGS:
            raise ConfigError("unknown pooling of the encoder", value=self.pooling, allowed=POOLINGS)
        if not 1 <= self.grid <= 32 or not 0 <= self.embedding_dim <= 65536:
            shown = f"grid {self.grid}, embedding_dim {self.embedding_dim}"
            raise ConfigError(shown, allowed="grid 1 to 32, embedding_dim 0 to 65536")
        if self.pooling == "grid" and self.embedding_dim % self.grid**2:
            raise ConfigError(
                "embedding_dim of a grid", value=self.embedding_dim, allowed=f"multiples of {self.grid**2} (the cells)"
            )
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            shown = f"mean {self.mean}, std {self.std} of the encoder"
            raise ConfigError(shown, allowed="three numbers each, std over 0")


@cache
def _presets() -> dict[str, dict[str, Any]]:
    folder = files("gleam_c") / "encoders"
    return {
        path.name.removesuffix(".yaml"): yaml.safe_load(path.read_text("utf-8"))
        for path in folder.iterdir()
        if path.name.endswith(".yaml")
    }


def list_encoders() -> list[str]:
    """Return the names of the presets that come with the package."""
    return sorted(_presets())


def preset(name: str, overrides: Mapping[str, Any] | None = None) -> EncoderConfig:
    """Return the preset ``name`` with some fields replaced.

    Raises:
        ConfigError: for an unknown preset or field.
    """
    if name not in _presets():
        raise ConfigError("unknown encoder", value=name, allowed=list_encoders())
    values = {**_presets()[name], **(overrides or {})}
    unknown = sorted(set(values) - set(EncoderConfig.__dataclass_fields__))
    if unknown:
        raise ConfigError(
            f"unknown field of encoder {name!r}", value=unknown, allowed=list(EncoderConfig.__dataclass_fields__)
        )
    try:
        return EncoderConfig(**values)
    except (TypeError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"a field of encoder {name!r} has a value of the wrong type ({error})", value=dict(overrides or {})
        ) from error


class Encoder(
    nn.Module,
    ModelHubMixin,
    library_name="gleam-c",
    license="apache-2.0",
    tags=["cross-view-geo-localization", "image-retrieval", "contrastive"],
):
    """Picture of any view -> embedding (B, D) of length 1.

    Build it with :func:`create_encoder`, or read it with ``Encoder.from_pretrained`` from a run's ``model`` folder or
    from the hub, always as safetensors. ``config`` holds everything needed to build it again; ``card`` is the model
    card that ``save_pretrained`` and ``push_to_hub`` write beside the weights.
    """

    card = ""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = _create_backbone(config)
        described = cast(Any, self.backbone)
        channels: int = described.num_features if config.stage < 0 else described.feature_info.channels()[0]
        self.pool = create_pooling(config.pooling, channels, grid=config.grid, embedding_dim=config.embedding_dim)
        self.dim = self.pool.dim
        self.standardise = Standardise(self.dim) if config.standardise else nn.Identity()
        self.memory_format = torch.channels_last

    @override
    def _save_pretrained(self, save_directory: Path) -> None:
        from gleam_c.model_folder import save_encoder

        save_encoder(save_directory, self.config, self.state_dict(), self.card)

    @classmethod
    @override
    def _from_pretrained(
        cls,
        *,
        model_id: str,
        revision: str | None,
        cache_dir: str | Path | None,
        force_download: bool,
        local_files_only: bool,
        token: str | bool | None,
        **_: Any,
    ) -> Encoder:
        from gleam_c.model_folder import MODEL_FILES, load_encoder

        folder = model_id
        if not Path(model_id).is_dir():
            folder = snapshot_download(
                model_id, revision=revision, cache_dir=cache_dir, force_download=force_download,
                local_files_only=local_files_only, token=token, allow_patterns=list(MODEL_FILES),
            )  # fmt: skip
        return load_encoder(folder)

    @property
    def sizes(self) -> dict[View, tuple[int, int]]:
        """Height and width in pixels per view."""
        return {View(view): (size[0], size[1]) for view, size in self.config.sizes.items()}

    @property
    def headings(self) -> dict[View, int]:
        """How many headings tiles are turned to for queries of a view; views that see tiles north-up are left out."""
        return {View(view): count for view, count in self.config.headings.items() if count > 1}

    @property
    def laid_out(self) -> frozenset[View]:
        """Views whose pictures are laid out like tiles before they are embedded."""
        return frozenset(View(view) for view in self.config.laid_out)

    @property
    def mean(self) -> tuple[float, float, float]:
        """Mean of RGB in [0, 1] that inputs are normalised with."""
        red, green, blue = self.config.mean
        return red, green, blue

    @property
    def std(self) -> tuple[float, float, float]:
        """Standard deviation of RGB in [0, 1] that inputs are normalised with."""
        red, green, blue = self.config.std
        return red, green, blue

    def forward(self, image_BCHW: Tensor) -> Tensor:
        """Return embeddings (B, D), L2-normalised, of pictures normalised by ``mean`` and ``std``."""
        return F.normalize(self.standardise(self._raw(image_BCHW)), dim=-1)

    def pair(self, query_BCHW: Tensor, gallery_BCHW: Tensor, at_once: int = 0) -> tuple[Tensor, Tensor]:
        """Return the embeddings of pairs, standardised together: both views share one mean, as they will afterwards.

        Args:
            query_BCHW: normalised pictures of one view.
            gallery_BCHW: their tiles.
            at_once: pictures whose activations are held at a time; the backward pass makes them anew, piece by piece,
                so that the gradient is that of the whole batch (GradCache, arXiv 2101.06983). 0 for all.

        Raises:
            ConfigError: pieces of a batch, and a backbone that normalises by the batch.
        """
        both = torch.cat([self._in_pieces(query_BCHW, at_once), self._in_pieces(gallery_BCHW, at_once)])
        query_BD, gallery_BD = F.normalize(self.standardise(both), dim=-1).chunk(2)
        return query_BD, gallery_BD

    def _in_pieces(self, image_BCHW: Tensor, at_once: int) -> Tensor:
        if not at_once or len(image_BCHW) <= at_once:
            return self._raw(image_BCHW)
        if any(isinstance(module, _BatchNorm) for module in self.backbone.modules()):
            raise ConfigError(
                f"{self.config.backbone} normalises by the batch, which `loss.pairs_at_once` would cut",
                value=at_once,
                fix="set loss.pairs_at_once to 0, or take a backbone with layer norm (ConvNeXt, ViT)",
            )
        pieces = torch.split(image_BCHW, at_once)
        return torch.cat([checkpoint(self._raw, piece, use_reentrant=False) for piece in pieces])

    def _raw(self, image_BCHW: Tensor) -> Tensor:
        if self.config.even_pictures:
            image_BCHW = F.instance_norm(image_BCHW)
        features = self.backbone(image_BCHW.contiguous(memory_format=self.memory_format))
        features = features[0] if isinstance(features, list) else features
        if self.config.pooling != "backbone" and features.ndim != 4:
            raise ModelError(
                f"pooling {self.config.pooling} needs a map of features, {self.config.backbone} gives tokens",
                value=tuple(features.shape),
                fix="use pooling `backbone`, or a convolutional backbone",
            )
        embedding_BD: Tensor = self.pool(features)
        return embedding_BD


def create_encoder(config: EncoderConfig | str) -> Encoder:
    """Return an encoder (with its preprocessing: ``sizes``, ``mean``, ``std``) of a preset's name or a configuration.

    Raises:
        ConfigError: for an unknown preset.
        ModelError: for a backbone that timm does not know or cannot build, and for weights that cannot be fetched.
    """
    return Encoder(preset(config) if isinstance(config, str) else config)


def _create_backbone(config: EncoderConfig) -> nn.Module:
    options: dict[str, Any] = dict(config.backbone_options)
    foreign = sorted(set(options) & _OPENS_FILES)
    if foreign:
        raise ConfigError("backbone options that open files", value=foreign, fix="leave them out; use `pretrained`")
    if config.stage >= 0:
        if config.pooling == "backbone":
            raise ConfigError("`stage` needs pooling gem or grid", value=config.stage)
        options |= {"features_only": True, "out_indices": (config.stage,)}
    elif config.pooling == "backbone":
        options |= {"num_classes": 0}
    else:
        options |= {"num_classes": 0, "global_pool": ""}
    if not timm.is_model(config.backbone):
        close = timm.list_models(f"*{config.backbone.split('.')[0].split('_')[0]}*")[:12]
        raise ModelError(
            "timm does not know the backbone", value=config.backbone, allowed=close, fix="see timm.list_models()"
        )
    try:
        return cast(nn.Module, timm.create_model(config.backbone, pretrained=config.pretrained, **options))
    except (TypeError, RuntimeError, AssertionError, IndexError, ValueError, KeyError) as error:
        raise ModelError(f"timm cannot build {config.backbone} with {options}: {error}") from error
    except OSError as error:
        raise ModelError(
            f"the weights of {config.backbone} cannot be fetched ({type(error).__name__})",
            fix="connect to the hub once, or copy the hub cache and set HF_HOME, or set `pretrained: false`",
        ) from error
