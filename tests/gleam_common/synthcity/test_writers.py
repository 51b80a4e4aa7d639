"""The layouts of VIGOR and University-1652: names, folders, counts and the sign of VIGOR's deltas."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from gleam_common.catalog import Catalog
from gleam_common.geo import LatLon, LocalFrame
from gleam_common.images import load_array
from gleam_common.sources.registry import source_named
from gleam_common.synthcity.writers import LAYOUTS, VIGOR_CITIES, write_university, write_vigor
from PIL import Image

ROWS, STRIDE_M, TILE_M = 3, 60.0, 120.0


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two cities of 3 x 3 tiles; each place has two panoramas 9 m east and 14 m north of its tile's centre."""
    folder = tmp_path_factory.mktemp("world")
    gallery, queries = [], []
    for number, city in enumerate(("alfa", "echo")):
        frame = LocalFrame(origin=LatLon(lat=-20.0 + 50 * number, lon=30.0))
        for index in range(ROWS * ROWS):
            row, col = divmod(index, ROWS)
            x, y = col * STRIDE_M, -row * STRIDE_M
            place, split = (
                f"synthcity/{city}/{row}_{col}",
                "test" if city == "echo" else "val" if index == 0 else "train",
            )
            lat, lon = (v.tolist() for v in frame.to_latlon([x, x - 60, x + 60, x + 9], [y, y - 60, y + 60, y + 14]))
            common = {"place_id": place, "split": split, "city": city, "area": city}
            bounds = [lat[1], lon[1], lat[2], lon[2]]
            path = f"images/{city}/satellite/{row}_{col}.jpg"
            gallery.append(
                {"gallery_id": place, "path": path, "lat": lat[0], "lon": lon[0], "bounds": bounds, **common}
            )
            for view, again in (
                ("uav", ""), ("uav", "-2"), ("panorama", ""), ("panorama", "-2"), ("ground", ""), ("map", ""),
            ):  # fmt: skip
                queries.append(
                    {"query_id": f"{place}/{view}{again}", "path": f"images/{city}/{view}/{row}_{col}{again}.jpg",
                     "view": view, "positives": [place], "lat": lat[3], "lon": lon[3], **common}
                )  # fmt: skip
    for number, entry in enumerate((*gallery, *queries)):
        target = folder / str(entry["path"])
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (16, 16), (number % 256, 99, 50)).save(target)
    Catalog(gallery=pa.Table.from_pylist(gallery), queries=pa.Table.from_pylist(queries), root=folder).write(folder)
    return folder


