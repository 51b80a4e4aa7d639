"""A tiny benchmark of noise pictures in the real format: no world is rendered."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from gleam_common.artifacts import open_stage
from gleam_x.benchmark.folder import KIND, SPLITS, data_file, write_split
from gleam_x.benchmark.schema import SCHEMA_VERSION, Provenance, Record
from PIL import Image

VIEWS = ("uav", "map", "panorama", "ground")
PAIRS = {"train": 12, "validation": 8, "test": 4}
REASONS = {
    ("en", "yes"): "The drone sees a church with a red roof, and so does the tile. They show the same place.",
    ("en", "no"): "The first picture shows two ponds; the tile shows a car park. They differ.",
    ("zh", "yes"): "两张图都有一座红色屋顶的教堂。地点相同。",
    ("zh", "no"): "第一张图有两个池塘，卫星影像中有一个停车场。地点不同。",
}


def jpeg(seed: int, height: int, width: int) -> bytes:
    noise = np.random.default_rng(seed).integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).resize((width, height), Image.Resampling.NEAREST).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def write_benchmark(folder: Path, pairs: dict[str, int] | None = None) -> Path:
    """Write pairs of noise, as many yes as no, each in two languages, and return the folder."""
    stage = open_stage(folder, KIND, {"schema_version": SCHEMA_VERSION})
    seed = 0
    for split in SPLITS:
        records, extras = [], []
        for number in range((pairs or PAIRS)[split]):
            name, seed = f"toy/{split}/{number}", seed + 2
            verdict, view = ("yes", "no")[number % 2], VIEWS[number // 2 % 4]
            pictures = {
                "query_image": {"bytes": jpeg(seed, 96, 192 if view == "panorama" else 128), "path": None},
                "satellite_image": {"bytes": jpeg(seed + 1, 96, 96), "path": None},
                "query_shows": [],
                "satellite_shows": [],
            }
            for language in ("en", "zh"):
                records.append(
                    Record(
                        record_id=f"{name}/{language}",
                        pair_id=name,
                        query_id=f"{name}/{view}",
                        gallery_id=name,
                        place_id=name,
                        split=split,
                        view=view,
                        same_place=verdict == "yes",
                        negative_kind="" if verdict == "yes" else "random",
                        language=language,
                        verdict=verdict,
                        explanation=REASONS[language, verdict],
                        claims=(),
                        provenance=Provenance(teacher="toy", prompt_version="1"),
                    )
                )
                extras.append(pictures)
        write_split(folder, split, records, extras)
    stage.finish(data_file(split) for split in SPLITS)
    return folder
