"""Where the right tiles stand in a ranking, counted block by block: the Q x G matrix of scores never exists as a whole.

Axes: Q queries, G gallery tiles, H embeddings of one tile, D embedding, P positives of a query (padded), q and g one
block of Q and G. A tile may have several embeddings (turned to several headings): its score is that of the best one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NoReturn

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from tqdm import tqdm

from gleam_common.errors import DataError
from gleam_common.progress import progress
from gleam_common.row_lists import RowLists

__all__ = ["NEVER", "TIE", "Embeddings", "PositiveRanks", "positive_ranks", "top_k"]

Embeddings = Tensor | npt.NDArray[np.floating]
"""A matrix of embeddings, one a row; any floating type. Scores are computed in float32 on the queries' device."""

Ints = npt.NDArray[np.int64]

NEVER = int(np.iinfo(np.int64).max)
"""Rank of a query without a positive, where that is allowed."""

TIE = 1e-6
"""Scores that differ by less, relative to the largest product of two norms, are a tie.

Equal embeddings get scores that differ in the last bits, by where they lie in a block of a matrix product. Without the
margin a collapsed model would win those coin tosses.
"""


@dataclass(frozen=True, kw_only=True)
class PositiveRanks:
    """0-based ranks of every query's positives, best first: query i has ``ranks[offsets[i]:offsets[i + 1]]``.

    The k-th positive of a query (from 0) stands at k + the number of wrong tiles that score as high or higher: ties
    count against the model. Ignored tiles are not in the ranking.
    """

    offsets: Ints
    ranks: Ints

    @property
    def best(self) -> Ints:
        """Rank of each query's best positive, int64 (Q,); :data:`NEVER` without a positive."""
        best = np.full(len(self.offsets) - 1, NEVER, dtype=np.int64)
        has = np.diff(self.offsets) > 0
        best[has] = self.ranks[self.offsets[:-1][has]]
        return best


