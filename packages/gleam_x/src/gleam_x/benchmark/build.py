"""build_benchmark: a SynthCity world and a seed in, the bilingual benchmark out; same seed, same bytes."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gleam_common.artifacts import Stage, open_stage, sha256_file
from gleam_common.catalog import Catalog
from gleam_common.errors import ConfigError, DataError, GleamError
from gleam_common.progress import progress
from gleam_common.synthcity.build import FACTS_FILE, read_world_config
from gleam_common.views import QUERY_VIEWS

from gleam_x.benchmark.card import CARD_FILE, write_card
from gleam_x.benchmark.folder import KIND, SPLITS, data_file, write_split
from gleam_x.benchmark.landmarks import Landmark
from gleam_x.benchmark.pairs import Pair, Pool, Similarity, make_pool, read_landmarks
from gleam_x.benchmark.schema import LANGUAGES, SCHEMA_VERSION, Provenance, Record, check_records
from gleam_x.benchmark.shortcuts import check_shortcuts, measure_shortcuts, shortcuts_table
from gleam_x.benchmark.wording import WORDING_VERSION, claims_of, explain

__all__ = ["BenchmarkConfig", "build_benchmark"]

_SHARES = {"train": 0.72, "validation": 0.08, "test": 0.2}
_PER_COUPLE = 4 * len(LANGUAGES)
_LEAST_RECORDS = 160
_STREAM = 7601


@dataclass(frozen=True, kw_only=True)
class BenchmarkConfig:
    """What is drawn from a world.

    Attributes:
        seed: 0 or more.
        records: of all splits together, a multiple of 8 (two places with their own and with each other's tile, in two
            languages): 72 % train, 8 % validation, 20 % test.

    Raises:
        ConfigError: for a value out of range.
    """

    seed: int = 1
    records: int = 4000

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ConfigError("seed of the benchmark", value=self.seed, allowed="0 or more")
        if self.records < _LEAST_RECORDS or self.records % _PER_COUPLE:
            allowed = f"{_LEAST_RECORDS} or more, a multiple of {_PER_COUPLE}"
            raise ConfigError("records of the benchmark", value=self.records, allowed=allowed)


def build_benchmark(
    world: str | Path,
    out: str | Path,
    config: BenchmarkConfig,
    similarity: Similarity,
    similarity_name: str,
    overwrite: bool = False,
) -> Path:
    """Build the benchmark of a finished SynthCity world in ``out``, or find it finished; return ``out``.

    Args:
        world: folder of the world.
        out: new or empty, or finished with the same configuration.
        config: how much is drawn, and the seed.
        similarity: decides which tiles are confusable.
        similarity_name: what it is, with its weights' hash; stored.
        overwrite: empty ``out`` first if it holds a benchmark of another configuration.

    Raises:
        ArtifactError: no finished world, or ``out`` holds something else.
        DataError: the world has too few places for so many records, or the benchmark has a shortcut.
    """
    world, out = Path(world), Path(out)
    catalog = Catalog.read(world)
    shows = read_landmarks(catalog)
    stage = open_stage(out, KIND, _made_from(world, config, similarity_name), overwrite)
    if stage.is_complete:
        return out
    try:
        _fill(stage, catalog, shows, config, similarity)
    except GleamError:
        # Nothing here could be gone on with, and it would refuse the next attempt with another seed.
        shutil.rmtree(out)
        raise
    return out


def _fill(
    stage: Stage, catalog: Catalog, shows: dict[str, list[Landmark]], config: BenchmarkConfig, similarity: Similarity
) -> None:
    out = stage.folder
    taken = _take(_pools(catalog, shows, config, similarity), config)
    files = _picture_files(catalog, [pair for pairs in taken.values() for pair in pairs])
    records = {split: _write(out, split, pairs, files, shows, config) for split, pairs in taken.items()}
    check_records(record for split in records.values() for record in split)
    shortcuts = measure_shortcuts(out)
    check_shortcuts(shortcuts)
    write_card(out, stage.manifest.config, records, shortcuts_table(shortcuts))
    stage.finish([CARD_FILE, *(data_file(split) for split in SPLITS)])


def _made_from(world: Path, config: BenchmarkConfig, similarity_name: str) -> dict[str, Any]:
    """Return all that decides the benchmark's bytes, for its manifest."""
    return {
        **asdict(config),
        "world": asdict(read_world_config(world)),
        "facts_sha256": sha256_file(world / FACTS_FILE),
        "negatives_from": similarity_name,
        "wording_version": WORDING_VERSION,
        "schema_version": SCHEMA_VERSION,
    }


