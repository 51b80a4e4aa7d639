"""A village of a few buildings, small enough to be built and photographed in a fraction of a second."""

from __future__ import annotations

from gleam_common.geo import LatLon
from gleam_common.synthcity.model import Area, Building, City, Kind, Name, Place, Road, Tree
from shapely.geometry import LineString, Polygon, box

__all__ = ["BLOCK", "COURT", "HOUSE", "LAWN", "OAK", "POND", "STREET", "TOWER", "empty_village", "village"]

STREET, LANE, LAWN, POND, PARKING = 1, 2, 3, 4, 5
HOUSE, TOWER, COURT, BLOCK = 11, 12, 13, 14
OAK, FIR = 21, 22


def _building(item_id: int, footprint: Polygon, height_m: float, roof: str, use: str, facade: str) -> Building:
    return Building(
        item_id=item_id,
        kind=Kind.BUILDING,
        name=Name(en=f"House {item_id}", zh=f"楼{item_id}"),
        colour="cream",
        footprint=footprint,
        height_m=height_m,
        floors=max(1, int(height_m / 3)),
        roof=roof,
        roof_colour="red",
        facade=facade,
        use=use,
        seed=item_id,
    )


def empty_village() -> City:
    """Bare ground and one place in its middle, its stand 2 m east and 10 m south of the tile's centre."""
    place = Place(
        place_id="0_0", row=0, col=0, x_m=0.0, y_m=0.0, stand_x_m=2.0, stand_y_m=-10.0, split="train"
    )  # fmt: skip
    return City(
        city_id="village",
        seed=1,
        style="grid",
        name=Name(en="Village", zh="村"),
        origin=LatLon(lat=48.0, lon=11.0),
        half_width_m=130.0,
        half_height_m=130.0,
        tile_m=120.0,
        stride_m=60.0,
        places=(place,),
        buildings=(),
        roads=(),
        rails=(),
        areas=(),
        trees=(),
    )


def village() -> City:
    """A house to the north-east of the stand, a tower to the north-west, a block to the south-west, a block with a
    court to the south-east; a street from west to east through the stand, a pond and trees."""
    bare = empty_village()
    court = Polygon(box(20, -55, 50, -25).exterior, [box(28, -47, 42, -33).exterior])
    block = Polygon([(-50, -50), (-20, -50), (-20, -40), (-40, -40), (-40, -22), (-50, -22)])
    return City(
        **{name: getattr(bare, name) for name in ("city_id", "seed", "style", "name", "origin", "places")},
        **{name: getattr(bare, name) for name in ("half_width_m", "half_height_m", "tile_m", "stride_m")},
        buildings=(
            _building(HOUSE, box(15, 5, 33, 15), 6.0, "gable", "house", "brick"),
            _building(TOWER, box(-40, 12, -22, 30), 36.0, "flat", "office", "glass"),
            _building(COURT, court, 15.0, "flat", "apartments", "plaster"),
            _building(BLOCK, block, 9.0, "flat", "shop", "panel"),
        ),
        roads=(
            Road(
                item_id=STREET, kind=Kind.ROAD, name=Name(en="Long Street", zh="长街"), width_m=8.0, lanes=2,
                rank="secondary", sidewalk_m=2.0, line=LineString([(-130, -10), (130, -10)]),
            ),
            Road(
                item_id=LANE, kind=Kind.ROAD, width_m=7.0, lanes=2, rank="residential", sidewalk_m=2.0,
                line=LineString([(60, -130), (60, 130)]),
            ),
        ),
        rails=(),
        areas=(
            Area(item_id=LAWN, kind=Kind.GRASS, polygon=box(-15, 0, 10, 40), variant="lawn"),
            Area(item_id=POND, kind=Kind.POND, polygon=box(-12, 45, 25, 58)),
            Area(item_id=PARKING, kind=Kind.PARKING, polygon=box(68, -60, 100, -20)),
        ),
        trees=(
            Tree(item_id=OAK, kind=Kind.TREE, x_m=-4.0, y_m=24.0, height_m=11.0, radius_m=4.0, species="broadleaf"),
            Tree(item_id=FIR, kind=Kind.TREE, x_m=5.0, y_m=33.0, height_m=12.0, radius_m=2.5, species="conifer"),
        ),
    )  # fmt: skip