def positive_ranks(
    query_QD: Embeddings,
    gallery_GHD: Embeddings,
    positives: RowLists,
    ignored: RowLists | None = None,
    *,
    no_positive: Literal["raise", "miss"] = "raise",
    query_chunk: int = 1024,
    gallery_chunk: int = 16384,
) -> PositiveRanks:
    """Return where each query's positives stand when the gallery is ranked by dot product.

    Args:
        query_QD: embeddings of the queries (L2-normalised ones give cosine similarity).
        gallery_GHD: embeddings of the tiles, (G, D) or (G, H, D).
        positives: gallery rows that are right for each query; a row listed twice counts once.
        ignored: gallery rows to take out of a query's ranking (junk, semi-positives); a positive always stays.
        no_positive: a query without positives is an error (``raise``) or never found (``miss``).
        query_chunk: queries in a block.
        gallery_chunk: embeddings of tiles in a block, at least one tile's; a block of scores takes
            ``4 * query_chunk * gallery_chunk`` bytes.

    Raises:
        DataError: NaN or infinity in the embeddings, shapes that do not fit, a row outside the gallery, or a query
            without a positive.
    """
    query, gallery, tie = _checked(query_QD, gallery_GHD)
    positives = _as_sets(positives, query.shape[0], gallery.shape[0], "positives")
    hidden = positives
    if ignored is not None:
        hidden = _joined(positives, _as_sets(ignored, query.shape[0], gallery.shape[0], "ignored rows"))
    _check_has_positives(positives, no_positive)
    blocks = []
    with _bar(query.shape[0], "ranking") as bar:
        for part in _blocks(query.shape[0], query_chunk):
            at_least = _Counter(query[part], gallery, _part(positives, part), tie)
            for tiles in _blocks(gallery.shape[0], max(1, gallery_chunk // gallery.shape[1])):
                at_least.add(gallery[tiles], tiles.start, _part(hidden, part))
            blocks.append(at_least.ranks())
            bar.update(part.stop - part.start)
    return PositiveRanks(offsets=positives.offsets, ranks=np.concatenate(blocks))


class _Counter:
    """Counts, for one block of queries, the tiles that score at least as high as each positive."""

    def __init__(self, query_qD: Tensor, gallery_GHD: Tensor, positives: RowLists, tie: float) -> None:
        self.query_qD = query_qD.float()
        self.lengths = positives.lengths
        self.owner, self.place = _owner_and_place(positives)
        widest = max(1, int(self.lengths.max(initial=0)))
        thresholds_qP = torch.full((len(positives), widest), torch.inf, device=query_qD.device)
        pairs_NHD = self.query_qD[self.owner][:, None] * gallery_GHD[positives.rows].float()
        thresholds_qP[self.owner, self.place] = pairs_NHD.sum(dim=2).amax(dim=1) - tie
        self.thresholds_qP = thresholds_qP.sort(dim=1).values
        self.counts_qP = torch.zeros_like(thresholds_qP, dtype=torch.int64)

    def add(self, gallery_gHD: Tensor, first: int, hidden: RowLists) -> None:
        """Count the tiles ``first``, ``first + 1``, ... except those that are hidden from a query."""
        scores_qg = _scores(self.query_qD, gallery_gHD)
        owner, _ = _owner_and_place(hidden)
        inside = (hidden.rows >= first) & (hidden.rows < first + gallery_gHD.shape[0])
        scores_qg[owner[inside], hidden.rows[inside] - first] = -torch.inf
        if self.thresholds_qP.shape[1] == 1:  # a comparison is twice as fast as the search
            self.counts_qP += (scores_qg >= self.thresholds_qP).sum(dim=1, keepdim=True)
            return
        reached_qg = torch.searchsorted(self.thresholds_qP, scores_qg, right=True)
        cells = self.thresholds_qP.shape[1] + 1
        flat = reached_qg + cells * torch.arange(len(reached_qg), device=reached_qg.device)[:, None]
        histogram = flat.flatten().bincount(minlength=cells * len(reached_qg)).view(-1, cells)
        self.counts_qP += histogram.flip(1).cumsum(1).flip(1)[:, 1:]

    def ranks(self) -> Ints:
        """Return the ranks of the positives, query after query, best first."""
        column = self.lengths[self.owner] - 1 - self.place  # thresholds are ascending, padding comes last
        return np.asarray(self.counts_qP.cpu().numpy()[self.owner, column] + self.place)


def _scores(query_qD: Tensor, gallery_gHD: Tensor) -> Tensor:
    """Return the scores (q, g), each the best over a tile's embeddings."""
    tiles, headings, _ = gallery_gHD.shape
    products = query_qD @ gallery_gHD.float().flatten(0, 1).T
    return products if headings == 1 else products.view(-1, tiles, headings).amax(dim=2)


def top_k(
    query_QD: Embeddings, gallery_GHD: Embeddings, k: int, *, query_chunk: int = 1024, gallery_chunk: int = 16384
) -> tuple[Ints, npt.NDArray[np.float32]]:
    """Return the rows int64 (Q, k) and scores float32 (Q, k) of the k best tiles of each query, best first.

    ``k`` is cut to the gallery's size. Equal scores stand in no particular, but a repeatable order.

    Raises:
        DataError: as :func:`positive_ranks`, or ``k`` under 1.
    """
    query, gallery, _ = _checked(query_QD, gallery_GHD)
    if k < 1:
        raise DataError("tiles to return", value=k, allowed="at least 1")
    k = min(k, gallery.shape[0])
    all_rows, all_scores = [], []
    with _bar(query.shape[0], "searching") as bar:
        for part in _blocks(query.shape[0], query_chunk):
            scores_qk = torch.empty(part.stop - part.start, 0, device=query.device)
            rows_qk = torch.empty(part.stop - part.start, 0, dtype=torch.int64, device=query.device)
            for tiles in _blocks(gallery.shape[0], max(1, gallery_chunk // gallery.shape[1])):
                block = _scores(query[part].float(), gallery[tiles])
                best = block.topk(min(k, block.shape[1]), dim=1)
                scores_qk = torch.cat([scores_qk, best.values], dim=1)
                rows_qk = torch.cat([rows_qk, best.indices + tiles.start], dim=1)
                kept = scores_qk.topk(min(k, scores_qk.shape[1]), dim=1)
                scores_qk, rows_qk = kept.values, rows_qk.gather(1, kept.indices)
            all_rows.append(rows_qk.cpu().numpy())
            all_scores.append(scores_qk.cpu().numpy())
            bar.update(part.stop - part.start)
    return np.concatenate(all_rows), np.concatenate(all_scores)


def _checked(query_QD: Embeddings, gallery_GHD: Embeddings) -> tuple[Tensor, Tensor, float]:
    """Return (Q, D) and (G, H, D) as tensors on the queries' device, and the margin of a tie."""
    query = torch.as_tensor(query_QD)
    given = torch.as_tensor(gallery_GHD, device=query.device)
    gallery = given.flatten(0, 1) if given.ndim == 3 else given
    for name, matrix in (("query", query), ("gallery", gallery)):
        if matrix.ndim != 2 or not matrix.is_floating_point() or 0 in matrix.shape:
            shown = (*matrix.shape, str(matrix.dtype))
            raise DataError(f"{name} embeddings", value=shown, allowed="a filled floating-point matrix, one row each")
    if query.shape[1] != gallery.shape[1]:
        sizes = (query.shape[1], gallery.shape[1])
        raise DataError("query and gallery embeddings differ in size", value=sizes, fix="embed both with one encoder")
    tie = TIE * _largest_norm(query, "query") * _largest_norm(gallery, "gallery")
    return query, given if given.ndim == 3 else given[:, None], tie


def _largest_norm(matrix: Tensor, name: str) -> float:
    """Return the largest norm of a row; finite norms bound all scores (Cauchy-Schwarz), so these are finite too."""
    largest = 0.0
    for part in _blocks(matrix.shape[0], 65536):
        norms = matrix[part].float().norm(dim=1)
        bad = (~norms.isfinite()).nonzero()
        if len(bad):
            raise DataError(
                f"NaN or infinity in the {name} embeddings; first row",
                value=part.start + int(bad[0]),
                fix="the model has diverged or the precision overflows: look at its loss before its scores",
            )
        largest = max(largest, float(norms.max()))
    return largest


def _check_has_positives(positives: RowLists, no_positive: str) -> None:
    empty = np.flatnonzero(positives.lengths == 0)
    if empty.size and no_positive == "raise":
        raise DataError(
            f"queries without a positive in the gallery: {empty.size}; first row",
            value=int(empty[0]),
            fix="take them out, search the whole gallery, or count them as misses",
        )


def _as_sets(lists: RowLists, queries: int, gallery: int, name: str) -> RowLists:
    """Return ``lists`` sorted and without repeats, checked against the sizes of both matrices."""
    if len(lists) != queries:
        raise DataError(f"{name} are listed for another number of queries", value=len(lists), allowed=f"{queries}")
    if lists.rows.size and not (lists.rows.min() >= 0 and lists.rows.max() < gallery):
        shown = (int(lists.rows.min()), int(lists.rows.max()))
        raise DataError(f"{name} point outside the gallery", value=shown, allowed=f"rows 0 to {gallery - 1}")
    keys = np.unique(_owner_and_place(lists)[0] * np.int64(gallery) + lists.rows)
    return _from_keys(keys, queries, gallery)


def _joined(a: RowLists, b: RowLists) -> RowLists:
    size = np.int64(max(a.rows.max(initial=0), b.rows.max(initial=0)) + 1)
    keys = np.concatenate([_owner_and_place(lists)[0] * size + lists.rows for lists in (a, b)])
    return _from_keys(np.unique(keys), len(a), int(size))


def _from_keys(keys: Ints, queries: int, size: int) -> RowLists:
    lengths = np.bincount(keys // size, minlength=queries)
    return RowLists(offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), rows=keys % size)


def _part(lists: RowLists, part: slice) -> RowLists:
    first, last = lists.offsets[part.start], lists.offsets[part.stop]
    return RowLists(offsets=lists.offsets[part.start : part.stop + 1] - first, rows=lists.rows[first:last])


def _owner_and_place(lists: RowLists) -> tuple[Ints, Ints]:
    """Return, for each entry, the number of its list and its place in it."""
    owner = np.repeat(np.arange(len(lists), dtype=np.int64), lists.lengths)
    return owner, np.arange(len(lists.rows), dtype=np.int64) - lists.offsets[owner]


def _blocks(count: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


def _bar(queries: int, title: str) -> tqdm[NoReturn]:
    return progress(total=queries, desc=title, unit="query", delay=1, leave=False)
