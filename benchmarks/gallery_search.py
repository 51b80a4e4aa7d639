"""Search in a gallery of a million tiles: one query in an area, one everywhere, and sixty-four at once.

    python benchmarks/gallery_search.py            # minutes and 2 GB of disk: 1,000,000 x 512
    python benchmarks/gallery_search.py --small    # seconds: the same code
    python benchmarks/gallery_search.py --engine lance

Beside each search stands what bounds it, in the same run and turn by turn: a pass over all float16 rows by as many
threads (a single query reads its 8-bit copies first, and may take less), and the float32 product of as many numbers.
Memory is that of a process that does nothing but search.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gleam_c.gallery.gallery import Gallery
from gleam_c.gallery.indexing import index_gallery
from gleam_c.search.area import Near
from gleam_common.progress import progress
from measuring import interleaved_s, restart_with, spread, write_result

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from made_gallery import make_gallery, unit_rows

VIEW, MATRIX, BATCH, K = "map", "whole-north", 64, 10
PRIOR = 0.01
"""Share of the gallery that an area holds."""
SIDE_DEG, LAT, LON = 2.0, 46.0, 10.0


def write_gallery(folder: Path, tiles: int, dims: int) -> None:
    """Write random embeddings at places drawn evenly from a square of the globe."""
    rng = np.random.default_rng(0)
    places = np.stack([LAT + SIDE_DEG * rng.random(tiles), LON + SIDE_DEG * rng.random(tiles)], axis=1)
    make_gallery(folder, [places], [{MATRIX: unit_rows(rng, tiles, dims)}], {VIEW: [MATRIX]})


def areas(count: int, seed: int) -> list[Near]:
    """Return circles inside the square that hold about the share ``PRIOR`` of its tiles."""
    rng = np.random.default_rng(seed)
    metre_deg = 1 / 111_000
    square_m2 = (SIDE_DEG / metre_deg) ** 2 * np.cos(np.radians(LAT + SIDE_DEG / 2))
    radius_m = float(np.sqrt(PRIOR * square_m2 / np.pi))
    inner = SIDE_DEG - 4 * radius_m * metre_deg
    offset = 2 * radius_m * metre_deg
    return [
        Near(lat=LAT + offset + inner * at, lon=LON + offset + inner * on, radius_m=radius_m)
        for at, on in rng.random((count, 2))
    ]


def passes(matrix: np.ndarray[Any, Any], threads: int) -> int:
    """Read every byte once, with all threads, and return a sum of them."""
    words = matrix.reshape(-1).view(np.int64)
    pieces = np.array_split(words, 64 * threads)
    with ThreadPoolExecutor(threads) as pool:
        return int(sum(pool.map(lambda piece: int(np.bitwise_or.reduce(piece)), pieces)))


def product(rows: torch.Tensor, queries: torch.Tensor, count: int) -> None:
    """Multiply as many numbers as a search of ``count`` rows does, in float32, with rows that are in the cache."""
    for _ in range(0, count, len(rows)):
        rows @ queries.T


def measure(gallery: Gallery, queries: np.ndarray[Any, Any], repeats: int, threads: int) -> dict[str, Any]:
    """Return times and what bounds them."""
    matrix = gallery.folder.segments[0].matrix(MATRIX)
    rows = torch.from_numpy(matrix[:4096].astype(np.float32))
    batch = torch.from_numpy(queries[:BATCH])
    torch.set_num_threads(threads)
    seconds, _ = interleaved_s(
        {"one": lambda: gallery.search(queries[0], K, view=VIEW), "pass": lambda: passes(matrix, threads)}, repeats
    )
    of_batch, _ = interleaved_s(
        {
            "batch": lambda: gallery.search(queries[:BATCH], K, view=VIEW),
            "product": lambda: product(rows, batch, len(gallery)),
        },
        repeats,
    )
    seconds |= of_batch
    prior_s, held = [], []
    for area, query in zip(progress(areas(20 * repeats, 3), desc="areas", leave=False), queries, strict=False):
        held.append(len(gallery.candidates(area).rows))
        started = time.perf_counter()
        gallery.search(query, K, view=VIEW, area=area)
        prior_s.append(time.perf_counter() - started)
    ratio = [one / read for one, read in zip(seconds["one"], seconds["pass"], strict=True)]
    rate = [bare / own for own, bare in zip(seconds["batch"], seconds["product"], strict=True)]
    return {
        "one_query_s": spread(seconds["one"]),
        "pass_over_the_bytes_s": spread(seconds["pass"]),
        "one_query_over_pass": spread(ratio),
        "batch_s": spread(seconds["batch"]),
        "float32_product_s": spread(seconds["product"]),
        "batch_rate_over_product_rate": spread(rate),
        "in_area_s": spread(prior_s),
        "area_holds": spread([count / len(gallery) for count in held]),
    }


def measure_engine(folder: Path, url: str, queries: np.ndarray[Any, Any], count: int, threads: int) -> dict[str, Any]:
    """Return how long an engine takes to be filled and to answer, in an area and everywhere, and recall@10 of both.

    Directions are drawn evenly, the hardest case of all for an index that puts like vectors together.
    """
    started = time.perf_counter()
    index_gallery(folder, url)
    found: dict[str, Any] = {"fill_s": time.perf_counter() - started}
    engine, exact = Gallery.open(folder, threads), Gallery.open(folder, threads, engine="exact")
    for title, places in (("in_area", areas(count, 3)), ("everywhere", [None] * count)):
        seconds, shares = [], []
        for area, query in zip(progress(places, desc=f"{url} {title}", leave=False), queries, strict=False):
            begun = time.perf_counter()
            hits = engine.search(query, K, view=VIEW, area=area)[0]
            seconds.append(time.perf_counter() - begun)
            truth = exact.search(query, K, view=VIEW, area=area)[0]
            shares.append(len({*hits.rows.tolist()} & {*truth.rows.tolist()}) / len(truth))
        found |= {f"{title}_s": spread(seconds), f"{title}_recall@10": float(np.mean(shares))}
    return found


def anonymous_mb() -> float:
    """Return this process's memory that is no file's, in MB."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) / 1000


