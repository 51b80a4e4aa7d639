"""Views are guessed from tags, then from looks; measured on real pictures."""

from __future__ import annotations

import csv
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from gleam_c.locate.view_guess import guess_view
from gleam_common.images import load_array
from gleam_common.photo_facts import PhotoFacts, read_facts
from gleam_common.views import View

REAL = Path(os.environ.get("GLEAM_REAL_DATA", "../shared/data/real"))
SILENT = PhotoFacts(
    position=None,
    altitude_m=None,
    height_m=None,
    heading_deg=None,
    pitch_deg=None,
    taken_at=None,
    is_equirectangular=False,
    is_drone=False,
)
RNG = np.random.default_rng(3)


def rough(height: int, width: int, level: int = 110) -> np.ndarray:
    noise = RNG.normal(level, 30, (height // 8, width // 8, 3))
    return cv2.resize(np.clip(noise, 0, 255).astype(np.uint8), (width, height), interpolation=cv2.INTER_LINEAR)


def landscape(height: int, width: int) -> np.ndarray:
    picture = rough(height, width)
    picture[: height // 3] = (150, 190, 240)
    return picture


def drawing(height: int, width: int) -> np.ndarray:
    picture = np.full((height, width, 3), (242, 239, 233), np.uint8)
    for x in range(20, width, 60):
        cv2.line(picture, (x, 0), (x + 30, height), (255, 255, 255), 9, cv2.LINE_AA)
        cv2.rectangle(picture, (x + 10, 30), (x + 35, 60), (217, 208, 201), -1)
    return picture


def test_looks_decide_where_tags_are_silent() -> None:
    assert guess_view(rough(300, 400), SILENT).view is View.UAV
    assert guess_view(landscape(300, 400), SILENT).view is View.GROUND
    assert guess_view(drawing(300, 300), SILENT).view is View.MAP
    around = landscape(256, 256)
    assert guess_view(np.hstack([around, around[:, ::-1]]), SILENT).view is View.PANORAMA


def test_a_wide_photo_whose_edges_do_not_meet_is_no_panorama() -> None:
    wide = landscape(256, 512)
    wide[:, -60:] //= 4
    assert guess_view(wide, SILENT).view is View.GROUND


def test_tags_outweigh_looks() -> None:
    assert guess_view(rough(300, 400), replace(SILENT, is_equirectangular=True)).view is View.PANORAMA
    drone = replace(SILENT, is_drone=True)
    assert guess_view(landscape(300, 400), drone).view is View.UAV
    assert guess_view(rough(300, 400), replace(drone, pitch_deg=0.0, height_m=2.0)).view is View.GROUND
    assert "tags" in guess_view(landscape(300, 400), drone).reason


@pytest.mark.parametrize("size", [(1, 1), (2, 4), (3, 600), (600, 3)])
def test_the_smallest_and_the_narrowest_pictures_get_a_view(size: tuple[int, int]) -> None:
    assert guess_view(np.zeros((*size, 3), np.uint8), SILENT).view in View


def test_real_pictures_without_their_tags() -> None:
    table = REAL / "pairs.csv"
    if not table.is_file():
        pytest.skip(f"no real pictures in {REAL} (GLEAM_REAL_DATA)")
    rows = list(csv.DictReader(table.open()))
    chosen = [row for number, row in enumerate(rows) if row["query_view"] != "uav" or number % 8 == 0]
    right: Counter[str] = Counter()
    for row in chosen:
        path = REAL / row["query_path"]
        facts = replace(read_facts(path), is_drone=False)
        right[row["query_view"]] += str(guess_view(load_array(path), facts).view) == row["query_view"]
    counts = Counter(row["query_view"] for row in chosen)
    assert right["uav"] == counts["uav"] > 20
    assert right["map"] == counts["map"] == 26
    assert right["ground"] >= counts["ground"] - 1 == 9
