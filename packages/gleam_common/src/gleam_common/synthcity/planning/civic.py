"""Buildings that people find their way by: churches, schools, hospitals, halls, towers, malls, stations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from shapely.geometry import Polygon

from gleam_common.synthcity.lots import Box, fit_box
from gleam_common.synthcity.model import Area, Building, Kind
from gleam_common.synthcity.planning.buildings import box_part, make_building
from gleam_common.synthcity.planning.drafts import Draft
from gleam_common.synthcity.planning.footprints import outline
from gleam_common.synthcity.planning.greens import Drafts, ground, largest, place_field
from gleam_common.synthcity.planning.sites import Site

__all__ = ["church", "hall", "hospital", "school", "shop", "station", "tower"]


def _yard(site: Site, setback_m: float) -> Polygon | None:
    return largest(site.polygon.buffer(-setback_m, join_style="mitre"))


def _main_house(
    rng: np.random.Generator,
    site: Site,
    size_m: tuple[float, float],
    shapes: tuple[str, ...],
    *,
    use: str,
    floors: int,
    roof: str | None = None,
    beside: bool = False,
) -> tuple[Draft[Building], Polygon] | None:
    """The named building of a site, and its yard; ``beside`` moves it to one end to leave room for a field."""
    yard = _yard(site, 3.0)
    if yard is None:
        return None
    box = fit_box(yard, *size_m, least=0.45)
    if box is None:
        return None
    if beside:
        box = _to_one_side(yard, box)
    footprint = outline(rng, str(rng.choice(list(shapes))), box)
    character = site.district.character
    return make_building(rng, footprint, character, use, floors=floors, roof=roof, naming=use), yard


def _to_one_side(yard: Polygon, box: Box) -> Box:
    """Move a box across itself as far as the yard allows."""
    best = box
    for step_m in range(4, 60, 4):
        for side in (1.0, -1.0):
            x, y = box.place(np.array([[0.0, side * step_m]]))[0]
            moved = replace(box, x_m=float(x), y_m=float(y))
            if yard.contains(moved.polygon):
                best = moved
    return best


def _rest(yard: Polygon, building: Building, gap_m: float) -> Polygon | None:
    return largest(yard.difference(building.footprint.convex_hull.buffer(gap_m, join_style="mitre")))


def church(rng: np.random.Generator, site: Site) -> Drafts | None:
    """A gabled nave with a tower at one end, on grass."""
    yard = _yard(site, 2.5)
    box = fit_box(yard, 38.0, 15.0, least=0.55) if yard is not None else None
    if box is None:
        return None
    side = box.width_m * float(rng.uniform(0.5, 0.62))
    end = float(rng.choice([-1.0, 1.0]))
    nave = box_part(box, -end * side / 2, 0.0, box.length_m - side, box.width_m)
    spire = box_part(box, end * (box.length_m - side) / 2, 0.0, side, side)
    character = site.district.character
    floors = int(rng.integers(3, 5))
    body = make_building(rng, nave.polygon, character, "church", floors=floors, roof="gable", naming="church")
    roof = "hip" if rng.random() < 0.7 else "flat"
    top = make_building(rng, spire.polygon, character, "church", floors=floors + int(rng.integers(3, 7)), roof=roof)
    look = body.item
    top_item = replace(top.item, colour=look.colour, facade=look.facade, roof_colour=look.roof_colour)
    return [ground(site.polygon, "lawn"), body, Draft(item=top_item)]


def _square(polygon: Polygon, kind: Kind = Kind.PLAZA) -> Draft[Area]:
    return Draft(item=Area(item_id=0, kind=kind, polygon=polygon))


def hall(rng: np.random.Generator, site: Site) -> Drafts | None:
    """A public hall of an unusual shape on a paved square."""
    size = (float(rng.uniform(28, 48)), float(rng.uniform(22, 34)))
    shapes = ("round", "hexagon", "cross", "aitch", "court", "cup")
    found = _main_house(rng, site, size, shapes, use="hall", floors=int(rng.integers(2, 5)))
    if found is None:
        return None
    base = _square(site.polygon) if rng.random() < 0.6 else ground(site.polygon, "lawn")
    return [base, found[0]]


def tower(rng: np.random.Generator, site: Site) -> Drafts | None:
    """A high-rise on a low podium, set on a square."""
    yard = _yard(site, 4.0)
    box = fit_box(yard, float(rng.uniform(26, 40)), float(rng.uniform(24, 34)), least=0.6) if yard is not None else None
    if box is None:
        return None
    share = float(rng.uniform(0.55, 0.8))
    slim = replace(box, length_m=share * box.width_m * float(rng.uniform(1.0, 1.3)), width_m=share * box.width_m)
    shape = str(rng.choice(["rect", "round", "hexagon", "chamfer", "cross"]))
    high = make_building(
        rng,
        outline(rng, shape, slim),
        site.district.character,
        "tower",
        floors=int(rng.integers(14, 34)),
        roof="flat",
        naming="tower",
    )
    return [_square(site.polygon), high]


def school(rng: np.random.Generator, site: Site) -> Drafts | None:
    """A school with a yard and a pitch or court where there is room."""
    size = (float(rng.uniform(44, 62)), float(rng.uniform(22, 32)))
    shapes = ("ell", "cup", "aitch", "tee", "court")
    found = _main_house(rng, site, size, shapes, use="school", floors=int(rng.integers(2, 5)), beside=True)
    if found is None:
        return None
    house, yard = found
    drafts: Drafts = [ground(site.polygon, "lawn"), house]
    rest = _rest(yard, house.item, 3.0)
    for variant in ("running_track", "football", "basketball"):
        field = place_field(rng, rest, variant, naming="") if rest is not None else None
        if field is not None:
            return [*drafts, field]
    return drafts


def _with_parking(rng: np.random.Generator, site: Site, found: tuple[Draft[Building], Polygon], name: str) -> Drafts:
    house, yard = found
    rest = _rest(yard, house.item, 4.0)
    drafts: Drafts = [house]
    if rest is not None and rest.area > 500:
        lot = largest(rest.buffer(-4.0).buffer(4.0, join_style="mitre").intersection(rest))
        if lot is not None and lot.area > 400:
            drafts.insert(0, Draft(item=Area(item_id=0, kind=Kind.PARKING, polygon=lot), naming=name))
    if rng.random() < 0.5:
        drafts.insert(0, ground(site.polygon, "lawn"))
    return drafts


def hospital(rng: np.random.Generator, site: Site) -> Drafts | None:
    """A hospital: wings, some floors, pale walls, cars beside it."""
    size = (float(rng.uniform(48, 66)), float(rng.uniform(34, 44)))
    found = _main_house(
        rng, site, size, ("aitch", "cross", "court", "tee"), use="hospital", floors=int(rng.integers(4, 9)), roof="flat"
    )
    if found is None:
        return None
    pale = replace(found[0].item, colour=str(rng.choice(["white", "cream", "light blue"])))
    return _with_parking(rng, site, (replace(found[0], item=pale), found[1]), "")


def shop(rng: np.random.Generator, site: Site) -> Drafts | None:
    """A mall or supermarket: one large low box and its car park."""
    size = (float(rng.uniform(40, 64)), float(rng.uniform(28, 42)))
    found = _main_house(
        rng,
        site,
        size,
        ("rect", "podium", "chamfer", "ell"),
        use="shop",
        floors=int(rng.integers(1, 4)),
        roof="flat",
        beside=True,
    )
    return None if found is None else _with_parking(rng, site, found, "")


def station(rng: np.random.Generator, site: Site) -> Drafts | None:
    """A railway station on its square."""
    found = _main_house(rng, site, (52.0, 15.0), ("rect", "rect", "tee"), use="station", floors=2)
    if found is None:
        return None
    drafts: Drafts = [_square(site.polygon), found[0]]
    spot = site.polygon.representative_point()
    clear_m = min(spot.distance(found[0].item.footprint), spot.distance(site.polygon.boundary))
    if clear_m > 9:
        basin = spot.buffer(min(5.0, clear_m - 3.0), quad_segs=8)
        drafts.append(Draft(item=Area(item_id=0, kind=Kind.POND, polygon=basin, variant="fountain")))
    return drafts
