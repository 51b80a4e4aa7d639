"""A split of the benchmark as samples: pictures decoded once, and an order that is a pure function of seed and place.

Axes: H height, W width of a picture, 3 its colours.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from gleam_common.errors import DataError
from gleam_common.progress import progress
from PIL import Image

from gleam_x.benchmark.folder import open_benchmark, read_rows
from gleam_x.benchmark.schema import Record, record_of
from gleam_x.collate import Collator, Sample, split_by_length
from gleam_x.pixel_budget import check_shape, picture_grid
from gleam_x.prompts import ORDERS, Prompt, build_target

__all__ = ["Item", "PairSplit", "SamplePlan", "plan_samples", "read_split", "relight", "shrink"]

Picture = npt.NDArray[np.uint8]
_BROKEN = (OSError, SyntaxError, ValueError)


class Item(NamedTuple):
    """One sample to be made: number of the record in its split, task, order of the pictures."""

    record: int
    task: str
    order: str


@dataclass(frozen=True, kw_only=True)
class PairSplit:
    """Records and pictures of one split.

    Attributes:
        records: in the order of the file.
        pictures: uint8 (H, W, 3) by id of the query or tile, shared by the languages of a pair.
    """

    records: list[Record]
    pictures: dict[str, Picture]

    def sample(self, item: Item, with_target: bool = False) -> Sample:
        """Return the sample of ``item``; the task "explain" is told the truth when it has a target, else nothing.

        Raises:
            DataError: the target needs an explanation and the record has none.
        """
        record = self.records[item.record]
        told = record.verdict if with_target and item.task == "explain" else ""
        prompt = Prompt(view=record.view, language=record.language, task=item.task, order=item.order, told_verdict=told)
        try:
            target = build_target(prompt, record.verdict, record.explanation) if with_target else None
        except DataError as error:
            raise DataError(f"record {record.record_id}: {error}") from None
        return Sample(
            query=self.pictures[f"query {record.query_id}"],
            satellite=self.pictures[f"satellite {record.gallery_id}"],
            prompt=prompt,
            target=target,
            name=record.record_id,
        )

    def samples(self, task: str, order: str = ORDERS[0]) -> list[Sample]:
        """Return the question of every record, without its answer."""
        return [self.sample(Item(number, task, order)) for number in range(len(self.records))]


def shrink(picture: Image.Image, image_processor: Any, where: str = "a picture") -> Picture:
    """Return ``picture`` at the size that the model sees, made by the processor's own resizing.

    The processor resizes bytes to bytes before it computes with them, and leaves a picture of the right size as it is;
    so what the model gets is equal to the last bit. A size that the rule would change once more is kept as it was.

    Raises:
        DataError: the picture is broken, or too long and narrow.
    """
    try:
        full_HW3 = np.array(picture.convert("RGB"), dtype=np.uint8)
    except _BROKEN as error:  # Pillow decodes late: a cut file shows here
        raise DataError(f"{where} cannot be read ({error})", fix="restore it or take it out of the data") from error
    check_shape(full_HW3.shape[0], full_HW3.shape[1], where)
    patch = int(image_processor.patch_size)
    grid = picture_grid(image_processor, full_HW3.shape[0], full_HW3.shape[1])
    if picture_grid(image_processor, grid[0] * patch, grid[1] * patch) != grid:
        return full_HW3
    resized_1chw = image_processor.resize(
        torch.from_numpy(full_HW3).permute(2, 0, 1)[None],
        image_processor.size,
        image_processor.resample,
        factor=patch * int(image_processor.merge_size),
    )
    return np.ascontiguousarray(resized_1chw[0].permute(1, 2, 0).numpy())


def read_split(folder: str | Path, split: str, image_processor: Any, limit: int | None = None) -> PairSplit:
    """Return a split of a finished benchmark, every picture decoded once and small.

    Args:
        folder: of the benchmark.
        split: train, validation or test.
        image_processor: of the model; decides the pictures' size.
        limit: most records, drawn evenly from the whole split; None for all.

    Raises:
        ArtifactError: no finished benchmark of this version.
        DataError: no such split, or a row or a picture is broken.
    """
    benchmark = open_benchmark(folder)
    if split not in benchmark:
        raise DataError("no such split of the benchmark", value=split, allowed=list(benchmark))
    count = len(benchmark[split])
    wanted = (
        set(range(count)) if limit is None else set(np.linspace(0, count - 1, min(limit, count)).round().astype(int))
    )
    records: list[Record] = []
    pictures: dict[str, Picture] = {}
    bar = progress(read_rows(folder, split), total=count, desc=f"pictures of {split}", unit="record")
    for number, row in enumerate(bar):
        if number not in wanted:
            continue
        record = record_of(row)
        records.append(record)
        for kind, name in (("query", record.query_id), ("satellite", record.gallery_id)):
            if f"{kind} {name}" not in pictures:
                where = f"{kind} picture of record {record.record_id}"
                pictures[f"{kind} {name}"] = shrink(_opened(row[f"{kind}_image"], where), image_processor, where)
    return PairSplit(records=records, pictures=pictures)


def _opened(cell: Any, where: str) -> Image.Image:
    try:
        return Image.open(io.BytesIO(cell["bytes"]))
    except (*_BROKEN, TypeError) as error:
        raise DataError(f"{where} is no picture ({error})", fix="build the benchmark again") from error


class SamplePlan:
    """Which sample stands where: an endless row of items, as many yes as no, epoch after epoch.

    The item at a position depends on seed and position alone, so a stopped run goes on anywhere. Yes and no take turns;
    where one is rarer, its records come more than once in an epoch.

    Args:
        verdicts: of each item of an epoch.
        items: (record, task) of each.
        seed: of the order.
        order: of the pictures: "both" takes turns from epoch to epoch, for half of the records the other way round.

    Raises:
        DataError: there is no yes, or no no.
    """

    def __init__(
        self, verdicts: Sequence[str], items: Sequence[tuple[int, str]], seed: int, order: str = "both"
    ) -> None:
        self.items, self.seed, self.order = list(items), seed, order
        self._kinds = [np.array([n for n, v in enumerate(verdicts) if v == kind]) for kind in ("yes", "no")]
        if not all(len(kind) for kind in self._kinds):
            raise DataError("training needs records of both verdicts", value=sorted(set(verdicts)))
        self.epoch_length = 2 * max(len(kind) for kind in self._kinds)
        self._known: tuple[int, list[Item]] = (-1, [])

    def __getitem__(self, position: int) -> tuple[Item, int]:
        """Return the item at ``position`` and the epoch that it belongs to."""
        epoch, place = divmod(position, self.epoch_length)
        if self._known[0] != epoch:
            self._known = (epoch, self._epoch(epoch))
        return self._known[1][place], epoch

    def _epoch(self, epoch: int) -> list[Item]:
        rng = np.random.default_rng([self.seed, epoch])
        half = self.epoch_length // 2
        rows = []
        for kind in self._kinds:
            rounds = [rng.permutation(kind) for _ in range(-(-half // len(kind)))]
            rows.append(np.concatenate(rounds)[:half])
        mixed = np.stack(rows, axis=1).reshape(-1)
        chosen = [self.items[n] for n in mixed]
        return [Item(record, task, self._order(record, epoch)) for record, task in chosen]

    def _order(self, record: int, epoch: int) -> str:
        if self.order != "both":
            return self.order
        coin = int(np.random.default_rng([self.seed, 7, record]).integers(2))
        return ORDERS[(coin + epoch) % 2]


def plan_samples(
    split: PairSplit, tasks: Sequence[str], collator: Collator, seed: int, order: str = "both"
) -> tuple[SamplePlan, int]:
    """Return the plan of a split for ``tasks`` and the number of samples left out as longer than the collator takes.

    Raises:
        DataError: nothing is left, or one verdict only; an explanation is missing.
    """
    items = [(number, task) for number in range(len(split.records)) for task in tasks]
    lengths = [_length(split, collator, item) for item in items]
    kept, dropped = split_by_length(lengths, collator.max_tokens or max(lengths, default=0))
    chosen = [items[place] for place in kept]
    return SamplePlan([split.records[number].verdict for number, _ in chosen], chosen, seed, order), len(dropped)


def _length(split: PairSplit, collator: Collator, item: tuple[int, str]) -> int:
    lengths = []
    for order in ORDERS:  # the words about the order differ
        sample = split.sample(Item(item[0], item[1], order), with_target=True)
        sizes = [(picture.shape[0], picture.shape[1]) for picture in (sample.query, sample.satellite)]  # type: ignore[union-attr]
        lengths.append(collator.count_tokens(sample.prompt, sample.target, sizes))
    return max(lengths)


def relight(picture_HW3: Picture, share: float, key: Sequence[int]) -> Picture:
    """Return the picture a little brighter or darker, flatter or harder, by a draw that depends on ``key`` alone.

    Colours, places and numbers of things stay, so every claim stays true.

    Args:
        picture_HW3: uint8.
        share: largest change of brightness and of contrast, in [0, 0.5].
        key: whole numbers: seed, epoch, record, picture.
    """
    gain, contrast = 1 + np.random.default_rng(list(key)).uniform(-share, share, 2)
    mean = picture_HW3.mean()
    changed = (picture_HW3 - mean) * contrast + mean * gain
    return np.asarray(np.clip(changed.round(), 0, 255), dtype=np.uint8)
