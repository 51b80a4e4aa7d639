"""What turns similarities into confidence and metres: three numbers a view, fitted on photos whose place is known.

Per view, on queries that the model was not trained on (:func:`fit_view`):

- the temperature of the softmax over tiles, by the likelihood of the tiles that hold the true place
  (Guo et al., ICML 2017, section 4.2, over retrieved tiles instead of classes);
- the factor that the radius needs so that it holds :data:`COVERAGE` of the true places (split conformal prediction,
  Lei et al., JASA 2018, section 2.2);
- the similarity that :data:`KNOWN` of the photos reach, so that a photo of somewhere else can be told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from gleam_common.artifacts import read_json, write_json
from gleam_common.errors import ArtifactError, DataError
from gleam_common.views import View, parse_view
from scipy.optimize import minimize_scalar

from gleam_c.locate.posterior import inside_tiles, posterior_of

__all__ = ["CALIBRATION_JSON", "COVERAGE", "Calibration", "Known", "ViewCalibration", "fit_view"]

Floats = npt.NDArray[np.float64]

CALIBRATION_JSON = "calibration.json"
"""Its name beside a model's weights."""

COVERAGE = 0.9
"""Share of photos whose true place lies within their radius."""

KNOWN = 0.95
"""Share of photos of places in the gallery that are taken for such."""

LEAST_QUERIES = 20
_LOG_TEMPERATURE = (-7.0, 2.0)


@dataclass(frozen=True, kw_only=True)
class ViewCalibration:
    """Of one view.

    Attributes:
        temperature: of the softmax over similarities.
        radius_factor: of the posterior's reach.
        least_score: similarity of the best tile that :data:`KNOWN` of the photos reach.
        queries: that it was fitted on.
    """

    temperature: float
    radius_factor: float
    least_score: float
    queries: int


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Of the views that were fitted, for one model."""

    model_sha256: str
    views: Mapping[View, ViewCalibration]

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        views = {str(view): asdict(fit) for view, fit in self.views.items()}
        write_json(path, {"schema": 1, "model_sha256": self.model_sha256, "coverage": COVERAGE, "views": views})

    @classmethod
    def read(cls, path: Path, model_sha256: str) -> Calibration:
        """Read what :meth:`write` wrote.

        Raises:
            ArtifactError: no calibration, or that of another model.
        """
        data = read_json(path)
        try:
            views = {parse_view(name): ViewCalibration(**_numbers(fit)) for name, fit in data["views"].items()}
            found = cls(model_sha256=str(data["model_sha256"]), views=views)
        except (KeyError, TypeError, ValueError, AttributeError, DataError) as error:
            raise ArtifactError(f"{path}: not a calibration ({error})", fix="run `gleam-c calibrate` again") from None
        if found.model_sha256 != model_sha256:
            raise ArtifactError(f"{path} is the calibration of another model", fix="run `gleam-c calibrate` again")
        return found


def _numbers(fit: Mapping[str, Any]) -> dict[str, Any]:
    values = {name: float(value) for name, value in fit.items()}
    if not all(np.isfinite(list(values.values()))) or min(values["temperature"], values["radius_factor"]) <= 0:
        raise ValueError(f"numbers out of range: {values}")
    return {**values, "queries": int(values["queries"])}


@dataclass(frozen=True, kw_only=True)
class Known:
    """A photo whose place is known, and the tiles found for it, best first.

    Attributes:
        scores_K: similarities.
        xy_K2: centres of the tiles in metres, in any frame.
        width_m_K: of the tiles.
        true_xy: the photo's place in the same frame.
    """

    scores_K: Floats
    xy_K2: Floats
    width_m_K: Floats
    true_xy: Floats


def fit_view(known: Sequence[Known]) -> ViewCalibration:
    """Fit the numbers of one view on photos whose places are known.

    Raises:
        DataError: too few photos.
    """
    if len(known) < LEAST_QUERIES:
        raise DataError("photos to calibrate a view on", value=len(known), allowed=f"at least {LEAST_QUERIES}")
    holds = [inside_tiles(one.xy_K2, one.width_m_K, one.true_xy[None])[:, 0] for one in known]

    def loss(log_temperature: float) -> float:
        return sum(_surprise(one, hold, float(np.exp(log_temperature))) for one, hold in zip(known, holds, strict=True))

    found = minimize_scalar(loss, bounds=_LOG_TEMPERATURE, method="bounded")
    temperature = float(np.exp(found.x))
    return ViewCalibration(
        temperature=temperature,
        radius_factor=_radius_factor(known, temperature),
        least_score=float(np.quantile([one.scores_K[0] for one in known], 1 - KNOWN)),
        queries=len(known),
    )


def _surprise(one: Known, hold_K: npt.NDArray[np.bool_], temperature: float) -> float:
    """Return minus the log weight of the tiles that hold the true place; of one more tile if none was found."""
    logits = (one.scores_K - one.scores_K[0]) / temperature
    total = float(np.logaddexp.reduce(logits))
    return total - float(np.logaddexp.reduce(logits[hold_K])) if hold_K.any() else total - float(logits[-1])


def _radius_factor(known: Sequence[Known], temperature: float) -> float:
    """Return the factor that brings the share of true places within the radius to :data:`COVERAGE`.

    The quantile has the finite-sample correction of split conformal prediction: (n + 1) * coverage of n.
    """
    ratios = []
    for one in known:
        found = posterior_of(one.scores_K, one.xy_K2, one.width_m_K, temperature)
        ratios.append(float(np.hypot(*(one.true_xy - found.xy))) / found.reach_m)
    rank = int(np.ceil((len(ratios) + 1) * COVERAGE)) - 1
    return max(sorted(ratios)[min(rank, len(ratios) - 1)], 1e-3)
