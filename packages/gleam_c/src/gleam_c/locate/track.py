"""From fixes of single photos to the path of a flight: a Kalman filter that gates outliers, smoothed backwards.

A camera that moves with a nearly constant velocity: white noise as acceleration, positions measured with the spread
that each fix states of itself (Bar-Shalom, Li and Kirubarajan, 2001, chapters 6 and 8; the smoother is Rauch, Tung and
Striebel's). The filter and the smoother are ``filterpy``'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
from gleam_common.errors import ConfigError, DataError
from gleam_common.geo import LatLon, LocalFrame

from gleam_c.locate.located import Located

__all__ = ["Fix", "Track", "smooth", "track_of"]

Floats = npt.NDArray[np.float64]

ACCELERATION_M_S2 = 2.0
"""Standard deviation of what a multirotor does between two photos."""

TOP_SPEED_M_S = 40.0
"""Standard deviation of the speed before the first photo."""

GATE = 9.21
"""Squared Mahalanobis distance that 99 % of true positions stay below, two degrees of freedom."""

SIGMAS_OF_RADIUS = 2.146
"""A circle of so many standard deviations holds 90 % of a round normal distribution."""

_STARTS = 8


@dataclass(frozen=True, kw_only=True)
class Fix:
    """One photo of a flight, measured and smoothed.

    Attributes:
        photo: its name.
        taken_at: by its own clock.
        lat, lon: smoothed.
        covariance_m2: of the smoothed position, (2, 2), east and north.
        speed_m_s: smoothed.
        course_deg: of the movement, clockwise from north.
        is_used: false for a fix that was abstained from, or that the gate shut out.
    """

    photo: str
    taken_at: datetime
    lat: float
    lon: float
    covariance_m2: tuple[tuple[float, float], tuple[float, float]]
    speed_m_s: float
    course_deg: float
    is_used: bool


@dataclass(frozen=True, kw_only=True)
class Track:
    """A flight in the order of time."""

    fixes: tuple[Fix, ...]


@dataclass(frozen=True, kw_only=True)
class Smoothed:
    """States (N, 4): east, its speed, north, its speed; covariances (N, 4, 4); whether each fix was used (N,)."""

    states: Floats
    covariances: Floats
    used: npt.NDArray[np.bool_]


def track_of(located: Sequence[Located]) -> Track:
    """Return the track of photos of one flight, in any order.

    Raises:
        DataError: fewer than two photos that were located, one without a time, or a gallery off the globe.
        ConfigError: the extra ``track`` is not installed.
    """
    untimed = [one.photo for one in located if one.taken_at is None]
    if untimed:
        raise DataError(
            "a photo without a time (EXIF DateTimeOriginal)",
            value=untimed[0],
            fix="take it out, or locate without --track",
        )
    ordered = sorted(
        located, key=lambda one: (str(one.taken_at and one.taken_at.isoformat("T", "microseconds")), one.photo)
    )
    usable = np.array([not one.abstained for one in ordered], dtype=bool)
    if usable.sum() < 2:
        raise DataError(
            "photos of the flight that were located",
            value=int(usable.sum()),
            allowed="at least 2",
            fix="see the table without --track",
        )
    latlon_N2 = np.array([one.place.latlon for one in ordered])
    lat, lon = latlon_N2[int(np.flatnonzero(usable)[0])]
    frame = LocalFrame(origin=LatLon(lat=float(lat), lon=float(lon)))
    xy_N2 = np.stack(frame.to_local(latlon_N2[:, 0], latlon_N2[:, 1]), axis=1)
    return _named(ordered, frame, smooth(_seconds(ordered), xy_N2, _sigmas_m(ordered), usable))


def _seconds(ordered: Sequence[Located]) -> Floats:
    first = ordered[0].taken_at
    return np.array([(one.taken_at - first).total_seconds() for one in ordered if one.taken_at and first])


def _sigmas_m(ordered: Sequence[Located]) -> Floats:
    """Return each fix's standard deviation: of its radius, or of half a tile where it states none.

    Raises:
        DataError: neither is known.
    """
    radius_m_N = [one.radius_m or (one.candidates[0].width_m or 0.0) / 2 for one in ordered]
    if min(radius_m_N) <= 0:
        raise DataError("the gallery does not know how wide its tiles are, so that a track has no scale")
    return np.array(radius_m_N, dtype=np.float64) / SIGMAS_OF_RADIUS


def smooth(seconds_N: Floats, xy_N2: Floats, sigma_m_N: Floats, usable_N: npt.NDArray[np.bool_]) -> Smoothed:
    """Return the smoothed states of positions measured at ``seconds_N``.

    The first usable positions are tried as the start, and the one that agrees with most of the others is kept, so that
    a wrong first fix does not carry the filter away.

    Args:
        seconds_N: not falling.
        xy_N2: east and north in metres.
        sigma_m_N: standard deviation of each position, above 0.
        usable_N: positions that may be used.

    Raises:
        ConfigError: the extra ``track`` is not installed.
    """
    starts = np.flatnonzero(usable_N)[:_STARTS]
    runs = [_filtered(seconds_N, xy_N2, sigma_m_N, usable_N, int(start)) for start in starts]
    best = max(runs, key=lambda run: int(run["used"].sum()))
    filter_ = _filter()
    states, covariances, _, _ = filter_.rts_smoother(best["x"], best["P"], Fs=best["F"], Qs=best["Q"])
    return Smoothed(states=states.reshape(-1, 4), covariances=covariances, used=best["used"])


def _filter() -> Any:
    try:
        from filterpy.kalman import KalmanFilter
    except ImportError:
        raise ConfigError("--track needs filterpy", fix="pip install 'gleam-c[track]'") from None
    kalman = KalmanFilter(dim_x=4, dim_z=2)
    kalman.H = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0]])
    return kalman


def _filtered(
    seconds_N: Floats, xy_N2: Floats, sigma_m_N: Floats, usable_N: npt.NDArray[np.bool_], start: int
) -> dict[str, Any]:
    """Run the filter forwards from the position numbered ``start``, known as well as a flight since then allows."""
    kalman = _filter()
    reach_m = sigma_m_N[start] + TOP_SPEED_M_S * (seconds_N[start] - seconds_N[0])
    kalman.x = np.array([xy_N2[start, 0], 0.0, xy_N2[start, 1], 0.0])
    kalman.P = np.diag([reach_m**2, TOP_SPEED_M_S**2] * 2)
    kept: dict[str, list[Any]] = {"x": [], "P": [], "F": [], "Q": []}
    used = np.zeros(len(seconds_N), dtype=bool)
    for number, step_s in enumerate(np.diff(seconds_N, prepend=seconds_N[0])):
        motion, noise = _motion(float(step_s))
        kalman.predict(F=motion, Q=noise)
        spread = np.eye(2) * sigma_m_N[number] ** 2
        used[number] = usable_N[number] and _distance2(kalman, xy_N2[number], spread) <= GATE
        if used[number]:
            kalman.update(xy_N2[number], R=spread)
        for name, value in (("x", kalman.x), ("P", kalman.P), ("F", motion), ("Q", noise)):
            kept[name].append(np.array(value, dtype=np.float64))
    return {name: np.array(values) for name, values in kept.items()} | {"used": used}


def _motion(step_s: float) -> tuple[Floats, Floats]:
    """Return how a state moves on in ``step_s``, and the covariance that it gains meanwhile."""
    from filterpy.common import Q_discrete_white_noise

    one = np.array([[1.0, step_s], [0.0, 1.0]])
    noise = Q_discrete_white_noise(dim=2, dt=step_s, var=ACCELERATION_M_S2**2, block_size=2)
    return np.kron(np.eye(2), one), np.asarray(noise, dtype=np.float64)


def _distance2(kalman: Any, xy: Floats, spread: Floats) -> float:
    """Return the squared Mahalanobis distance of a measured position from the predicted one."""
    off = xy - kalman.H @ kalman.x
    return float(off @ np.linalg.solve(kalman.H @ kalman.P @ kalman.H.T + spread, off))


def _named(ordered: Sequence[Located], frame: LocalFrame, smoothed: Smoothed) -> Track:
    lat, lon = frame.to_latlon(smoothed.states[:, 0], smoothed.states[:, 2])
    east, north = smoothed.states[:, 1], smoothed.states[:, 3]
    times = [one.taken_at for one in ordered if one.taken_at is not None]
    fixes = []
    for row, (one, taken_at) in enumerate(zip(ordered, times, strict=True)):
        spread = smoothed.covariances[row][np.ix_([0, 2], [0, 2])]
        fixes.append(
            Fix(
                photo=one.photo,
                taken_at=taken_at,
                lat=float(lat[row]),
                lon=float(lon[row]),
                covariance_m2=((float(spread[0, 0]), float(spread[0, 1])), (float(spread[1, 0]), float(spread[1, 1]))),
                speed_m_s=float(np.hypot(east[row], north[row])),
                course_deg=float(np.degrees(np.arctan2(east[row], north[row])) % 360.0),
                is_used=bool(smoothed.used[row]),
            )
        )
    return Track(fixes=tuple(fixes))
