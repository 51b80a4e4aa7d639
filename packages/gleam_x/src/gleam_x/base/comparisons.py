"""What the language model learns from: pairs drawn from the train places again and again, with reasons.

They are made as the benchmark's records are, but with other draws of names, partners and wordings, and never from a
place that the benchmark validates or tests on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from gleam_common.catalog import Catalog
from gleam_common.progress import progress
from gleam_common.views import QUERY_VIEWS
from torch import Tensor
from torch.utils.data import Dataset
from typing_extensions import override

from gleam_x.base.sights import Sight
from gleam_x.benchmark.pairs import Pair, facts_similarity, make_pool, read_landmarks
from gleam_x.benchmark.schema import LANGUAGES
from gleam_x.benchmark.wording import explain
from gleam_x.collate import Collator, Sample
from gleam_x.prompts import ORDERS, Prompt, build_target

__all__ = ["Comparison", "ComparisonBatches", "draw_comparisons", "shared_looks"]

_STREAM = 7701
_SEEN = 0.1
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A pair and its reasons in each language."""

    pair: Pair
    reasons: Mapping[str, str]


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


class ComparisonBatches(Dataset[dict[str, Tensor]]):
    """Batch number ``step`` for one process: a function of (seed, step, rank) alone.

    Args:
        comparisons: to draw from; views are drawn alike, whatever their number.
        sights: the pictures, by id.
        collator: padding on the right.
        steps: how many batches there are.
        batch_size: samples of a batch.
        explained: share of samples that say why; the others give the verdict alone.
        seed: of the draw.
        rank: of this process.
    """

    def __init__(
        self,
        comparisons: Sequence[Comparison],
        sights: Mapping[str, Sight],
        collator: Collator,
        *,
        steps: int,
        batch_size: int,
        explained: float,
        seed: int,
        rank: int,
    ) -> None:
        self._by_view = [[item for item in comparisons if item.pair.view is view] for view in QUERY_VIEWS]
        self._sights, self._collator = sights, collator
        self._steps, self._batch_size, self._explained = steps, batch_size, explained
        self._key = (seed, _STREAM, rank)

    def __len__(self) -> int:
        return self._steps

    @override
    def __getitem__(self, step: int) -> Any:
        rng = np.random.default_rng([*self._key, step])
        drawn = [self._sample(number, rng) for number in range(self._batch_size)]
        looks = [shared_looks(first.looks_TL, second.looks_TL) for _, first, second in drawn]
        return self._collator([sample for sample, _, _ in drawn]) | {
            name: torch.from_numpy(np.concatenate(parts))
            for name, parts in zip(("own", "shared", "is_second"), zip(*looks, strict=True), strict=True)
        }

    def _sample(self, number: int, rng: np.random.Generator) -> tuple[Sample, Sight, Sight]:
        items = self._by_view[number % len(self._by_view)]
        item = items[int(rng.integers(len(items)))]
        language, order = LANGUAGES[int(rng.integers(2))], ORDERS[int(rng.integers(2))]
        task = "verdict_first" if rng.random() < self._explained else "label_only"
        prompt = Prompt(view=str(item.pair.view), language=language, order=order, task=task)
        verdict = "yes" if item.pair.same_place else "no"
        query, tile = self._sights[item.pair.query_id], self._sights[item.pair.gallery_id]
        sample = Sample(
            query=query.picture_HWC,
            satellite=tile.picture_HWC,
            prompt=prompt,
            target=build_target(prompt, verdict, item.reasons[language]),
            name=item.pair.query_id,
        )
        return (sample, query, tile) if order == "query_first" else (sample, tile, query)


def shared_looks(first_TL: Floats, second_TL: Floats) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    """Return what is under each token of two pictures, what of it the first picture shows too, and which tokens are the
    second's: float32 (T1 + T2, L) twice and bool (T1 + T2,). It is the comparison itself, told token by token.
    """
    own_TL = np.concatenate([first_TL, second_TL])
    shared_TL = own_TL * (first_TL.max(axis=0) > _SEEN)
    return own_TL, shared_TL, np.arange(len(own_TL)) >= len(first_TL)
