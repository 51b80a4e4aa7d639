"""The other direction of a catalog: links turned round, distractors searched and never asked for."""

from __future__ import annotations

import pyarrow as pa
import pytest
from gleam_common.catalog import Catalog
from gleam_common.errors import DataError
from gleam_common.reverse import reverse_catalog
from gleam_common.views import View
from toy_sets import university_toy, vigor_toy


def links(catalog: Catalog, column: str = "positives") -> set[tuple[str, str]]:
    """Return all (query, tile) pairs of a catalog."""
    pairs = zip(catalog.query_ids, catalog.queries[column].to_pylist(), strict=True)
    return {(query_id, tile) for query_id, tiles in pairs for tile in tiles}


@pytest.mark.parametrize("column", ["positives", "semi_positives"])
def test_links_are_turned_round(column):
    catalog = vigor_toy()
    turned = reverse_catalog(catalog, View.PANORAMA)
    asking = {tile for _, tile in links(catalog)}
    expected = {(tile, picture) for picture, tile in links(catalog, column) if tile in asking}
    assert links(turned, column) == expected
    assert set(turned.query_ids) == asking
    assert turned.gallery_ids == catalog.query_ids
    assert turned.views == (View.SATELLITE,)
    assert set(turned.gallery["view"].to_pylist()) == {"panorama"}


def test_twice_is_once_for_what_was_linked():
    catalog = university_toy()
    part = Catalog(
        gallery=catalog.gallery, queries=catalog.queries.filter(pa.array(catalog.column("view") == "uav")), root="."
    )
    turned = reverse_catalog(part, View.UAV)
    assert links(reverse_catalog(turned, View.SATELLITE)) == links(part)


def test_distractors_are_searched_and_never_asked_for():
    catalog = university_toy()
    chosen = catalog.select(split="test", gallery="positives")
    extra = catalog.queries.filter(pa.array(catalog.column("split") == "distractor"))
    turned = reverse_catalog(chosen, View.UAV, extra)
    assert (len(turned.queries), len(turned.gallery)) == (5, 5 * 4 + 3 * 4)


def test_a_view_that_is_not_there_is_refused():
    with pytest.raises(DataError, match=r"no picture of this view to search: 'map'; allowed: ground, uav"):
        reverse_catalog(university_toy(), View.MAP)
