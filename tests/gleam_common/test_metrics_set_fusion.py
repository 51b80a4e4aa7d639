"""Fused sets against the definition written out, and what must hold of any fusion."""

from __future__ import annotations

import numpy as np
import pytest
from gleam_common.errors import DataError
from gleam_common.metrics.set_fusion import fuse_sets


def unit(random, *shape):
    rows = random.normal(size=shape)
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def by_definition(photos):
    weights = [max(0.0, float(np.mean([photo @ other for other in photos]))) for photo in photos]
    fused = sum(weight * photo for weight, photo in zip(weights, photos, strict=True))
    return fused / np.linalg.norm(fused)


def test_the_fusion_is_that_of_the_definition_whatever_the_order():
    random = np.random.default_rng(1)
    photos, sets = unit(random, 12, 5), np.array([7, 2, 7, 2, 2, 7, 9, 2, 7, 7, 9, 2])
    numbers, fused = fuse_sets(photos, sets)
    assert numbers.tolist() == [2, 7, 9]
    np.testing.assert_allclose(fused, [by_definition(photos[sets == number]) for number in numbers], atol=1e-5)
    order = random.permutation(12)
    np.testing.assert_allclose(fuse_sets(photos[order], sets[order])[1], fused, atol=1e-6)


def test_one_photo_is_itself_and_two_weigh_the_same():
    random = np.random.default_rng(2)
    photos = unit(random, 3, 4)
    np.testing.assert_allclose(fuse_sets(photos, np.arange(3))[1], photos, atol=1e-6)
    mean = photos[:2].sum(axis=0)
    np.testing.assert_allclose(fuse_sets(photos[:2], np.zeros(2, int))[1][0], mean / np.linalg.norm(mean), atol=1e-6)


def test_a_photo_of_something_else_weighs_nothing():
    photos = np.array([[1, 0], [1, 0], [1, 0], [-1, 0], [0, 1]], dtype=np.float32)
    fused = fuse_sets(photos, np.zeros(5, int))[1][0]
    assert fused[0] / fused[1] == pytest.approx(3 * 0.4 / 0.2)  # agreements: .4, .4, .4, -.4 (none), .2


def test_photos_that_cancel_out_still_have_a_length():
    photos = np.array([[1, 0], [-1, 0]], dtype=np.float32)
    assert np.linalg.norm(fuse_sets(photos, np.zeros(2, int))[1]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("photos", "sets", "words"),
    [
        (np.zeros((0, 2)), [], "at least one"),
        (np.eye(2), [0], "one set a photo"),
        (np.array([[np.nan, 1]]), [0], "NaN or infinity among the photos"),
    ],
)
def test_what_cannot_be_fused_is_refused(photos, sets, words):
    with pytest.raises(DataError, match=words):
        fuse_sets(photos, np.array(sets, dtype=np.int64))
