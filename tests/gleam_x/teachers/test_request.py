from __future__ import annotations

import base64
import io
import json
from dataclasses import replace

import pytest
from gleam_common.errors import DataError
from gleam_common.views import View
from gleam_x.teachers.prompts import make_request, prompt_version, repair_request
from gleam_x.teachers.request import Picture
from PIL import Image


@pytest.fixture
def request_(teacher, picture):
    return make_request(teacher, picture, picture, view=View.UAV, language="en", same_place=True)


def test_the_key_changes_with_everything_that_can_change_the_answer(request_, teacher, picture, tmp_path) -> None:
    (tmp_path / "other.png").write_bytes(picture.path.read_bytes() + b"x")
    other = Picture.of(tmp_path / "other.png", 64)
    system, user = request_.messages
    form = {"answer_format": "json_schema"}
    changed = [
        request_,
        make_request(teacher, other, picture, view=View.UAV, language="en", same_place=True),
        make_request(teacher, picture, other, view=View.UAV, language="en", same_place=True),
        make_request(teacher, replace(picture, side_px=32), picture, view=View.UAV, language="en", same_place=True),
        make_request(teacher, picture, picture, view=View.UAV, language="en", same_place=False),
        make_request(teacher, picture, picture, view=View.UAV, language="en", same_place=None),
        make_request(teacher, picture, picture, view=View.UAV, language="zh", same_place=True),
        make_request(teacher, picture, picture, view=View.MAP, language="en", same_place=True),
        replace(request_, messages=(replace(system, parts=("Be brief.",)), user)),
        replace(request_, teacher=replace(teacher, base_url=teacher.base_url + "2")),
        replace(request_, teacher=replace(teacher, model="other")),
        replace(request_, teacher=replace(teacher, parameters={"temperature": 0.5})),
        replace(request_, teacher=replace(teacher, answer_tokens=7)),
        replace(request_, teacher=replace(teacher, answer_tokens_name="max_completion_tokens")),
        replace(request_, teacher=replace(teacher, answer_format="json_object")),
        replace(request_, teacher=replace(teacher, **form)),
        replace(request_, teacher=replace(teacher, **form), schema={"type": "object"}),
        replace(request_, prompt_version="0"),
        repair_request(request_, "{}", "no verdict", "en"),
        repair_request(request_, "{}", "no claims", "en"),
    ]
    assert len({one.key for one in changed}) == len(changed)


def test_the_key_stays_with_what_cannot_change_the_answer(request_, teacher, picture, tmp_path) -> None:
    copy = tmp_path / "elsewhere.png"
    copy.write_bytes(picture.path.read_bytes())
    moved = Picture.of(copy, 64)
    renamed = replace(teacher, name="x", key_env="OTHER", prices=None)
    same = make_request(renamed, moved, moved, view=View.UAV, language="en", same_place=True)
    assert same.key == request_.key


def test_a_blind_question_does_not_hold_the_label_nor_any_name(teacher, tiny_world, words) -> None:
    query = Picture.of(tiny_world / "images" / View.GROUND / "3.png", 64)
    for language, known in (("en", "It is known"), ("zh", "已知")):
        texts = []
        for tile in (3, 7):  # a positive and a negative
            picture = Picture.of(tiny_world / "images" / View.SATELLITE / f"{tile}.png", 64)
            ask = {"view": View.GROUND, "language": language}
            texts.append(words(make_request(teacher, query, picture, same_place=None, **ask).body()))
            assert known in words(make_request(teacher, query, picture, same_place=tile == 3, **ask).body())
        assert texts[0] == texts[1]
        assert known not in texts[0]
        assert str(tiny_world) not in texts[0]


def test_what_is_sent_is_a_small_jpeg_without_metadata(tmp_path, request_) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Secretcam"
    exif[0x8825] = {1: "N", 2: (48.0, 7.0, 3.5)}  # GPS
    path = tmp_path / "photo.jpg"
    Image.new("RGB", (900, 300), "red").save(path, exif=exif, comment=b"at home", icc_profile=b"profile-of-me")
    assert b"Secretcam" in path.read_bytes()
    picture = Picture.of(path, 128)
    url = picture.data_url()
    assert url.startswith("data:image/jpeg;base64,")
    sent = base64.b64decode(url.split(",")[1])
    for secret in (b"Secretcam", b"Exif", b"at home", b"profile-of-me"):
        assert secret not in sent
    with Image.open(io.BytesIO(sent)) as image:
        assert (image.format, image.size, dict(image.getexif())) == ("JPEG", (128, 43), {})


def test_pictures_are_opened_behind_the_guards(tmp_path) -> None:
    path = tmp_path / "x.gif"
    Image.new("P", (8, 8)).save(path)
    with pytest.raises(DataError, match="not a picture that can be read"):
        Picture.of(path, 64).jpeg()


def test_a_repair_shows_the_answer_and_what_is_wrong_with_it(request_) -> None:
    body = repair_request(request_, "", "verdict: Field required", "zh").body(lambda picture: picture.name)
    assert [message["role"] for message in body["messages"]] == ["system", "user", "assistant", "user"]
    assert body["messages"][2]["content"]  # some endpoints refuse an empty turn
    assert "verdict: Field required" in body["messages"][3]["content"]
    assert json.dumps(body).count("sha256:") == 2


def test_tokens_are_estimated_from_above(request_) -> None:
    assert request_.most_input_tokens > 2 * (85 + 170)
    assert request_.most_input_tokens < 3000


def test_the_prompts_have_a_version() -> None:
    assert prompt_version().startswith("teacher-1-")
