"""Several photos of one spot as one question.

Where tiles are not turned, the photos' embeddings become one (:func:`gleam_common.metrics.set_fusion.fuse_sets`). Where
they are, each photo has a heading of its own and a mean of embeddings would be of nothing: then the similarities of the
tiles are averaged instead, each photo's in its own best heading.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from gleam_common.errors import DataError
from gleam_common.metrics.set_fusion import fuse_sets

from gleam_c.gallery.gallery import Hits
from gleam_c.locate.photos import Photo

__all__ = ["fused_embedding", "fused_hits", "one_view"]


def one_view(photos: Sequence[Photo]) -> None:
    """Refuse photos of several views: they are compared with different parts of tiles.

    Raises:
        DataError: names the views.
    """
    views = sorted({str(photo.guess.view) for photo in photos})
    if len(views) > 1:
        raise DataError(
            "photos of one spot must be of one view", value=views, fix="say which with --view, or give them apart"
        )


def fused_embedding(photos: Sequence[Photo]) -> npt.NDArray[np.float32]:
    """Return one embedding (D,) of photos for tiles that are not turned."""
    _, fused_SD = fuse_sets(np.stack([photo.embedding for photo in photos]), np.zeros(len(photos), dtype=np.int64))
    return np.asarray(fused_SD[0], dtype=np.float32)


def fused_hits(hits: Sequence[Hits]) -> Hits:
    """Return the tiles that any of the photos found, by their mean similarity, best first.

    A tile that a photo did not find counts with that photo's last similarity, which is at least its own. The matrix is
    that of the photo that fits the tile best.
    """
    rows = np.unique(np.concatenate([one.rows for one in hits]))
    scores_PR = np.stack([_scores_at(one, rows) for one in hits])
    mean_R = scores_PR.mean(axis=0)
    order = np.lexsort((rows, -mean_R))
    fitting = [hits[int(photo)] for photo in scores_PR.argmax(axis=0)[order]]
    at = [int(np.flatnonzero(one.rows == row)[0]) for one, row in zip(fitting, rows[order], strict=True)]
    return Hits(
        rows=rows[order],
        gallery_ids=tuple(one.gallery_ids[place] for one, place in zip(fitting, at, strict=True)),
        lat=np.array([one.lat[place] for one, place in zip(fitting, at, strict=True)]),
        lon=np.array([one.lon[place] for one, place in zip(fitting, at, strict=True)]),
        scores=mean_R[order].astype(np.float32),
        matrices=tuple(one.matrices[place] for one, place in zip(fitting, at, strict=True)),
    )


def _scores_at(hits: Hits, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Return a photo's similarity of each row, infinitesimally below its last one for rows that it did not find."""
    scores = np.full(len(rows), np.nextafter(hits.scores[-1], np.float32(-2)), dtype=np.float32)
    scores[np.searchsorted(rows, hits.rows)] = hits.scores
    return scores
