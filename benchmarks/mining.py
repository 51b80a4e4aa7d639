"""Hard negatives at VIGOR's size: an epoch's order against Sample4Geo's loop, mining against the bare product.

    OMP_NUM_THREADS=1 python benchmarks/mining.py      # ten minutes: 52,605 pairs, 128 neighbours, 1024 dimensions
    python benchmarks/mining.py --small                # seconds: the same code

Places are drawn on a map of four cities; embeddings at random, so that each is as hard to keep out as any. Works run in
turn and are compared by their ratio; mining and the product by CPU seconds, which other load on the machine does not
stretch. Mining of all pairs runs once in a process of its own, whose peak memory counts.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from gleam_common.metrics.score_blocks import score_blocks
from gleam_common.nearest_embeddings import most_similar
from gleam_common.neighbour_table import Neighbours
from gleam_common.neighbours import nearest_on_globe
from gleam_common.row_lists import RowLists
from gleam_common.sampling import epoch_batches
from measuring import interleaved_s, spread, write_result
from torch import Tensor

Ints = npt.NDArray[np.int64]

PART = 2048
"""Queries that are mined and multiplied in turn; time grows with their number."""

PATIENCE = 1024
"""Pairs in a row that do not fit, after which Sample4Geo ends an epoch."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """``pairs`` of ``places``; ``semi`` places overlap each."""

    pairs: int
    places: int
    batch: int = 128
    neighbours: int = 128
    chained: int = 64
    dims: int = 1024
    semi: int = 3


SIZES = {
    "vigor": Sizes(pairs=52_605, places=47_000),
    "small": Sizes(pairs=1500, places=1300, batch=32, neighbours=16, chained=8, dims=64),
}


@dataclass(frozen=True, kw_only=True)
class Town:
    """``place`` (N,) of each pair, its ``neighbours``, and the seconds that finding them on the map took."""

    place: Ints
    neighbours: Neighbours
    near_s: float


def town(sizes: Sizes) -> Town:
    """Return places in four cities with tiles as close as VIGOR's, and their nearest; the ``semi`` nearest overlap."""
    rng = np.random.default_rng(1)
    city = rng.integers(0, 4, sizes.places)
    side_deg = 0.001 * np.sqrt(sizes.places / 4)
    corner = np.array([[41.8, -87.7], [40.7, -74.0], [37.7, -122.5], [47.6, -122.4]])
    latlon = corner[city] + rng.random((sizes.places, 2)) * side_deg
    nothing = RowLists(offsets=np.zeros(sizes.places + 1, dtype=np.int64), rows=np.zeros(0, dtype=np.int64))
    started = time.perf_counter()
    near = nearest_on_globe(latlon, sizes.neighbours + sizes.semi, nothing)
    near_s = time.perf_counter() - started
    place = np.concatenate(
        [np.arange(sizes.places), rng.choice(sizes.places, sizes.pairs - sizes.places, replace=False)]
    )
    neighbours = Neighbours(
        chained=sizes.chained, table=near[place, sizes.semi :], related=near[place, : sizes.semi]
    )  # the first pair of a place has its number
    return Town(place=place, neighbours=neighbours, near_s=near_s)


def sample4geo_order(place: list[int], near: dict[int, list[int]], sizes: Sizes, seed: int) -> list[list[int]]:
    """Return an epoch's batches as Sample4Geo's ``shuffle`` for VIGOR makes them: a loop over a list of pairs.

    Written from its description: pairs are popped from a shuffled list; one whose place is new to the batch brings the
    first half of ``chained`` neighbours and as many random ones of the rest. The last, incomplete batch is dropped.
    """
    draw = random.Random(seed)
    near = {key: list(values) for key, values in near.items()}  # entries are used up
    pairs_of: dict[int, list[int]] = {}
    for pair, where in enumerate(place):
        pairs_of.setdefault(where, []).append(pair)
    pool, used, batches, failed = list(range(len(place))), set[int](), [], 0
    draw.shuffle(pool)
    batch: list[int] = []
    inside: set[int] = set()
    while pool and failed < PATIENCE:
        pair = pool.pop(0)
        if place[pair] in inside or pair in used:
            failed += 1
            if pair not in used:
                pool.append(pair)
            continue
        failed = 0
        _take(pair, place, batch, inside, used)
        around, half = near[place[pair]], sizes.chained // 2
        chosen = around[:half] + draw.sample(around[half:], min(half, max(0, len(around) - half)))
        for where in chosen:
            if len(batch) >= sizes.batch:
                break
            free = [other for other in pairs_of[where] if other not in used]
            if where not in inside and free:
                _take(draw.choice(free), place, batch, inside, used)
                around.remove(where)
        if len(batch) >= sizes.batch:
            batches.append(batch)
            batch, inside = [], set()
    return batches


def _take(pair: int, place: list[int], batch: list[int], inside: set[int], used: set[int]) -> None:
    batch.append(pair)
    inside.add(place[pair])
    used.add(pair)


def hardness(batches: Ints, place: Ints, table: Ints) -> float:
    """Return how many of a pair's neighbours stand in its batch, in the mean."""
    return float(np.mean([np.isin(place[table[row]], place[row]).sum(axis=1).mean() for row in batches]))


