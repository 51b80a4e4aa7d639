"""Where a photo is looked for: near a point that is given, or near the one in its own tags when that is asked for."""

from __future__ import annotations

from collections.abc import Sequence

from gleam_common.errors import ConfigError, DataError
from gleam_common.photo_facts import PhotoFacts

from gleam_c.search.area import Near

__all__ = ["near_given", "near_photo"]


def near_given(text: str | None) -> Near | None:
    """Return the area of ``LAT,LON,RADIUS_M``.

    Raises:
        ConfigError: not three numbers.
        DataError: outside the globe (coordinates swapped), or no radius.
    """
    if text is None:
        return None
    try:
        lat, lon, radius_m = (float(word) for word in text.strip("[]()").split(","))
    except ValueError:
        raise ConfigError(
            "--near", value=text, allowed="LAT,LON,RADIUS_M: degrees and metres, such as 52.23,10.90,500"
        ) from None
    return Near(lat=lat, lon=lon, radius_m=radius_m)


def near_photo(names: Sequence[str], facts: Sequence[PhotoFacts], radius_m: float) -> Near:
    """Return the area around where the tags of photos of one spot say that it is: around the first that says so.

    Raises:
        DataError: none says so, or no radius.
    """
    for one in facts:
        if one.position is not None:
            return Near(lat=one.position.lat, lon=one.position.lon, radius_m=radius_m)
    raise DataError(
        "no position in the photo's tags (EXIF GPS)",
        value=names[0],
        fix="give --near LAT,LON,RADIUS_M, or leave out --exif-radius-m to search everywhere",
    )
