"""Shared: a tiny catalog whose pictures can be learnt: coloured patterns seen from above, on a map and all around."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from gleam_common.catalog import Catalog
from gleam_common.geo import LatLon, LocalFrame
from gleam_common.views import View

Picture = npt.NDArray[np.uint8]

SIDE_PX = 64
STRIDE_M = 60.0
TRAIN, VAL, TEST = 32, 8, 12


LAUNCHED = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT", "STANDALONE_PORT")
"""What a process group leaves in the environment."""


@pytest.fixture(autouse=True)
def no_leftovers_of_a_process_group() -> Iterator[None]:
    """DeepSpeed in this process would say to every later one that it is rank 0, and to meet at a port that is taken."""
    yield
    for name in LAUNCHED:
        os.environ.pop(name, None)


def write_tiny_catalog(folder: Path, train: int = TRAIN, val: int = VAL, test: int = TEST, seed: int = 0) -> Catalog:
    """Write a catalog of ``train + val + test`` places on an east-west line, and its pictures.

    Train and val are area "same", test is area "cross", 10 km to the north. Neighbouring tiles are semi-positives.
    """
    frame = LocalFrame(origin=LatLon(lat=48.1, lon=11.5))
    splits = ["train"] * train + ["val"] * val + ["test"] * test
    areas = ["cross" if split == "test" else "same" for split in splits]
    tiles, queries = [], []
    for number, (split, area) in enumerate(zip(splits, areas, strict=True)):
        rng = np.random.default_rng([seed, number])
        lat, lon = (float(v) for v in frame.to_latlon(number * STRIDE_M, 10_000.0 * (area == "cross")))
        common = {"place_id": f"toy/{number}", "split": split, "area": area, "lat": lat, "lon": lon}
        near = [n for n in (number - 1, number + 1) if 0 <= n < len(splits) and areas[n] == area]
        pattern = draw_pattern(rng)
        for view in View:
            heading_deg = float(rng.uniform(0, 360)) if view in (View.UAV, View.GROUND) else 0.0
            path = f"images/{view}/{number}.png"
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / path), picture_of(pattern, view, heading_deg, rng)[..., ::-1])
            if view is View.SATELLITE:
                tiles.append({"gallery_id": f"toy/{number}", "path": path, **common})
            else:
                links = {"positives": [f"toy/{number}"], "semi_positives": [f"toy/{n}" for n in near]}
                row = {"query_id": f"toy/{number}/{view}", "path": path, "view": str(view), "heading_deg": heading_deg}
                queries.append({**row, **common, **links})
    catalog = Catalog(gallery=pa.Table.from_pylist(tiles), queries=pa.Table.from_pylist(queries), root=folder)
    catalog.write(folder)
    return catalog


def draw_pattern(rng: np.random.Generator) -> Picture:
    """Draw a place from above, north up: 4 x 4 fields of colour and a few discs."""
    fields = rng.integers(30, 226, (4, 4, 3), dtype=np.uint8)
    pattern = cv2.resize(fields, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_NEAREST)
    for _ in range(4):
        x, y, radius = (int(v) for v in rng.integers((4, 4, 4), (60, 60, 11)))
        cv2.circle(pattern, (x, y), radius, [int(v) for v in rng.integers(0, 256, 3)], -1)
    return np.asarray(pattern, dtype=np.uint8)


def picture_of(pattern: Picture, view: View, heading_deg: float, rng: np.random.Generator) -> Picture:
    """Show the pattern as ``view`` would, in a light of its own."""
    centre = (SIDE_PX / 2 - 0.5, SIDE_PX / 2 - 0.5)
    picture = pattern
    if view is View.MAP:
        picture = (pattern // 64 * 64).astype(np.uint8)
    elif view is View.UAV:
        turn = cv2.getRotationMatrix2D(centre, heading_deg, 0.9)
        turn[0, 2] += 10
        picture = cv2.warpAffine(pattern, turn, (SIDE_PX + 20, SIDE_PX), borderMode=cv2.BORDER_REFLECT_101)
    elif view in (View.PANORAMA, View.GROUND):
        width = 2 * SIDE_PX
        heading = (np.arange(width) + 0.5) / width * 2 * np.pi - np.pi  # centre column looks north
        if view is View.GROUND:
            heading = heading / 4 + np.radians(heading_deg)
        reach = (SIDE_PX / 2 * (1 - (np.arange(SIDE_PX) + 0.5) / SIDE_PX))[:, None]
        x, y = centre[0] + reach * np.sin(heading), centre[1] - reach * np.cos(heading)
        picture = cv2.remap(pattern, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR)
    light = picture * rng.uniform(0.85, 1.15, 3) + rng.normal(0, 4, picture.shape)
    return np.clip(light, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def tiny_catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """52 places (32 train, 8 val, 12 test), five views each, 64 px tiles. Do not write into its folder."""
    return write_tiny_catalog(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def tiny_world(tiny_catalog: Catalog) -> Path:
    """The folder of :func:`tiny_catalog`."""
    return tiny_catalog.root
