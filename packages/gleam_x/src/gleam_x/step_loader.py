"""Batches of one process, step by step; every batch knows how many tokens its whole step supervises."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from gleam_common.plain_loader import PlainLoader
from torch import Tensor
from torch.utils.data import Dataset

from gleam_x.collate import Collator, Sample
from gleam_x.losses import count_spans, total_counts
from gleam_x.pair_data import PairSplit, SamplePlan, relight

__all__ = ["WINDOW", "StepLoader", "StepShape"]

WINDOW = "window_spans"
"""Key of a batch: the (verdict, explanation) tokens of its step in this process, float32 (2,)."""


@dataclass(frozen=True, kw_only=True)
class StepShape:
    """How a step is cut: ``batch_size`` samples at once in each of ``ranks`` processes, ``accumulate`` times."""

    batch_size: int
    accumulate: int = 1
    ranks: int = 1

    @property
    def samples(self) -> int:
        """Samples of a step, of all processes."""
        return self.batch_size * self.accumulate * self.ranks


class _Steps(Dataset[list[dict[str, Tensor]]]):
    """The batches of a step for one process, by the step's number."""

    def __init__(
        self, split: PairSplit, plan: SamplePlan, collator: Collator, shape: StepShape, rank: int, light: float
    ) -> None:
        self.split, self.plan, self.collator = split, plan, collator
        self.shape, self.rank, self.light = shape, rank, light

    def __getitem__(self, step: int) -> list[dict[str, Tensor]]:
        shape = self.shape
        first = step * shape.samples
        batches = []
        for number in range(shape.accumulate):
            start = first + (number * shape.ranks + self.rank) * shape.batch_size
            batches.append(self.collator([self._sample(start + place) for place in range(shape.batch_size)]))
        total = total_counts(map(count_spans, batches))
        return [batch | {WINDOW: torch.tensor([total.verdict, total.explanation])} for batch in batches]

    def _sample(self, position: int) -> Sample:
        item, epoch = self.plan[position]
        sample = self.split.sample(item, with_target=True)
        if not self.light:
            return sample
        key = (self.plan.seed, epoch, item.record)
        query: Any = sample.query
        satellite: Any = sample.satellite
        return replace(
            sample, query=relight(query, self.light, (*key, 0)), satellite=relight(satellite, self.light, (*key, 1))
        )


class StepLoader:
    """Yields the batches of steps ``first`` to ``last`` (not among them), ``accumulate`` batches a step.

    Args:
        split: to learn from.
        plan: says which sample stands where; the steps lie on it one behind another.
        collator: padding on the right.
        shape: of a step.
        steps: (first, last).
        rank: of this process.
        light: see :func:`gleam_x.pair_data.relight`; 0 leaves the pictures.
        workers: loader processes.
    """

    def __init__(
        self,
        split: PairSplit,
        plan: SamplePlan,
        collator: Collator,
        shape: StepShape,
        steps: tuple[int, int],
        rank: int = 0,
        light: float = 0.0,
        workers: int = 0,
    ) -> None:
        self._shape, self._steps = shape, steps
        dataset = _Steps(split, plan, collator, shape, rank, light)
        self._loader: PlainLoader[list[dict[str, Tensor]]] = PlainLoader(
            dataset, workers=workers, batch_size=None, sampler=range(*steps)
        )

    def __len__(self) -> int:
        return (self._steps[1] - self._steps[0]) * self._shape.accumulate

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        for batches in self._loader:
            yield from batches
