"""Pairs of pictures with a question and an answer, made into what a Qwen-VL model takes.

Axes: B samples, T tokens, N pictures (2 B, sample after sample), P patches of all pictures, D values of a patch.

The question is encoded apart from the answer, as it is when a model generates, so what is not answer can never be
supervised (``labels`` -100). Without ``mm_token_type_ids`` Qwen2.5-VL places pictures wrongly and says nothing (trl
issue 5277): :func:`check_batch` refuses such a batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from gleam_common.errors import ConfigError, DataError
from PIL import Image
from torch import Tensor

from gleam_x.pixel_budget import PixelBudget, budget_of, check_grids, check_shape, picture_grid
from gleam_x.preparation import is_prepared, prepare
from gleam_x.prompts import Prompt, Target, build_messages

__all__ = [
    "EXPLANATION",
    "IGNORED",
    "VERDICT",
    "Collator",
    "Picture",
    "Sample",
    "check_batch",
    "model_inputs",
    "split_by_length",
]

Picture = Image.Image | npt.NDArray[np.uint8]

IGNORED = -100
"""Label of a token that is not learnt; PyTorch's own default."""
VERDICT, EXPLANATION = 1, 2
"""Span of a supervised token; 0 stands where ``labels`` is ``IGNORED``."""

_MODEL_KEYS = ("input_ids", "attention_mask", "mm_token_type_ids", "pixel_values", "image_grid_thw")


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One question about two pictures. ``target`` is None where the model shall answer.

    Attributes:
        query: of the view in ``prompt``; PIL in any mode, or uint8 (height, width, 3), RGB.
        satellite: the tile.
        prompt: says in which order the pictures stand.
        target: what the model shall learn to answer.
        begun: how the answer begins already, not supervised: an explanation and a line break to read the verdict behind
            it, or a verdict to have it explained.
        name: for error messages.
    """

    query: Picture
    satellite: Picture
    prompt: Prompt
    target: Target | None = None
    begun: str = ""
    name: str = ""

    def pictures(self) -> tuple[Picture, Picture]:
        """Return the two pictures in the order in which the prompt names them."""
        pair = (self.query, self.satellite)
        return pair if self.prompt.order == "query_first" else (pair[1], pair[0])


class Collator:
    """Turns samples into a batch.

    The batch holds ``input_ids``, ``attention_mask``, ``mm_token_type_ids`` (B, T; 1 for picture tokens),
    ``pixel_values`` (P, D), ``image_grid_thw`` (N, 3) and, when the samples have targets, ``labels`` and ``span_ids``
    (B, T; both at the place of the token they are about, not shifted). ``<|im_end|>`` is supervised.

    Args:
        processor: of the model.
        padding: "right" for training, "left" for scoring and generation.
        max_tokens: longest sample; a longer one is an error, never cut. Drop them before: :func:`split_by_length`.
        budget: asked of the pictures; None for the processor's own.
    """

    def __init__(
        self,
        processor: Any,
        padding: Literal["left", "right"] = "right",
        max_tokens: int | None = None,
        budget: PixelBudget | None = None,
    ) -> None:
        if padding not in ("left", "right"):
            raise ConfigError("unknown padding side", value=padding, allowed=("left", "right"))
        self.processor, self.padding, self.max_tokens = processor, padding, max_tokens
        self.budget = budget or budget_of(processor.image_processor)
        self._is_prepared = is_prepared(processor)
        tokenizer = processor.tokenizer
        self.image_id = int(tokenizer.convert_tokens_to_ids("<|image_pad|>"))
        self.end_id = int(tokenizer.convert_tokens_to_ids("<|im_end|>"))
        self.pad_id = int(tokenizer.pad_token_id)
        self._questions: dict[Prompt, list[list[int]]] = {}

    def __call__(self, samples: Sequence[Sample]) -> dict[str, Tensor]:
        """Return the batch of ``samples``.

        Raises:
            DataError: a picture is unreadable, too long and narrow, or above the budget; a sample is longer than
                ``max_tokens``; only some samples have a target.
        """
        pixels, grid_N3 = self._pictures(samples)
        batch = self.words(samples, grid_N3) | {"pixel_values": pixels}
        check_batch(batch)
        return batch

    def words(self, samples: Sequence[Sample], grid_N3: Tensor) -> dict[str, Tensor]:
        """Return the batch without ``pixel_values``, for pictures of known grids whose tokens are known already.

        Raises:
            DataError: a sample is longer than ``max_tokens``; only some samples have a target.
        """
        if len({sample.target is None for sample in samples}) != 1:
            raise DataError("a batch where only some samples have a target", fix="collate them apart")
        merged_N = (grid_N3.prod(dim=-1) // int(self.processor.image_processor.merge_size) ** 2).tolist()
        rows = [
            self._tokens(sample, counts)
            for sample, counts in zip(samples, zip(merged_N[::2], merged_N[1::2], strict=True), strict=True)
        ]
        return self.pad(rows, with_labels=samples[0].target is not None) | {"image_grid_thw": grid_N3}

    def count_tokens(self, prompt: Prompt, target: Target | None, sizes: Sequence[tuple[int, int]]) -> int:
        """Return the length of a sample from its two pictures' (height, width), without the pictures."""
        merge = int(self.processor.image_processor.merge_size)
        grids = [picture_grid(self.processor.image_processor, height, width) for height, width in sizes]
        pictures = sum(down * across // merge**2 for down, across in grids)
        text = sum(len(part) for part in self._question(prompt))
        return text + pictures + (len(self._answer(target)[0]) if target else 0)

    def _pictures(self, samples: Sequence[Sample]) -> tuple[Tensor, Tensor]:
        pictures = [
            self._prepared(picture, f"picture {place} of sample {sample.name or number}")
            for number, sample in enumerate(samples)
            for place, picture in enumerate(sample.pictures())
        ]
        made = self.processor.image_processor(images=pictures, input_data_format="channels_last", return_tensors="pt")
        check_grids(made["image_grid_thw"], self.processor.image_processor, self.budget)
        return made["pixel_values"], made["image_grid_thw"]

    def _prepared(self, picture: Picture, where: str) -> Picture:
        readable = _readable(picture, where)
        return prepare(np.asarray(readable), self.processor.image_processor) if self._is_prepared else readable

    def _question(self, prompt: Prompt) -> list[list[int]]:
        """Return the tokens before, between and behind the two picture places; the same for all samples of a prompt."""
        if prompt not in self._questions:
            text = self.processor.apply_chat_template(
                build_messages(prompt), tokenize=False, add_generation_prompt=True
            )
            parts: list[list[int]] = [[]]
            for token in self.processor.tokenizer.encode(text, add_special_tokens=False):
                if token == self.image_id:
                    parts.append([])
                else:
                    parts[-1].append(token)
            if len(parts) != 3:
                raise ConfigError(
                    "the chat template does not give each picture one place",
                    value=len(parts) - 1,
                    allowed="2 places",
                    fix="use Qwen-VL's own template",
                )
            self._questions[prompt] = parts
        return self._questions[prompt]

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Return the characters, first and behind the last, of each token of an answer."""
        return [(int(start), int(stop)) for start, stop in self._coded(text)["offset_mapping"]]

    def _coded(self, text: str) -> Any:
        return self.processor.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)

    def _answer(self, target: Target) -> tuple[list[int], list[int]]:
        """Return tokens and spans of an answer, with the end of its turn."""
        coded = self._coded(target.text)
        start, end = target.verdict or (0, 0)
        # A token that holds any character of the word counts: some tokens take the sign before a word along.
        spans = [VERDICT if left < end and right > start else EXPLANATION for left, right in coded["offset_mapping"]]
        return [*coded["input_ids"], self.end_id], [*spans, EXPLANATION]

    def _tokens(self, sample: Sample, counts: tuple[int, int]) -> tuple[list[int], list[int]]:
        """Return tokens and spans of a sample whose pictures take ``counts`` tokens."""
        before, between, behind = self._question(sample.prompt)
        question = [*before, *[self.image_id] * counts[0], *between, *[self.image_id] * counts[1], *behind]
        question += self.processor.tokenizer.encode(sample.begun, add_special_tokens=False)
        answer, spans = self._answer(sample.target) if sample.target else ([], [])
        length = len(question) + len(answer)
        if self.max_tokens is not None and length > self.max_tokens:
            raise DataError(
                f"sample {sample.name!r} is too long (tokens)",
                value=length,
                allowed=f"at most {self.max_tokens}",
                fix="leave it out with split_by_length; it is never cut",
            )
        return question + answer, [0] * len(question) + spans

    def pad(self, rows: Sequence[tuple[list[int], list[int]]], with_labels: bool) -> dict[str, Tensor]:
        """Return the batch of words of samples whose tokens and spans are known, padded to the longest."""
        longest = max(len(tokens) for tokens, _ in rows)
        shape = (len(rows), longest)
        ids_BT, spans_BT = torch.full(shape, self.pad_id), torch.zeros(shape, dtype=torch.long)
        mask_BT = torch.zeros(shape, dtype=torch.long)
        for row, (tokens, spans) in enumerate(rows):
            place = slice(longest - len(tokens), None) if self.padding == "left" else slice(0, len(tokens))
            ids_BT[row, place], spans_BT[row, place] = torch.tensor(tokens), torch.tensor(spans)
            mask_BT[row, place] = 1
        batch = {"input_ids": ids_BT, "attention_mask": mask_BT}
        batch["mm_token_type_ids"] = (ids_BT == self.image_id).long()
        if with_labels:
            batch |= {"labels": ids_BT.masked_fill(spans_BT == 0, IGNORED), "span_ids": spans_BT}
        return batch


def _readable(picture: Picture, where: str) -> Picture:
    if isinstance(picture, np.ndarray):
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
            raise DataError(f"{where} is not uint8 (height, width, 3)", value=(str(picture.dtype), picture.shape))
        check_shape(picture.shape[0], picture.shape[1], where)
        return picture
    check_shape(picture.height, picture.width, where)
    try:
        return picture.convert("RGB")
    except (OSError, SyntaxError, ValueError) as error:  # Pillow decodes late: a cut file shows here
        raise DataError(f"{where} cannot be read ({error})", fix="restore it or take it out of the data") from error


def check_batch(batch: Mapping[str, Tensor]) -> None:
    """Refuse a batch that a model would take without a word and place its pictures wrongly.

    Raises:
        DataError: a key is missing, or ``mm_token_type_ids`` is not shaped as ``input_ids`` or marks no picture.
    """
    missing = [key for key in _MODEL_KEYS if key not in batch]
    if missing:
        raise DataError("a batch lacks what the model needs", value=missing, fix="pass on all that the collator made")
    types_BT, ids_BT = batch["mm_token_type_ids"], batch["input_ids"]
    if types_BT.shape != ids_BT.shape:
        raise DataError(
            "mm_token_type_ids and input_ids differ in shape", value=(tuple(types_BT.shape), tuple(ids_BT.shape))
        )
    if not bool(types_BT.any(dim=1).all()):
        raise DataError("mm_token_type_ids marks no picture in a sample", fix="collate it again")


def model_inputs(batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return what the model's ``forward`` takes, without labels and spans, so that no loss is computed inside.

    Raises:
        DataError: see :func:`check_batch`.
    """
    check_batch(batch)
    return {key: batch[key] for key in _MODEL_KEYS}


def split_by_length(lengths: Sequence[int], max_tokens: int) -> tuple[list[int], list[int]]:
    """Return the places of the samples that are short enough and of those that are dropped, to be counted.

    Args:
        lengths: of :meth:`Collator.count_tokens`.
        max_tokens: longest sample that is kept.

    Raises:
        DataError: nothing is left.
    """
    kept = [place for place, length in enumerate(lengths) if length <= max_tokens]
    if lengths and not kept:
        raise DataError(
            "every sample is too long (shortest, tokens)",
            value=min(lengths),
            allowed=f"at most {max_tokens}",
            fix="raise max_tokens or lower the pixel budget",
        )
    return kept, [place for place, length in enumerate(lengths) if length > max_tokens]
