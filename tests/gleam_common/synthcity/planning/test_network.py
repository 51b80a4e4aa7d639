"""Main roads cross the river or stop at a street on its bank."""

from __future__ import annotations

import pytest
import shapely
from gleam_common.synthcity.city import STYLES
from gleam_common.synthcity.planning.corridors import stop_at
from gleam_common.synthcity.planning.lattice import make_lattice
from gleam_common.synthcity.planning.network import build_network
from shapely.geometry import LineString, Point, box

Corners = list[tuple[float, float]]
RIVER = box(-20, -500, 20, 500)


@pytest.mark.parametrize(
    ("coords", "expected"),
    [
        ([(-100, 0), (10, 0)], [(-100, 0), (-20.5, 0)]),
        ([(5, 0), (100, 0)], [(20.5, 0), (100, 0)]),
        ([(-100, 0), (100, 0)], [(-100, 0), (100, 0)]),
        ([(-5, 0), (100, 0), (100, 9), (0, 9)], [(20.5, 0), (100, 0), (100, 9), (20.5, 9)]),
        ([(-5, 0), (5, 9)], [(-5, 0), (5, 9)]),
    ],
)
def test_a_road_that_ends_in_a_river_ends_at_its_bank(coords: Corners, expected: Corners) -> None:
    assert stop_at(LineString(coords), RIVER).equals_exact(LineString(expected), 0.01)


def test_a_ring_across_a_river_stays_closed() -> None:
    ring = LineString(Point(0, 0).buffer(60).exterior.coords)
    assert stop_at(ring, box(40, -500, 80, 500)) == ring


@pytest.mark.parametrize("style", sorted(STYLES))
def test_no_main_road_ends_alone_at_a_river(style: str) -> None:
    """What a driver saw before: round stubs on both banks, without a bridge."""
    ends = 0
    for seed in (3, 5, 7):
        network = build_network(seed, style, make_lattice(64))
        roads = [draft.item for draft in network.roads if not draft.item.is_bridge and draft.item.rank != "path"]
        banks = shapely.union_all([area.polygon for area in network.verges if area.variant == "bank"])
        edge = network.extent.boundary
        for road in (road for road in roads if road.rank != "residential"):
            for end in (Point(road.line.coords[0]), Point(road.line.coords[-1])):
                if end.distance(banks) < 5.0 and end.distance(edge) > 15.0:
                    ends += 1
                    assert min(other.line.distance(end) for other in roads if other is not road) < 6.0
    assert ends or style == "radial"
