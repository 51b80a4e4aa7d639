"""Pictures inside the page: small JPEGs as data URIs, so that the page needs no other file."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from gleam_common.images import open_image

__all__ = ["Thumbnail", "jpeg_uri", "thumbnail"]


@dataclass(frozen=True, kw_only=True)
class Thumbnail:
    """A picture as it stands in the page; sizes in pixels."""

    uri: str
    width: int
    height: int


def jpeg_uri(image: Image.Image, quality: int = 78) -> str:
    """Return an RGB picture as a ``data:image/jpeg`` URI."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def thumbnail(path: Path, height_px: int = 192) -> Thumbnail:
    """Return the picture at ``path``, made ``height_px`` high (never enlarged).

    Raises:
        DataError: the picture is missing or broken.
    """
    image = open_image(path)
    height = min(height_px, image.height)
    image = image.resize((max(1, round(image.width * height / image.height)), height), Image.Resampling.LANCZOS)
    return Thumbnail(uri=jpeg_uri(image), width=image.width, height=image.height)
