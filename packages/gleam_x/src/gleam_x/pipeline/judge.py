"""What says whether a photo and a tile show one place, and why: GLEAM-X behind a small interface.

Axes: H height, W width of a picture, 3 its colours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from gleam_common.artifacts import config_hash, sha256_file
from PIL import Image

from gleam_x.adapter_folder import WEIGHTS
from gleam_x.adapter_place import find_adapter
from gleam_x.collate import Sample
from gleam_x.pair_data import shrink
from gleam_x.prompts import Prompt
from gleam_x.trained import Trained, open_trained
from gleam_x.verdict import VerdictScore

__all__ = ["Judge", "Pair", "TrainedJudge", "Verdict"]

Picture = npt.NDArray[np.uint8]
_LEAST_P = 1e-9


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A photo and a tile. ``photo`` and ``tile``: uint8 (H, W, 3), at the size that the judge sees."""

    name: str
    view: str
    photo: Picture
    tile: Picture


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the judge thinks of a pair by itself.

    Attributes:
        score: in both orders of the pictures.
        probability: that both show one place, calibrated for view and language.
    """

    score: VerdictScore
    probability: float

    @property
    def log_odds(self) -> float:
        """Of the probability, kept within +-20.7; equal in meaning for every view and language."""
        p = min(max(self.probability, _LEAST_P), 1 - _LEAST_P)
        return math.log(p / (1 - p))


class Judge(Protocol):
    """What verifies and explains: :class:`TrainedJudge`."""

    @property
    def sha256(self) -> str:
        """Of what decides its verdicts."""

    @property
    def explains(self) -> bool:
        """Whether it can give reasons."""

    def see(self, picture: Image.Image, where: str) -> Picture:
        """Return a picture at the size that the judge sees; ``where`` names it in errors."""

    def verdicts(self, pairs: Sequence[Pair], language: str) -> list[Verdict]:
        """Return the verdict of each pair, in order."""

    def explanations(self, pairs: Sequence[Pair], says: Sequence[str], language: str) -> list[str]:
        """Return the reason for saying "yes" or "no" of each pair, in order."""


class TrainedJudge:
    """A run of ``gleam-x train`` as a judge.

    Args:
        trained: the opened run.
        digest: of its weights, from :func:`weights_digest`.
    """

    def __init__(self, trained: Trained, digest: str) -> None:
        self.trained, self._digest = trained, digest

    @classmethod
    def open(cls, folder: Path, base: str = "") -> TrainedJudge:
        """Open a run, or an adapter by itself.

        Raises:
            ModelError: no trained model, or base and adapter do not fit.
        """
        digest = weights_digest(folder, base)
        return cls(open_trained(folder, base), digest)

    @property
    def sha256(self) -> str:
        """Of base, adapters and questions."""
        return self._digest

    @property
    def explains(self) -> bool:
        """Whether its recipe taught it to explain."""
        return self.trained.explains

    def see(self, picture: Image.Image, where: str) -> Picture:
        """Return a picture at the size that the model sees.

        Raises:
            DataError: broken, or too long and narrow.
        """
        return shrink(picture, self.trained.base.processor.image_processor, where)

    def verdicts(self, pairs: Sequence[Pair], language: str) -> list[Verdict]:
        """Return the verdicts, asked in both orders of the pictures."""
        answers = self.trained.answers(_samples(pairs, language), explain=False, title="")
        return [Verdict(score=answer.score, probability=answer.probability) for answer in answers]

    def explanations(self, pairs: Sequence[Pair], says: Sequence[str], language: str) -> list[str]:
        """Return the reasons, generated greedily behind the verdicts that were decided.

        Raises:
            ModelError: the model was trained for labels only.
        """
        return self.trained.explanations(_samples(pairs, language), says, title="")


def _samples(pairs: Sequence[Pair], language: str) -> list[Sample]:
    return [
        Sample(
            query=pair.photo,
            satellite=pair.tile,
            prompt=Prompt(view=pair.view, language=language),
            name=pair.name,
        )
        for pair in pairs
    ]


def weights_digest(folder: Path, base: str = "") -> str:
    """Return a hash of what a run answers with: its base, its adapters, the version of its questions.

    Raises:
        ModelError: no trained model is there.
    """
    place = find_adapter(folder, base)
    parts: dict[str, Any] = {"base": asdict(place.card.base), "prompts": place.card.prompt_version}
    parts["adapters"] = [sha256_file(adapter / WEIGHTS) for adapter in (place.first, place.second) if adapter]
    calibration = place.run / "calibration.json"
    parts["calibration"] = sha256_file(calibration) if calibration.is_file() else ""
    return config_hash(parts)
