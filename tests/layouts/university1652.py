"""A tiny University-1652: training buildings, test buildings, and buildings that nobody asks for."""

from __future__ import annotations

from pathlib import Path

from layouts.painting import paint

__all__ = ["write_university1652"]


def write_university1652(root: Path, train: int = 4, test: int = 3, distractors: int = 2, shots: int = 3) -> Path:
    """Write buildings with ``shots`` drone pictures, a tile and a street picture each; galleries hold the queries."""
    for number in range(train + test + distractors):
        building = f"{number + 839:04d}"
        parts = ["train/"] if number < train else ["test/gallery_"]
        if train <= number < train + test:
            parts.append("test/query_")
        names = {"satellite": [f"{building}.jpg"], "street": ["1.jpg"]}
        names["drone"] = [f"image-{shot:02d}.jpeg" for shot in range(1, shots + 1)]
        for part in parts:
            for kind, own in names.items():
                for name in own:
                    paint(root / f"{part}{kind}" / building / name, building)
        if number < train:
            paint(root / "train/google" / building / "1.jpg", building)
    paint(root / "test/4K_drone" / "0843" / "image-01.jpeg", "0843")
    return root
