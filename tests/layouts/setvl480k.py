"""A tiny SetVL-480K: photos, tiles and the manifest that says which is where."""

from __future__ import annotations

from pathlib import Path

from layouts.painting import paint

__all__ = ["write_setvl480k"]


def write_setvl480k(root: Path, train: int = 6, test: int = 3, photos: int = 4) -> Path:
    """Write ``train + test`` tiles with ``photos`` photos each, two photos a set."""
    lines = ["query,gallery,split,set_id,lat,lon,gallery_lat,gallery_lon,heading_deg,area"]
    for number in range(train + test):
        lat, lon, split = 40 + number * 1e-3, -74.0, "train" if number < train else "test"
        paint(root / f"satellite/{number}.png", str(number))
        for photo in range(photos):
            paint(root / f"photos/{number}_{photo}.jpg", str(number))
            where = f"{lat + photo * 1e-5},{lon},{lat},{lon},{photo * 90}"
            pictures = f"photos/{number}_{photo}.jpg,satellite/{number}.png"
            lines.append(f"{pictures},{split},{number}-{photo // 2},{where},NewYork")
    (root / "manifest.csv").write_text("\n".join(lines))
    return root
