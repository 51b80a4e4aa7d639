"""A known heading chooses turned tiles, across north as elsewhere."""

from __future__ import annotations

import pytest
from gleam_c.search.facing import Facing
from gleam_common.errors import DataError

UPS = [15.0 * number for number in range(24)]


@pytest.mark.parametrize("heading", [0.0, 7.4, 352.0, 359.99, -8.0, 725.0])
@pytest.mark.parametrize("tolerance", [0.0, 10.0, 37.0, 180.0])
def test_headings_within_the_tolerance_and_the_nearest_one(heading, tolerance):
    apart = [min((up - heading) % 360, (heading - up) % 360) for up in UPS]
    wanted = {number for number, degrees in enumerate(apart) if degrees <= tolerance} | {apart.index(min(apart))}
    found = Facing(heading_deg=heading, tolerance_deg=tolerance).fitting(UPS)
    assert set(found) == wanted
    assert found == sorted(found)


def test_tiles_that_are_not_turned_always_fit():
    assert Facing(heading_deg=90.0, tolerance_deg=1.0).fitting([None]) == [0]


@pytest.mark.parametrize(
    ("heading", "tolerance"), [(0.0, -1.0), (0.0, 181.0), (float("nan"), 5.0), (5.0, float("nan"))]
)
def test_what_is_no_heading_is_refused(heading, tolerance):
    with pytest.raises(DataError, match="heading and its tolerance"):
        Facing(heading_deg=heading, tolerance_deg=tolerance)
