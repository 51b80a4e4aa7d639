"""Blocks between streets, cut into sites, and what each site is for."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry import Polygon

from gleam_common.synthcity.lots import subdivide
from gleam_common.synthcity.planning.network import Network
from gleam_common.synthcity.planning.streets import District
from gleam_common.synthcity.planning.zones import pick
from gleam_common.synthcity.roads import road_surfaces

__all__ = ["FABRIC", "Site", "cut_sites", "free_land"]

FABRIC = frozenset({"lots", "slabs", "points", "perimeter"})
"""Programmes that are ordinary fabric; all others are landmarks."""

_WANTED_M2 = {
    "plaza": 2200.0,
    "parking": 2200.0,
    "tennis": 1500.0,
    "basketball": 1000.0,
    "church": 1900.0,
    "hall": 2300.0,
    "tower": 2200.0,
    "shop": 3200.0,
    "school": 6500.0,
    "hospital": 6000.0,
    "pond": 3800.0,
    "park": 4200.0,
    "football": 8500.0,
    "running_track": 12000.0,
    "orchard": 4200.0,
    "meadow": 3500.0,
    "tanks": 3500.0,
    "perimeter": 4200.0,
}
"""Area that a programme likes; a much larger site is cut, and the rest stays ordinary fabric."""


@dataclass(frozen=True, kw_only=True)
class Site:
    """A piece of a block with one purpose."""

    polygon: Polygon
    district: District
    programme: str


def free_land(network: Network) -> npt.NDArray[np.object_]:
    """Return the blocks: what streets, pavements, roundabouts, river and railway leave, corners rounded."""
    roads = [draft.item for draft in network.roads]
    taken = [
        *road_surfaces(roads, np.array([road.sidewalk_m for road in roads])),
        *(area.polygon.buffer(2.5) for area in network.roundabouts),
        *network.banks,
    ]
    # A precision grid of a millimetre makes the union robust; without one GEOS can lose a polygon.
    land = network.extent.difference(shapely.union_all(taken, grid_size=0.001))
    smooth = land.buffer(-3.0, quad_segs=3).buffer(3.0, quad_segs=3)
    blocks = shapely.get_parts(shapely.simplify(smooth, 0.1))
    return np.asarray(blocks[shapely.area(blocks) > 60.0])


def cut_sites(rng: np.random.Generator, network: Network, places_m: npt.NDArray[np.float64]) -> list[Site]:
    """Cut the free land into sites and give each a programme, so that most tiles hold a landmark."""
    blocks = free_land(network)
    owner = _owners(blocks, network.districts)
    ranges = np.array([network.districts[i].zone.site_m2 for i in owner])
    pieces, parent = subdivide(rng, blocks, rng.uniform(ranges[:, 0], ranges[:, 1]))
    sites: list[Site] = []
    for piece, block in zip(pieces, parent, strict=True):
        district = network.districts[int(owner[block])]
        sites += _assign(rng, piece, district, pick(rng, district.zone.programmes))
    sites = _put_station(sites, network)
    return _cover(rng, sites, places_m, [area.polygon.centroid.coords[0] for area in network.roundabouts])


def _put_station(sites: list[Site], network: Network) -> list[Site]:
    """Make the site by the railway that is nearest to the centre a station, if there is a fitting one."""
    reserve = network.rail_reserve
    centre = shapely.Point(network.centre)
    fitting = [
        (site.polygon.distance(centre), index)
        for index, site in enumerate(sites)
        if 900 < site.polygon.area < 8000 and not reserve.is_empty and site.polygon.distance(reserve) < 12
    ]
    if not fitting:
        return sites
    _, chosen = min(fitting)
    return [replace(site, programme="station") if index == chosen else site for index, site in enumerate(sites)]


def _owners(blocks: npt.NDArray[np.object_], districts: tuple[District, ...]) -> npt.NDArray[np.int64]:
    tree = shapely.STRtree([district.polygon for district in districts])
    return np.asarray(tree.nearest(shapely.point_on_surface(blocks)))


def _assign(rng: np.random.Generator, polygon: Polygon, district: District, programme: str) -> list[Site]:
    """One site, or several when the programme wants much less than the polygon offers; "lots" when it is too small."""
    wanted = _WANTED_M2.get(programme)
    if wanted is not None and polygon.area < 0.45 * wanted:
        programme, wanted = "lots", None
    if wanted is None or polygon.area < 1.8 * wanted:
        return [Site(polygon=polygon, district=district, programme=programme)]
    pieces, _ = subdivide(rng, np.array([polygon], dtype=object), np.array([wanted]))
    box_m2 = shapely.area(shapely.oriented_envelope(pieces))
    best = int(np.argmax(shapely.area(pieces) / box_m2 - 0.3 * (shapely.area(pieces) < 0.7 * wanted)))
    return [
        Site(polygon=piece, district=district, programme=programme if index == best else "lots")
        for index, piece in enumerate(pieces)
    ]


def _cover(
    rng: np.random.Generator, sites: list[Site], places_m: npt.NDArray[np.float64], others: list[tuple[float, ...]]
) -> list[Site]:
    """Turn an ordinary site near each place without a landmark into one."""
    spots = shapely.get_coordinates(shapely.point_on_surface([site.polygon for site in sites]))
    landmarks = [tuple(spot) for spot, site in zip(spots, sites, strict=True) if site.programme not in FABRIC]
    landmarks += [(xy[0], xy[1]) for xy in others]
    ordinary = {index for index, site in enumerate(sites) if site.programme == "lots" and site.polygon.area > 700}
    changed: dict[int, list[Site]] = {}
    for place in places_m[rng.permutation(len(places_m))]:
        if landmarks and np.abs(np.array(landmarks) - place).max(axis=1).min() < 45:
            continue
        order = sorted(ordinary, key=lambda i: float(np.abs(spots[i] - place).max()))
        if not order or np.abs(spots[order[0]] - place).max() > 55:
            continue
        index = order[0]
        ordinary.discard(index)
        landmarks.append(tuple(spots[index]))
        weights = {key: share for key, share in sites[index].district.zone.programmes.items() if key not in FABRIC}
        changed[index] = _assign(rng, sites[index].polygon, sites[index].district, pick(rng, weights))
    return [new for index, site in enumerate(sites) for new in changed.get(index, [site])]
