"""Shapes keep to RFC 7946 where coordinates jump: at 180 degrees, and near a pole."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from gleam_c.locate.geometry import circle, line, quadrangle
from gleam_common.geo import distance_m


def rings(shape):
    return [part.exterior for part in shapely.get_parts(shape)]


@pytest.mark.parametrize("lon", [10.9, 179.999, -179.999, 180.0])
def test_a_circle_is_round_anticlockwise_and_within_the_globe(lon):
    shape = circle(-17.0, lon, 500.0)
    assert shape.is_valid
    west, _, east, _ = shape.bounds
    assert west >= -180
    assert east <= 180
    for ring in rings(shape):
        assert shapely.is_ccw(ring)
        on_edge = np.array([(x, y) for x, y in ring.coords if abs(abs(x) - 180) > 1e-9])
        np.testing.assert_allclose(distance_m(-17.0, lon, on_edge[:, 1], on_edge[:, 0]), 500.0, atol=1e-3)
    assert len(rings(shape)) == (1 if lon == 10.9 else 2)


def test_a_tile_over_the_antimeridian_is_two_and_loses_no_ground():
    corners = [(1.0, 179.9), (1.0, -179.8), (0.9, -179.8), (0.9, 179.9)]
    shape = quadrangle(corners)
    assert shape.geom_type == "MultiPolygon"
    assert shape.area == pytest.approx(0.3 * 0.1)


def test_a_line_over_the_antimeridian_is_cut():
    shape = line([(0.0, 179.0), (1.0, -179.0), (2.0, -178.0)])
    assert shape.geom_type == "MultiLineString"
    assert max(abs(x) for part in shape.geoms for x, _ in part.coords) == 180.0
    assert line([(0.0, 10.0), (1.0, 11.0)]).geom_type == "LineString"


def test_a_flight_that_stands_still_is_still_a_line():
    assert line([(1.0, 2.0), (1.0, 2.0)]).geom_type == "LineString"
