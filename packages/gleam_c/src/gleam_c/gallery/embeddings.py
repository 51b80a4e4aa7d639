"""Embeddings of a segment on disk: a matrix in float16, the truth, and its rough copy in 8 bits beside it.

Axes: N rows, D dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from gleam_common.artifacts import write_atomic

from gleam_c.search.rough import roughened

__all__ = ["matrix_files", "write_matrix"]

Halves = npt.NDArray[np.float16]


def matrix_files(name: str) -> tuple[str, str, str]:
    """Return where in a segment a matrix lies, the codes of its rough copy, and their scales and rests."""
    return f"embeddings/{name}.npy", f"embeddings/{name}.rough.npy", f"embeddings/{name}.bounds.npy"


def write_matrix(folder: Path, name: str, count: int, parts: Iterator[Halves]) -> None:
    """Write the files of a matrix of ``count`` rows, which come in parts (N, D)."""
    exact, codes, bounds = (folder / file for file in matrix_files(name))
    with write_atomic(exact) as exact_file, write_atomic(codes) as codes_file, write_atomic(bounds) as bounds_file:
        write_exact, write_codes, write_bounds = (
            _rows_to(file, count) for file in (exact_file, codes_file, bounds_file)
        )
        for part in parts:
            rough = roughened(part)
            write_exact(part)
            write_codes(rough.codes_ND)
            write_bounds(rough.bounds_N2)


def _rows_to(file: BinaryIO, count: int) -> Callable[[npt.NDArray[Any]], None]:
    """Return what appends rows to a ``.npy`` file; its header is made of the first ones."""

    def write(rows: npt.NDArray[Any]) -> None:
        if not file.tell():
            header = {"descr": rows.dtype.str, "fortran_order": False, "shape": (count, rows.shape[1])}
            np.lib.format.write_array_header_1_0(file, header)
        file.write(np.ascontiguousarray(rows).tobytes())

    return write
