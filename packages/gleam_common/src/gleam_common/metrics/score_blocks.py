"""Scores of queries and tiles, block after block: the Q x G matrix never exists as a whole.

Axes: Q queries, G gallery tiles, H embeddings of one picture, D embedding, q and g one block of Q and G. A picture may
have several embeddings (a tile turned to several headings): the score of a pair is that of its best two.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gleam_common.errors import DataError
from gleam_common.progress import progress

__all__ = ["TIE", "Embeddings", "checked_pair", "pair_scores", "score_blocks"]

Embeddings: TypeAlias = Tensor | npt.NDArray[np.floating]
"""A matrix of embeddings, one a row; any floating type. Scores are computed in float32 on the queries' device."""

TIE = 1e-6
"""Scores that differ by less, relative to the largest product of two norms, are a tie.

Equal embeddings get scores that differ in the last bits, by where they lie in a block of a matrix product. Without the
margin a collapsed model would win those coin tosses.
"""

CHUNKS = {"cpu": (1024, 4096), "cuda": (4096, 32768)}
"""Queries and tiles in a block: larger products are quicker, but on a CPU scores should stay in the cache."""

PAIRS_AT_ONCE = 512
"""Few enough for the copies to stay in the processor's cache."""


def checked_pair(query_QHD: Embeddings, gallery_GHD: Embeddings) -> tuple[Tensor, Tensor, float]:
    """Return (Q, H, D) and (G, H, D) as tensors on the queries' device, and the margin of a tie.

    Raises:
        DataError: NaN or infinity, not a filled floating-point matrix, or sizes that do not fit.
    """
    query = torch.as_tensor(query_QHD)
    gallery = torch.as_tensor(gallery_GHD, device=query.device)
    norms = [_largest_norm(matrix, name) for name, matrix in (("query", query), ("gallery", gallery))]
    if query.shape[-1] != gallery.shape[-1]:
        sizes = (query.shape[-1], gallery.shape[-1])
        raise DataError("query and gallery embeddings differ in size", value=sizes, fix="embed both with one encoder")
    query, gallery = (matrix if matrix.ndim == 3 else matrix[:, None] for matrix in (query, gallery))
    return query, gallery, TIE * norms[0] * norms[1]


def score_blocks(
    query_QHD: Tensor,
    gallery_GHD: Tensor,
    *,
    title: str,
    query_chunk: int | None = None,
    gallery_chunk: int | None = None,
) -> Iterator[tuple[slice, slice, Tensor]]:
    """Yield (queries, tiles, scores (q, g)) for each block, under a progress bar.

    Blocks share one piece of memory: change a block as you like, and do not keep it. The gallery is read once.

    Args:
        query_QHD: from :func:`checked_pair`.
        gallery_GHD: from :func:`checked_pair`.
        title: of the bar.
        query_chunk: embeddings of queries in a block, at least one query's; None takes what suits the device.
        gallery_chunk: embeddings of tiles in a block, at least one tile's; a block takes
            ``4 * query_chunk * gallery_chunk`` bytes.
    """
    defaults = CHUNKS.get(query_QHD.device.type, CHUNKS["cuda"])
    query_chunk, gallery_chunk = query_chunk or defaults[0], gallery_chunk or defaults[1]
    memory = torch.empty(0, device=query_QHD.device)
    queries, tiles = query_QHD.shape[0], gallery_GHD.shape[0]
    with progress(total=queries * tiles, desc=title, unit="pair", unit_scale=True, delay=1, leave=False) as bar:
        for there in _blocks(tiles, max(1, gallery_chunk // gallery_GHD.shape[1])):
            gallery_gHD = gallery_GHD[there].float()
            for here in _blocks(queries, max(1, query_chunk // query_QHD.shape[1])):
                query_qHD = query_QHD[here].float()
                size = query_qHD[..., 0].numel() * gallery_gHD[..., 0].numel()
                memory = memory if memory.numel() >= size else torch.empty(size, device=query_QHD.device)
                yield here, there, _scores(query_qHD, gallery_gHD, memory[:size])
                bar.update((here.stop - here.start) * (there.stop - there.start))


def pair_scores(
    query_QHD: Tensor, gallery_GHD: Tensor, query_N: npt.NDArray[np.int64], tile_N: npt.NDArray[np.int64]
) -> Tensor:
    """Return the score of each pair of a query's and a tile's row, float32 (N,)."""
    scores_N = torch.empty(len(query_N), device=query_QHD.device)
    for part in _blocks(len(query_N), max(1, PAIRS_AT_ONCE // (query_QHD.shape[1] * gallery_GHD.shape[1]))):
        query_nHD, gallery_nHD = query_QHD[query_N[part]].float(), gallery_GHD[tile_N[part]].float()
        scores_N[part] = torch.einsum("nhd,nkd->nhk", query_nHD, gallery_nHD).flatten(1).amax(1)
    return scores_N


def _scores(query_qHD: Tensor, gallery_gHD: Tensor, memory: Tensor) -> Tensor:
    """Return the scores (q, g), written into ``memory`` where each picture has one embedding."""
    rows, columns = query_qHD.flatten(0, 1), gallery_gHD.flatten(0, 1)
    products = torch.mm(rows, columns.T, out=memory.view(len(rows), len(columns)))
    if len(rows) == len(query_qHD) and len(columns) == len(gallery_gHD):
        return products
    return products.view(*query_qHD.shape[:2], *gallery_gHD.shape[:2]).amax(dim=(1, 3))


def _largest_norm(matrix: Tensor, name: str) -> float:
    """Return the largest norm of a row; finite norms bound all scores (Cauchy-Schwarz), so these are finite too."""
    if matrix.ndim not in (2, 3) or not matrix.is_floating_point() or 0 in matrix.shape:
        shown = (*matrix.shape, str(matrix.dtype))
        raise DataError(f"{name} embeddings", value=shown, allowed="a filled floating-point matrix, one row each")
    largest = 0.0
    for part in _blocks(matrix.shape[0], 16384):
        norms = matrix[part].float().norm(dim=-1)
        bad = (~norms.isfinite()).nonzero()
        if len(bad):
            raise DataError(
                f"NaN or infinity in the {name} embeddings; first row",
                value=part.start + int(bad[0, 0]),
                fix="the model has diverged or the precision overflows: look at its loss before its scores",
            )
        largest = max(largest, float(norms.max()))
    return largest


def _blocks(count: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, count)) for start in range(0, count, size))
