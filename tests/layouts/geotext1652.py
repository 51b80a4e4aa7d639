"""A tiny GeoText-1652 in the layout of its README and of its annotations."""

from __future__ import annotations

from pathlib import Path

from layouts.painting import paint

__all__ = ["write_geotext1652"]


def write_geotext1652(root: Path, train: int = 6, test: int = 3, distractors: int = 2, shots: int = 3) -> Path:
    """Write ``train + test + distractors`` buildings with ``shots`` drone pictures and a street picture each."""
    folders = ["train"] * train + ["test/query(701)"] * test + ["test/gallery_no_train(250)"] * distractors
    for number, folder in enumerate(folders):
        building = f"{number:04d}"
        for name in [f"{building}.jpg", "1.jpg", *(f"image-{shot:02d}.jpeg" for shot in range(1, shots + 1))]:
            paint(root / folder / building / name, building)
    return root
