"""What the language model is told beside the words: which looks under the second picture's tokens the first shows too."""

from __future__ import annotations

import numpy as np
from gleam_x.base.comparisons import shared_looks


def test_shared_looks_are_those_of_the_other_picture() -> None:
    first = np.array([[0.9, 0.0, 0.05], [0.0, 0.0, 0.0]], np.float32)
    second = np.array([[0.5, 0.8, 0.7]], np.float32)
    own, shared, is_second = shared_looks(first, second)
    assert (own == np.concatenate([first, second])).all()
    assert is_second.tolist() == [False, False, True]
    # 0.05 of a square is too little to be seen
    assert shared[2].tolist() == [0.5, 0.0, 0.0]


def test_a_picture_beside_itself_shares_all_it_shows() -> None:
    looks = np.random.default_rng(0).uniform(0.2, 1, (5, 4)).astype(np.float32)
    _, shared, is_second = shared_looks(looks, looks)
    assert (shared[is_second] == looks).all()
