"""A tiny CVUSA in the layout of Workman et al. and the split of Zhai et al."""

from __future__ import annotations

from pathlib import Path

from layouts.painting import paint

__all__ = ["write_cvusa"]


def write_cvusa(root: Path, train: int = 8, val: int = 4, end: str = "\n") -> Path:
    """Write ``train + val`` pairs; the lists' lines end with ``end``, the last one with nothing."""
    numbers = [f"{number:07d}" for number in range(1, train + val + 1)]
    for number in numbers:
        paint(root / f"bingmap/19/{number}.jpg", number)
        paint(root / f"streetview/panos/{number}.jpg", number, 32, 128)
    lines = [f"bingmap/19/{n}.jpg,streetview/panos/{n}.jpg,streetview/annotations/{n}.png" for n in numbers]
    (root / "splits").mkdir()
    (root / "splits/train-19zl.csv").write_bytes(end.join(lines[:train]).encode())
    (root / "splits/val-19zl.csv").write_bytes(end.join(lines[train:]).encode())
    places = [
        f"{40 + i * 0.01},{-90 + i * 0.01},{40 + i * 0.01 + 1e-4},{-90 + i * 0.01 - 1e-4},0"
        for i, _ in enumerate(numbers)
    ]
    (root / "split_locations").mkdir()
    (root / "split_locations/all.csv").write_bytes(end.join(places).encode())
    return root
