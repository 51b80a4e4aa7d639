"""Pictures of one's own in folders that are named by their views."""

from __future__ import annotations

from pathlib import Path

from layouts.painting import paint

__all__ = ["write_folder"]


def write_folder(root: Path, train: int = 6, test: int = 3) -> Path:
    """Write ``train + test`` places: a drone picture matched by its name, two ground photos by their sub-folder."""
    for number in range(train + test):
        above = root / ("train" if number < train else "test")
        paint(above / f"satellite/place {number}.png", str(number))
        paint(above / f"uav/place {number}.JPG", str(number))
        for shot in ("a", "b"):
            paint(above / f"ground/place {number}/{shot}.jpg", str(number))
    return root
