"""How much training pictures are changed: one number per change, each with its unit and range."""

from __future__ import annotations

from dataclasses import dataclass

from gleam_common.errors import ConfigError

__all__ = ["NO_AUGMENT", "AugmentConfig"]

_LIMITS = {"tilt_deg": 45.0, "hue_deg": 180.0, "crop": 0.9, "blur_px": 10.0, "dropout_holes": 100}


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """Random changes of a training pair. Zero switches a change off; unless said, a share in [0, 1].

    Args:
        turn: probability that tile (and what is tied to north) turns by a random quarter.
        tilt_deg: largest further turn of the tile, either way, where the query allows it: UAV and ground have any
            heading, a panorama rolls along. Degrees in [0, 45].
        flip: probability that both pictures are mirrored; a map never is (its labels would be).
        crop: largest share of each side that is cut off, in [0, 0.9].
        brightness: gain is drawn from 1 - brightness to 1 + brightness.
        contrast: as brightness, around the picture's mean.
        saturation: as brightness, around grey.
        hue_deg: largest turn of the hue, either way, degrees in [0, 180].
        white_balance: gain of each channel by itself, as brightness.
        grey: probability that a picture loses its colours.
        blur: probability of a Gaussian blur.
        blur_px: its largest standard deviation, pixels of the training picture in [0, 10].
        dropout: probability that rectangles are covered with the picture's mean colour.
        dropout_holes: their largest number, in [0, 100].
        dropout_side: their largest side, as a share of the picture's.

    Raises:
        ConfigError: a number is outside its range.
    """

    turn: float = 1.0
    tilt_deg: float = 10.0
    flip: float = 0.5
    crop: float = 0.15
    brightness: float = 0.25
    contrast: float = 0.25
    saturation: float = 0.3
    hue_deg: float = 12.0
    white_balance: float = 0.12
    grey: float = 0.1
    blur: float = 0.15
    blur_px: float = 1.0
    dropout: float = 0.25
    dropout_holes: int = 4
    dropout_side: float = 0.25

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            limit = _LIMITS.get(name, 1.0)
            if not 0 <= value <= limit:
                raise ConfigError(f"augment.{name} out of range", value=value, allowed=f"0 to {limit:g}")


NO_AUGMENT = AugmentConfig(**dict.fromkeys(AugmentConfig.__dataclass_fields__, 0))
"""Nothing is changed: a training pair is the evaluation pair at training size."""