def search_alone(folder: Path, dims: int, threads: int) -> dict[str, float]:
    """Search in this process only, and return the most anonymous memory that was seen."""
    most, stop = [anonymous_mb()], threading.Event()

    def watch() -> None:
        while not stop.wait(0.005):
            most.append(anonymous_mb())

    watcher = threading.Thread(target=watch)
    watcher.start()
    before = most[0]
    gallery, queries = Gallery.open(folder, threads), unit_rows(np.random.default_rng(1), BATCH, dims)
    gallery.search(queries[0], K, view=VIEW, area=areas(1, 0)[0])
    gallery.search(queries, K, view=VIEW)
    stop.set()
    watcher.join()
    return {"imported_mb": before, "most_mb": max(most)}


def main() -> None:
    """Measure, and write the result file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="20,000 x 64 instead of 1,000,000 x 512")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--engine", default="", help="also fill and ask this one, such as lance")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--alone", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    restart_with(OMP_WAIT_POLICY="PASSIVE")  # or the threads of the float32 product hold the cores in the next search
    tiles, dims = (20_000, 64) if options.small else (1_000_000, 512)
    if options.alone:
        print(json.dumps(search_alone(options.alone, dims, options.threads)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "gallery"
        write_gallery(folder, tiles, dims)
        queries = unit_rows(np.random.default_rng(1), max(BATCH, 20 * options.repeats), dims)
        found = measure(Gallery.open(folder, options.threads), queries, options.repeats, options.threads)
        words = [sys.executable, __file__, "--alone", str(folder), "--threads", str(options.threads)]
        alone = subprocess.run(
            words + ["--small"] * options.small, check=True, capture_output=True, text=True, timeout=600
        )
        if options.engine:
            found[options.engine] = measure_engine(folder, options.engine, queries, 20, options.threads)
    found |= {"memory": json.loads(alone.stdout), "tiles": tiles, "dims": dims, "k": K, "threads": options.threads}
    name = "gallery_search" + ("-small" if options.small else "")
    print(json.dumps(found, indent=2))
    print(f"result: {write_result(options.out, name, {'repeats': options.repeats, **found})}")


if __name__ == "__main__":
    main()
