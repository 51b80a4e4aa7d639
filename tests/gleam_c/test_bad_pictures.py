"""Pairs that cannot be read are counted once over all ranks, and too many of them end the run on all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import torch
from gleam_c.bad_pictures import BadPictures
from gleam_common.errors import DataError
from gloo_processes import run_in_processes
from torch import nn


def batch_of(*bad: str) -> dict[str, Any]:
    return {"bad": list(bad)}


def on_batch(counter: BadPictures, batch: dict[str, Any]) -> None:
    module = nn.Module()
    cast(Any, module).device = torch.device("cpu")
    counter.on_train_batch_end(cast(Any, None), cast(Any, module), None, batch, 0)


def test_a_pair_counts_once_and_the_first_too_many_is_said() -> None:
    counter = BadPictures(pairs=2000, share=0.001)
    for _ in range(3):
        on_batch(counter, batch_of("a.jpg: broken", "b.jpg: broken"))
    assert counter.count == 2
    with pytest.raises(DataError, match=r"3 of 2000 training pairs.*more than 0\.1%; c\.jpg: not a picture"):
        on_batch(counter, batch_of("c.jpg: not a picture"))


def test_a_run_that_goes_on_counts_on() -> None:
    counter, later = (BadPictures(pairs=2000, share=0.001) for _ in range(2))
    on_batch(counter, batch_of("a", "b"))
    later.load_state_dict(counter.state_dict())
    on_batch(later, batch_of("b"))
    assert later.count == 2
    with pytest.raises(DataError, match="3 of 2000"):
        on_batch(later, batch_of("c"))


def count_on_ranks(rank: int, world: int, folder: Path) -> None:
    counter = BadPictures(pairs=1000, share=0.002)
    on_batch(counter, batch_of("a"))  # the same one on both ranks
    on_batch(counter, batch_of(*["b"] * rank))
    said = ""
    try:
        on_batch(counter, batch_of(*["c"] * (1 - rank)))
    except DataError as error:
        said = str(error)
    (folder / f"{rank}.txt").write_text(said)


def test_ranks_count_together_and_stop_together(tmp_path: Path) -> None:
    run_in_processes(count_on_ranks, 2, tmp_path)
    first, second = ((tmp_path / f"{rank}.txt").read_text() for rank in range(2))
    assert first == second
    assert first.startswith("3 of 1000 training pairs cannot be read, more than 0.2%; c;")
