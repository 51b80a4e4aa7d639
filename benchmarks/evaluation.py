"""Evaluation at the size of VIGOR and University-1652: time against the bare product and a per-query sort, memory.

    python benchmarks/evaluation.py            # minutes: the sets' real sizes
    python benchmarks/evaluation.py --small    # seconds: the same code

Embeddings are drawn so that most queries are found, but not all. Evaluation is everything from embeddings in memory
to results with bootstrap intervals. The whole of it runs once in a process of its own, whose peak memory counts.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from argsort_baseline import evaluate_by_argsort
from gleam_c.predictions import predictions_of
from gleam_c.protocols import protocol_named
from gleam_c.scoring import Outcome, score_outcomes
from gleam_common.catalog import Catalog
from gleam_common.metrics.ranking import search
from gleam_common.metrics.score_blocks import score_blocks
from measuring import interleaved_s, spread, write_result
from torch import Tensor

PART = 2048
"""Queries that are timed at once: the product and the evaluation of one part follow each other.

Both grow with the number of queries, so that some parts against all tiles tell the ratio of the whole.
"""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Of one set: ``pictures`` of the first ``places`` of ``tiles``; ``semi`` tiles overlap each."""

    pictures: int
    places: int
    tiles: int
    dims: int = 1024
    semi: int = 0


SIZES = {
    "vigor": Sizes(pictures=52605, places=50000, tiles=90618, semi=3),
    "university": Sizes(pictures=37854, places=701, tiles=951),
    "vigor-small": Sizes(pictures=600, places=500, tiles=1500, dims=64, semi=3),
    "university-small": Sizes(pictures=480, places=40, tiles=60, dims=64),
}


def drawn(sizes: Sizes, seed: int = 1) -> tuple[Tensor, Tensor, np.ndarray[Any, np.dtype[np.int64]]]:
    """Return pictures (Q, D) and tiles (G, D) of length 1, and the tile of each picture."""
    random = torch.Generator().manual_seed(seed)
    tiles = torch.nn.functional.normalize(torch.randn(sizes.tiles, sizes.dims, generator=random), dim=1)
    own = torch.arange(sizes.pictures) % sizes.places
    # The cosine of a picture and its tile: beside the best of many strangers, which is near 4.2 / sqrt(dims).
    cosine = ((torch.rand(sizes.pictures, 1, generator=random) * 5 + 3.2) / sizes.dims**0.5).clamp(max=0.99)
    pictures = torch.nn.functional.normalize(torch.randn(sizes.pictures, sizes.dims, generator=random), dim=1)
    pictures.mul_((1 - cosine**2).sqrt()).add_(tiles[own] * cosine)
    return torch.nn.functional.normalize(pictures, dim=1), tiles, own.numpy()


def catalog_of(sizes: Sizes, own: np.ndarray[Any, np.dtype[np.int64]], *, reverse: bool = False) -> Catalog:
    """Return a catalog of pictures to be found among tiles, or the reverse; no picture exists."""
    tile = [f"bench/tile/{number}" for number in range(sizes.tiles)]
    picture = [f"bench/picture/{number}" for number in range(sizes.pictures)]
    if reverse:
        asked = [[picture[row] for row in np.flatnonzero(own == number)] for number in range(sizes.places)]
        links: dict[str, list[list[str]]] = {"positives": asked}
        gallery, queries, place = picture, tile[: sizes.places], tile[: sizes.places]
    else:
        near = [[tile[(number + step) % sizes.tiles] for step in range(1, sizes.semi + 1)] for number in own]
        links = {"positives": [[tile[number]] for number in own], "semi_positives": near}
        gallery, queries, place = tile, picture, [tile[number] for number in own]
    return Catalog(
        gallery=pa.table({"gallery_id": gallery, "path": gallery, "place_id": gallery}),
        queries=pa.table(
            {"query_id": queries, "path": queries, "place_id": place, "view": ["uav"] * len(queries), **links}
        ),
        root=".",
    )


def evaluated(catalog: Catalog, query_QD: Tensor, gallery_GD: Tensor, protocol: str) -> dict[str, Any]:
    """Return the results of embeddings, with intervals."""
    predictions = predictions_of(catalog, query_QD, gallery_GD)
    outcome = Outcome(name="uav", direction="uav2satellite", catalog=catalog, predictions=predictions)
    return score_outcomes([outcome], protocol_named(protocol))


def multiplied(query_QD: Tensor, gallery_GD: Tensor) -> None:
    """Compute the scores block by block, as the evaluation does, and use none of them."""
    query_QHD, gallery_GHD = query_QD[:, None], gallery_GD[:, None]
    for _ in score_blocks(query_QHD, gallery_GHD, title="product"):
        pass


