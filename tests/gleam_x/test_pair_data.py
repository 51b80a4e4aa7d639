"""A split as samples: pictures as the processor makes them, an order that anybody can find again, steps for ranks."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from gleam_common.errors import ArtifactError, DataError
from gleam_x.benchmark.folder import data_file, read_rows
from gleam_x.collate import Collator
from gleam_x.pair_data import Item, PairSplit, SamplePlan, plan_samples, read_split, relight, shrink
from gleam_x.step_loader import WINDOW, StepLoader, StepShape
from PIL import Image
from tiny_benchmark import PAIRS, write_benchmark
from tiny_vlm import picture, tiny_processor


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_benchmark(tmp_path_factory.mktemp("pairs") / "b")


@pytest.fixture(scope="module")
def split(folder: Path) -> PairSplit:
    return read_split(folder, "train", tiny_processor().image_processor)


def test_small_pictures_are_what_the_processor_makes_of_the_full_ones(folder: Path, split: PairSplit) -> None:
    images = tiny_processor().image_processor
    for row in read_rows(folder, "train"):
        full = Image.open(io.BytesIO(row["query_image"]["bytes"])).convert("RGB")
        small = split.pictures[f"query {row['query_id']}"]
        assert small.shape[0] * small.shape[1] < full.width * full.height
        made = [
            images(images=[image], input_data_format="channels_last", return_tensors="pt") for image in (full, small)
        ]
        assert torch.equal(made[0]["pixel_values"], made[1]["pixel_values"])
        assert torch.equal(made[0]["image_grid_thw"], made[1]["image_grid_thw"])


def test_a_size_that_would_be_resized_twice_stays_as_it_is() -> None:
    images = tiny_processor().image_processor
    # 20 x 700 pixels become one row of squares above the budget, which the rule would shrink once more.
    shapes = {(h, w): shrink(Image.fromarray(picture(0, h, w)), images).shape[:2] for h, w in ((20, 700), (56, 56))}
    assert shapes[20, 700] == (20, 700)
    assert shapes[56, 56] == (56, 56)


def test_a_broken_or_endless_picture_is_named(folder: Path, tmp_path: Path) -> None:
    images = tiny_processor().image_processor
    with pytest.raises(DataError, match=r"the tile is too long and narrow"):
        shrink(Image.fromarray(picture(0, 2, 600)), images, "the tile")
    rows = list(read_rows(folder, "train"))
    rows[0]["query_image"]["bytes"] = rows[0]["query_image"]["bytes"][:400]
    table = pq.read_table(folder / data_file("train"))
    broken = tmp_path / "b"
    write_benchmark(broken)
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), broken / data_file("train"))
    with pytest.raises(DataError, match=r"query picture of record toy/train/0/en"):
        read_split(broken, "train", images)
    with pytest.raises(DataError, match=r"no such split.*'dev'"):
        read_split(folder, "dev", images)
    with pytest.raises(ArtifactError):
        read_split(tmp_path / "nowhere", "train", images)


def test_both_languages_share_pictures_and_a_limit_draws_from_the_whole_split(folder: Path, split: PairSplit) -> None:
    assert len(split.records) == 2 * PAIRS["train"]
    assert len(split.pictures) == 2 * PAIRS["train"]
    some = read_split(folder, "train", tiny_processor().image_processor, limit=4)
    names = [record.record_id for record in some.records]
    assert len(names) == 4
    assert (names[0], names[-1]) == ("toy/train/0/en", "toy/train/11/zh")


def test_a_task_that_explains_is_told_the_truth_only_while_learning(split: PairSplit) -> None:
    item = Item(0, "explain", "query_first")
    assert split.sample(item, with_target=True).prompt.told_verdict == split.records[0].verdict
    asked = split.sample(item)
    assert (asked.prompt.told_verdict, asked.target) == ("", None)


def plan(seed: int = 1, order: str = "both", yes: int = 6, no: int = 6) -> SamplePlan:
    verdicts = ["yes"] * yes + ["no"] * no
    return SamplePlan(verdicts, [(number, "verdict_first") for number in range(yes + no)], seed, order)


def test_the_order_depends_on_seed_and_position_alone() -> None:
    walked, jumped = plan(), plan()
    row = [walked[position] for position in range(36)]
    assert [jumped[position] for position in (30, 2, 17, 2)] == [row[30], row[2], row[17], row[2]]
    assert [item.record for item, _ in row[:12]] != [item.record for item, _ in row[12:24]]
    assert row != [plan(seed=2)[position] for position in range(36)]
    assert [epoch for _, epoch in row] == [0] * 12 + [1] * 12 + [2] * 12


def test_every_even_piece_holds_as_many_yes_as_no_and_an_epoch_holds_all() -> None:
    rare = plan(yes=5, no=9)
    assert rare.epoch_length == 18
    records = [rare[position][0].record for position in range(18)]
    for start in range(0, 18, 2):
        assert sum(record < 5 for record in records[start : start + 2]) == 1
    counts = Counter(records)
    assert set(counts) == set(range(14))
    assert max(counts.values()) == 2
    with pytest.raises(DataError, match="both verdicts"):
        plan(yes=0)


def test_each_record_is_shown_in_the_other_order_in_the_next_epoch() -> None:
    both = plan(yes=40, no=40)
    seen = [{item.record: item.order for item, _ in (both[80 * epoch + n] for n in range(80))} for epoch in (0, 1)]
    assert all(seen[0][record] != seen[1][record] for record in range(80))
    assert 20 < sum(order == "query_first" for order in seen[0].values()) < 60
    assert {both_orders[0].order for both_orders in (plan(order="satellite_first")[n] for n in range(24))} == {
        "satellite_first"
    }


def test_long_samples_are_left_out_and_counted(split: PairSplit) -> None:
    collator = Collator(tiny_processor())
    lengths = []
    for number in range(len(split.records)):
        batch = collator([split.sample(Item(number, "verdict_first", "query_first"), with_target=True)])
        lengths.append(batch["input_ids"].shape[1])
    limit = sorted(lengths)[len(lengths) // 2]
    kept, dropped = plan_samples(split, ("verdict_first",), Collator(tiny_processor(), max_tokens=limit), 1)
    # The other order's words may be longer, never shorter, than the longest that is kept.
    assert dropped >= sum(length > limit for length in lengths) > 0
    assert dropped + len(kept.items) == len(lengths)
    everything, none = plan_samples(split, ("verify", "explain"), collator, 1)
    assert (len(everything.items), none) == (2 * len(lengths), 0)


def loader(split: PairSplit, shape: StepShape, rank: int = 0, steps: tuple[int, int] = (0, 3), **extra: float) -> list:
    samples, _ = plan_samples(split, ("verdict_first",), Collator(tiny_processor()), seed=1)
    return list(StepLoader(split, samples, Collator(tiny_processor()), shape, steps, rank=rank, **extra))  # type: ignore[arg-type]


def rows_of(batches: list) -> list[list[int]]:
    return [
        ids[mask.bool()].tolist()
        for batch in batches
        for ids, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True)
    ]


def test_ranks_and_micro_batches_share_out_the_same_step(split: PairSplit) -> None:
    whole = loader(split, StepShape(batch_size=8), steps=(0, 2))
    parts = [loader(split, StepShape(batch_size=2, accumulate=2, ranks=2), rank, (0, 2)) for rank in (0, 1)]
    assert len(parts[0]) == 4
    # Micro-batch for micro-batch, the ranks one behind another.
    mixed = [batch for pair in zip(*parts, strict=True) for batch in pair]
    assert rows_of(mixed) == rows_of(whole)


def test_a_batch_knows_the_tokens_of_its_step(split: PairSplit) -> None:
    for step in range(2):
        batches = loader(split, StepShape(batch_size=4, accumulate=2), steps=(step, step + 1))
        totals = torch.tensor([sum(float((b["span_ids"] == span).sum()) for b in batches) for span in (1, 2)])
        assert all(torch.equal(batch[WINDOW], totals) for batch in batches)
        assert totals[0] == 8


def test_a_loader_that_starts_late_goes_on_as_the_first_would_have(split: PairSplit) -> None:
    shape = StepShape(batch_size=8, accumulate=2)
    late, whole = loader(split, shape, steps=(2, 4), light=0.1), loader(split, shape, steps=(0, 4), light=0.1)
    for first, second in zip(late, whole[4:], strict=True):
        assert all(torch.equal(first[key], second[key]) for key in first)


def test_light_changes_brightness_a_little_and_depends_on_its_key() -> None:
    grey = np.full((20, 20, 3), 100, dtype=np.uint8)
    drawn = [int(relight(grey, 0.2, (1, 2, n, 0))[0, 0, 0]) for n in range(60)]
    assert drawn == [int(relight(grey, 0.2, (1, 2, n, 0))[0, 0, 0]) for n in range(60)]
    assert 80 <= min(drawn) < 90 < 110 < max(drawn) <= 120
    assert np.array_equal(relight(picture(1), 0.0, (0,)), picture(1))
