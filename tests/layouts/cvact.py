"""A tiny CVACT in the layout of OriCNN and TransGeo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import scipy.io

from layouts.painting import paint

__all__ = ["pano_id", "write_cvact"]


def pano_id(number: int) -> str:
    """Return 22 characters, as panoramas of Google have; they may begin with ``-`` or ``_``."""
    return f"{'-_Q'[number % 3]}{number:021d}"


def write_cvact(root: Path, train: int = 8, val: int = 4, test: int = 4, spacing_m: float = 20.0) -> Path:
    """Write ``train + val + test`` pairs on a line to the east, ``spacing_m`` apart."""
    count = train + val + test
    ids = [pano_id(number) for number in range(count)]
    for number, one in enumerate(ids):
        folder = root / ("ANU_data_small" if number < train + val else "ANU_data_test")
        paint(folder / f"streetview/{one}_grdView.jpg", one, 32, 128)
        paint(folder / f"satview_polish/{one}_satView_polish.jpg", one)
    numbers = np.arange(1, count + 1, dtype=np.uint16)[:, None]
    parts = {
        "trainSet": ("trainInd", 0, train),
        "valSet": ("valInd", train, train + val),
        "valSetAll": ("valInd", train, count),
    }
    labels = {part: {"about": part, field: numbers[start:stop]} for part, (field, start, stop) in parts.items()}
    labels["panoIds"] = np.array(ids)
    labels["utm"] = np.stack([693_716.58 + np.arange(count) * spacing_m, np.full(count, 6_093_825.02)], axis=1)
    scipy.io.savemat(root / "ACT_data.mat", labels)
    return root
