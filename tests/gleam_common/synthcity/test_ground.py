"""The painted ground, against point-in-polygon answers and a city made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely
from gleam_common.errors import ConfigError
from gleam_common.geo import LatLon
from gleam_common.synthcity.city import plan_city
from gleam_common.synthcity.ground import GroundRaster, Material, paint_ground
from gleam_common.synthcity.model import Area, City, Kind, Name, Rail, Road
from gleam_common.synthcity.parking import bay_corners, parking_bays
from gleam_common.synthcity.roads import road_surfaces, roundabout_island
from shapely.geometry import LineString, Polygon, box

EMPTY = City(
    city_id="hand",
    seed=0,
    style="grid",
    name=Name(en="Hand", zh="手"),
    origin=LatLon(lat=0.0, lon=0.0),
    half_width_m=100.0,
    half_height_m=60.0,
    tile_m=120.0,
    stride_m=60.0,
    places=(),
    buildings=(),
    roads=(),
    rails=(),
    areas=(),
    trees=(),
)


def road(item_id: int, *points: tuple[float, float], rank: str = "primary", width_m: float = 16.0) -> Road:
    lanes = 4 if rank == "primary" else 2
    line = LineString(points)
    return Road(item_id=item_id, kind=Kind.ROAD, line=line, width_m=width_m, lanes=lanes, rank=rank, sidewalk_m=3.0)


def area(item_id: int, kind: Kind, polygon: Polygon, variant: str = "", colour: str = "") -> Area:
    return Area(item_id=item_id, kind=kind, polygon=polygon, variant=variant, colour=colour)


def look(ground: GroundRaster, x_m: float, y_m: float) -> tuple[Material, int]:
    row, col = int((ground.y1_m - y_m) / ground.gsd_m), int((x_m - ground.x0_m) / ground.gsd_m)
    return Material(int(ground.material_YX[row, col])), int(ground.item_YX[row, col])


def test_the_raster_covers_the_city_north_up() -> None:
    ground = paint_ground(EMPTY, gsd_m=0.25)
    assert ground.material_YX.shape == ground.item_YX.shape == (480, 800)
    assert ground.material_YX.dtype == np.uint8
    assert ground.item_YX.dtype == np.uint16
    assert (ground.x0_m, ground.y1_m) == (-100.0, 60.0)
    assert not ground.item_YX.any()


def test_polygons_are_painted_where_they_are() -> None:
    pond = Polygon([(-71.3, 10.2), (-20.7, 20.9), (-40.1, 50.3)], [[(-50, 25), (-45, 25), (-45, 30)]])
    lawn = box(10.1, -40.3, 60.7, -5.5)
    city = replace(EMPTY, areas=(area(1, Kind.RIVER, pond), area(2, Kind.GRASS, lawn)))
    ground = paint_ground(city, gsd_m=0.2)
    xy = np.random.default_rng(0).uniform([-99, -59], [99, 59], (4000, 2))
    for number, shape, material in ((1, pond, Material.WATER), (2, lawn, Material.GRASS)):
        sure = shapely.distance(shapely.points(xy), shape.boundary) > 0.2
        inside = shapely.contains_xy(shape, xy)
        for (x, y), is_in in zip(xy[sure], inside[sure], strict=True):
            assert (look(ground, x, y) == (material, number)) == is_in


def test_a_crossing_is_bare_and_its_arms_are_marked() -> None:
    city = replace(EMPTY, roads=(road(1, (-100, 0), (100, 0)), road(2, (0, -60), (0, 60), rank="secondary", width_m=9)))
    ground = paint_ground(city)
    assert look(ground, 0, 0) == (Material.ASPHALT, 1)
    assert (ground.material_YX[262:338, 480:520] == Material.ASPHALT).all()
    assert look(ground, 50, 9.5) == (Material.SIDEWALK, 1)
    assert look(ground, 6.5, -40) == (Material.SIDEWALK, 2)
    assert look(ground, 50, 14)[0] == Material.PAVED
    band = ground.material_YX[:, 600:850]
    marked = np.isin(band, [Material.MARKING_WHITE, Material.MARKING_YELLOW])
    rows = np.flatnonzero(marked.mean(axis=1) > 0.9)
    offsets_m = ground.y1_m - (rows + 0.5) * ground.gsd_m
    assert np.ptp(offsets_m) == pytest.approx(2 * (8.0 - 0.45), abs=0.3)


def test_kerbs_are_rounded_at_corners() -> None:
    city = replace(EMPTY, roads=(road(1, (-100, 0), (100, 0)), road(2, (0, -60), (0, 60), rank="secondary", width_m=9)))
    ground = paint_ground(city)
    assert look(ground, 4.5 + 0.8, 8.0 + 0.8)[0] == Material.ASPHALT
    assert look(ground, 4.5 + 2.9, 8.0 + 2.9)[0] != Material.ASPHALT


def test_a_roundabout_has_a_green_island_in_a_ring() -> None:
    circle = area(3, Kind.ROUNDABOUT, shapely.Point(0, 0).buffer(20))
    city = replace(EMPTY, roads=(road(1, (-100, 0), (100, 0)),), areas=(circle,))
    ground = paint_ground(city)
    assert look(ground, 0, 0) == (Material.GRASS, 3)
    assert look(ground, 0, 16.5) == (Material.ASPHALT, 3)
    assert roundabout_island(circle).contains(shapely.Point(0, 12))


def test_rails_cross_roads_and_sleepers_stop_there() -> None:
    rail = Rail(item_id=2, kind=Kind.RAILWAY, line=LineString([(0.3, -60), (0.3, 60)]), tracks=1)
    city = replace(EMPTY, roads=(road(1, (-100, 0), (100, 0)),), rails=(rail,))
    ground = paint_ground(city)
    assert look(ground, 1.05, 0)[0] == Material.RAIL
    assert look(ground, 0.3, 40)[1] == 2
    assert look(ground, 0.3, 0) == (Material.ASPHALT, 1)
    assert (ground.material_YX[:150] == Material.SLEEPER).any()
    assert not (ground.material_YX[262:338] == Material.SLEEPER).any()


@pytest.mark.parametrize(
    ("variant", "colour", "size", "surface"),
    [
        ("football", "green", (90, 56), Material.LAWN),
        ("tennis", "blue", (35, 17.5), Material.SPORT_BLUE),
        ("basketball", "orange", (30, 17), Material.SPORT_ORANGE),
        ("running_track", "red", (110, 66), Material.SPORT_RED),
    ],
)
def test_fields_show_their_surface_and_lines(
    variant: str, colour: str, size: tuple[float, float], surface: Material
) -> None:
    u, v = size[0] / 2, size[1] / 2
    field = area(4, Kind.SPORTS_FIELD, box(-u, -v, u, v), variant=variant, colour=colour)
    ground = paint_ground(replace(EMPTY, areas=(field,)))
    inside = ground.material_YX[ground.item_YX == 4]
    assert (inside == surface).mean() > 0.1
    assert 0.005 < (inside == Material.MARKING_WHITE).mean() < 0.3
    assert (ground.item_YX == 4).sum() * 0.04 == pytest.approx(size[0] * size[1], rel=0.02)


def test_bays_lie_apart_within_the_car_park() -> None:
    lot = area(1, Kind.PARKING, Polygon([(-40, -20), (38, -12), (30, 33), (-44, 20)]))
    bays = parking_bays(lot)
    shapes = np.asarray(shapely.polygons(bay_corners(bays)))
    assert len(bays) > 60
    assert shapely.contains(lot.polygon, shapes).all()
    slim = np.asarray(shapely.buffer(shapes, -0.01))
    i, j = shapely.STRtree(slim).query(slim, predicate="intersects")
    assert (i == j).all()
    corners = bay_corners(bays)[0]
    assert corners[0, 0] - corners[1, 0] == pytest.approx(5.0 * np.sin(np.radians(bays[0, 2])))
    ground = paint_ground(replace(EMPTY, areas=(lot,)))
    sides = bay_corners(bays)[:, :2].mean(axis=1)
    rows, cols = ((60.0 - sides[:, 1]) / 0.2).astype(int), ((sides[:, 0] + 100.0) / 0.2).astype(int)
    near = [ground.material_YX[row - 1 : row + 2, col - 1 : col + 2] for row, col in zip(rows, cols, strict=True)]
    assert all((cells == Material.MARKING_WHITE).any() for cells in near)
    assert all(look(ground, x, y)[0] == Material.ASPHALT for x, y, _ in bays)


def test_paint_stays_on_paved_ground_in_a_whole_city() -> None:
    city = plan_city("test", 7, "mixed", 9)
    ground = paint_ground(city, gsd_m=0.25)
    again = paint_ground(city, gsd_m=0.25)
    assert np.array_equal(ground.material_YX, again.material_YX)
    assert np.array_equal(ground.item_YX, again.item_YX)
    paved = [a.polygon for a in city.areas if a.kind in (Kind.PARKING, Kind.SPORTS_FIELD, Kind.ROUNDABOUT)]
    allowed = shapely.union_all([*road_surfaces(list(city.roads), 0.5), *paved]).buffer(0.5)
    rows, cols = np.nonzero(np.isin(ground.material_YX, [Material.MARKING_WHITE, Material.MARKING_YELLOW]))
    shapely.prepare(allowed)
    x = ground.x0_m + (cols[::7] + 0.5) * ground.gsd_m
    y = ground.y1_m - (rows[::7] + 0.5) * ground.gsd_m
    assert len(x) > 1000
    assert shapely.contains_xy(allowed, x, y).mean() > 0.999
    numbers = {item.item_id for group in (city.roads, city.rails, city.areas) for item in group}
    assert set(np.unique(ground.item_YX).tolist()) <= numbers | {0}


@pytest.mark.parametrize("gsd_m", [0.0, -1.0, 10.0, float("nan")])
def test_bad_cell_sizes_are_refused(gsd_m: float) -> None:
    with pytest.raises(ConfigError, match=r"0\.05 to 5"):
        paint_ground(EMPTY, gsd_m=gsd_m)


def test_item_numbers_beyond_the_raster_are_refused() -> None:
    lawn = area(70_000, Kind.GRASS, box(0, 0, 9, 9))
    with pytest.raises(ConfigError, match="70000"):
        paint_ground(replace(EMPTY, areas=(lawn,)))
