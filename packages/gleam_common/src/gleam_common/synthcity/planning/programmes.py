"""What is built on a site, by its programme."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gleam_common.synthcity.planning.civic import church, hall, hospital, school, shop, station, tower
from gleam_common.synthcity.planning.estates import perimeter, points, slabs, tanks
from gleam_common.synthcity.planning.greens import (
    Drafts,
    basketball,
    football,
    ground,
    meadow,
    orchard,
    park,
    parking,
    plaza,
    pond,
    running_track,
    tennis,
)
from gleam_common.synthcity.planning.sites import Site

__all__ = ["PROGRAMMES", "build_site"]


def _lots(rng: np.random.Generator, site: Site) -> Drafts:
    return [ground(site.polygon, "garden")] if rng.random() < site.district.zone.lawn else []


PROGRAMMES: dict[str, Callable[[np.random.Generator, Site], Drafts | None]] = {
    "basketball": basketball,
    "church": church,
    "football": football,
    "hall": hall,
    "hospital": hospital,
    "lots": _lots,
    "meadow": meadow,
    "orchard": orchard,
    "park": park,
    "parking": parking,
    "perimeter": perimeter,
    "plaza": plaza,
    "points": points,
    "pond": pond,
    "running_track": running_track,
    "school": school,
    "shop": shop,
    "slabs": slabs,
    "station": station,
    "tanks": tanks,
    "tennis": tennis,
    "tower": tower,
}
"""Builders by the name that zones.yaml uses. One that finds no room returns None."""


def build_site(rng: np.random.Generator, site: Site) -> tuple[Drafts, bool]:
    """Return what stands on a site (without the buildings of ordinary lots), and whether it is to be cut into lots."""
    built = PROGRAMMES[site.programme](rng, site)
    if built is None:
        return _lots(rng, site), True
    return built, site.programme == "lots"