def vigor(name: str, most_parts: int) -> dict[str, Any]:
    """Return CPU seconds of the bare product and of the evaluation, part by part in turn, and the ratio of the least.

    CPU seconds, because a shared machine stretches the wall's.
    """
    sizes = SIZES[name]
    query, gallery, own = drawn(sizes)
    catalog = catalog_of(sizes, own)
    positives, semi = catalog.query_positives(), catalog.query_semi_positives()
    multiplied(query[:512], gallery)
    product_s, search_s = [], []
    part = min(PART, sizes.pictures)
    starts = range(0, sizes.pictures - part + 1, part)[:most_parts]
    for start in starts:
        rows = np.arange(start, start + part)
        asking = query[start : start + part]
        started = time.process_time()
        multiplied(asking, gallery)
        between = time.process_time()
        search(asking, gallery, positives.take(rows), semi.take(rows), k=10)
        product_s.append(between - started)
        search_s.append(time.process_time() - between)
    alone = in_a_process_of_its_own(name)
    whole_product_s = min(product_s) * sizes.pictures / part
    search_over_product = min(search_s) / min(product_s)
    return {
        "sizes": vars(sizes),
        "queries_timed": len(starts) * part,
        "product_cpu_s": whole_product_s,
        "part_product_cpu_s": spread(product_s),
        "part_search_cpu_s": spread(search_s),
        "search_over_product": search_over_product,
        "evaluation_over_product": search_over_product + alone["metrics_and_bootstrap_cpu_s"] / whole_product_s,
        "whole_in_one_process": alone,
    }


def university(name: str, repeats: int) -> dict[str, Any]:
    """Return seconds of a sort for each query and of our evaluation, in both directions."""
    sizes = SIZES[name]
    pictures, tiles, own = drawn(sizes)
    numbers = np.arange(sizes.tiles)
    found: dict[str, Any] = {"sizes": vars(sizes)}
    for direction, reverse in (("uav2satellite", False), ("satellite2uav", True)):
        catalog = catalog_of(sizes, own, reverse=reverse)
        query, gallery = (tiles[: sizes.places], pictures) if reverse else (pictures, tiles)
        labels = (numbers[: sizes.places], own) if reverse else (own, numbers)
        works = {
            "argsort": lambda q=query, g=gallery, both=labels: evaluate_by_argsort(q, g, *both),
            "evaluation": lambda c=catalog, q=query, g=gallery: evaluated(c, q, g, "university-sample4geo"),
            "product": lambda q=query, g=gallery: multiplied(q, g),
        }
        seconds, answers = interleaved_s(works, repeats)
        ours = [answers["evaluation"]["mean"][name]["value"] for name in ("recall@1", "ap")]
        if not np.allclose(answers["argsort"], ours, atol=1e-4):
            raise SystemExit(f"{direction}: the sort finds {answers['argsort']}, the evaluation {ours}")
        ratios = [slow / fast for slow, fast in zip(seconds["argsort"], seconds["evaluation"], strict=True)]
        found[direction] = {f"{work}_s": spread(values) for work, values in seconds.items()}
        found[direction] |= {"times_faster": spread(ratios), "recall@1": ours[0], "ap": ours[1]}
    return found


def in_a_process_of_its_own(name: str) -> dict[str, Any]:
    """Return seconds and peak memory of one whole evaluation."""
    words = [sys.executable, __file__, "--whole", name, "--threads", str(torch.get_num_threads())]
    answer = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    return dict(json.loads(answer.splitlines()[-1]))


def whole(name: str) -> dict[str, Any]:
    """Run one whole evaluation in this process; return its seconds and the peak of this process's memory."""
    sizes = SIZES[name]
    query, gallery, own = drawn(sizes)
    catalog = catalog_of(sizes, own)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    started = time.perf_counter()
    predictions = predictions_of(catalog, query, gallery)
    between = time.process_time()
    outcome = Outcome(name="uav", direction="uav2satellite", catalog=catalog, predictions=predictions)
    results = score_outcomes([outcome], protocol_named("synthcity"))
    after_s = time.process_time() - between
    wall_s = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    embeddings = (query.numel() + gallery.numel()) * 4
    return {
        "wall_s": wall_s,
        "metrics_and_bootstrap_cpu_s": after_s,
        "embeddings_gib": embeddings / 2**30,
        "peak_gib": peak / 2**30,
        "peak_before_gib": before / 2**30,
        "over_embeddings_gib": (peak - embeddings) / 2**30,
        "recall@1": results["mean"]["recall@1"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="small sizes: does it run?")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="folder of the result")
    parser.add_argument("--threads", type=int, default=2, help="of PyTorch")
    parser.add_argument("--repeats", type=int, default=3, help="of University-1652")
    parser.add_argument("--parts", type=int, default=26, help=f"of {PART} queries of VIGOR that are timed, at most")
    parser.add_argument("--whole", choices=list(SIZES), help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.whole:
        print(json.dumps(whole(options.whole)))
        return
    tail = "-small" if options.small else ""
    result = {
        "threads": options.threads,
        "vigor": vigor(f"vigor{tail}", options.parts),
        "university": university(f"university{tail}", options.repeats),
    }
    print(
        f"vigor: {result['vigor']['evaluation_over_product']:.2f} times the matrix product, "
        f"{result['vigor']['whole_in_one_process']['over_embeddings_gib']:.2f} GiB over the embeddings"
    )
    for direction in ("uav2satellite", "satellite2uav"):
        faster = result["university"][direction]["times_faster"]
        print(f"university {direction}: {faster['median']:.1f} times faster than a sort for each query")
    print(f"result: {write_result(options.out, f'evaluation{tail}', result)}")


if __name__ == "__main__":
    main()
