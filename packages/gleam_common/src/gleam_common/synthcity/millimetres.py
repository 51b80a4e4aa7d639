"""Coordinates on a millimetre grid, so that the last digits of sines and roots, which differ between machines, never
decide anything.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry import LineString

__all__ = ["snap", "snap_line"]


def snap(metres: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return lengths or coordinates, rounded to a millimetre; never a negative zero."""
    return np.asarray(np.round(np.asarray(metres, dtype=np.float64), 3) + 0.0)


def snap_line(line: LineString) -> LineString:
    """Return a line with all its corners rounded to a millimetre."""
    return shapely.transform(line, snap)
