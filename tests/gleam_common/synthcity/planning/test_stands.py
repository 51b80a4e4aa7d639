"""Where one stands: beside crowns that hang low, and under them where there is nothing else."""

from __future__ import annotations

import math

import numpy as np
import pytest
from gleam_common.synthcity.model import Kind, Tree
from gleam_common.synthcity.planning.drafts import CityDraft
from gleam_common.synthcity.planning.stands import find_stands

CENTRE = np.zeros((1, 2))


def tree_at(x_m: float, y_m: float, height_m: float, species: str = "broadleaf") -> Tree:
    return Tree(item_id=0, kind=Kind.TREE, x_m=x_m, y_m=y_m, height_m=height_m, radius_m=3.2, species=species)


def stand_in(*trees: Tree) -> tuple[float, float]:
    x_m, y_m = find_stands(CENTRE, CityDraft(roads=(), rails=(), areas=(), buildings=(), trees=trees))[0]
    return float(x_m), float(y_m)


@pytest.mark.parametrize(
    ("height_m", "species", "clear_m"),
    [(8.0, "broadleaf", 3.6), (5.0, "broadleaf", 3.6), (14.0, "conifer", 3.6), (14.0, "broadleaf", 1.5)],
)
def test_a_stand_is_outside_crowns_that_hang_low(height_m: float, species: str, clear_m: float) -> None:
    gap_m = math.hypot(*stand_in(tree_at(0.0, 0.0, height_m, species)))
    assert clear_m <= gap_m < clear_m + 2.5


def test_a_thicket_still_has_a_stand_between_its_trunks() -> None:
    rows = np.arange(-40.0, 41.0, 4.0)
    trees = [tree_at(float(x), float(y), 7.0) for x in rows for y in rows]
    x_m, y_m = stand_in(*trees)
    assert min(math.hypot(tree.x_m - x_m, tree.y_m - y_m) for tree in trees) > 1.5
