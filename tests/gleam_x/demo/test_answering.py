"""What the page answers: to photos, to priors, and to everything that should not come."""

from __future__ import annotations

import logging
import os
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gleam_x.benchmark.schema import Claim
from gleam_x.demo import uploads as uploads_module
from gleam_x.demo.answering import Asked, answer, prior_of
from gleam_x.demo.city_map import Prior
from gleam_x.demo.shown import answer_html
from gleam_x.demo.state import Demo
from gleam_x.demo.uploads import RefusedError
from gleam_x.demo.words import page_words
from gleam_x.pipeline.locator import Question
from gleam_x.pipeline.page_words import WORDS
from PIL import Image
from stand_in_pipeline import jpeg_bytes

SECRET = "the-secret-of-another-file"


def drop(demo: Demo, name: str, content: bytes) -> Path:
    path = demo.uploads / "0a1b" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_photo_gets_view_verdict_reason_claims_tiles_and_times(demo: Demo) -> None:
    shown = answer(demo, Asked(upload=str(drop(demo, "a.jpg", jpeg_bytes(7)))))
    words = WORDS["en"]
    for text in (words["yes"], "60 %", words["views"]["uav"], "the view was guessed: as given", "a church with a red roof",
                 "red church", "a/t0", "50.000000, 8.000000", "find 0.", "verify 0.", "explain 0."):  # fmt: skip
        assert text in shown.html, text
    assert shown.html.count("<li>") == 1 + 5
    assert shown.map.size == demo.city.picture.size


def test_the_language_is_of_labels_reason_and_claims(demo: Demo) -> None:
    shown = answer(demo, Asked(example=0, language="zh", view="map"))
    assert WORDS["zh"]["yes"] in shown.html
    assert page_words("zh")["view_given"] in shown.html
    assert demo.locator.judge.told[-1][2] == "zh"


def test_claims_are_in_the_language_of_the_reason_and_marked_in_both_pictures(demo: Demo) -> None:
    claim = Claim(what="church", colour="red", part="roof", count=2, query_where="left", satellite_where="south-west")
    tower = Claim(what="basketball_court", satellite_where="centre", shown_in="satellite")
    found = demo.locator.locate([demo.examples[0].path], Question(language="zh"))[0]
    html = answer_html(replace(found, claims=(claim, tower)), "zh", is_guessed=True)
    assert "红色教堂 × 2" in html
    assert "篮球场" in html
    assert "照片: 左侧" in html
    assert "church" not in html.replace("a church", "")
    assert "left:0.0%;top:66.7%;width:33.3%;height:33.3%" in html
    assert html.count('class="gx-mark"') == 3
    english = answer_html(replace(found, language="en", claims=(claim,)), "en", is_guessed=False)
    assert "red church × 2" in english


def test_what_comes_from_outside_is_escaped(demo: Demo) -> None:
    name = "<img src=x onerror=alert(1)>${alert(4)}{{x}}.jpg"
    html = answer(demo, Asked(upload=drop(demo, name, jpeg_bytes(7)))).html
    assert "<script" not in html
    assert "<img src=x" not in html
    assert "&lt;script&gt;alert(2)" in html
    assert "$" not in html
    assert "{" not in html
    assert "&lt;img src=x" in html
    assert "&#36;&#123;alert(3)" in html


