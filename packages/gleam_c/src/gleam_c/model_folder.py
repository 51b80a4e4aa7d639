"""A trained encoder on disk: ``model.safetensors``, ``config.json`` and a card; no pickle, no code, no path."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gleam_common.artifacts import write_atomic
from gleam_common.errors import ModelError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from gleam_c.encoder import Encoder, EncoderConfig, create_encoder

__all__ = ["MODEL_FILES", "load_encoder", "save_encoder"]

WEIGHTS, CONFIG, CARD = "model.safetensors", "config.json", "README.md"
_FORMAT = 1
MODEL_FILES = (WEIGHTS, CONFIG, CARD)
"""All that a model folder has, here and on the hub."""


def save_encoder(folder: Path, config: EncoderConfig, weights: Mapping[str, Tensor], card: str) -> None:
    """Write an encoder's weights, its configuration and its model card; each file atomically."""
    folder.mkdir(parents=True, exist_ok=True)
    described: dict[str, Any] = {
        "format": _FORMAT,
        "library": "gleam-c",
        "encoder": asdict(config) | {"pretrained": False},
    }
    contents = {
        WEIGHTS: save({name: value.contiguous() for name, value in sorted(weights.items())}),
        CONFIG: (json.dumps(described, indent=2, sort_keys=True) + "\n").encode(),
        CARD: card.encode(),
    }
    for name, content in contents.items():
        with write_atomic(folder / name) as file:
            file.write(content)


def load_encoder(folder: Path | str) -> Encoder:
    """Return the encoder saved in ``folder``, on the CPU, in evaluation mode.

    Raises:
        ModelError: when the folder, a file or a tensor is missing, broken, of another shape or of another format.
    """
    folder = Path(folder)
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise ModelError(f"no {name} in the model folder", value=str(folder), fix="give the run's `model` folder")
    try:
        described = json.loads((folder / CONFIG).read_text("utf-8"))
        if described["format"] != _FORMAT:
            raise ModelError(
                f"{folder / CONFIG} is of another format",
                value=described["format"],
                allowed=str(_FORMAT),
                fix="load it with the release of gleam-c that wrote it, or train anew",
            )
        encoder = create_encoder(EncoderConfig(**{**described["encoder"], "pretrained": False}))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{folder / CONFIG} does not describe an encoder: {error}") from error
    wanted = {name: tuple(value.shape) for name, value in encoder.state_dict().items()}
    try:
        with safe_open(folder / WEIGHTS, framework="pt") as file:
            found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{folder / WEIGHTS} is not a safetensors file: {error}") from error
    if found != wanted:
        wrong = sorted(set(found.items()) ^ set(wanted.items()))[:4]
        raise ModelError(f"{folder / WEIGHTS} does not fit its config.json; first differences", value=wrong)
    encoder.load_state_dict(load_file(folder / WEIGHTS))
    if (folder / CARD).is_file():
        encoder.card = (folder / CARD).read_text("utf-8")
    return encoder.eval()