def ordered(sizes: Sizes, repeats: int) -> dict[str, Any]:
    """Return seconds and hardness of an epoch's order: ours, random, and Sample4Geo's loop."""
    made = town(sizes)
    views, table = np.zeros(sizes.pairs, dtype=np.int64), made.neighbours.table
    if table is None:
        raise SystemExit("a town without neighbours")
    place, near = made.place.tolist(), {where: row.tolist() for where, row in enumerate(table[: sizes.places])}
    works: dict[str, Callable[[], Any]] = {
        "chains": lambda: epoch_batches(views, made.place, 1, 0, sizes.batch, neighbours=made.neighbours),
        "random": lambda: epoch_batches(views, made.place, 1, 0, sizes.batch),
        "loop": lambda: sample4geo_order(place, near, sizes, 1),
    }
    seconds, answers = interleaved_s(works, repeats)
    ratios = [slow / fast for slow, fast in zip(seconds["loop"], seconds["chains"], strict=True)]
    found: dict[str, Any] = {"nearest_on_globe_s": made.near_s, "times_faster_than_loop": spread(ratios)}
    for name, batches in answers.items():
        array = np.asarray(batches)
        found[name] = {
            "s": spread(seconds[name]),
            "neighbours_in_batch": hardness(array, made.place, table),
            "pairs_left_out": 1 - len(np.unique(array)) / sizes.pairs,
        }
    return found


def drawn(sizes: Sizes, seed: int) -> Tensor:
    """Return random embeddings of length 1, (N, D)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(sizes.pairs, sizes.dims, generator=generator), dim=1)


def around(sizes: Sizes) -> RowLists:
    """Return for each pair its own and ``semi`` more tiles that are left out."""
    width = sizes.semi + 1
    rows = (np.arange(sizes.pairs)[:, None] + np.arange(width)) % sizes.pairs
    return RowLists(offsets=np.arange(sizes.pairs + 1) * width, rows=rows.ravel())


def mined(sizes: Sizes, parts: int) -> dict[str, Any]:
    """Return CPU seconds of mining and of one matrix product of the same size, part by part in turn."""
    query, gallery, excluded = drawn(sizes, 1), drawn(sizes, 2), around(sizes)
    part = min(PART, sizes.pairs)
    memory = torch.empty(part, sizes.pairs)
    seconds: dict[str, list[float]] = {"product": [], "product_in_blocks": [], "mining": []}
    starts = range(0, sizes.pairs - part + 1, part)[: parts + 1]
    for number, start in enumerate(starts):
        rows = np.arange(start, start + part)
        asking, left_out = query[start : start + part], excluded.take(rows)
        works: dict[str, Callable[[], Any]] = {
            "product": lambda asking=asking: torch.mm(asking, gallery.T, out=memory),
            "product_in_blocks": lambda asking=asking: [
                None for _ in score_blocks(asking[:, None], gallery[:, None], title="product")
            ],
            "mining": lambda asking=asking, left_out=left_out: most_similar(
                asking, gallery, left_out, sizes.neighbours
            ),
        }
        for name, work in works.items():
            started = time.process_time()
            work()
            if number or len(starts) == 1:  # the first round warms up
                seconds[name].append(time.process_time() - started)
    rates = {
        name: [product / mining for product, mining in zip(seconds[name], seconds["mining"], strict=True)]
        for name in ("product", "product_in_blocks")
    }
    flop = 2.0 * part * sizes.pairs * sizes.dims
    return {
        "queries_at_once": part,
        "cpu_s": {name: spread(values) for name, values in seconds.items()},
        "product_gflop_per_cpu_s": flop / min(seconds["product"]) / 1e9,
        "share_of_product_rate": spread(rates["product"]),
        "share_of_rate_of_product_in_blocks": spread(rates["product_in_blocks"]),  # which the cache makes faster
    }


def in_a_process_of_its_own(name: str) -> dict[str, Any]:
    """Return seconds and memory of mining all pairs once."""
    words = [sys.executable, __file__, "--whole", name, "--threads", str(torch.get_num_threads())]
    answer = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    return dict(json.loads(answer.splitlines()[-1]))


def whole(sizes: Sizes) -> dict[str, Any]:
    """Mine all pairs in this process; return its seconds and by how much its peak of memory grew."""
    query, gallery, excluded = drawn(sizes, 1), drawn(sizes, 2), around(sizes)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    most_similar(query, gallery, excluded, sizes.neighbours)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {
        "wall_s": time.perf_counter() - started,
        "memory_beyond_embeddings_mib": grown / 1024,
        "whole_matrix_mib": 4 * sizes.pairs**2 / 2**20,
    }


def main() -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--small", action="store_true", help="a few hundred places")
    parser.add_argument("--repeats", type=int, default=5, help="orders of an epoch, and parts that are mined")
    parser.add_argument("--threads", type=int, default=1, help="of the matrix product")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"), help="folder of the result")
    parser.add_argument("--whole", choices=SIZES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.whole:
        print(json.dumps(whole(SIZES[options.whole])))
        return
    name = "small" if options.small else "vigor"
    sizes = SIZES[name]
    result = {
        "sizes": vars(sizes),
        "threads": options.threads,
        "order": ordered(sizes, options.repeats),
        "mining": mined(sizes, options.repeats),
        "mining_all": in_a_process_of_its_own(name),
    }
    path = write_result(options.out, "mining-small" if options.small else "mining", result)
    print(json.dumps({key: result[key] for key in ("order", "mining", "mining_all")}, indent=1))
    print(path)


if __name__ == "__main__":
    main()