def test_pins_and_the_prior_are_drawn_where_they_are(demo: Demo) -> None:
    city = demo.city
    x, y = city.pixel(*city.place(300.0, 20.0))
    assert (x, y) == pytest.approx((300.0, 20.0))
    middle = city.place(city.picture.width / 2, city.picture.height / 2)
    far = city.place(10.0, 10.0)
    drawn = np.asarray(city.drawn([middle], Prior(lat=middle[0], lon=middle[1], radius_m=50.0)), int)
    plain = np.asarray(city.picture, int)
    changed = np.abs(drawn - plain).sum(-1)
    pin = drawn[city.picture.height // 2 + 14, city.picture.width // 2]
    assert pin.tolist() == pytest.approx([10, 125, 120], abs=3)
    x, y = (round(value) for value in city.pixel(*far))
    assert changed[y, x] > 0, "outside of the prior it is darker"


@pytest.mark.parametrize(
    ("lat", "lon", "radius_m", "found"),
    [
        ("", None, 200.0, None),
        ("50.5", "8", 300, Prior(lat=50.5, lon=8.0, radius_m=300.0)),
        ("50.5", "", 300, "prior"),
        ("91", "8", 300, "prior"),
        ("nan", "8", 300, "prior"),
        ("50", "8", 0, "prior"),
        ("50", "8", None, "prior"),
        ("50", "8", float("inf"), "prior"),
        ([1], {"a": 1}, 5, "prior"),
    ],
)
def test_the_prior_is_checked(lat: object, lon: object, radius_m: object, found: object) -> None:
    asked = Asked(lat=lat, lon=lon, radius_m=radius_m)
    if isinstance(found, str):
        with pytest.raises(RefusedError) as caught:
            prior_of(asked)
        assert caught.value.reason == found
    else:
        assert prior_of(asked) == found


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_refusal_is_one_sentence_of_the_language(demo: Demo, language: str, monkeypatch) -> None:
    monkeypatch.setattr(uploads_module, "MAX_BYTES", 2_000_000)
    monkeypatch.setattr(uploads_module, "MAX_PIXELS", 1_000_000)
    large = drop(demo, "many.png", png_of(2000, 2000))
    outside = demo.uploads.parent / "private.jpg"
    outside.write_bytes(jpeg_bytes(7))
    (demo.uploads / "link.jpg").symlink_to(outside)
    cases = [
        (Asked(), "nothing"),
        (Asked(upload=outside), "foreign"),
        (Asked(upload=demo.uploads / "link.jpg"), "foreign"),
        (Asked(upload=f"{demo.uploads}/../private.jpg"), "foreign"),
        (Asked(upload="/etc/passwd"), "foreign"),
        (Asked(upload=f"{demo.uploads}/a\0.jpg"), "foreign"),
        (Asked(upload=drop(demo, "long.jpg", b"x" * 2_000_001)), "bytes"),
        (Asked(upload=large), "pixels"),
        (Asked(upload=drop(demo, "text.jpg", b"no picture")), "picture"),
        (Asked(upload=drop(demo, "cut.jpg", jpeg_bytes(7, 64)[:400])), "picture"),
        (Asked(upload=large, lat="50"), "prior"),
        (Asked(example=99), "asked"),
        (Asked(example="0"), "asked"),
        (Asked(example=0, view="satellite"), "asked"),
        (Asked(example=0, view=["uav"]), "asked"),
    ]
    for asked, name in cases:
        html = answer(demo, Asked(**{**vars(asked), "language": language})).html
        sentence = page_words(language)["errors"][name].partition("{")[0]
        assert sentence in html, (name, html)
        assert html.count("<p") == 1
        assert str(demo.uploads.parent) not in html


def test_errors_of_the_models_name_no_folder_and_unknown_ones_say_nothing(demo: Demo, monkeypatch, caplog) -> None:
    photo = drop(demo, "a.jpg", jpeg_bytes(7))

    def fail(error: Exception) -> str:
        monkeypatch.setattr(demo.locator.finder, "find", lambda *_: (_ for _ in ()).throw(error))
        return answer(demo, Asked(upload=photo)).html

    from gleam_common.errors import DataError

    told = fail(DataError(f"{photo}: no tile in the area"))
    assert "This photo cannot be located: a.jpg: no tile in the area" in told
    with caplog.at_level(logging.ERROR):
        told = fail(RuntimeError(f"CUDA broke at {photo}"))
    assert "CUDA" not in told
    assert "the terminal" in told
    assert "CUDA broke" in caplog.text


def png_of(width: int, height: int) -> bytes:
    """A PNG whose header promises so many pixels, with hardly any data."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def malformed(folder: Path, count: int) -> Iterator[tuple[str, bytes]]:
    """Names and bytes: pictures with flipped bytes, cut pictures, other types, headers that promise too much."""
    rng = np.random.default_rng(1118)
    sources = []
    for ending in ("jpg", "png", "webp", "tif"):
        path = folder / f"source.{ending}"
        Image.fromarray(rng.integers(0, 256, (40, 60, 3), np.uint8)).save(path)
        sources.append((ending, path.read_bytes()))
    others = [b"", b"\0" * 5000, b"GIF89a" + b"\0" * 50, b"%PDF-1.7\n" + SECRET.encode(), b"<svg onload=alert(1)/>",
              b"PK\3\4" + b"\0" * 40, png_of(2**31 - 1, 2**31 - 1), png_of(60_000, 60_000), png_of(0, 0),
              b"II*\0\xff\xff\xff\xff", b"\xff\xd8\xff\xe1\xff\xff" + b"E" * 70_000]  # fmt: skip
    names = [
        "a",
        "..",
        "...",
        "-rf",
        "a b",
        "${x}",
        "<b>",
        "'\"",
        "\u202etxt",
        "照片",
        "%2e%2e%2f",
        "a" * 200,
        "CON",
        ".htaccess",
    ]
    for number in range(count):
        ending, content = sources[number % 4]
        if number % 3 == 0:
            content = bytearray(content)
            for place in rng.integers(0, len(content), 1 + number % 20):
                content[place] = rng.integers(256)
        elif number % 3 == 1:
            content = content[: rng.integers(len(content))]
        else:
            content = others[number % len(others)]
        yield f"{names[number % len(names)]}{number}.{ending}", bytes(content)


def test_200_malformed_uploads_leave_the_page_alive_and_tell_of_no_other_file(demo: Demo, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text(SECRET)
    traversals = ["../secret.txt", "../../secret.txt", "..%2fsecret.txt", "....//secret.txt", "0a1b/../../secret.txt"]
    for number, (name, content) in enumerate(malformed(tmp_path, 200)):
        upload: object = drop(demo, name, content)
        if number % 10 == 9:
            upload = f"{demo.uploads}/{traversals[number // 10 % 5]}"
        elif number % 40 == 3:
            upload = {"path": str(secret)}
        html = answer(demo, Asked(upload=upload, language=("en", "zh", "xx")[number % 3])).html
        assert re.match(r'<p class="gx-error"|<article class="gx"', html), name
        assert SECRET not in html
        assert str(tmp_path) not in html
        assert "Traceback" not in html
        assert os.sep + "tmp" not in html
    assert WORDS["en"]["yes"] in answer(demo, Asked(upload=drop(demo, "good.jpg", jpeg_bytes(7)))).html
