"""Pictures a second that SynthCity renders, by one process and by one for each core.

python benchmarks/rendering.py            # a minute
python benchmarks/rendering.py --small    # seconds: the same code
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from gleam_common.catalog import Catalog
from gleam_common.progress import progress
from gleam_common.provenance import hardware
from gleam_common.synthcity.build import build_world
from gleam_common.synthcity.world import WorldConfig
from measuring import spread, write_result


def rendered_per_s(places: int, workers: int, seed: int) -> float:
    """Make a world and return its pictures over the seconds, with all that belongs to it: tables, files, hashes."""
    with tempfile.TemporaryDirectory() as scratch:
        started = time.perf_counter()
        catalog = Catalog.read(build_world(WorldConfig(seed=seed, places=places), Path(scratch) / "world", workers))
        return (len(catalog.gallery) + len(catalog.queries)) / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="once: does it run?")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="folder of the result")
    parser.add_argument("--places", type=int, default=36)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    places, repeats = (18, 1) if options.small else (options.places, options.repeats)
    found: dict[str, Any] = {}
    for workers in sorted({1, hardware()["cores"]}):
        # The first, to warm up, is as small as a world can be.
        rendered_per_s(18, workers, seed=99)
        seeds = progress(range(repeats), desc=f"worlds by {workers} processes", unit="world", leave=False)
        found[f"{workers} processes"] = spread([rendered_per_s(places, workers, seed) for seed in seeds])
    for name, rate in found.items():
        print(f"{name}: {rate['median']:.1f} pictures/s")
    result = {"places": places, "pictures_per_s": found}
    print(f"result: {write_result(options.out, 'rendering' + '-small' * options.small, result)}")


if __name__ == "__main__":
    main()
