"""Maps: geometry where the items are, styles, labels, languages, and a font that has every character."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely
from gleam_common.errors import ConfigError
from gleam_common.geo import LatLon
from gleam_common.synthcity import cartography
from gleam_common.synthcity.cartography import draw_map
from gleam_common.synthcity.fonts import font, text_mask
from gleam_common.synthcity.map_style import MAP_STYLES
from gleam_common.synthcity.map_text import FreeSpace, make_label, stamp
from gleam_common.synthcity.model import Area, Building, City, Kind, Name, Place, Rail, Road, Tree
from gleam_common.synthcity.names import name_characters
from gleam_common.synthcity.picture import Camera
from gleam_common.views import View
from shapely.geometry import LineString, Polygon, box

EXTENT_M = 128.0
SIDE_PX = 256
ROAD, CROSSING, RAIL, PARK, POND, FIELD, SCHOOL, HOUSE, TREE = range(1, 10)


def named(en: str, zh: str) -> Name:
    return Name(en=en, zh=zh)


def building(item_id: int, footprint: Polygon, name: Name | None = None) -> Building:
    return Building(
        item_id=item_id, kind=Kind.BUILDING, name=name, footprint=footprint, height_m=9.0, floors=3, roof="flat",
        roof_colour="grey", facade="brick", use="school" if name else "house", seed=1,
    )  # fmt: skip


def road(item_id: int, line: LineString, name: Name, rank: str, width_m: float) -> Road:
    return Road(item_id=item_id, kind=Kind.ROAD, name=name, line=line, width_m=width_m, lanes=2, rank=rank)


@pytest.fixture(scope="module")
def city() -> City:
    """A primary road east-west through the origin, a street across, a park with a pond, a school with a courtyard."""
    court = Polygon(box(-50, 20, -20, 50).exterior, [box(-42, 28, -28, 42).exterior])
    park = Area(item_id=PARK, kind=Kind.PARK, name=named("Oak Park", "橡树公园"), polygon=box(15, 10, 60, 55))
    pond = Area(item_id=POND, kind=Kind.POND, polygon=shapely.Point(50, 45).buffer(7))
    field = Area(item_id=FIELD, kind=Kind.SPORTS_FIELD, polygon=box(15, -50, 55, -25), variant="tennis", colour="red")
    place = Place(place_id="0_0", row=0, col=0, x_m=0, y_m=0, stand_x_m=0, stand_y_m=0, split="train")
    return City(
        city_id="toy", seed=1, style="grid", name=named("Toy", "玩"), origin=LatLon(lat=10, lon=10),
        half_width_m=300, half_height_m=300, tile_m=120, stride_m=60, places=(place,),
        buildings=(building(SCHOOL, court, named("Hill School", "山坡学校")), building(HOUSE, box(-50, -50, -38, -40))),
        roads=(
            road(ROAD, LineString([(-300, 0), (300, 0)]), named("Willow Avenue", "柳树大道"), "primary", 14.0),
            road(CROSSING, LineString([(0, -300), (0, 300)]), named("Pine Street", "青松街"), "residential", 8.0),
        ),
        rails=(Rail(item_id=RAIL, kind=Kind.RAILWAY, line=LineString([(-300, -60), (300, -60)]), tracks=1),),
        areas=(park, pond, field),
        trees=(Tree(item_id=TREE, kind=Kind.TREE, x_m=30, y_m=20, height_m=8, radius_m=3, species="broadleaf"),),
    )  # fmt: skip


@pytest.fixture(scope="module")
def camera() -> Camera:
    return Camera(
        view=View.MAP, x_m=0, y_m=0, z_m=400, heading_deg=0, pitch_deg=90, fov_deg=0, width_px=SIDE_PX,
        height_px=SIDE_PX, extent_m=EXTENT_M, target_x_m=0, target_y_m=0,
    )  # fmt: skip


def pixel(x_m: float, y_m: float) -> tuple[int, int]:
    """Row and column of a point on the map of ``camera``."""
    return int((EXTENT_M / 2 - y_m) * SIDE_PX / EXTENT_M), int((x_m + EXTENT_M / 2) * SIDE_PX / EXTENT_M)


@pytest.mark.parametrize("style", MAP_STYLES)
def test_each_item_is_where_it_stands_north_up(city: City, camera: Camera, style: str) -> None:
    items = draw_map(city, camera, 0, style=style, labels=False).items
    for number, x_m, y_m in (
        (ROAD, -30, 0), (ROAD, 0, 5), (CROSSING, 0, 30), (CROSSING, 0, -30), (RAIL, -30, -60), (PARK, 20, 15),
        (POND, 50, 45), (FIELD, 20, -30), (SCHOOL, -46, 46), (HOUSE, -44, -45),
    ):  # fmt: skip
        assert items[pixel(x_m, y_m)] == number, (number, x_m, y_m)
    assert items[pixel(-35, 35)] == 0, "a courtyard is a hole"
    assert (items == TREE).any() == (style == "topo")


def test_area_of_an_item_matches_its_geometry(city: City, camera: Camera) -> None:
    items = draw_map(city, camera, 0, style="street", labels=False).items
    per_px2 = (EXTENT_M / SIDE_PX) ** 2
    for number, area_m2 in ((SCHOOL, 30 * 30 - 14 * 14), (HOUSE, 120), (POND, np.pi * 49), (ROAD, 128 * 14)):
        assert np.count_nonzero(items == number) * per_px2 == pytest.approx(area_m2, rel=0.12), number


def test_items_are_not_half_a_pixel_off(city: City, camera: Camera) -> None:
    errors = []
    for shift_m in np.linspace(0.02, 0.52, 11):  # one pixel in small steps: rounding evens out
        moved = replace(camera, x_m=float(shift_m), y_m=float(shift_m))
        rows, cols = np.nonzero(draw_map(city, moved, 0, style="street", labels=False).items == HOUSE)
        errors.append((cols.mean() + 0.5 - (64 - 44 - shift_m) * 2, rows.mean() + 0.5 - (64 + 45 + shift_m) * 2))
    assert np.mean(errors, axis=0) == pytest.approx([0.0, 0.0], abs=0.15)


def test_crossings_are_open(city: City, camera: Camera) -> None:
    rgb = draw_map(city, camera, 0, style="street", labels=False).rgb
    inks = MAP_STYLES["street"].inks
    assert tuple(rgb[pixel(0.1, 7.6)]) == inks["residential"].fill, "no rim of the avenue across the street's mouth"
    assert tuple(rgb[pixel(-20, 7.6)]) == inks["primary"].edge


def test_another_city_is_another_map(city: City, camera: Camera) -> None:
    before = draw_map(city, camera, 0, style="street", labels=False).items
    after = draw_map(replace(city, buildings=()), camera, 0, style="street", labels=False).items
    assert (before == SCHOOL).any()
    assert not (after == SCHOOL).any()


def test_map_moves_and_scales_with_its_camera(city: City, camera: Camera) -> None:
    far = replace(camera, x_m=20.0, y_m=-10.0, extent_m=100.0, width_px=200, height_px=200)
    items = draw_map(city, far, 0, style="street", labels=False).items
    assert items.shape == (200, 200)
    assert items[(40 - 0) * 2, (0 + 30) * 2] == ROAD
    assert items[(40 - 15) * 2, (20 + 30) * 2] == PARK


@pytest.mark.parametrize("style", MAP_STYLES)
def test_labels_change_colours_but_not_items(city: City, camera: Camera, style: str) -> None:
    bare = draw_map(city, camera, 3, style=style, labels=False)
    lettered = draw_map(city, camera, 3, style=style, labels=True)
    assert np.array_equal(bare.items, lettered.items)
    changed = np.any(bare.rgb != lettered.rgb, axis=-1)
    assert 0.01 < changed.mean() < 0.25
    assert changed[pixel(0, 0)[0] - 14 : pixel(0, 0)[0] + 14].any(), "the avenue's name stands on the avenue"


def test_colours_are_the_styles_own(city: City, camera: Camera) -> None:
    for name, style in MAP_STYLES.items():
        rgb = draw_map(city, camera, 0, style=name, labels=False).rgb
        assert tuple(rgb[pixel(-30, 0)]) == style.inks["primary"].fill
        assert tuple(rgb[pixel(50, 45)]) == style.inks["water"].fill
        assert tuple(rgb[pixel(-58, 10)]) == style.land


def test_edges_are_smooth(city: City, camera: Camera) -> None:
    pond = draw_map(city, camera, 0, style="street", labels=False).rgb[pixel(60, 55)[0] : pixel(40, 35)[0], :]
    assert len(np.unique(pond.reshape(-1, 3), axis=0)) > 20


def test_seed_draws_style_labels_and_language(city: City, camera: Camera) -> None:
    first = draw_map(city, camera, 5)
    cartography._prepared = None
    again = draw_map(city, camera, 5)
    assert first.rgb.tobytes() == again.rgb.tobytes()
    assert first.items.tobytes() == again.items.tobytes()
    assert len({draw_map(city, camera, seed).rgb.tobytes() for seed in range(64)}) == 8, (
        "2 styles x (3 languages + bare)"
    )


@pytest.mark.parametrize(
    ("view", "style", "words"),
    [(View.UAV, "street", "map view.*'uav'"), (View.MAP, "satellite", "unknown map style: 'satellite'.*street, topo")],
)
def test_bad_requests_are_named(city: City, camera: Camera, view: View, style: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        draw_map(city, replace(camera, view=view), 0, style=style)


def test_font_has_every_character_of_every_name() -> None:
    face = font(20)
    missing = bytes(face.getmask("\U0010fffd"))
    assert [
        character for character in name_characters() if character != " " and bytes(face.getmask(character)) == missing
    ] == []


def test_halo_surrounds_the_text() -> None:
    mask = text_mask("Oak Park\n橡树公园", 24, 4)
    assert mask.fill.shape == mask.halo.shape
    assert np.all(mask.halo >= mask.fill)
    rows, cols = np.nonzero(mask.fill > 128)
    assert 3 <= rows.min() <= 5
    assert 3 <= cols.min() <= 5
    assert 3 <= mask.fill.shape[0] - 1 - rows.max() <= 5


def test_labels_never_overlap_nor_leave_the_map() -> None:
    free, label = FreeSpace(100, 200), make_label("Oak", 10, 2, (0, 0, 0))
    assert free.take(label.corners(100, 50, 30.0))
    assert not free.take(label.corners(104, 52))
    assert not free.take(label.corners(5, 50))
    assert free.take(label.corners(40, 50))


def test_stamp_centres_and_turns_text() -> None:
    canvas = np.full((120, 120, 3), 255, dtype=np.uint8)
    stamp(canvas, make_label("HHHHHHHH", 12, 0, (0, 0, 0)), (255, 255, 255), 60.0, 60.0, angle_deg=90.0)
    rows, cols = np.nonzero(canvas[..., 0] < 128)
    assert np.ptp(rows) > 3 * np.ptp(cols), "turned by a quarter, text runs down"
    assert rows.mean() == pytest.approx(59.5, abs=0.7)
    assert cols.mean() == pytest.approx(59.5, abs=0.7)
