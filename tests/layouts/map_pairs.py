"""Tiny pairs of street map and satellite tile: by a manifest, and in the layout of CVG-Text."""

from __future__ import annotations

import json
from pathlib import Path

from layouts.painting import paint

__all__ = ["write_cvg_text", "write_map_pairs"]


def write_map_pairs(root: Path, train: int = 8, test: int = 4) -> Path:
    """Write ``train + test`` pairs and ``manifest.csv``."""
    lines = ["query,gallery,split,lat,lon,gallery_lat,gallery_lon,area"]
    for number in range(train + test):
        for kind in ("maps", "tiles"):
            paint(root / f"{kind}/{number}.png", str(number))
        split = "train" if number < train else "test"
        where = f"{48 + number * 0.01},11.5"
        lines.append(f"maps/{number}.png,tiles/{number}.png,{split},{where},{where},Munich")
    (root / "manifest.csv").write_text("\n".join(lines))
    return root


def write_cvg_text(root: Path, train: int = 4, test: int = 2) -> Path:
    """Write two versions of CVG-Text with ``train + test`` places each."""
    for lat, version in ((40.7, "NewYork-mixed"), (-27.5, "Brisbane-mixed")):
        names = [f"{lat},{153.0 + n * 0.01}_2021-05_pano{n}_d1_z3.jpg" for n in range(train + test)]
        for name in names:
            for folder in ("OSM", "satellite", "ground"):
                paint(root / f"{version}-{folder}" / name, f"{version}/{name}")
        for split, own in (("train", names[:train]), ("test", names[train:])):
            path = root / f"CVG-text/{version}/{split}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({name: "A street with trees." for name in own}))
    return root
