"""A tiny Qwen2.5-VL from numbers alone: the real architecture, processor and file format, random weights, no download.

What is trained on it runs unchanged on ``Qwen/Qwen2.5-VL-3B-Instruct``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from gleam_common.errors import ConfigError
from transformers import PreTrainedTokenizerBase, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration
from transformers.models.qwen2_5_vl.processing_qwen2_5_vl import Qwen2_5_VLProcessor
from transformers.models.qwen2_vl.image_processing_qwen2_vl import Qwen2VLImageProcessor
from transformers.models.qwen2_vl.video_processing_qwen2_vl import Qwen2VLVideoProcessor

from gleam_x.pixel_budget import PixelBudget

__all__ = ["CHAT_TEMPLATE", "PRESETS", "TinySpec", "build_model", "build_processor", "save_base"]

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif part['type'] == 'text' %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""Qwen2.5-VL's form of a chat, written anew, without videos and without a system line of its own."""

PATCH_PX = 14
MERGE = 2


@dataclass(frozen=True, kw_only=True)
class TinySpec:
    """Sizes of a tiny Qwen2.5-VL.

    Attributes:
        text_hidden: width of the language model; a multiple of 4 x ``text_heads``.
        text_layers: decoder layers.
        text_heads: attention heads, a multiple of ``text_kv_heads``.
        text_kv_heads: heads of keys and values.
        text_mlp: width inside the language model's MLPs.
        vision_hidden: width of the vision tower; a multiple of 4 x ``vision_heads``.
        vision_depth: its blocks; every second one and the last attend to the whole picture, others to windows.
        vision_heads: its attention heads.
        vision_mlp: width inside its MLPs.
        window_px: side of an attention window, pixels, a multiple of 28.
        max_tokens: longest sequence.
    """

    text_hidden: int = 160
    text_layers: int = 4
    text_heads: int = 4
    text_kv_heads: int = 2
    text_mlp: int = 448
    vision_hidden: int = 128
    vision_depth: int = 3
    vision_heads: int = 4
    vision_mlp: int = 256
    window_px: int = 112
    max_tokens: int = 4096

    def __post_init__(self) -> None:
        """Check what rotary positions and grouped heads need.

        Raises:
            ConfigError: names the sizes that do not fit together.
        """
        for name, hidden, heads in (
            ("text", self.text_hidden, self.text_heads),
            ("vision", self.vision_hidden, self.vision_heads),
        ):
            if hidden % (4 * heads):
                raise ConfigError(f"{name}_hidden must be a multiple of 4 x {name}_heads", value=(hidden, heads))
        if self.text_heads % self.text_kv_heads:
            raise ConfigError("text_heads must be a multiple of text_kv_heads", value=self.text_heads)
        if self.window_px % (PATCH_PX * MERGE):
            raise ConfigError("window_px must be a multiple of 28", value=self.window_px)


PRESETS = {
    "nano": TinySpec(
        text_hidden=32, text_layers=2, text_mlp=64, vision_hidden=32, vision_depth=2, vision_heads=2, vision_mlp=48
    ),
    "small": TinySpec(),
    "medium": TinySpec(text_hidden=256, text_layers=6, text_mlp=704, vision_hidden=192, vision_depth=3, vision_mlp=384),
}
"""About 0.15 M (tests), 2.5 M and 7 M parameters with 2000 merges."""


def _config(spec: TinySpec, tokenizer: PreTrainedTokenizerBase) -> Qwen2_5_VLConfig:
    half = spec.text_hidden // spec.text_heads // 2
    sides = 3 * half // 8  # Qwen2.5-VL's 16 : 24 : 24 of time, height and width
    ids: dict[str, Any] = {
        f"{name}_token_id": tokenizer.convert_tokens_to_ids(f"<|{mark}|>")
        for name, mark in (
            ("image", "image_pad"),
            ("video", "video_pad"),
            ("vision_start", "vision_start"),
            ("vision_end", "vision_end"),
        )
    }
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": spec.text_hidden,
        "intermediate_size": spec.text_mlp,
        "num_hidden_layers": spec.text_layers,
        "num_attention_heads": spec.text_heads,
        "num_key_value_heads": spec.text_kv_heads,
        "max_position_embeddings": spec.max_tokens,
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 1e6,
            "mrope_section": [half - 2 * sides, sides, sides],
        },
    }
    vision = {
        "depth": spec.vision_depth,
        "hidden_size": spec.vision_hidden,
        "intermediate_size": spec.vision_mlp,
        "num_heads": spec.vision_heads,
        "out_hidden_size": spec.text_hidden,
        "fullatt_block_indexes": list(range(spec.vision_depth - 1, -1, -2))[::-1],
        "window_size": spec.window_px,
        "patch_size": PATCH_PX,
        "spatial_merge_size": MERGE,
    }
    return Qwen2_5_VLConfig(text_config=text, vision_config=vision, tie_word_embeddings=True, **ids)


def build_model(spec: TinySpec, tokenizer: PreTrainedTokenizerBase, seed: int = 0) -> Any:
    """Return a ``Qwen2_5_VLForConditionalGeneration`` with random float32 weights, in evaluation mode.

    The random state of the caller is left as it was; the same seed gives the same weights.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: Any = Qwen2_5_VLForConditionalGeneration(_config(spec, tokenizer))
    generation = model.generation_config
    generation.eos_token_id, generation.pad_token_id = tokenizer.eos_token_id, tokenizer.pad_token_id
    generation.bos_token_id, generation.do_sample = None, False
    return model.eval()


def build_processor(tokenizer: PreTrainedTokenizerBase, budget: PixelBudget) -> Any:
    """Return a ``Qwen2_5_VLProcessor``: tokenizer, chat template, pictures within ``budget`` from construction on."""
    shared: Any = {"size": budget.size, "patch_size": PATCH_PX, "merge_size": MERGE}
    return Qwen2_5_VLProcessor(  # type: ignore[no-untyped-call]
        image_processor=Qwen2VLImageProcessor(**shared),
        video_processor=Qwen2VLVideoProcessor(**shared),
        tokenizer=tokenizer,
        chat_template=CHAT_TEMPLATE,
    )


def save_base(folder: Path | str, model: Any, processor: Any) -> None:
    """Write model (safetensors) and processor into ``folder``, as ``from_pretrained`` of both reads it."""
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
