"""What the language model learns from: pairs drawn from the train places again and again, with reasons.

They are made as the benchmark's records are, but with other draws of names, partners and wordings, and never from a
place that the benchmark validates or tests on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gleam_common.catalog import Catalog
from gleam_common.progress import progress
from gleam_common.views import QUERY_VIEWS
from torch import Tensor
from torch.utils.data import Dataset
from typing_extensions import override

from gleam_x.base.gazes import Gaze, matched_gazes, spot_of, stacked, told_gazes
from gleam_x.base.seen import SeenPicture
from gleam_x.base.sights import Sight
from gleam_x.benchmark.mentions import MarkedText
from gleam_x.benchmark.pairs import Pair, facts_similarity, make_pool, read_landmarks
from gleam_x.benchmark.schema import LANGUAGES
from gleam_x.benchmark.wording import explain
from gleam_x.collate import Collator, Sample
from gleam_x.prompts import ORDERS, Prompt, build_target

__all__ = ["Comparison", "ComparisonBatches", "draw_comparisons"]

_STREAM = 7701


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A pair and its reasons in each language."""

    pair: Pair
    reasons: Mapping[str, MarkedText]


def draw_comparisons(world: Catalog, draws: int, seed: int) -> list[Comparison]:
    """Return the pairs of ``draws`` draws over the world's train places, right and wrong ones in equal numbers."""
    shows = read_landmarks(world)
    found: list[Comparison] = []
    jobs = [(draw, view) for draw in range(draws) for view in QUERY_VIEWS]
    for draw, view in progress(jobs, desc="comparisons", unit="draw", leave=False):
        rng = np.random.default_rng([seed, _STREAM, draw, list(QUERY_VIEWS).index(view)])
        pool = make_pool(world, shows, "train", view, facts_similarity, rng)
        pairs = [pair for couples in pool.couples.values() for couple in couples for pair in couple]
        found += [
            Comparison(pair=pair, reasons={language: explain(pair, language, rng) for language in LANGUAGES})
            for pair in pairs
        ]
    return found


class ComparisonBatches(Dataset[dict[str, Any]]):
    """Batch number ``step`` for one process: a function of (seed, step, rank) alone.

    Beside what the collator makes of the words, a batch holds ``seen`` (the tower's tokens of each picture), ``shows``
    (float32 (B, 2 F): which looks the first picture shows in which field, then the second), and ``told`` and
    ``matched``, where to look (:mod:`gleam_x.base.gazes`).

    Args:
        comparisons: to draw from; views are drawn alike, whatever their number.
        sights: the pictures, by id.
        seen: what the tower made of them, by id.
        collator: padding on the right.
        steps: how many batches there are.
        batch_size: samples of a batch.
        explained: share of batches that say why, on whole pictures; the others give the verdict alone, on any variant.
        seed: of the draw.
        rank: of this process.
    """

    def __init__(
        self,
        comparisons: Sequence[Comparison],
        sights: Mapping[str, Sight],
        seen: Mapping[str, Sequence[SeenPicture]],
        collator: Collator,
        *,
        steps: int,
        batch_size: int,
        explained: float,
        seed: int,
        rank: int,
    ) -> None:
        self._by_view = [[item for item in comparisons if item.pair.view is view] for view in QUERY_VIEWS]
        self._sights, self._seen, self._collator = sights, seen, collator
        self._steps, self._batch_size, self._explained = steps, batch_size, explained
        self._key = (seed, _STREAM, rank)

    def __len__(self) -> int:
        return self._steps

    @override
    def __getitem__(self, step: int) -> dict[str, Any]:
        rng = np.random.default_rng([*self._key, step])
        # One language and one task a batch: its samples are of like length, and little is padded.
        language = LANGUAGES[int(rng.integers(2))]
        task = "verdict_first" if rng.random() < self._explained else "label_only"
        drawn = [self._sample(number, language, task, rng) for number in range(self._batch_size)]
        pictures = [picture for _, pair, _ in drawn for picture in pair]
        grid_N3 = torch.tensor([picture.grid_3 for picture in pictures])
        shows = [np.concatenate([first.shows_F, second.shows_F]) for _, (first, second), _ in drawn]
        words = self._collator.words([sample for sample, _, _ in drawn], grid_N3)
        # Where things are is known of whole pictures.
        whole = enumerate(drawn) if task == "verdict_first" else ()
        gazes = [self._gazes(number, sample, item, words) for number, (sample, _, item) in whole]
        length = words["input_ids"].shape[1]
        return words | {
            "told": stacked([gaze for told, _ in gazes for gaze in told], length),
            "matched": stacked([gaze for _, matched in gazes for gaze in matched], length),
            "seen": [picture.tokens_TH for picture in pictures],
            "shows": torch.from_numpy(np.stack(shows)),
        }

    def _sample(
        self, number: int, language: str, task: str, rng: np.random.Generator
    ) -> tuple[Sample, tuple[SeenPicture, SeenPicture], Comparison]:
        items = self._by_view[number % len(self._by_view)]
        item = items[int(rng.integers(len(items)))]
        order = ORDERS[int(rng.integers(2))]
        prompt = Prompt(view=str(item.pair.view), language=language, order=order, task=task)
        verdict = "yes" if item.pair.same_place else "no"
        ids = (item.pair.query_id, item.pair.gallery_id)
        query, tile = (self._variant(self._seen[name], task, rng) for name in ids)
        sample = Sample(
            query=self._sights[ids[0]].picture_HWC,
            satellite=self._sights[ids[1]].picture_HWC,
            prompt=prompt,
            target=build_target(prompt, verdict, item.reasons[language].text),
            name=ids[0],
        )
        return sample, (query, tile) if order == "query_first" else (tile, query), item

    def _gazes(
        self, number: int, sample: Sample, item: Comparison, words: Mapping[str, Tensor]
    ) -> tuple[list[Gaze], list[Gaze]]:
        """Return where to look while a sample is told, and while its second picture is seen."""
        pair, is_query_first = item.pair, sample.prompt.order == "query_first"
        query, tile = self._sights[pair.query_id], self._sights[pair.gallery_id]
        first, second = (query, tile) if is_query_first else (tile, query)
        tokens = np.flatnonzero(words["mm_token_type_ids"][number].numpy())
        parts = np.split(tokens, [int(np.prod(first.grid))])
        of_query, of_tile = parts if is_query_first else parts[::-1]
        spots = [spot_of(query.things, mark.item_id, query.grid, of_query) for mark in pair.named_query]
        spots += [spot_of(tile.things, mark.item_id, tile.grid, of_tile) for mark in pair.named_tile]
        reason, answer = item.reasons[sample.prompt.language], sample.target.text if sample.target else ""
        before = len(answer) - len(reason.text)
        told = told_gazes(
            number,
            [(mention, spots[mention.number]) for mention in reason.mentions],
            [(start - before, stop - before) for start, stop in self._collator.offsets(answer)],
            first=int((words["span_ids"][number] != 0).int().argmax()),
        )
        things = (first.things, second.things)
        matched = matched_gazes(number, things, parts, same_place=pair.same_place, nowhere=int(tokens[0]) - 1)
        return list(told), list(matched)

    def _variant(self, variants: Sequence[SeenPicture], task: str, rng: np.random.Generator) -> SeenPicture:
        return variants[0 if task == "verdict_first" else int(rng.integers(len(variants)))]
