"""A base model with its processor, from a folder or the Hugging Face hub: safetensors alone, never foreign code."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from gleam_common.artifacts import read_json, sha256_file
from gleam_common.errors import ArtifactError, ModelError
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError
from safetensors import SafetensorError
from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoProcessor

from gleam_x.pixel_budget import PixelBudget, budget_of
from gleam_x.preparation import read_preparation
from gleam_x.quantise import check_combination, check_quantised, nf4_config

__all__ = ["MODEL_TYPES", "Base", "BaseIdentity", "base_identity", "load_base"]

MODEL_TYPES = ("qwen2_5_vl", "qwen3_vl")
"""Architectures whose module names, prompts and batches are tested here."""

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_HUB_FILES = ["*.json", "*.safetensors", "*.jinja", "merges.txt"]
"""What is taken from the hub: no pickled weights and no Python."""


@dataclass(frozen=True, kw_only=True)
class BaseIdentity:
    """Which base it is; two are the same when their weights are.

    Attributes:
        name: hub id; empty for a local folder, whose path is nobody's business.
        revision: commit of the hub; empty for a local folder.
        weights_sha256: of the names and hashes of the safetensors files.
    """

    name: str
    revision: str
    weights_sha256: str


@dataclass(frozen=True, kw_only=True)
class Base:
    """A loaded base model.

    Attributes:
        model: Qwen-VL in evaluation mode.
        processor: whose pictures keep to ``budget``.
        budget: that is applied.
        folder: where the files lie.
        name: hub id, or empty.
        quantise: "nf4" or None.
    """

    model: Any
    processor: Any
    budget: PixelBudget
    folder: Path
    name: str
    quantise: str | None

    def identity(self) -> BaseIdentity:
        """Return which base it is; reads all weights once."""
        return base_identity(self.folder, self.name)


def base_identity(folder: Path, name: str = "") -> BaseIdentity:
    """Return the identity of the base in ``folder``, which for a hub id is its snapshot, named by the commit."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        digest.update(f"{path.name} {sha256_file(path)}\n".encode())
    return BaseIdentity(name=name, revision=folder.name if name else "", weights_sha256=digest.hexdigest())


def load_base(
    source: str | Path,
    quantise: str | None = None,
    dtype: torch.dtype | None = None,
    budget: PixelBudget | None = None,
    revision: str | None = None,
) -> Base:
    """Return a base model and its processor.

    Args:
        source: folder, or hub id ("Qwen/Qwen2.5-VL-3B-Instruct").
        quantise: "nf4" for four-bit weights of the language model.
        dtype: of the weights; None for bfloat16 on a GPU and float32 on a CPU.
        budget: pixels of a picture; None for the one that the processor brings.
        revision: commit, tag or branch of the hub.

    Raises:
        ModelError: no such folder or id, no safetensors, another architecture, or a file is broken.
        ConfigError: an unknown quantisation.
    """
    check_combination(quantise)
    folder, name = _resolve(source, revision)
    _check_folder(folder)
    dtype = dtype or (torch.bfloat16 if torch.cuda.is_available() else torch.float32)
    options: dict[str, Any] = {"quantization_config": nf4_config(dtype)} if quantise else {}
    try:
        model, processor = _load(folder, budget, dtype, options)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise ModelError(
            f"the base model in {folder} cannot be loaded: {error}", fix="fetch or build it again"
        ) from error
    _check_fit(model, processor, folder)
    read_preparation(folder, processor)
    if quantise:
        check_quantised(model, dtype)
    applied = budget_of(processor.image_processor)
    if budget and applied != budget:
        raise ModelError("the processor does not take the pixel budget", value=applied, allowed=str(budget))
    return Base(model=model.eval(), processor=processor, budget=applied, folder=folder, name=name, quantise=quantise)


def _load(folder: Path, budget: PixelBudget | None, dtype: torch.dtype, options: dict[str, Any]) -> tuple[Any, Any]:
    shared: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    pair: Any = AutoModelForImageTextToText.from_pretrained(
        folder, dtype=dtype, use_safetensors=True, output_loading_info=True, **options, **shared
    )
    model, found = pair
    # transformers only warns, and leaves such weights random.
    absent = sorted({*found["missing_keys"], *(str(item) for item in found["mismatched_keys"])})
    if absent:
        raise ValueError(f"weights missing or of another shape: {absent[:4]}")
    processor: Any = AutoProcessor.from_pretrained(folder, **shared)  # type: ignore[no-untyped-call]
    if budget:
        # The hub's files hold min_pixels and max_pixels, which go before `size`; so all of them are given.
        limits: dict[str, Any] = {"min_pixels": budget.min_pixels, "max_pixels": budget.max_pixels}
        processor.image_processor = AutoImageProcessor.from_pretrained(  # type: ignore[no-untyped-call]
            folder, size=budget.size, **limits, **shared
        )
    return model, processor


def _check_fit(model: Any, processor: Any, folder: Path) -> None:
    """Refuse a tokenizer of another model: without its file transformers makes an empty one and says nothing."""
    found = processor.tokenizer.convert_tokens_to_ids("<|image_pad|>")
    if found != model.config.image_token_id or len(processor.tokenizer) > model.config.text_config.vocab_size:
        raise ModelError(
            f"the tokenizer in {folder} does not belong to the model (id of <|image_pad|>)",
            value=found,
            allowed=str(model.config.image_token_id),
            fix="fetch or build the base again",
        )


def _resolve(source: str | Path, revision: str | None) -> tuple[Path, str]:
    """Return the folder of a base and its hub id, fetching it when it is not there yet."""
    if Path(source).is_dir():
        return Path(source), ""
    if isinstance(source, Path) or not _HUB_ID.fullmatch(source):
        raise ModelError("no such folder, and no hub id", value=str(source), allowed="a folder, or owner/name")
    try:
        return Path(snapshot_download(source, revision=revision, allow_patterns=_HUB_FILES)), source
    except (OSError, ValueError, HfHubHTTPError) as error:
        raise ModelError(
            f"the base model {source!r} is not on this machine and cannot be fetched ({type(error).__name__})",
            fix="connect once; or set HF_HOME to a cache that holds it; or give a local folder; or build the small "
            "offline base with `gleam-x base`",
        ) from error


def _check_folder(folder: Path) -> None:
    try:
        kind = read_json(folder / "config.json").get("model_type")
    except (ArtifactError, AttributeError) as error:
        raise ModelError(f"{folder} holds no base model: {error}", fix="give a folder with config.json") from error
    if kind not in MODEL_TYPES:
        raise ModelError("not an architecture that GLEAM-X trains", value=kind, allowed=MODEL_TYPES)
    if not any(folder.glob("*.safetensors")):
        raise ModelError(
            f"no safetensors in {folder}", fix="pickled weights are not loaded; convert them, or fetch the model again"
        )
