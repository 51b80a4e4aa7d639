"""A tiny DenseUAV in the layout of its README."""

from __future__ import annotations

import shutil
from pathlib import Path

from layouts.painting import paint

__all__ = ["write_denseuav"]

HEIGHTS_M = (80, 90, 100)


def write_denseuav(root: Path, train: int = 4, test: int = 2) -> Path:
    """Write ``train + test`` points; the galleries hold those of both, as in the set."""
    lines: dict[str, list[str]] = {"train": [], "test": []}
    for number in range(train + test):
        point, split = f"{number + 1:06d}", "train" if number < train else "test"
        drone, satellite = ("drone", "satellite") if split == "train" else ("query_drone", "query_satellite")
        for height_m in HEIGHTS_M:
            paint(root / split / drone / point / f"H{height_m}.JPG", point)
            paint(root / split / satellite / point / f"H{height_m}.tif", point)
            paint(root / split / satellite / point / f"H{height_m}_old.tif", point)
            where = f"E{120.38 + number * 1e-3:.9f} N{30.32 + number * 1e-4:.9f} {height_m}.5"
            lines[split].append(f"{split}/satellite/{point}/H{height_m}.tif {where}")
        shutil.copytree(root / split / drone / point, root / "test/gallery_drone" / point)
        shutil.copytree(root / split / satellite / point, root / "test/gallery_satellite" / point)
    for name, own in {**lines, "ALL": lines["train"] + lines["test"]}.items():
        (root / f"Dense_GPS_{name}.txt").write_text("".join(f"{line}\n" for line in own))
    return root
