"""build_world: a world on disk, rendered in parallel; killed anywhere, it goes on; finished, it is kept.

The folder is a :class:`~gleam_common.catalog.Catalog` (``gallery.parquet``, ``queries.parquet``, ``images/``) with
``facts.parquet`` (what each picture shows), ``cities.json`` and ``manifest.json``. While it is being made, ``parts/``
holds one file for each finished chunk of places, written after the chunk's pictures.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gleam_common.artifacts import (
    MANIFEST_NAME,
    Stage,
    is_new,
    open_stage,
    read_json,
    read_manifest,
    write_atomic,
    write_json,
)
from gleam_common.catalog import GALLERY_FILE, QUERIES_FILE, Catalog
from gleam_common.errors import ArtifactError, ConfigError
from gleam_common.progress import progress
from gleam_common.synthcity.photographer import Chunk, render_chunks
from gleam_common.synthcity.pool import render_in_processes
from gleam_common.synthcity.records import FACTS_SCHEMA
from gleam_common.synthcity.world import WORLD_VERSION, WorldConfig, plan_world
from gleam_common.views import QUERY_VIEWS

__all__ = ["CITIES_FILE", "FACTS_FILE", "build_world", "is_world_missing", "read_world_config"]

CITIES_FILE = "cities.json"
FACTS_FILE = "facts.parquet"
_KIND = "synthcity"
_CHUNK_PLACES = 8


def build_world(config: WorldConfig, out: str | Path, workers: int | None = None, overwrite: bool = False) -> Path:
    """Make the world of ``config`` in the folder ``out``, go on with it, or find it finished; return ``out``.

    The bytes depend on ``config`` alone, not on ``workers`` or on interruptions.

    Args:
        config: what to make.
        out: new or empty, or begun or finished with the same configuration.
        workers: processes; as many as there are cores if None. 1 renders in this process.
        overwrite: empty ``out`` first if it holds a world of another configuration.

    Raises:
        ArtifactError: ``out`` holds something else, or a world of another configuration.
        ConfigError: ``workers`` is below 1.
    """
    if workers is not None and workers < 1:
        raise ConfigError("worker processes", value=workers, allowed="1 or more")
    out = Path(out)
    stage = open_stage(out, _KIND, {**asdict(config), "version": WORLD_VERSION}, overwrite)
    if not stage.is_complete:
        chunks = _chunks(config)
        _render(chunks, config, out, workers or _cores())
        _finish(chunks, stage)
    shutil.rmtree(out / "parts", ignore_errors=True)
    return out


def is_world_missing(folder: str | Path) -> bool:
    """Whether there is nothing yet, or a world half made: a stopped build goes on where it was.

    An empty folder is no world and none begun: somebody may have meant another one.
    """
    folder = Path(folder)
    if not folder.exists():
        return True
    if (folder / MANIFEST_NAME).exists():
        return not read_manifest(folder).complete
    return is_new(folder) and any(folder.iterdir())


def read_world_config(folder: str | Path) -> WorldConfig:
    """Return the configuration that the world in ``folder`` was made from.

    Raises:
        ArtifactError: no finished world of this version of the renderer.
    """
    manifest = read_manifest(folder)
    if manifest.kind != _KIND or not manifest.complete:
        raise ArtifactError(f"{folder} holds no finished world", value=manifest.kind, fix="run `gleam-data synth`")
    config = dict(manifest.config)
    version = config.pop("version", None)
    if version != WORLD_VERSION:
        fix = "make it again with `gleam-data synth --overwrite`"
        raise ArtifactError(f"{folder}: version of the world", value=version, allowed=str(WORLD_VERSION), fix=fix)
    return WorldConfig(**{**config, "cities": tuple(config["cities"])})


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _chunks(config: WorldConfig) -> list[Chunk]:
    return [
        Chunk(plan=plan, first=first, stop=min(first + _CHUNK_PLACES, plan.places))
        for plan in plan_world(config)
        for first in range(0, plan.places, _CHUNK_PLACES)
    ]


def _render(chunks: Sequence[Chunk], config: WorldConfig, out: Path, workers: int) -> None:
    each = 1 + len(QUERY_VIEWS) * config.shots
    todo = [chunk for chunk in chunks if not _is_done(chunk, out)]
    total = sum(chunk.stop - chunk.first for chunk in chunks) * each
    done = total - sum(chunk.stop - chunk.first for chunk in todo) * each
    with progress(total=total, initial=done, desc="SynthCity", unit="picture", smoothing=0.1) as bar:
        if workers == 1 or len(todo) <= 1:
            render_chunks(todo, config, out, bar.update)
        else:
            render_in_processes(todo, config, out, workers, bar.update)


def _is_done(chunk: Chunk, out: Path) -> bool:
    """Whether a chunk's rows and every picture that they name are there."""
    if not (out / chunk.part).exists():
        return False
    rows = read_json(out / chunk.part)
    return all((out / row["path"]).exists() for row in (*rows["gallery"], *rows["queries"]))


def _finish(chunks: Sequence[Chunk], stage: Stage) -> None:
    """Write the tables from the parts and mark the world complete."""
    out = stage.folder
    parts = [read_json(out / chunk.part) for chunk in chunks]
    tables = {name: [row for part in parts for row in part[name]] for name in parts[0]}
    gallery, queries, facts = tables["gallery"], tables["queries"], tables["facts"]
    Catalog(gallery=pa.Table.from_pylist(gallery), queries=pa.Table.from_pylist(queries), root=out).write(out)
    with write_atomic(out / FACTS_FILE) as file:
        pq.write_table(pa.Table.from_pylist(facts, schema=FACTS_SCHEMA), file, compression="zstd")
    write_json(out / CITIES_FILE, tables["cities"])
    pictures = [row["path"] for row in (*gallery, *queries)]
    stage.finish([GALLERY_FILE, QUERIES_FILE, FACTS_FILE, CITIES_FILE, *pictures])
