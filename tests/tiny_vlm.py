"""A tiny Qwen-VL for tests, built once: two languages, the prompts' words, random weights."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from gleam_x.architecture import PRESETS, build_model, build_processor
from gleam_x.collate import Sample
from gleam_x.pixel_budget import PixelBudget
from gleam_x.prompts import Prompt, build_target
from gleam_x.tokenizer import train_tokenizer

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
