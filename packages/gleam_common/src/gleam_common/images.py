"""The one place that opens a picture: format and size guards, EXIF rotation, 8-bit RGB."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from gleam_common.errors import DataError

__all__ = [
    "FORMATS",
    "MAX_PIXELS",
    "PictureTags",
    "check_picture",
    "decode_array",
    "load_array",
    "open_image",
    "read_tags",
]

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF")
"""Formats that are decoded; every other decoder of Pillow stays shut."""

MAX_PIXELS = 120_000_000
"""Pixels above which a picture is refused before it is decoded (360 MB as RGB)."""

_PHOTO_PART, _GPS_PART = 0x8769, 0x8825
_XMP_BYTES = 65536
"""Longer packets hold previews and histories, after what is read here."""

# Pillow's decoders raise all of these on broken bytes (SyntaxError: PNG chunks; struct.error: TIFF and EXIF tags).
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error, IndexError, KeyError, TypeError)


def open_image(path: str | Path, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Return the picture as it should be looked at: 8-bit RGB, turned by its EXIF orientation, clear parts white.

    Raises:
        DataError: no such file; not JPEG, PNG, WEBP or TIFF; more than ``max_pixels``; broken or cut off; more than
            eight bits per sample.
    """
    with _open_header(path, max_pixels) as image:
        return _decoded(image, str(path))


def decode_array(content: bytes, name: str, max_pixels: int = MAX_PIXELS) -> npt.NDArray[np.uint8]:
    """Return the picture whose file's bytes are ``content``, as :func:`load_array`; ``name`` stands in errors.

    Raises:
        DataError: as :func:`open_image`.
    """
    with _open_header(name, max_pixels, io.BytesIO(content)) as image:
        quick = _quickly_decoded(image, content) if _is_plain_jpeg(image) else None
        return np.array(_decoded(image, name), dtype=np.uint8) if quick is None else quick


def _is_plain_jpeg(image: Image.Image) -> bool:
    """Whether a picture is a JPEG in colour that stands upright."""
    if image.format != "JPEG" or image.mode != "RGB":
        return False
    try:
        return "exif" not in image.info or image.getexif().get(ExifTags.Base.Orientation, 1) == 1
    except _BROKEN:
        return False


def _quickly_decoded(image: Image.Image, content: bytes) -> npt.NDArray[np.uint8] | None:
    """Return the very pixels that Pillow gives (both use libjpeg-turbo) in two thirds to four fifths of its time.

    None for whatever torchvision does not read whole, and where there is no torchvision: Pillow then reads it, or says
    what is wrong with it. OpenCV is as quick, but fills what it cannot read with grey and says nothing.
    """
    decode = _torchvision_decoder()
    if decode is None:
        return None
    try:
        pixels = decode(content)
    except RuntimeError:
        return None
    return pixels if pixels.shape == (image.height, image.width, 3) else None


@cache
def _torchvision_decoder() -> Callable[[bytes], npt.NDArray[np.uint8]] | None:
    """Return what turns a JPEG's bytes into RGB (H, W, 3); None without torchvision, which comes with timm."""
    try:
        import torch  # seconds, and many commands open no picture
        from torchvision.io import ImageReadMode, decode_jpeg  # type: ignore[import-untyped]
    except (ImportError, RuntimeError):  # RuntimeError: built for another PyTorch
        return None

    def decode(content: bytes) -> npt.NDArray[np.uint8]:
        coded = torch.frombuffer(bytearray(content), dtype=torch.uint8)
        pixels_CHW = decode_jpeg(coded, mode=ImageReadMode.RGB)
        return np.ascontiguousarray(pixels_CHW.permute(1, 2, 0).numpy())

    return decode


def _decoded(image: Image.Image, path: str) -> Image.Image:
    if image.mode[0] in "IF":
        raise DataError(
            f"{path}: samples of more than 8 bits",
            value=image.mode,
            fix="convert it to 8-bit RGB, stretched as you wish",
        )
    try:
        return _to_rgb(ImageOps.exif_transpose(image))
    except _BROKEN as error:
        raise _broken(path, error) from error


def load_array(path: str | Path, max_pixels: int = MAX_PIXELS) -> npt.NDArray[np.uint8]:
    """Return the picture of :func:`open_image` as a writable uint8 array (height, width, 3)."""
    try:
        content = Path(path).read_bytes()
    except OSError:  # absent, a folder, not to be read: opening it as a picture says which
        return np.array(open_image(path, max_pixels), dtype=np.uint8)
    return decode_array(content, str(path), max_pixels)


def check_picture(path: str | Path, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Return (height, width) in pixels from the header alone, with the same guards as :func:`open_image`.

    Raises:
        DataError: as :func:`open_image`, except for damage behind the header.
    """
    with _open_header(path, max_pixels) as image:
        return image.height, image.width


@dataclass(frozen=True, kw_only=True)
class PictureTags:
    """What a camera wrote beside a picture, unchecked: EXIF values by tag number (of the main part and the photo's, and
    of its GPS part), and the XMP packet, "" where there is none.
    """

    exif: dict[int, Any]
    gps: dict[int, Any]
    xmp: str


def read_tags(path: str | Path, max_pixels: int = MAX_PIXELS) -> PictureTags:
    """Return the tags of a picture from its header. Broken tags are left out: they never make a picture unreadable.

    Raises:
        DataError: as :func:`check_picture`.
    """
    with _open_header(path, max_pixels) as image:
        found = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
        packet = found.encode() if isinstance(found, str) else bytes(found)
        try:
            exif = image.getexif()
            main, photo, gps = dict(exif), dict(exif.get_ifd(_PHOTO_PART)), dict(exif.get_ifd(_GPS_PART))
        except _BROKEN:
            main, photo, gps = {}, {}, {}
    return PictureTags(exif=main | photo, gps=gps, xmp=packet[:_XMP_BYTES].decode("utf-8", "replace"))


def _open_header(path: str | Path, max_pixels: int, content: io.BytesIO | None = None) -> Image.Image:
    try:
        image = Image.open(path if content is None else content, formats=FORMATS)
    except FileNotFoundError:
        raise DataError(f"{path}: no such picture", fix="check the catalog's root, or restore the file") from None
    except IsADirectoryError:
        raise DataError(f"{path}: a folder where a picture was expected") from None
    except UnidentifiedImageError:
        raise DataError(f"{path}: not a picture that can be read", allowed=FORMATS) from None
    except Image.DecompressionBombError as error:  # Pillow's own limit, where it is the lower one
        raise _too_large(path, str(error), max_pixels) from error
    except _BROKEN as error:
        raise _broken(path, error) from error
    if image.width * image.height > max_pixels:
        image.close()
        raise _too_large(path, f"{image.width} x {image.height}", max_pixels)
    return image


def _too_large(path: str | Path, size: str, max_pixels: int) -> DataError:
    return DataError(f"{path}: too many pixels", value=size, allowed=f"at most {max_pixels}", fix="cut it into tiles")


def _to_rgb(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    clear = image.convert("RGBA")
    white = Image.new("RGBA", clear.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, clear).convert("RGB")


def _broken(path: str | Path, error: Exception) -> DataError:
    return DataError(f"{path}: broken picture ({error})", fix="restore the file or take its row out of the catalog")
