"""What the language model learns to talk from: single pictures of the train places, and what is to be seen in them.

A caption is the sentence that a reason would have about the picture, with more things in it. It costs a third of a
comparison and names more. Captions stand among reasons and not before them: a model that learns verdicts alone
afterwards forgets every word (measured: 0.68 after 250 batches of captions, 7.25 again after 400 of verdicts).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from gleam_common.views import View
from torch import Tensor
from torch.utils.data import Dataset
from typing_extensions import override

from gleam_x.base.seen import SeenPicture
from gleam_x.base.sights import Sight
from gleam_x.benchmark.landmarks import Landmark
from gleam_x.benchmark.schema import LANGUAGES
from gleam_x.benchmark.wording import describe
from gleam_x.collate import EXPLANATION, IGNORED

__all__ = ["CaptionBatches", "InTurn"]

_STREAM = 7702
_MOST_NAMED = 4
_ASKED = {"en": "What does the picture show?", "zh": "这张图里有什么？"}


class CaptionBatches(Dataset[dict[str, Any]]):
    """Batch number ``step`` for one process: a function of (seed, step, rank) alone. Views take turns.

    Args:
        shows: the landmarks of each picture; of those that may be named, some are.
        sights: the pictures, by id.
        seen: what the tower made of them, by id.
        processor: of the model.
        steps: how many batches there are.
        batch_size: pictures of a batch, all in one language.
        seed: of the draw.
        rank: of this process.
    """

    def __init__(
        self,
        shows: Mapping[str, Sequence[Landmark]],
        sights: Mapping[str, Sight],
        seen: Mapping[str, Sequence[SeenPicture]],
        processor: Any,
        *,
        steps: int,
        batch_size: int,
        seed: int,
        rank: int,
    ) -> None:
        nameable = {name: [mark for mark in shows.get(name, ()) if mark.is_nameable] for name in sights}
        self._by_view = [
            [(name, nameable[name]) for name, sight in sights.items() if sight.view is view and nameable[name]]
            for view in View
        ]
        self._seen, self._tokenizer = seen, processor.tokenizer
        self._questions = {language: _question(processor, asked) for language, asked in _ASKED.items()}
        self._image_id = int(processor.tokenizer.convert_tokens_to_ids("<|image_pad|>"))
        self._end_id = int(processor.tokenizer.convert_tokens_to_ids("<|im_end|>"))
        self._steps, self._batch_size, self._key = steps, batch_size, (seed, _STREAM, rank)

    def __len__(self) -> int:
        return self._steps

    @override
    def __getitem__(self, step: int) -> dict[str, Any]:
        rng = np.random.default_rng([*self._key, step])
        language = LANGUAGES[int(rng.integers(2))]
        rows, pictures = [], []
        for number in range(self._batch_size):
            view = list(View)[number % len(View)]
            pool = self._by_view[number % len(View)]
            name, marks = pool[int(rng.integers(len(pool)))]
            named = [marks[place] for place in rng.permutation(len(marks))[:_MOST_NAMED]]
            pictures.append(self._seen[name][0])
            rows.append(self._row(describe(named, view, language, rng), language, len(pictures[-1].tokens_TH)))
        grids = torch.tensor([picture.grid_3 for picture in pictures])
        return _padded(rows, int(self._tokenizer.pad_token_id), self._image_id) | {
            "image_grid_thw": grids,
            "seen": [picture.tokens_TH for picture in pictures],
            # As if both pictures of a pair were this one.
            "shows": torch.from_numpy(np.stack([np.tile(picture.shows_L, 2) for picture in pictures])),
        }

    def _row(self, caption: str, language: str, count: int) -> tuple[list[int], int]:
        """Return the tokens of a sample, and how many of them are the question."""
        before, behind = self._questions[language]
        question = [*before, *[self._image_id] * count, *behind]
        return [*question, *self._tokenizer.encode(caption, add_special_tokens=False), self._end_id], len(question)


class InTurn(Dataset[dict[str, Any]]):
    """Batches of two sets in turn: number ``step`` comes from ``some`` for the given share of the steps.

    Args:
        usual: batches.
        some: as many others.
        share: of them, 0 to 1; they are spread evenly.
    """

    def __init__(self, usual: Dataset[dict[str, Any]], some: Dataset[dict[str, Any]], share: float) -> None:
        self._usual, self._some, self._share = usual, some, share

    def __len__(self) -> int:
        return len(self._usual)  # type: ignore[arg-type]

    @override
    def __getitem__(self, step: int) -> dict[str, Any]:
        is_due = int((step + 1) * self._share) > int(step * self._share)
        return self._some[step] if is_due else self._usual[step]


def _question(processor: Any, asked: str) -> tuple[list[int], list[int]]:
    """Return the tokens before and behind the picture's place."""
    messages = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": asked}]}]
    text = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    before, behind = text.split("<|image_pad|>")
    encode = processor.tokenizer.encode
    return encode(before, add_special_tokens=False), encode(behind, add_special_tokens=False)


def _padded(rows: Sequence[tuple[list[int], int]], pad_id: int, image_id: int) -> dict[str, Tensor]:
    shape = len(rows), max(len(tokens) for tokens, _ in rows)
    ids_BT, spans_BT = torch.full(shape, pad_id), torch.zeros(shape, dtype=torch.long)
    mask_BT = torch.zeros(shape, dtype=torch.long)
    for row, (tokens, asked) in enumerate(rows):
        ids_BT[row, : len(tokens)] = torch.tensor(tokens)
        mask_BT[row, : len(tokens)] = 1
        spans_BT[row, asked : len(tokens)] = EXPLANATION
    return {
        "input_ids": ids_BT,
        "attention_mask": mask_BT,
        "mm_token_type_ids": (ids_BT == image_id).long(),
        "labels": ids_BT.masked_fill(spans_BT == 0, IGNORED),
        "span_ids": spans_BT,
    }
