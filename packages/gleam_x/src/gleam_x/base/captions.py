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
from torch.utils.data import Dataset
from typing_extensions import override

from gleam_x.base.gazes import Gaze, spot_of, stacked, told_gazes
from gleam_x.base.seen import SeenPicture
from gleam_x.base.sights import Sight
from gleam_x.benchmark.landmarks import Landmark
from gleam_x.benchmark.mentions import MarkedText, marked, read_marks
from gleam_x.benchmark.schema import LANGUAGES
from gleam_x.benchmark.wording import describe, name_and_place
from gleam_x.collate import EXPLANATION, Collator

__all__ = ["CaptionBatches", "InTurn"]

_STREAM = 7702
_MOST_NAMED = 3
_ASKED = {"en": "What does the picture show?", "zh": "这张图里有什么？"}
_ASKED_WHERE = {"en": "Where is {thing}?", "zh": "{thing}在哪里？"}
_ASKED_WHAT = {"en": "What is {place}?", "zh": "{place}有什么？"}
_ANSWERED = {"en": "There is {thing} {place}.", "zh": "{place}有{thing}。"}

Told = tuple[str, MarkedText, Sequence[Landmark]]
"""Question, answer, and the things that it speaks of."""


class CaptionBatches(Dataset[dict[str, Any]]):
    """Batch number ``step`` for one process: a function of (seed, step, rank) alone. Views take turns.

    Args:
        shows: the landmarks of each picture; of those that may be named, the largest are,
            in order of size: what comes next can be known from the picture.
        sights: the pictures, by id.
        seen: what the tower made of them, by id.
        collator: of the model; padding on the right.
        steps: how many batches there are.
        batch_size: pictures of a batch, all in one language.
        whole: share of batches that describe pictures; the others ask where a thing is, or what is at a place.
        seed: of the draw.
        rank: of this process.
    """

    def __init__(
        self,
        shows: Mapping[str, Sequence[Landmark]],
        sights: Mapping[str, Sight],
        seen: Mapping[str, Sequence[SeenPicture]],
        collator: Collator,
        *,
        steps: int,
        batch_size: int,
        whole: float,
        seed: int,
        rank: int,
    ) -> None:
        nameable = {name: [mark for mark in shows.get(name, ()) if mark.is_nameable] for name in sights}
        self._by_view = [
            [(name, nameable[name]) for name, sight in sights.items() if sight.view is view and nameable[name]]
            for view in View
        ]
        self._sights, self._seen, self._collator = sights, seen, collator
        self._questions: dict[str, tuple[list[int], list[int]]] = {}
        self._whole = whole
        self._steps, self._batch_size, self._key = steps, batch_size, (seed, _STREAM, rank)

    def __len__(self) -> int:
        return self._steps

    @override
    def __getitem__(self, step: int) -> dict[str, Any]:
        rng = np.random.default_rng([*self._key, step])
        language, is_caption = LANGUAGES[int(rng.integers(2))], rng.random() < self._whole
        rows, pictures, gazes = [], [], []
        for number in range(self._batch_size):
            view = list(View)[number % len(View)]
            pool = self._by_view[number % len(View)]
            name, marks = pool[int(rng.integers(len(pool)))]
            asked, told, named = (_caption if is_caption else _about_one)(marks, view, language, rng)
            pictures.append(self._seen[name][0])
            rows.append(self._row(asked, told.text, len(pictures[-1].tokens_TH)))
            gazes += self._gazes(number, rows[-1], told, named, self._sights[name])
        grids = torch.tensor([picture.grid_3 for picture in pictures])
        words = self._collator.pad(rows, with_labels=True)
        length = words["input_ids"].shape[1]
        return words | {
            "told": stacked(gazes, length),
            "matched": stacked([], length),
            "image_grid_thw": grids,
            "seen": [picture.tokens_TH for picture in pictures],
            # As if both pictures of a pair were this one.
            "shows": torch.from_numpy(np.stack([np.tile(picture.shows_F, 2) for picture in pictures])),
        }

    def _gazes(
        self, number: int, row: tuple[list[int], list[int]], told: MarkedText, named: Sequence[Landmark], sight: Sight
    ) -> list[Gaze]:
        tokens, spans = row
        picture = tokens.index(self._collator.image_id) + np.arange(np.prod(sight.grid))
        shown = [
            (mention, spot_of(sight.things, named[mention.number].item_id, sight.grid, picture))
            for mention in told.mentions
        ]
        return list(told_gazes(number, shown, self._collator.offsets(told.text), spans.index(EXPLANATION)))

    def _row(self, asked: str, told: str, count: int) -> tuple[list[int], list[int]]:
        """Return tokens and spans of a sample whose picture takes ``count`` tokens."""
        if asked not in self._questions:
            self._questions[asked] = _question(self._collator.processor, asked)
        before, behind = self._questions[asked]
        question = [*before, *[self._collator.image_id] * count, *behind]
        tokens = self._collator.processor.tokenizer.encode(told, add_special_tokens=False)
        answer = [*tokens, self._collator.end_id]
        return [*question, *answer], [0] * len(question) + [EXPLANATION] * len(answer)


def _caption(marks: Sequence[Landmark], view: View, language: str, rng: np.random.Generator) -> Told:
    named = marks[: 1 + int(rng.integers(_MOST_NAMED))]
    return _ASKED[language], describe(named, view, language, rng), named


def _about_one(marks: Sequence[Landmark], view: View, language: str, rng: np.random.Generator) -> Told:
    """Return a question for the place of a thing, or for the thing of a place, and the answer."""
    mark = marks[int(rng.integers(len(marks)))]
    thing, place = name_and_place(mark, view, language, rng)
    asked = (_ASKED_WHERE, _ASKED_WHAT)[int(rng.integers(2))]
    answer = marked(_ANSWERED[language].format(thing=thing, place=place), 0)
    return asked[language].format(thing=thing, place=place), read_marks(answer), [mark]


class InTurn(Dataset[dict[str, Any]]):
    """Batches of two sets in turn: number ``step`` comes from ``some`` at first, then for a share of the steps.

    Args:
        usual: batches.
        some: as many others.
        share: of them behind the first ones, 0 to 1; they are spread evenly.
        first: how many steps are theirs alone.
    """

    def __init__(
        self, usual: Dataset[dict[str, Any]], some: Dataset[dict[str, Any]], share: float, first: int = 0
    ) -> None:
        self._usual, self._some, self._share, self._first = usual, some, share, first

    def __len__(self) -> int:
        return len(self._usual)  # type: ignore[arg-type]

    @override
    def __getitem__(self, step: int) -> dict[str, Any]:
        is_due = step < self._first or int((step + 1) * self._share) > int(step * self._share)
        return self._some[step] if is_due else self._usual[step]


def _question(processor: Any, asked: str) -> tuple[list[int], list[int]]:
    """Return the tokens before and behind the picture's place."""
    messages = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": asked}]}]
    text = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    before, behind = text.split("<|image_pad|>")
    encode = processor.tokenizer.encode
    return encode(before, add_special_tokens=False), encode(behind, add_special_tokens=False)
