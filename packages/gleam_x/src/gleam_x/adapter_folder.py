"""An adapter on disk: ``adapter_model.safetensors`` and ``adapter_config.json`` as peft reads them, and ``card.json``.

The card says what the weights alone do not: which base they belong to and how it must be asked. What does not fit is an
error, where peft would warn and go on with random weights (mteb issue 4673).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from gleam_common.artifacts import read_json, write_atomic, write_json
from gleam_common.errors import ArtifactError, ConfigError, ModelError
from peft import get_peft_model_state_dict, set_peft_model_state_dict
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from gleam_x.collate import model_inputs
from gleam_x.lora import LoraSpec, attach_lora, lora_config
from gleam_x.pixel_budget import PixelBudget
from gleam_x.prompts import ORDERS, PROMPT_VERSION
from gleam_x.quantise import check_combination, is_quantised
from gleam_x.vlm import Base, BaseIdentity

__all__ = ["AdapterCard", "Merged", "load_adapter", "make_card", "merge_adapter", "read_card", "save_adapter"]

WEIGHTS, CONFIG, CARD = "adapter_model.safetensors", "adapter_config.json", "card.json"
_VERSIONED = ("gleam-x", "transformers", "peft", "torch")
_CARD_ORDERS = (*ORDERS, "both")


@dataclass(frozen=True, kw_only=True)
class AdapterCard:
    """What an adapter is.

    Attributes:
        base: it was trained on.
        quantise: of the base while training, "nf4" or None.
        lora: which parts it changes.
        budget: pixels of a picture while training.
        budget_in_words: the same, with the tokens of a picture.
        prompt_version: of the questions it was trained with.
        order: of the two pictures while training, "both" for either.
        recipe: of the training, plain values.
        versions: of the libraries that wrote it.
    """

    base: BaseIdentity
    quantise: str | None
    lora: LoraSpec
    budget: PixelBudget
    budget_in_words: str
    prompt_version: str
    order: str
    recipe: dict[str, Any]
    versions: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Merged:
    """A base with an adapter merged into its weights.

    Attributes:
        model: without peft's wrapping.
        largest_change: of a logit by merging.
        reevaluate: the adapter was trained on four-bit weights and this is another model: measure it again.
    """

    model: Any
    largest_change: float
    reevaluate: bool


def make_card(base: Base, lora: LoraSpec, order: str, recipe: Mapping[str, Any]) -> AdapterCard:
    """Return the card of an adapter trained on ``base``.

    Raises:
        ConfigError: ``order`` is neither an order of the pictures nor "both".
    """
    if order not in _CARD_ORDERS:
        raise ConfigError("unknown picture order of an adapter", value=order, allowed=_CARD_ORDERS)
    images = base.processor.image_processor
    return AdapterCard(
        base=base.identity(),
        quantise=base.quantise,
        lora=lora,
        budget=base.budget,
        budget_in_words=base.budget.describe(int(images.patch_size), int(images.merge_size)),
        prompt_version=PROMPT_VERSION,
        order=order,
        recipe=dict(recipe),
        versions={name: version(name) for name in _VERSIONED},
    )


def save_adapter(folder: Path | str, model: Any, card: AdapterCard) -> None:
    """Write the adapter of ``model`` (peft's wrapping) and its card; the same weights give the same bytes."""
    folder = Path(folder)
    weights = {
        name: value.detach().cpu().contiguous() for name, value in sorted(get_peft_model_state_dict(model).items())
    }
    # No path of this machine; a hub id tells other programs what to load.
    config = lora_config(card.lora).to_dict() | {  # type: ignore[no-untyped-call]
        "base_model_name_or_path": card.base.name or None,
        "revision": card.base.revision or None,
        "inference_mode": True,
    }
    contents = {
        WEIGHTS: save(weights, metadata={"format": "pt"}),
        CONFIG: (json.dumps(config, indent=2, sort_keys=True) + "\n").encode(),
    }
    for name, content in contents.items():
        with write_atomic(folder / name) as file:
            file.write(content)
    write_json(folder / CARD, asdict(card))


def read_card(folder: Path | str) -> AdapterCard:
    """Return the card of the adapter in ``folder``.

    Raises:
        ModelError: there is none, or it is no card.
    """
    path = Path(folder) / CARD
    try:
        data = read_json(path)
        parts: dict[str, Any] = {
            "base": BaseIdentity(**data.pop("base")),
            "lora": LoraSpec(**data.pop("lora")),
            "budget": PixelBudget(**data.pop("budget")),
        }
        return AdapterCard(**data, **parts)
    except (ArtifactError, ConfigError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{folder} holds no adapter of gleam-x: {error}", fix="give the run's adapter folder"
        ) from error


def load_adapter(base: Base, folder: Path | str, trainable: bool = False) -> Any:
    """Return the base's model with the adapter in ``folder``, in evaluation mode unless ``trainable``.

    Raises:
        ModelError: the adapter belongs to another base, was trained with other prompts or pixels, or its weights are
            not exactly those that its card needs.
    """
    card = read_card(folder)
    _check_fit(card, base, Path(folder))
    model = attach_lora(base.model, card.lora)
    found = _read_weights(Path(folder) / WEIGHTS)
    wanted = {name: tuple(value.shape) for name, value in get_peft_model_state_dict(model).items()}
    given = {name: tuple(value.shape) for name, value in found.items()}
    if given != wanted:
        missing, foreign = sorted(wanted.items() - given.items())[:2], sorted(given.items() - wanted.items())[:2]
        raise ModelError(
            f"{folder}: not the weights that the adapter needs; missing {missing}, unexpected {foreign}",
            fix="save it again with this version; adapters of transformers before 4.52 have other names",
        )
    set_peft_model_state_dict(model, found)
    return model if trainable else model.requires_grad_(False).eval()


def _check_fit(card: AdapterCard, base: Base, folder: Path) -> None:
    identity = base.identity()
    if identity.weights_sha256 != card.base.weights_sha256:
        raise ModelError(
            f"the adapter {folder} belongs to another base",
            value=base.name or base.folder.name,
            allowed=f"{card.base.name or 'a local base'} with weights {card.base.weights_sha256[:12]}",
            fix="load the base that its card names",
        )
    if card.prompt_version != PROMPT_VERSION:
        raise ModelError(
            f"the adapter {folder} was trained with other prompts (version)",
            value=card.prompt_version,
            allowed=PROMPT_VERSION,
            fix="use the gleam-x of its card, or train again",
        )
    if card.budget != base.budget:
        raise ModelError(
            f"the adapter {folder} was trained with other pixels",
            value=card.budget.size,
            allowed=str(base.budget.size),
            fix="load the base with the budget of the card",
        )


def _read_weights(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path} is not a safetensors file: {error}") from error


def merge_adapter(model: Any, card: AdapterCard, batch: Mapping[str, Tensor], tolerance: float = 1e-3) -> Merged:
    """Merge the adapter into the weights and check that the model answers as before; ``model`` is used up.

    Args:
        model: of :func:`load_adapter`.
        card: of the adapter.
        batch: to compare logits on, of :class:`gleam_x.collate.Collator`.
        tolerance: largest change of a logit; merge in float32 to keep it small.

    Raises:
        ConfigError: the base has four-bit weights.
        ModelError: a logit changes by more than ``tolerance``, or is no number.
    """
    check_combination("nf4" if is_quantised(model) else None, merges=True)
    model.eval()
    before_BTV = _logits(model, batch)
    merged = model.merge_and_unload()
    change = float((_logits(merged, batch) - before_BTV).abs().max())
    if not change <= tolerance:
        raise ModelError(
            "merging the adapter changes the answers (largest change of a logit)",
            value=change,
            allowed=f"at most {tolerance}",
            fix="merge in float32",
        )
    return Merged(model=merged, largest_change=change, reevaluate=card.quantise is not None)


def _logits(model: Any, batch: Mapping[str, Tensor]) -> Tensor:
    with torch.inference_mode():
        logits: Tensor = model(**model_inputs(batch), use_cache=False).logits
        return logits.float()