@pytest.fixture(scope="module")
def vigor(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_vigor(world, tmp_path_factory.mktemp("layout") / "VIGOR")


@pytest.fixture(scope="module")
def university(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_university(world, tmp_path_factory.mktemp("layout") / "University-1652")


def label_lines(vigor: Path, city: str) -> list[list[str]]:
    return [line.split(" ") for line in (vigor / "splits" / city / "pano_label_balanced.txt").read_text().splitlines()]


def test_vigor_has_its_folders(vigor: Path) -> None:
    assert sorted(path.name for path in vigor.iterdir()) == ["NewYork", "SanFrancisco", "splits", "splits__corrected"]
    assert {"NewYork", "SanFrancisco"} <= set(VIGOR_CITIES)
    for city in ("NewYork", "SanFrancisco"):
        assert len(list((vigor / city / "satellite").iterdir())) == 9
        tiles = (vigor / "splits" / city / "satellite_list.txt").read_text().splitlines()
        assert set(tiles) == {path.name for path in (vigor / city / "satellite").iterdir()}


def test_vigor_names_carry_coordinates(vigor: Path, world: Path) -> None:
    rows = Catalog.read(world).gallery.to_pylist()
    known = {(row["lat"], row["lon"]) for row in rows}
    for tile in (vigor / "NewYork" / "satellite").iterdir():
        word, lat, lon = tile.name[:-4].split("_")
        assert word == "satellite"
        assert (float(lat), float(lon)) in known
        assert load_array(tile).shape == (640, 640, 3)
    for panorama in (vigor / "NewYork" / "panorama").iterdir():
        assert re.fullmatch(r"[\w-]{22},-?\d+\.\d{6},-?\d+\.\d{6},\.jpg", panorama.name)


def test_vigor_labels_have_thirteen_columns_of_four_overlapping_tiles(vigor: Path) -> None:
    for city in ("NewYork", "SanFrancisco"):
        lines = label_lines(vigor, city)
        # North-east of its tile's centre, a panorama needs tiles to the north and east: 2 x 2 of 3 x 3, two at each.
        assert len(lines) == len({line[0] for line in lines}) == 8
        for line in lines:
            assert len(line) == 13
            assert (vigor / city / "panorama" / line[0]).is_file()
            assert len({line[1], line[4], line[7], line[10]}) == 4
            assert all(
                re.fullmatch(r"-?\d+\.0", value) and value != "-0.0" for value in (line[2], line[3], line[5], line[6])
            )


def test_vigor_deltas_point_from_the_tile_to_the_panorama(vigor: Path) -> None:
    """Panorama at column 320 - d1, row 320 + d0 of the 640-pixel tile (VIGOR's evaluate_from_npy.py)."""
    for city in ("NewYork", "SanFrancisco"):
        for line in label_lines(vigor, city):
            _, lat, lon, _ = line[0].split(",")
            for name, d0, d1 in zip(line[1::3], line[2::3], line[3::3], strict=True):
                _, tile_lat, tile_lon = name[:-4].split("_")
                frame = LocalFrame(origin=LatLon(lat=float(tile_lat), lon=float(tile_lon)))
                east_m, north_m = frame.to_local(float(lat), float(lon))
                column, row = 320 - float(d1), 320 + float(d0)
                assert column == pytest.approx(320 + float(east_m) * 640 / TILE_M, abs=2.5)
                assert row == pytest.approx(320 - float(north_m) * 640 / TILE_M, abs=2.5)
            assert float(line[2]) == pytest.approx(-14 / TILE_M * 640, abs=1)
            assert float(line[3]) == pytest.approx(-9 / TILE_M * 640, abs=1)


def test_vigor_halves_and_corrected_labels(vigor: Path) -> None:
    for city in ("NewYork", "SanFrancisco"):
        folder = vigor / "splits" / city
        train, test = (
            (folder / f"same_area_balanced_{name}.txt").read_text().splitlines() for name in ("train", "test")
        )
        assert len(train) == len(test) == 4
        places = [{line.split(" ")[1] for line in half} for half in (train, test)]
        assert [len(half) for half in places] == [2, 2]
        assert not places[0] & places[1], "two panoramas of a place stand in different halves"
        corrected = (vigor / "splits__corrected" / city / "pano_label_balanced__corrected.txt").read_bytes()
        plain = (folder / "pano_label_balanced.txt").read_bytes()
        assert corrected == plain.rstrip(b"\n").replace(b"\n", b"\r\n")


def test_university_has_its_folders(university: Path) -> None:
    assert {path.name for path in (university / "train").iterdir()} == {"drone", "satellite", "street", "google"}
    assert {path.name for path in (university / "test").iterdir()} == {
        f"{part}_{view}" for part in ("query", "gallery") for view in ("drone", "satellite", "street")
    }


def test_university_classes(university: Path) -> None:
    ids = {path.relative_to(university).as_posix(): {p.name for p in path.iterdir()} for path in university.glob("*/*")}
    assert all(re.fullmatch(r"\d{4}", name) for names in ids.values() for name in names)
    assert len(ids["train/drone"]) == 8
    assert ids["train/drone"] == ids["train/satellite"] == ids["train/street"] == ids["train/google"]
    assert len(ids["test/query_drone"]) == 9
    assert len(ids["test/gallery_satellite"]) == 10, "the val place is a distractor"
    assert ids["test/query_drone"] < ids["test/gallery_satellite"]
    assert not ids["train/drone"] & ids["test/gallery_satellite"]


def test_university_file_names(university: Path) -> None:
    some = university / "train" / "drone" / "0002"
    assert sorted(path.name for path in some.iterdir()) == ["image-01.jpeg", "image-02.jpeg"]
    assert (university / "train" / "satellite" / "0002" / "0002.jpg").is_file()
    assert (university / "test" / "query_street" / "0010" / "1.jpg").is_file()


def test_university_pictures_are_the_world_s_own(university: Path, world: Path) -> None:
    photo = (university / "train" / "google" / "0002" / "1.jpg").read_bytes()
    assert photo == (world / "images/alfa/ground/0_1.jpg").read_bytes()
    tile = load_array(university / "test" / "gallery_satellite" / "0010" / "0010.jpg")
    assert np.array_equal(tile, load_array(world / "images/echo/satellite/0_0.jpg"))


def test_layouts_by_name() -> None:
    assert {name: folder for name, (folder, _) in LAYOUTS.items()} == {
        "vigor": "VIGOR", "university": "University-1652",
    }  # fmt: skip


def test_what_is_written_is_what_the_sets_readers_read(vigor: Path, university: Path, world: Path) -> None:
    whole = Catalog.read(world)
    read = source_named("vigor").read(vigor)
    assert read.gallery_latlon() == pytest.approx(whole.gallery_latlon(), abs=1e-9)
    assert read.query_semi_positives().lengths.tolist() == [3] * len(read.queries)
    splits = source_named("university1652").read(university).statistics()["splits"]
    assert set(splits) == {"train", "train_web", "test", "distractor"}
    assert splits["test"] == len(whole.select("test", views=["uav", "ground"]).queries)
