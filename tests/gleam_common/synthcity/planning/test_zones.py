"""The tables of land uses name only things that exist."""

from __future__ import annotations

import numpy as np
import pytest
from gleam_common.synthcity.palette import COLOURS
from gleam_common.synthcity.planning.footprints import SHAPES
from gleam_common.synthcity.planning.programmes import PROGRAMMES
from gleam_common.synthcity.planning.zones import pick, zone_named

ZONES = ("core", "midtown", "estate", "houses", "industry", "green")


@pytest.mark.parametrize("name", ZONES)
def test_zones_use_known_programmes_shapes_and_colours(name: str) -> None:
    zone = zone_named(name)
    assert set(zone.programmes) <= set(PROGRAMMES)
    assert set(zone.shapes) <= set(SHAPES)
    assert {*zone.roofs, *zone.pitched_roofs, *zone.colours} <= set(COLOURS)
    assert zone.floors[0] <= zone.floors[1]


def test_pick_follows_the_weights() -> None:
    rng = np.random.default_rng(0)
    drawn = [pick(rng, {"a": 3.0, "b": 0.0, "c": 1.0}) for _ in range(2000)]
    assert "b" not in drawn
    assert drawn.count("a") / 2000 == pytest.approx(0.75, abs=0.04)
