"""A heading that a camera is known to have had: fewer turned tiles come into question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gleam_common.errors import DataError

__all__ = ["Facing"]


@dataclass(frozen=True, kw_only=True)
class Facing:
    """Headings within ``tolerance_deg`` of ``heading_deg``, both in degrees.

    Raises:
        DataError: a tolerance that is not from 0 to 180, or a heading that is no number.
    """

    heading_deg: float
    tolerance_deg: float

    def __post_init__(self) -> None:
        if not 0 <= self.tolerance_deg <= 180 or not abs(self.heading_deg) < float("inf"):
            shown = (self.heading_deg, self.tolerance_deg)
            raise DataError("heading and its tolerance", value=shown, allowed="degrees; a tolerance of 0 to 180")

    def fitting(self, up_deg_M: Sequence[float | None]) -> list[int]:
        """Return which matrices are turned to such a heading; the nearest one always is, north-up ones (None) are."""
        apart = [0.0 if up is None else abs((up - self.heading_deg + 180.0) % 360.0 - 180.0) for up in up_deg_M]
        limit = max(self.tolerance_deg, min(apart)) + 1e-9
        return [number for number, degrees in enumerate(apart) if degrees <= limit]
