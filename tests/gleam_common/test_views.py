from __future__ import annotations

import pytest
from gleam_common.errors import DataError
from gleam_common.views import QUERY_VIEWS, View, parse_view


def test_five_views_of_which_four_are_located() -> None:
    assert [str(view) for view in View] == ["satellite", "uav", "map", "panorama", "ground"]
    assert set(QUERY_VIEWS) == set(View) - {View.SATELLITE}


def test_only_pictures_with_any_heading_are_free_of_north() -> None:
    assert {view for view in View if not view.is_north_aligned} == {View.UAV, View.GROUND}


def test_a_view_is_known_by_its_name_and_by_nothing_else() -> None:
    assert parse_view("uav") is View.UAV
    with pytest.raises(DataError, match="unknown view: 'UAV'; allowed: ground, map, panorama, satellite, uav"):
        parse_view("UAV")
