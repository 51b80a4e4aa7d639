"""What tags say is read as cameras and drones write it, and nothing that strangers write breaks the reading."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import pytest
from gleam_common.geo import distance_m
from gleam_common.images import PictureTags
from gleam_common.photo_facts import facts_of, read_facts
from PIL import Image

REAL = Path(os.environ.get("GLEAM_REAL_DATA", "../shared/data/real"))
DJI = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description
 drone-dji:RelativeAltitude="+40.10" drone-dji:GimbalYawDegree="-42.80" drone-dji:GimbalPitchDegree="-89.90"/>"""


def write(path: Path, gps: dict[int, object] | None = None, xmp: str = "", taken: str = "", fraction: str = "") -> Path:
    exif = Image.Exif()
    if gps:
        exif.get_ifd(0x8825).update(gps)
    if taken:
        exif.get_ifd(0x8769).update({0x9003: taken, 0x9291: fraction})
    Image.new("RGB", (32, 24), (90, 120, 60)).save(path, exif=exif, **({"xmp": xmp.encode()} if xmp else {}))
    return path


@pytest.mark.parametrize(
    ("pitch", "height", "away_m"),
    [("-45", "100", 100), ("-26.565", "40", 80), ("-89.9", "40", 0.07), ("-5", "40", 0), ("-45", "-3", 0)],
)
def test_a_drone_shows_the_ground_ahead_of_it(pitch: str, height: str, away_m: float) -> None:
    xmp = f'd:RelativeAltitude="{height}" d:GimbalYawDegree="-90" d:GimbalPitchDegree="{pitch}"'
    facts = facts_of(PictureTags(exif={}, gps={1: "N", 2: (52.0, 0, 0), 3: "E", 4: (10.0, 0, 0)}, xmp=xmp))
    assert facts.shown is not None
    assert distance_m(52.0, 10.0, facts.shown.lat, facts.shown.lon) == pytest.approx(away_m, abs=0.02)
    assert (facts.shown.lon < 10.0) == (away_m > 0)
    assert facts.shown.lat == pytest.approx(52.0, abs=1e-6)


def test_a_camera_south_west_below_the_sea(tmp_path: Path) -> None:
    gps = {1: "S", 2: (33.0, 52.0, 30.0), 3: "W", 4: (70.0, 30.0, 0.0), 5: b"\x01", 6: 12.5, 16: "T", 17: 271.5}
    facts = read_facts(write(tmp_path / "a.jpg", gps, taken="2026:05:04 13:02:01", fraction="25"))
    assert facts.position is not None
    assert (facts.position.lat, facts.position.lon) == pytest.approx((-33.875, -70.5))
    assert facts.altitude_m == pytest.approx(-12.5)
    assert facts.heading_deg == pytest.approx(271.5)
    assert facts.taken_at == datetime(2026, 5, 4, 13, 2, 1, 250_000)
    assert not facts.is_drone
    assert not facts.is_equirectangular


def test_a_drone_and_a_panorama(tmp_path: Path) -> None:
    drone = read_facts(write(tmp_path / "a.jpg", xmp=DJI))
    assert (drone.is_drone, drone.height_m, drone.pitch_deg) == (True, 40.1, 89.9)
    assert drone.heading_deg == pytest.approx(317.2)
    element = "<GPano:ProjectionType>equirectangular</GPano:ProjectionType>"
    assert read_facts(write(tmp_path / "b.jpg", xmp=element)).is_equirectangular


def test_magnetic_headings_are_no_headings() -> None:
    assert facts_of(PictureTags(exif={}, gps={16: "M", 17: 90.0}, xmp="")).heading_deg is None


@pytest.mark.parametrize(
    "gps",
    [
        {1: "N", 2: (0.0, 0.0, 0.0), 3: "E", 4: (0.0, 0.0, 0.0)},
        {1: "N", 2: (float("nan"), 0.0, 0.0), 3: "E", 4: (1.0, 0.0, 0.0)},
        {1: "N", 2: (120.0, 0.0, 0.0), 3: "E", 4: (1.0, 0.0, 0.0)},
        {1: "N", 2: "52 deg", 3: "E", 4: (1.0, 0.0, 0.0)},
        {1: "N", 2: (52.0, 0.0, 0.0)},
        {2: (), 4: ()},
    ],
)
def test_a_position_that_cannot_be_is_none(gps: dict[int, object]) -> None:
    assert facts_of(PictureTags(exif={}, gps=gps, xmp="")).position is None


@pytest.mark.parametrize(
    "xmp",
    [
        'drone-dji:GimbalYawDegree="nan" drone-dji:GimbalPitchDegree="inf" drone-dji:RelativeAltitude="1e99"',
        "<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]><drone-dji:GimbalYawDegree>&b;</drone-dji:GimbalYawDegree>",
        ":GimbalYawDegree=" * 4000,
        "\x00\xff<<<>>>",
    ],
)
def test_hostile_xmp_says_nothing(xmp: str) -> None:
    facts = facts_of(PictureTags(exif={0x9003: "0000:00:00 00:00:00"}, gps={}, xmp=xmp))
    assert (facts.heading_deg, facts.pitch_deg, facts.height_m, facts.taken_at) == (None, None, None, None)


def test_a_real_drone_stands_where_its_tags_say() -> None:
    folder = REAL / "uav_brighton_beach" / "images"
    if not folder.is_dir():
        pytest.skip(f"no real pictures in {REAL} (GLEAM_REAL_DATA)")
    facts = read_facts(sorted(folder.iterdir())[0])
    assert facts.is_drone
    assert facts.position is not None
    assert float(distance_m(facts.position.lat, facts.position.lon, 46.8427, -91.9942)) < 150
    assert facts.height_m == pytest.approx(40.1)
    assert facts.taken_at is not None
    assert facts.taken_at.year == 2016
