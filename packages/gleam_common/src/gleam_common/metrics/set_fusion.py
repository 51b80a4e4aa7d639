"""One embedding of a set of photos of one cell: their mean, weighted by how much each agrees with the others."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gleam_common.errors import DataError

__all__ = ["fuse_sets"]


def fuse_sets(
    embedding_QD: npt.NDArray[np.floating], set_Q: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return the numbers of the sets, int64 (S,), and their embeddings of length 1, float32 (S, D).

    Photo i of a set of n has the weight w_i = max(0, mean_j cos(f_i, f_j)) over all n photos, itself among them; the
    fused embedding is sum_i w_i f_i, brought to length 1. A set of one is that photo; two photos weigh the same; a
    photo that shows something else than the rest weighs little.

    This is the similarity-guided feature fuser of FlexGeo (Wu et al., Set-CVGL, ISPRS 233, 2026), as its figure shows
    it: pairwise similarities, one weight a photo, weighted mean, nothing learned. Its code is not public; the clamp and
    the mean over all photos are our reading.

    Args:
        embedding_QD: of the photos, of length 1.
        set_Q: the number of each photo's set.

    Raises:
        DataError: no photo, sizes that do not fit, or NaN.
    """
    embedding = np.asarray(embedding_QD, dtype=np.float32)
    if embedding.ndim != 2 or len(embedding) != len(set_Q) or not len(set_Q):
        raise DataError("photos of sets", value=(embedding.shape, len(set_Q)), allowed="one set a photo, at least one")
    if not np.isfinite(embedding).all():
        raise DataError("NaN or infinity among the photos of a set", fix="look at the model's loss before its scores")
    numbers, set_Q = np.unique(set_Q, return_inverse=True)
    sum_SD = _sums(embedding, set_Q, len(numbers))
    agreement_Q = np.einsum("qd,qd->q", embedding, sum_SD[set_Q]) / np.bincount(set_Q)[set_Q]
    weights_Q = np.maximum(agreement_Q, 0)
    fused_SD = _sums(weights_Q[:, None] * embedding, set_Q, len(numbers))
    length_S = np.linalg.norm(fused_SD, axis=1, keepdims=True)
    # Photos that cancel out have no direction; any of unit length says as little, the first photo's among them.
    first_SD = embedding[np.unique(set_Q, return_index=True)[1]]
    return numbers, np.where(length_S > 1e-6, fused_SD / np.maximum(length_S, 1e-6), first_SD).astype(np.float32)


def _sums(values_QD: npt.NDArray[np.float32], set_Q: npt.NDArray[np.int64], sets: int) -> npt.NDArray[np.float32]:
    order = np.argsort(set_Q, kind="stable")
    starts = np.searchsorted(set_Q[order], np.arange(sets))
    return np.add.reduceat(values_QD[order], starts, axis=0)
