"""What a photo's own tags say of where and how it was taken: EXIF and XMP of cameras and drones. A claim, not a truth.

Tags are free text of strangers. XMP is searched for the few names below, not parsed as XML; a value that is no number,
infinite or out of range counts as absent.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from gleam_common.errors import DataError
from gleam_common.geo import LatLon, ahead
from gleam_common.images import PictureTags, read_tags

__all__ = ["PhotoFacts", "facts_of", "read_facts"]

_TAKEN_AT, _TAKEN_AT_FRACTION, _CHANGED_AT = 0x9003, 0x9291, 0x0132
_LAT_REF, _LAT, _LON_REF, _LON, _ALTITUDE_REF, _ALTITUDE, _DIRECTION_REF, _DIRECTION = 1, 2, 3, 4, 5, 6, 16, 17

_LEAST_PITCH_DEG = 10.0


@dataclass(frozen=True, kw_only=True)
class PhotoFacts:
    """What the tags say; None where they say nothing that can be used.

    Attributes:
        position: of the camera.
        altitude_m: above the sea; drones are known to be off by tens of metres.
        height_m: above the point of take-off.
        heading_deg: of the camera, clockwise from true north, 0 to 360: a drone's gimbal, or the compass of a phone.
        pitch_deg: of the camera below the horizon, -90 to 90.
        taken_at: by the camera's own clock, without a time zone.
        is_equirectangular: a full panorama, by ``GPano:ProjectionType``.
        is_drone: there are tags that only drones write.
    """

    position: LatLon | None
    altitude_m: float | None
    height_m: float | None
    heading_deg: float | None
    pitch_deg: float | None
    taken_at: datetime | None
    is_equirectangular: bool
    is_drone: bool

    @property
    def shown(self) -> LatLon | None:
        """The point that the middle of the photo shows, on level ground at the height of take-off.

        The position of the camera where heading, height or pitch is unknown, or the view goes to within 10 degrees of
        the horizon, where the ground ahead is anybody's guess.
        """
        if self.position is None or self.height_m is None or self.heading_deg is None or self.pitch_deg is None:
            return self.position
        if self.pitch_deg < _LEAST_PITCH_DEG or self.height_m <= 0:
            return self.position
        return ahead(self.position, self.heading_deg, self.height_m / math.tan(math.radians(self.pitch_deg)))


def read_facts(path: str | Path) -> PhotoFacts:
    """Return what the tags of the picture at ``path`` say.

    Raises:
        DataError: not a picture (:func:`gleam_common.images.read_tags`).
    """
    return facts_of(read_tags(path))


def facts_of(tags: PictureTags) -> PhotoFacts:
    """Return what ``tags`` say.

    DJI's names: ``GimbalYawDegree`` from -180 to 180, ``GimbalPitchDegree`` negative below the horizon,
    ``RelativeAltitude`` above take-off (exiftool.org/TagNames/DJI.html).
    """
    yaw, pitch = _xmp_number(tags.xmp, "GimbalYawDegree", 360), _xmp_number(tags.xmp, "GimbalPitchDegree", 180)
    compass = _number(tags.gps.get(_DIRECTION), 360) if tags.gps.get(_DIRECTION_REF, "T") == "T" else None
    heading = compass if yaw is None else yaw
    return PhotoFacts(
        position=_position(tags.gps),
        altitude_m=_altitude(tags.gps),
        height_m=_xmp_number(tags.xmp, "RelativeAltitude", 20_000),
        heading_deg=None if heading is None else heading % 360.0,
        pitch_deg=None if pitch is None or abs(pitch) > 90 else -pitch,
        taken_at=_taken_at(tags.exif),
        is_equirectangular=_xmp_text(tags.xmp, "ProjectionType").lower() == "equirectangular",
        is_drone=yaw is not None or _xmp_number(tags.xmp, "FlightYawDegree", 360) is not None,
    )


def _xmp_text(packet: str, name: str) -> str:
    """Return the value of ``prefix:name``, written as an attribute or as an element; "" where there is none."""
    found = re.search(rf":{name}(?:\s*=\s*[\"']|\s*>)([^\"'<>]{{1,64}})[\"'<]", packet)
    return found.group(1).strip() if found else ""


def _xmp_number(packet: str, name: str, limit: float) -> float | None:
    return _number(_xmp_text(packet, name), limit)


def _number(value: Any, limit: float) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if math.isfinite(number) and abs(number) <= limit else None


def _position(gps: dict[int, Any]) -> LatLon | None:
    lat, lon = _degrees(gps.get(_LAT), gps.get(_LAT_REF), "S"), _degrees(gps.get(_LON), gps.get(_LON_REF), "W")
    if lat is None or lon is None or (lat == 0 and lon == 0):  # 0, 0 is what cameras write that have no fix
        return None
    try:
        return LatLon(lat=lat, lon=lon)
    except DataError:
        return None


def _degrees(parts: Any, reference: Any, negative: str) -> float | None:
    """Return degrees of (degrees, minutes, seconds); ``reference`` is N, S, E or W."""
    if not isinstance(parts, (tuple, list)) or not 1 <= len(parts) <= 3:
        return None
    numbers = [_number(part, 360) for part in parts]
    if any(number is None for number in numbers):
        return None
    value: float = sum(number / 60**power for power, number in enumerate(numbers) if number is not None)
    return -value if str(reference).strip("\0 ").upper() == negative else value


def _altitude(gps: dict[int, Any]) -> float | None:
    altitude = _number(gps.get(_ALTITUDE), 100_000)
    below = gps.get(_ALTITUDE_REF) in (1, b"\x01")
    return altitude if altitude is None or not below else -altitude


def _taken_at(exif: dict[int, Any]) -> datetime | None:
    text = str(exif.get(_TAKEN_AT) or exif.get(_CHANGED_AT) or "").strip("\0 ")
    try:
        whole = datetime.strptime(text, "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None
    digits = re.match(r"\d{1,6}", str(exif.get(_TAKEN_AT_FRACTION, "")))
    return whole + timedelta(seconds=float(f"0.{digits.group()}") if digits else 0.0)
