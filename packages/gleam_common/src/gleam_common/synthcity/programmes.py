"""What is built on a site, by its programme."""

from __future__ import annotations

import numpy as np
from gleam_common.synthcity.drafts import Draft
from gleam_common.synthcity.model import Area, Building, Kind, Road
from gleam_common.synthcity.sites import Site

__all__ = ["build_site"]


def build_site(rng: np.random.Generator, site: Site) -> list[Draft[Area] | Draft[Building] | Draft[Road]]:
    """Return the areas, buildings and paths of a site."""
    if site.programme == "lots":
        if rng.random() < site.district.zone.lawn:
            return [Draft(item=Area(item_id=0, kind=Kind.GRASS, polygon=site.polygon, variant="garden"))]
        return []
    kind = {"plaza": Kind.PLAZA, "parking": Kind.PARKING, "park": Kind.PARK}.get(site.programme, Kind.GRASS)
    naming = str(kind) if kind != Kind.GRASS else ""
    return [Draft(item=Area(item_id=0, kind=kind, polygon=site.polygon), naming=naming)]