def _pools(
    catalog: Catalog, shows: dict[str, list[Landmark]], config: BenchmarkConfig, similarity: Similarity
) -> dict[str, list[Pool]]:
    jobs = [(split, view) for split in SPLITS for view in QUERY_VIEWS]
    pools: dict[str, list[Pool]] = {split: [] for split in SPLITS}
    for split, view in progress(jobs, desc="pairs", unit="view", leave=False):
        key = [config.seed, _STREAM, SPLITS.index(split), list(QUERY_VIEWS).index(view)]
        pools[split].append(make_pool(catalog, shows, split, view, similarity, np.random.default_rng(key)))
    return pools


def _take(pools: dict[str, list[Pool]], config: BenchmarkConfig) -> dict[str, list[Pair]]:
    """Return the pairs of each split, views and kinds of negatives as equal as can be."""
    couples = config.records // _PER_COUPLE
    wanted = {split: round(couples * share) for split, share in _SHARES.items()}
    wanted["train"] = couples - wanted["validation"] - wanted["test"]
    needs = {split: _needs(pools[split], count) for split, count in wanted.items()}
    enough = {split: min(pool.most(turn) / need for pool, need, turn in needs[split]) for split in needs}
    scarce = min(enough, key=lambda split: enough[split])
    if enough[scarce] < 1:
        raise _too_few(scarce, config.records, int(couples * enough[scarce]) * _PER_COUPLE)
    return {split: [pair for pool, need, turn in needs[split] for pair in pool.take(need, turn)] for split in needs}


def _needs(pools: Sequence[Pool], couples: int) -> list[tuple[Pool, int, int]]:
    """Share couples out over the views; return each pool that gives some, how many, and the turn of kinds it begins
    with: one view's kinds go on where the last one's ended.
    """
    views = len(pools)
    each = [(couples + views - 1 - index) // views for index in range(views)]
    return [(pool, need, sum(each[:index])) for index, (pool, need) in enumerate(zip(pools, each, strict=True)) if need]


def _too_few(split: str, records: int, most: int) -> DataError:
    fix = "make a world of more places (`gleam-data synth --places N`)"
    if most >= _LEAST_RECORDS:
        fix = f"ask for at most about {most}, or {fix}"
    return DataError(f"the world has too few places in split {split} for the records", value=records, fix=fix)


def _picture_files(catalog: Catalog, pairs: Sequence[Pair]) -> dict[str, Path]:
    """Return the file of each query and tile of the pairs; all are there."""
    wanted = {picture_id for pair in pairs for picture_id in (pair.query_id, pair.gallery_id)}
    files = {
        **{name: catalog.picture_path("queries", row) for row, name in enumerate(catalog.query_ids) if name in wanted},
        **{
            name: catalog.picture_path("gallery", row) for row, name in enumerate(catalog.gallery_ids) if name in wanted
        },
    }
    lost = sorted(str(path) for path in files.values() if not path.is_file())
    if lost:
        what = f"pictures of the world are missing: {len(lost)}; first"
        raise DataError(what, value=lost[0], fix="remove the world and make it again with `gleam-data synth`")
    return files


def _write(
    out: Path,
    split: str,
    pairs: Sequence[Pair],
    files: dict[str, Path],
    shows: dict[str, list[Landmark]],
    config: BenchmarkConfig,
) -> list[Record]:
    rng = np.random.default_rng([config.seed, _STREAM, SPLITS.index(split)])
    records: list[Record] = []
    extras: list[dict[str, Any]] = []
    for index in progress(rng.permutation(len(pairs)).tolist(), desc=f"records of {split}", unit="pair", leave=False):
        pair = pairs[index]
        extra = {
            "query_image": _picture(files[pair.query_id], pair.query_id),
            "satellite_image": _picture(files[pair.gallery_id], pair.gallery_id),
            "query_shows": [asdict(mark) for mark in shows.get(pair.query_id, [])],
            "satellite_shows": [asdict(mark) for mark in shows.get(pair.gallery_id, [])],
        }
        for language in LANGUAGES:
            records.append(_record(pair, split, language, rng))
            extras.append(extra)
    write_split(out, split, records, extras)
    return records


def _picture(path: Path, picture_id: str) -> dict[str, Any]:
    return {"bytes": path.read_bytes(), "path": f"{picture_id.replace('/', '_')}{path.suffix}"}


def _record(pair: Pair, split: str, language: str, rng: np.random.Generator) -> Record:
    pair_id = f"{pair.query_id}~{pair.gallery_id.removeprefix('synthcity/')}"
    return Record(
        record_id=f"{pair_id}/{language}",
        pair_id=pair_id,
        query_id=pair.query_id,
        gallery_id=pair.gallery_id,
        place_id=pair.place_id,
        split=split,
        view=str(pair.view),
        same_place=pair.same_place,
        negative_kind=pair.negative_kind,
        language=language,
        verdict="yes" if pair.same_place else "no",
        explanation=explain(pair, language, rng).text,
        claims=claims_of(pair),
        provenance=Provenance(teacher="synthcity", prompt_version=WORDING_VERSION),
    )
