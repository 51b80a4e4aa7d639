"""A tiny Qwen-VL for tests, built once: two languages, the prompts' words, random weights."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from gleam_x.architecture import CHAT_TEMPLATE, PRESETS, build_model, build_processor
from gleam_x.collate import Sample
from gleam_x.pixel_budget import PixelBudget
from gleam_x.prompts import Prompt, build_target
from gleam_x.tokenizer import train_tokenizer
from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration
from transformers.models.qwen2_5_vl.processing_qwen2_5_vl import Qwen2_5_VLProcessor
from transformers.models.qwen2_vl.image_processing_qwen2_vl import Qwen2VLImageProcessor
from transformers.models.qwen2_vl.video_processing_qwen2_vl import Qwen2VLVideoProcessor

REASON = {
    "en": "The first picture shows a church with a red roof and two ponds; the tile shows neither. They differ.",
    "zh": "第一张图显示一座红色屋顶的教堂和两个池塘，卫星影像中都没有。地点不同。",
}


@cache
def tiny_tokenizer() -> Any:
    texts = [f"{reason} {number}" for number in range(30) for reason in REASON.values()]
    return train_tokenizer(texts, merges=400)


@cache
def tiny_processor() -> Any:
    return build_processor(tiny_tokenizer(), PixelBudget(min_pixels=28 * 28, max_pixels=84 * 84))


@cache
def _model() -> Any:
    return build_model(PRESETS["nano"], tiny_tokenizer())


def tiny_model() -> Any:
    """A fresh copy: tests may change it."""
    return copy.deepcopy(_model())


def picture(seed: int, height: int = 56, width: int = 56) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def sample(
    seed: int = 0,
    language: str = "en",
    task: str = "verdict_first",
    order: str = "query_first",
    verdict: str | None = "no",
    reason: str | None = None,
    size: tuple[int, int] = (56, 56),
) -> Sample:
    prompt = Prompt(view="uav", language=language, task=task, order=order)
    target = build_target(prompt, verdict, REASON[language] if reason is None else reason) if verdict else None
    query, satellite = picture(2 * seed, *size), picture(2 * seed + 1, 84, 56)
    return Sample(query=query, satellite=satellite, prompt=prompt, target=target, name=f"s{seed}")


@cache
def _model_3() -> Any:
    tokenizer = tiny_tokenizer()
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "max_position_embeddings": 2048,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 1, 1]},
        "pad_token_id": tokenizer.pad_token_id,
    }
    vision = {
        "depth": 2,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_heads": 2,
        "out_hidden_size": 32,
        "num_position_embeddings": 64,
        "deepstack_visual_indexes": [0],
    }
    ids = {
        f"{name}_token_id": tokenizer.convert_tokens_to_ids(f"<|{mark}|>")
        for name, mark in {
            "image": "image_pad",
            "video": "video_pad",
            "vision_start": "vision_start",
            "vision_end": "vision_end",
        }.items()
    }
    config = Qwen3VLConfig(text_config=text, vision_config=vision, tie_word_embeddings=True, **ids)
    torch.manual_seed(0)
    return Qwen3VLForConditionalGeneration(config).eval()


def tiny_model_3() -> Any:
    """A fresh tiny Qwen3-VL: patches of 16 pixels, other names in the vision tower, DeepStack."""
    return copy.deepcopy(_model_3())


@cache
def tiny_processor_3() -> Any:
    images = Qwen2VLImageProcessor(
        size={"shortest_edge": 32 * 32, "longest_edge": 96 * 96},
        patch_size=16,
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )
    videos = Qwen2VLVideoProcessor(patch_size=16)
    return Qwen2_5_VLProcessor(
        image_processor=images, video_processor=videos, tokenizer=tiny_tokenizer(), chat_template=CHAT_TEMPLATE
    )
