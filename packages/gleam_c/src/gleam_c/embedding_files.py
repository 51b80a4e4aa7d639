"""Embeddings that anybody's model made: ``X.npy`` with ``X.ids.json`` beside it. No picture is opened."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt
from gleam_common.errors import DataError

__all__ = ["read_embedding_file"]

LENGTH_TOLERANCE = 0.01
"""Embeddings in float16 are of length 1 to about 0.001."""

MAX_IDS_BYTES = 1 << 30


def read_embedding_file(path: Path) -> tuple[list[str], npt.NDArray[np.floating]]:
    """Return the ids and the embeddings (N, D) or (N, H, D), memory-mapped, of length 1.

    Args:
        path: of ``X.npy``; ``X.ids.json`` beside it is a list of N ids, those of the catalog.

    Raises:
        DataError: a file is missing, pickled, cut off or of another kind; ids that are no texts, stand twice or are
            more or fewer than rows; NaN, or a row that is not of length 1.
    """
    path = Path(path)
    matrix = _read_matrix(path)
    ids = _read_ids(path.with_suffix(".ids.json"))
    if len(ids) != len(matrix):
        raise DataError(f"{path}: rows and ids differ in number", value=(len(matrix), len(ids)), allowed="one id a row")
    if len(set(ids)) != len(ids):
        twice = Counter(ids).most_common(1)[0][0]
        raise DataError(f"{path.with_suffix('.ids.json')}: an id stands twice", value=twice, fix="give each row once")
    _check_lengths(path, matrix, ids)
    return ids, matrix


def _read_matrix(path: Path) -> npt.NDArray[np.floating]:
    if path.suffix != ".npy" or not path.is_file():
        raise DataError("no such file of embeddings", value=str(path), allowed="a file X.npy with X.ids.json beside it")
    try:
        matrix = np.load(path, mmap_mode="c", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        fix = "write it with numpy.save(path, matrix) from a float16 or float32 matrix (pickles are never read)"
        raise DataError(f"{path}: not a plain .npy file ({error})", fix=fix) from error
    if not isinstance(matrix, np.ndarray) or matrix.ndim not in (2, 3) or matrix.dtype.kind != "f" or 0 in matrix.shape:
        shown = (getattr(matrix, "shape", None), str(getattr(matrix, "dtype", type(matrix).__name__)))
        allowed = "(N, D) or (N, H, D) of float16, float32 or float64"
        raise DataError(f"{path}: not a matrix of embeddings", value=shown, allowed=allowed)
    return matrix


def _read_ids(path: Path) -> list[str]:
    if not path.is_file():
        raise DataError(
            "no ids beside the embeddings", value=str(path), fix="write a JSON list of the catalog's ids, one a row"
        )
    if path.stat().st_size > MAX_IDS_BYTES:
        raise DataError(f"{path}: too large for ids", value=path.stat().st_size, allowed=f"{MAX_IDS_BYTES} bytes")
    try:
        ids = json.loads(path.read_text("utf-8"))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON ({error})", fix="write a JSON list of the catalog's ids") from error
    if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
        raise DataError(f"{path}: not a list of ids", value=type(ids).__name__, allowed='["id", "id", ...]')
    return ids


def _check_lengths(path: Path, matrix: npt.NDArray[np.floating], ids: list[str]) -> None:
    for start in range(0, len(matrix), 16384):
        length_NH = np.linalg.norm(np.asarray(matrix[start : start + 16384], dtype=np.float32), axis=-1)
        length_NH = length_NH.reshape(len(length_NH), -1)
        bad = np.argwhere(~(np.abs(length_NH - 1) <= LENGTH_TOLERANCE))
        if not bad.size:
            continue
        row, value = start + int(bad[0, 0]), float(length_NH[tuple(bad[0])])
        if not np.isfinite(value):
            fix = "look at the model that made it"
            raise DataError(f"{path}: NaN or infinity in the embedding of", value=ids[row], fix=fix)
        raise DataError(
            f"{path}: length of the embedding of {ids[row]!r}",
            value=round(value, 4),
            allowed="1, for cosine similarity",
            fix="divide each row by its length",
        )
