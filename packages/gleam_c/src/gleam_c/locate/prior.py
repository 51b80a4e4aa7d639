"""What is known beforehand: a place that is given, or what a photo's own tags say when that is asked for."""

from __future__ import annotations

from collections.abc import Sequence

from gleam_common.errors import ConfigError, DataError
from gleam_common.photo_facts import PhotoFacts

from gleam_c.search.area import Near
from gleam_c.search.facing import Facing

__all__ = ["facing_of_photo", "near_given", "near_photo"]


_RADIUS_M = 1000.0


def near_given(text: str | None, radius_m: float | None = None) -> Near | None:
    """Return the area of ``LAT,LON`` and a radius, or of ``LAT,LON,RADIUS_M``.

    Raises:
        ConfigError: neither two nor three numbers, two radii, or a radius around nothing.
        DataError: outside the globe (coordinates swapped), or no radius.
    """
    if text is None:
        if radius_m is not None:
            raise ConfigError("--radius-m without a point", value=radius_m, fix="add --near LAT,LON")
        return None
    try:
        lat, lon, *more = (float(word) for word in text.strip("[]()").split(","))
        if len(more) > 1:
            raise ValueError
    except ValueError:
        raise ConfigError(
            "--near", value=text, allowed="LAT,LON or LAT,LON,RADIUS_M: degrees and metres, such as 52.23,10.90,500"
        ) from None
    if more and radius_m is not None:
        raise ConfigError("two radii", value=(more[0], radius_m), fix="give it in --near or in --radius-m")
    return Near(lat=lat, lon=lon, radius_m=more[0] if more else _RADIUS_M if radius_m is None else radius_m)


def near_photo(names: Sequence[str], facts: Sequence[PhotoFacts], radius_m: float) -> Near:
    """Return the area around what the tags of photos of one spot say that they show: the first that says so.

    A drone's height, pitch and heading lead from the camera to the ground that it looks at.

    Raises:
        DataError: none says so, or no radius.
    """
    for one in facts:
        if one.shown is not None:
            return Near(lat=one.shown.lat, lon=one.shown.lon, radius_m=radius_m)
    raise DataError(
        "no position in the photo's tags (EXIF GPS)",
        value=names[0],
        fix="give --near LAT,LON,RADIUS_M, or leave out --exif-radius-m to search everywhere",
    )


def facing_of_photo(name: str, facts: PhotoFacts, tolerance_deg: float) -> Facing:
    """Return the headings around the one that a photo's tags say: a drone's gimbal, or a phone's compass.

    Raises:
        DataError: they say none, or no tolerance.
    """
    if facts.heading_deg is None:
        raise DataError(
            "no heading in the photo's tags (XMP GimbalYawDegree, EXIF GPSImgDirection of true north)",
            value=name,
            fix="leave out --exif-heading-deg to compare with tiles of every heading",
        )
    return Facing(heading_deg=facts.heading_deg, tolerance_deg=tolerance_deg)
