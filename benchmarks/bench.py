"""All benchmarks one after another, then a table and a page of what they found (``make bench``).

    python benchmarks/bench.py            # ten minutes on two idle cores
    python benchmarks/bench.py --small    # a minute or two: do they all run?
    python benchmarks/bench.py --only epoch loading
    python benchmarks/bench.py --table    # runs nothing: table and page of the results that are there

Results go to ``OUT/<name>_<hardware>_<yyyymm>.json``, the page to ``report.html`` beside the folder of the results.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_page import write_page
from bench_rows import Row, rows_of, table_text
from gleam_common.artifacts import read_json
from gleam_common.progress import progress
from measuring import machine_slug

HERE = Path(__file__).parent
LONGEST_S = 900
"""A benchmark that takes longer is stopped, and its row says so."""


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """A script of this folder and its words in the full run."""

    name: str
    words: tuple[str, ...] = ()


BENCHMARKS = [
    Benchmark(name="ceilings"),
    Benchmark(name="models"),
    Benchmark(name="epoch", words=("--repeats", "2")),
    Benchmark(name="loading"),
    Benchmark(name="loss_memory", words=("--repeats", "1")),
    Benchmark(name="strategies", words=("--steps", "11")),
    Benchmark(name="rendering", words=("--repeats", "1", "--places", "18")),
    Benchmark(name="mining", words=("--repeats", "2", "--threads", "2")),
    Benchmark(name="evaluation", words=("--parts", "3", "--repeats", "1")),
    Benchmark(name="gallery_search", words=("--repeats", "3")),
]


def run_one(benchmark: Benchmark, out: Path, small: bool) -> str:
    """Run a benchmark and return why there is no result ("" if there is one)."""
    words = [sys.executable, str(HERE / f"{benchmark.name}.py"), "--out", str(out)]
    words += ["--small"] if small else list(benchmark.words)
    log = out / f"{benchmark.name}.log"
    with log.open("w", encoding="utf-8") as file:
        running = subprocess.Popen(words, stdout=file, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            running.wait(LONGEST_S)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)  # its own children too: they would slow the next one
            running.wait()
            return f"stopped after {LONGEST_S} s"
    if running.returncode:
        return f"failed; see {log}"
    log.unlink()
    return ""


def run_all(chosen: list[Benchmark], out: Path, small: bool) -> dict[str, dict[str, Any]]:
    """Run the benchmarks and return what happened to each: ``why`` there is no result, and ``wall_s``."""
    out.mkdir(parents=True, exist_ok=True)
    happened: dict[str, dict[str, Any]] = {}
    bar = progress(chosen, desc="benchmarks", unit="benchmark")
    for benchmark in bar:
        bar.set_postfix_str(benchmark.name)
        started = time.perf_counter()
        why = run_one(benchmark, out, small)
        happened[benchmark.name] = {"why": why, "wall_s": time.perf_counter() - started}
    return happened


def newest(name: str, out: Path, small: bool) -> dict[str, Any] | None:
    """Return this machine's newest result of a benchmark, if there is one."""
    stem = f"{name}{'-small' * small}_{machine_slug()}_"
    found = sorted(out.glob(f"{stem}*.json"))
    return dict(read_json(found[-1])) if found else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="small sizes: do they all run?")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="folder of the results")
    parser.add_argument("--only", nargs="+", choices=[one.name for one in BENCHMARKS], help="all by default")
    parser.add_argument("--table", action="store_true", help="run nothing: show what is there")
    options = parser.parse_args()
    chosen = [one for one in BENCHMARKS if not options.only or one.name in options.only]
    chosen = [one for one in chosen if (HERE / f"{one.name}.py").is_file()]
    happened = {} if options.table else run_all(chosen, options.out, options.small)
    results = {one.name: newest(one.name, options.out, options.small) for one in chosen}
    rows: list[Row] = []
    for name, result in results.items():
        why = happened.get(name, {}).get("why", "") or ("" if result else "not run on this machine")
        rows += [Row(benchmark=name, what=name, why=why)] if why or result is None else rows_of(name, result)
    print(table_text(rows))
    page = write_page(options.out.parent / "report.html", rows, results, {k: v["wall_s"] for k, v in happened.items()})
    if happened:
        print(f"{sum(one['wall_s'] for one in happened.values()):.0f} s in all")
    print(f"results: {options.out}\nreport: {page}")
    if any(one["why"] for one in happened.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
