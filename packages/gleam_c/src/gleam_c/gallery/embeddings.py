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
from gleam_common.errors import ModelError

from gleam_c.search.rough import LONGEST, roughened

__all__ = ["matrix_bytes", "matrix_files", "write_matrix"]

Halves = npt.NDArray[np.float16]


def matrix_files(name: str) -> tuple[str, str]:
    """Return where in a segment a matrix lies, and its rough copy."""
    return f"embeddings/{name}.npy", f"embeddings/{name}.rough.npy"


def matrix_bytes(rows: int, dimension: int) -> int:
    """Return about how large both files of a matrix are."""
    return rows * (3 * dimension + 8)


def write_matrix(folder: Path, name: str, count: int, parts: Iterator[Halves]) -> None:
    """Write both files of a matrix of ``count`` rows, which come in parts (N, D).

    Raises:
        ModelError: a row is longer than 1; the rough copy's bounds would not hold.
    """
    exact, rough = (folder / file for file in matrix_files(name))
    with write_atomic(exact) as exact_file, write_atomic(rough) as rough_file:
        write_exact, write_rough = (_rows_to(file, count) for file in (exact_file, rough_file))
        for part in parts:
            longest = float(np.linalg.norm(part.astype(np.float32), axis=1).max(initial=0.0))
            if not longest <= LONGEST:
                raise ModelError("an embedding that is not of length 1", value=longest, fix="L2-normalise embeddings")
            write_exact(part)
            write_rough(roughened(part))


def _rows_to(file: BinaryIO, count: int) -> Callable[[npt.NDArray[Any]], None]:
    """Return what appends rows to a ``.npy`` file; its header is made of the first ones."""

    def write(rows: npt.NDArray[Any]) -> None:
        if not file.tell():
            header = {
                "descr": np.lib.format.dtype_to_descr(rows.dtype),
                "fortran_order": False,
                "shape": (count, *rows.shape[1:]),
            }
            np.lib.format.write_array_header_1_0(file, header)
        file.write(np.ascontiguousarray(rows).tobytes())

    return write
