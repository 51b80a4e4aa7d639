"""A tiny SUES-200, as it is published and as its script splits it."""

from __future__ import annotations

import shutil
from pathlib import Path

from layouts.painting import paint

__all__ = ["split_sues200", "write_sues200"]

HEIGHTS = ("150", "200", "250", "300")
TRAIN, TEST = ("0001", "0002", "0003", "0200"), ("0008", "0012")


def write_sues200(root: Path, shots: int = 2) -> Path:
    """Write four places to train on and two to test, with ``shots`` drone pictures from each height."""
    for place in (*TRAIN, *TEST):
        paint(root / "satellite-view" / place / "0.png", place)
        for height in HEIGHTS:
            for shot in range(shots):
                paint(root / "drone_view_512" / place / height / f"{shot}.jpg", place)
    return root


def split_sues200(raw: Path, out: Path, training: str = "Training", testing: str = "Testing") -> Path:
    """Copy ``raw`` into the layout of ``script/split_datasets.py``."""
    for height in HEIGHTS:
        for place in (*TRAIN, *TEST):
            kinds = {"drone": raw / "drone_view_512" / place / height, "satellite": raw / "satellite-view" / place}
            for kind, source in kinds.items():
                own = f"{training}/{height}/{kind}" if place in TRAIN else f"{testing}/{height}/query_{kind}"
                for folder in (own, f"{testing}/{height}/gallery_{kind}"):
                    shutil.copytree(source, out / folder / place)
    return out
