"""Duels of two runs, or of a run and the benchmark's own texts, drawn from their predictions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from gleam_common.errors import DataError

from gleam_x.benchmark.folder import read_rows
from gleam_x.evaluation.judge import Duel
from gleam_x.evaluation.predictions import Prediction

__all__ = ["draw_duels"]


def draw_duels(
    rows_a: Sequence[Prediction],
    texts_b: dict[str, str],
    benchmark: Path,
    split: str,
    pictures: Path,
    count: int,
    seed: int,
) -> list[Duel]:
    """Return duels of records that both systems explained, and write their pictures into ``pictures``.

    Args:
        rows_a: of system a.
        texts_b: of system b, by record_id.
        benchmark: folder that holds the pictures.
        split: of it.
        pictures: an existing folder.
        count: most duels, drawn by ``seed``.
        seed: of the draw.

    Raises:
        DataError: no record has a text of both.
    """
    both = [row for row in rows_a if row.text.strip() and texts_b.get(row.record_id, "").strip()]
    if not both:
        raise DataError("no record has an explanation of both systems", fix="compare runs of recipes that explain")
    order = np.random.default_rng(seed).permutation(len(both))[:count]
    chosen = {both[number].record_id: both[number] for number in sorted(order.tolist())}
    paths: dict[str, tuple[Path, Path]] = {}
    for held in read_rows(benchmark, split):
        if held["record_id"] in chosen:
            paths[held["record_id"]] = _written(pictures / str(len(paths)), held)
    if missing := sorted(set(chosen) - set(paths)):
        raise DataError("the benchmark lacks a record of the run", value=missing[0], fix="name its benchmark and split")
    return [
        Duel(
            duel_id=record_id, place_id=row.place_id, view=row.view, language=row.language, same_place=row.same_place,
            query_path=paths[record_id][0], tile_path=paths[record_id][1], text_a=row.text,
            text_b=texts_b[record_id],
        )
        for record_id, row in chosen.items()
    ]  # fmt: skip


def _written(folder: Path, held: dict[str, dict[str, bytes]]) -> tuple[Path, Path]:
    folder.mkdir()
    paths = folder / "query", folder / "tile"
    for path, column in zip(paths, ("query_image", "satellite_image"), strict=True):
        path.write_bytes(held[column]["bytes"])
    return paths
