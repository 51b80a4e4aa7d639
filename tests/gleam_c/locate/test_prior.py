"""Priors as they are typed: a point with a radius, in one word or two options."""

from __future__ import annotations

import pytest
from gleam_c.locate.prior import near_given
from gleam_c.search.area import Near
from gleam_common.errors import ConfigError, DataError


@pytest.mark.parametrize(
    ("text", "radius_m", "wanted"),
    [
        ("52.23,10.9", None, 1000),
        ("52.23, 10.9", 500.0, 500),
        ("52.23,10.9,250", None, 250),
        ("[52.23,10.9]", 20.0, 20),
    ],
)
def test_a_point_and_a_radius(text: str, radius_m: float | None, wanted: float) -> None:
    assert near_given(text, radius_m) == Near(lat=52.23, lon=10.9, radius_m=wanted)


def test_no_prior() -> None:
    assert near_given(None) is None


@pytest.mark.parametrize(
    ("text", "radius_m", "error", "says"),
    [
        ("52.23", None, ConfigError, "LAT,LON"),
        ("52.23,10.9,5,6", None, ConfigError, "LAT,LON"),
        ("north,east", None, ConfigError, "LAT,LON"),
        ("52.23,10.9,5", 6.0, ConfigError, "two radii"),
        (None, 6.0, ConfigError, "add --near"),
        ("120,10.9", None, DataError, "latitude comes first"),
        ("52.23,10.9", -5.0, DataError, "radius in metres"),
    ],
)
def test_what_is_no_prior(text: str | None, radius_m: float | None, error: type, says: str) -> None:
    with pytest.raises(error, match=says):
        near_given(text, radius_m)
