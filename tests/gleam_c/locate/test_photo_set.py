"""Photos of one spot as one question: embeddings fused where tiles are not turned, similarities where they are."""

from __future__ import annotations

import numpy as np
import pytest
from gleam_c.gallery.gallery import Hits
from gleam_c.locate.photo_set import fused_embedding, fused_hits, one_view
from gleam_c.locate.photos import Photo
from gleam_c.locate.view_guess import Guess
from gleam_common.errors import DataError
from gleam_common.images import PictureTags
from gleam_common.photo_facts import facts_of
from gleam_common.views import View

SILENT = facts_of(PictureTags(exif={}, gps={}, xmp=""))


def photo(embedding, view=View.MAP):
    unit = np.asarray(embedding, np.float32) / np.linalg.norm(embedding)
    return Photo(name="a", facts=SILENT, guess=Guess(view=view, reason=""), embedding=unit)


def hits(scores):
    rows = sorted(scores, key=lambda row: -scores[row])
    return Hits(
        rows=np.array(rows),
        gallery_ids=tuple(f"t{row}" for row in rows),
        lat=np.array(rows, float),
        lon=np.array(rows, float) + 100,
        scores=np.array([scores[row] for row in rows], np.float32),
        matrices=tuple(f"m{row}-{scores[row]}" for row in rows),
    )


def test_similarities_are_averaged_and_a_tile_that_was_not_found_counts_as_the_last():
    found = fused_hits([hits({1: 0.9, 2: 0.5}), hits({2: 0.8, 3: 0.7}), hits({1: 0.6, 3: 0.2})])
    expected = {1: (0.9 + 0.7 + 0.6) / 3, 2: (0.5 + 0.8 + 0.2) / 3, 3: (0.5 + 0.7 + 0.2) / 3}
    assert found.rows.tolist() == sorted(expected, key=lambda row: -expected[row])
    np.testing.assert_allclose(found.scores, [expected[row] for row in found.rows], atol=1e-6)
    assert found.gallery_ids == tuple(f"t{row}" for row in found.rows)
    assert found.lon.tolist() == [row + 100 for row in found.rows]
    assert found.matrices[found.rows.tolist().index(1)] == "m1-0.9"  # of the photo that fits it best


def test_one_photo_fuses_to_itself():
    one = hits({4: 0.5, 9: 0.4})
    assert fused_hits([one]).rows.tolist() == [4, 9]
    np.testing.assert_allclose(fused_embedding([photo([3.0, 4.0])]), [0.6, 0.8], atol=1e-6)


def test_a_photo_of_something_else_weighs_little():
    fused = fused_embedding([photo([1, 0, 0.1]), photo([1, 0.1, 0]), photo([-0.2, 1, 0])])
    assert fused[0] > 0.95


def test_photos_of_several_views_are_no_set():
    with pytest.raises(DataError, match="of one view"):
        one_view([photo([1, 0]), photo([1, 0], View.UAV)])
