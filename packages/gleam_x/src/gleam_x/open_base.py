"""A base as training and answering take it: loaded, and in four bits the same while it learns and while it answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from gleam_x.pixel_budget import PixelBudget
from gleam_x.vlm import Base, load_base

__all__ = ["open_base"]


def open_base(
    source: str | Path, quantise: str | None, dtype: torch.dtype | None, budget: PixelBudget, revision: str = ""
) -> Base:
    """Return :func:`gleam_x.vlm.load_base` of ``source``, whose four-bit layers compute alike in both modes.

    On CPUs with AVX512-BF16 bitsandbytes 0.50 packs four-bit weights anew in evaluation mode, for products in bfloat16:
    other numbers than in training, and an error where a layer's width is no multiple of its block of 64.

    Args:
        source: folder or hub id.
        quantise: "nf4" or None.
        dtype: of the weights; None for bfloat16 on a GPU and float32 on a CPU.
        budget: pixels of a picture.
        revision: commit, tag or branch of the hub; empty for its newest.

    Raises:
        ModelError: see :func:`gleam_x.vlm.load_base`.
        ConfigError: see there.
    """
    base = load_base(source, quantise, dtype, budget, revision or None)
    modules: Any = base.model.modules()
    for module in modules:
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
    return base
