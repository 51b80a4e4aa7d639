from __future__ import annotations

import io
import struct
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from gleam_common.errors import DataError
from gleam_common.images import check_picture, decode_array, load_array, open_image
from PIL import Image

RGB = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)


@pytest.mark.parametrize("suffix", ["png", "tiff", "webp"])
def test_lossless_pictures_come_back_as_they_were(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(RGB).save(path, lossless=True)
    assert np.array_equal(load_array(path), RGB)
    assert check_picture(path) == (20, 30)
    assert load_array(path).flags.writeable


def test_the_orientation_of_a_phone_is_undone(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held so that the picture must be turned clockwise to stand upright
    Image.fromarray(RGB).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(load_array(tmp_path / "a.png"), np.rot90(RGB, -1))


def test_grey_palette_and_clear_pictures_become_rgb(tmp_path: Path) -> None:
    Image.fromarray(RGB[..., 0]).save(tmp_path / "grey.png")
    assert np.array_equal(load_array(tmp_path / "grey.png"), np.repeat(RGB[..., :1], 3, axis=2))
    Image.fromarray(RGB).quantize(8).save(tmp_path / "palette.png")
    assert load_array(tmp_path / "palette.png").shape == RGB.shape
    clear = np.dstack([RGB, np.zeros((20, 30), np.uint8)])
    Image.fromarray(clear).save(tmp_path / "clear.png")
    assert (load_array(tmp_path / "clear.png") == 255).all()


def bomb(width: int, height: int) -> bytes:
    """A PNG whose header promises a huge picture and whose data holds nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("text.jpg", b"hello", "text.jpg: not a picture that can be read; allowed: JPEG, PNG, TIFF, WEBP"),
        ("empty.jpg", b"", "empty.jpg: not a picture"),
        ("huge.png", bomb(60_000, 60_000), "huge.png: too many pixels.*allowed: at most 120000000; cut it into tiles"),
        ("large.png", bomb(12_000, 11_000), "large.png: too many pixels: '12000 x 11000'"),
        ("hollow.png", bomb(20, 20), "hollow.png: broken picture"),
    ],
)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_bytes_that_are_no_picture_are_named(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=words):
        open_image(tmp_path / name)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_a_cut_off_picture_is_an_error_not_a_grey_area(tmp_path: Path, suffix: str, kept: float) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(RGB).resize((200, 200)).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(DataError, match=path.name):
        load_array(path)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_any_damage_gives_a_picture_or_a_data_error(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for suffix in ("jpg", "png", "webp", "tiff"):
        path = tmp_path / f"a.{suffix}"
        Image.fromarray(RGB).save(path)
        whole = np.frombuffer(path.read_bytes(), np.uint8)
        for _ in range(60):
            broken = whole.copy()
            broken[rng.integers(0, len(broken), 5)] = rng.integers(0, 256, 5)
            path.write_bytes(broken.tobytes())
            with suppress(DataError):
                assert load_array(path).dtype == np.uint8


def test_other_formats_deep_samples_folders_and_absence_are_refused(tmp_path: Path) -> None:
    Image.fromarray(RGB).save(tmp_path / "a.bmp")
    Image.fromarray(RGB[..., 0].astype(np.uint16) * 200).save(tmp_path / "deep.png")
    (tmp_path / "folder.png").mkdir()
    cases = {
        "a.bmp": "not a picture",
        "deep.png": "samples of more than 8 bits",
        "folder.png": "a folder",
        "no.png": "no such",
    }
    for name, words in cases.items():
        with pytest.raises(DataError, match=rf"{name}: {words}"):
            open_image(tmp_path / name)


def jpegs() -> dict[str, bytes]:
    rng = np.random.default_rng(3)
    smooth = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)).resize(
        (121, 87), Image.Resampling.BICUBIC
    )
    turned = Image.Exif()
    turned[0x0112] = 6
    kinds = {
        "plain": {"quality": 90},
        "fine": {"quality": 95, "subsampling": 0},
        "progressive": {"quality": 75, "progressive": True},
        "restarts": {"quality": 90, "restart_marker_rows": 2},
        "turned": {"quality": 90, "exif": turned},
    }
    written = {}
    for name, options in kinds.items():
        smooth.save(file := io.BytesIO(), "JPEG", **options)
        written[name] = file.getvalue()
    for mode in ("L", "CMYK"):
        smooth.convert(mode).save(file := io.BytesIO(), "JPEG")
        written[mode] = file.getvalue()
    return written


@pytest.mark.parametrize("kind", list(jpegs()))
def test_the_quick_decoder_gives_the_pixels_of_pillow(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(jpegs()[kind])
    assert np.array_equal(load_array(path), np.array(open_image(path)))
    assert load_array(path).flags.writeable


def outcome(read, source) -> bytes | str:
    try:
        return np.asarray(read(source)).tobytes()
    except DataError as error:
        return str(error)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", ["plain", "progressive", "restarts"])
def test_damaged_jpegs_give_what_pillow_says_of_them(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(5)
    whole, path = np.frombuffer(jpegs()[kind], np.uint8), tmp_path / "a.jpg"
    for turn in range(120):
        broken = whole.copy()
        if turn % 2:
            broken = broken[: rng.integers(20, len(broken))]
        else:
            broken[rng.integers(0, len(broken), 4)] = rng.integers(0, 256, 4)
        path.write_bytes(broken.tobytes())
        assert outcome(load_array, path) == outcome(open_image, path)
        assert outcome(lambda content: decode_array(content, str(path)), broken.tobytes()) == outcome(open_image, path)
