"""``gleam-x benchmark``: build, check and verify the bilingual benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from gleam_common.commands import Function, run_group
from gleam_common.errors import ConfigError

__all__ = ["benchmark_command", "build", "verify"]


def build(
    out: Path,
    source: Literal["synthcity"] = "synthcity",
    seed: int = 1,
    records: int = 4000,
    world: Path = Path("data/synthcity"),
    negatives_from: Path | None = None,
    overwrite: bool = False,
) -> None:
    """Make the bilingual benchmark: pairs of pictures of a world, balanced over views, verdicts, languages and kinds of
    negatives, with explanations whose every claim is true.

    The same seed and world give the same bytes. The build checks itself: nobody may find the verdict by the words or by
    one picture alone.

    Args:
        out: folder of the benchmark: data/*.parquet with the pictures inside, README.md; `load_dataset(OUT)` reads it.
        source: what it is built from.
        seed: of the draw of places, negatives and wordings; 0 or more.
        records: of all splits together, a multiple of 8, at least 160.
        world: a finished world; the default world is made there (2 to 3 minutes) when there is nothing.
        negatives_from: a GLEAM-C model's folder, whose confident mistakes become the confusable negatives; without it,
            tiles that show things alike do.
        overwrite: empty OUT first if it holds a benchmark made with other options.
    """
    from gleam_common.synthcity.build import build_world, is_world_missing
    from gleam_common.synthcity.world import WorldConfig

    from gleam_x.benchmark.build import BenchmarkConfig, build_benchmark
    from gleam_x.benchmark.pairs import facts_similarity
    from gleam_x.matcher import Matcher

    config = BenchmarkConfig(seed=seed, records=records)
    matcher = Matcher(negatives_from) if negatives_from else None
    if is_world_missing(world):
        build_world(WorldConfig(), world)
    if matcher is None:
        build_benchmark(world, out, config, facts_similarity, "what the pictures show", overwrite)
    else:
        name = f"GLEAM-C {matcher.sha256[:16]}"
        build_benchmark(world, out, config, matcher.similarity, name, overwrite)
    print(f"{records} records in {out}; see {out / 'README.md'}")


def verify(benchmark: Path, world: Path = Path("data/synthcity"), records: int = 500, seed: int = 0) -> None:
    """Render the pictures of some records again and check every claim against the item under each pixel.

    Args:
        benchmark: folder of the benchmark.
        world: the world it was built from.
        records: how many, drawn over all splits; 1 or more.
        seed: of the draw.
    """
    from gleam_x.benchmark.verify import verify_benchmark

    if records < 1:
        raise ConfigError("records to verify", value=records, allowed="1 or more")
    if seed < 0:
        raise ConfigError("seed of the draw", value=seed, allowed="0 or more")
    checked, claims = verify_benchmark(benchmark, world, records, seed)
    print(f"{claims} claims of {checked} records hold")


def benchmark_command(arguments: Sequence[str]) -> None:
    """``gleam-x benchmark build|verify ...``."""
    functions: dict[str, Function] = {
        "build": (build, "", "make the benchmark of a SynthCity world"),
        "verify": (verify, "benchmark", "render pictures again and check every claim against them"),
    }
    about = "The bilingual benchmark: pairs of pictures, verdicts, reasons and claims that can be checked."
    run_group("gleam-x benchmark", about, functions, arguments)
